"""Ten deals and seven leads that can be followed by hand, as of 1 April 2026; the window is the first quarter of 2026.

Stages: Discovery, Solution, Proposal (an offer), Won, Lost. Days are those after the deal was created.

* D01 and D02: Solution after 10 days, Proposal after 20, won after 30.
* D03: straight to Proposal after 10 days (Solution skipped), won after 20.
* D04: won from Discovery after 5 days: Solution and Proposal skipped.
* D05: Solution after 10, back to Discovery after 20, Solution again after 30, lost after 40.
* D06: lost after 15; D07: Proposal after 30, lost after 50; D08: lost after 10, came back after 20, still in Discovery.
* D09 and D10 are open: in Discovery for 12 days, and in Solution since day 10, created 60 days ago.

D01 came from L1, D06 from L2 (never marked as qualified), D09 from L3; L4 is a second lead of D01; L5 is qualified and no deal
yet, L6 and L7 are neither. L1 to L6 were answered, L7 never.
"""

from functools import cache
from typing import Final

from features.dataset import Dataset
from features.kpis.value import Window
from features.snapshot import Snapshot
from tests.features.companies import dataset, moment

AS_OF: Final = moment("2026-04-01")
QUARTER: Final = Window("2026Q1", moment("2026-01-01"), moment("2026-04-01"))

DEALS: Final = """
    deal_id | owner_id | created_at | amount | stage     | closed_at  | lost_reason
    D01     | U1       | 2026-01-10 | 1000   | Won       | 2026-02-09 |
    D02     | U1       | 2026-01-10 | 2000   | Won       | 2026-02-09 |
    D03     | U1       | 2026-01-10 | 3000   | Won       | 2026-01-30 |
    D04     | U2       | 2026-01-10 |        | Won       | 2026-01-15 |
    D05     | U2       | 2026-01-10 | 500    | Lost      | 2026-02-19 | price
    D06     | U2       | 2026-01-10 | 500    | Lost      | 2026-01-25 | price
    D07     | U2       | 2026-01-10 | 500    | Lost      | 2026-03-01 |
    D08     | U1       | 2026-01-10 | 500    | Discovery |            |
    D09     | U1       | 2026-03-20 | 500    | Discovery |            |
    D10     | U2       | 2026-01-31 | 500    | Solution  |            |
"""

DEAL_CHANGES: Final = """
    deal_id | changed_at | field | old_value | new_value
    D01     | 2026-01-20 | stage | Discovery | Solution
    D01     | 2026-01-30 | stage | Solution  | Proposal
    D01     | 2026-02-09 | stage | Proposal  | Won
    D02     | 2026-01-20 | stage | Discovery | Solution
    D02     | 2026-01-30 | stage | Solution  | Proposal
    D02     | 2026-02-09 | stage | Proposal  | Won
    D03     | 2026-01-20 | stage | Discovery | Proposal
    D03     | 2026-01-30 | stage | Proposal  | Won
    D04     | 2026-01-15 | stage | Discovery | Won
    D05     | 2026-01-20 | stage | Discovery | Solution
    D05     | 2026-01-30 | stage | Solution  | Discovery
    D05     | 2026-02-09 | stage | Discovery | Solution
    D05     | 2026-02-19 | stage | Solution  | Lost
    D06     | 2026-01-25 | stage | Discovery | Lost
    D07     | 2026-02-09 | stage | Discovery | Proposal
    D07     | 2026-03-01 | stage | Proposal  | Lost
    D08     | 2026-01-20 | stage | Discovery | Lost
    D08     | 2026-01-30 | stage | Lost      | Discovery
    D10     | 2026-02-10 | stage | Discovery | Solution
"""

STAGES: Final = """
    pipeline | stage     | position | kind | is_offer
             | Discovery | 0        | open | false
             | Solution  | 1        | open | false
             | Proposal  | 2        | open | true
             | Won       | 3        | won  | true
             | Lost      | 4        | lost | false
"""

LEADS: Final = """
    lead_id | source | owner_id | created_at       | first_response_at | qualified_at | converted_at | deal_id
    L1      | web    | U1       | 2026-01-02       | 2026-01-02T01:00Z | 2026-01-04   | 2026-01-10   | D01
    L2      | web    | U2       | 2026-01-03       | 2026-01-03T02:00Z |              | 2026-01-10   | D06
    L3      | event  | U1       | 2026-03-10       | 2026-03-10T03:00Z | 2026-03-15   | 2026-03-20   | D09
    L4      | web    | U2       | 2026-01-05       | 2026-01-05T04:00Z | 2026-01-06   | 2026-01-10   | D01
    L5      | web    | U1       | 2026-01-20       | 2026-01-20T10:00Z | 2026-01-25   |              |
    L6      | event  | U2       | 2026-02-01       | 2026-02-01T20:00Z |              |              |
    L7      | event  | U2       | 2026-03-31T12:00Z |                   |              |              |
"""


@cache
def ten_deals() -> Dataset:
    return dataset(
        tracked_since="2026-01-01",
        extracted_at="2026-05-01",
        deals=DEALS,
        deal_changes=DEAL_CHANGES,
        stages=STAGES,
        leads=LEADS,
    )


@cache
def snapshot() -> Snapshot:
    return Snapshot(ten_deals(), AS_OF)
