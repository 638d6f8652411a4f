"""Companies small enough to be read at sight: the worked example of these tests, as of 1 April 2026.

Deals of the sales company, and what is known of each at AS_OF:

* D1 is open: it went back a stage and forward again, changed hands, grew, and had its close date pushed and pulled in;
* D2 was won on 1 March;
* D3 was lost on 20 February and came back on 10 March: a second spell, still open, lost again on 5 April;
* D4 came on record one microsecond before AS_OF;
* D5 comes on record at AS_OF itself, so it is not known;
* D6 was lost on 10 February, which only `closed_at` tells; it has neither an account nor an owner;
* D7 went to Won on 31 March, though `closed_at` says 3 April: won, as known;
* D8 was lost on 15 March, but that was entered on 2 April: still open, as known.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

import pandas as pd

from features.dataset import Dataset
from features.organisation import Organisation

AS_OF: Final = pd.Timestamp("2026-04-01T00:00Z").as_unit("us")
MICROSECOND: Final = pd.Timedelta(microseconds=1)

DEALS: Final = """
    deal_id | account_id | owner_id | created_at  | amount | currency | stage     | expected_close_on | closed_at  | lost_reason
    D1      | A1         | U2       | 2026-01-10  | 1500   | USD      | Won       | 2026-04-15        | 2026-04-10 |
    D2      | A1         | U1       | 2026-01-20  | 800    |          | Won       | 2026-03-10        | 2026-03-01 |
    D3      | A1         | U2       | 2026-02-01  | 900    | EUR      | Lost      | 2026-04-20        | 2026-04-05 | price
    D4      | A2         | U2       | <2026-04-01 | 300    | EUR      | Discovery | 2026-06-30        |            |
    D5      | A2         | U2       | 2026-04-01  | 400    | EUR      | Discovery | 2026-06-30        |            |
    D6      |            |          | 2026-01-15  | 100    | EUR      | Lost      | 2026-03-01        | 2026-02-10 | no budget
    D7      | A1         | U1       | 2026-01-05  | 700    | EUR      | Won       | 2026-04-30        | 2026-04-03 |
    D8      | A2         | U1       | 2026-02-15  | 600    | EUR      | Lost      | 2026-05-31        | 2026-03-15 | price
"""

DEAL_CHANGES: Final = """
    deal_id | changed_at        | field             | old_value  | new_value  | recorded_at
    D1      | 2026-02-01        | stage             | Discovery  | Proposal   |
    D1      | 2026-02-15        | stage             | Proposal   | Discovery  |
    D1      | 2026-03-12        | stage             | Discovery  | Proposal   |
    D1      | 2026-04-10        | stage             | Proposal   | Won        |
    D1      | 2026-03-05        | amount            | 1000       | 1500       |
    D1      | 2026-03-01        | expected_close_on | 2026-03-31 | 2026-04-30 |
    D1      | 2026-03-25        | expected_close_on | 2026-04-30 | 2026-04-15 |
    D1      | 2026-03-20        | owner_id          | U1         | U2         |
    D2      | 2026-03-01        | stage             | Proposal   | Won        |
    D3      | 2026-02-20        | stage             | Discovery  | Lost       |
    D3      | 2026-03-10        | stage             | Lost       | Discovery  |
    D3      | 2026-04-05        | stage             | Discovery  | Lost       |
    D7      | 2026-03-31T12:00Z | stage             | Discovery  | Won        |
    D8      | 2026-03-15        | stage             | Discovery  | Lost       | 2026-04-02
"""

ACTIVITIES: Final = """
    activity_id | deal_id | account_id | user_id | kind    | direction | logged_at  | due_at     | done_at    | recorded_at
    E1          | D1      |            | U1      | call    | out       | 2026-02-01 |            | 2026-02-01 |
    E2          | D1      |            | U2      | meeting | out       | 2026-03-20 |            | 2026-03-21 |
    E3          | D1      |            | U2      | email   | in        | 2026-03-28 |            |            |
    E4          | D1      |            | U2      | demo    | out       | 2026-03-31 | 2026-04-02 | 2026-04-02 |
    E5          | D1      |            | U3      | call    | in        | 2026-04-01 |            |            |
    E6          | D1      |            | U3      | call    | in        | 2026-03-26 |            |            | 2026-04-02
    E7          | D3      |            | U1      | email   | in        | 2026-02-02 |            |            |
    E8          |         | A1         | U1      | call    | out       | 2026-03-30 |            | 2026-03-30 |
    E9          |         | A9         | U1      | note    |           | 2025-03-01 |            | 2025-03-01 |
"""

STAGES: Final = """
    stage     | kind
    Discovery | open
    Proposal  | open
    Won       | won
    Lost      | lost
"""

ACCOUNTS: Final = """
    account_id | industry | region | created_at
    A1         | Energy   | North  | 2025-01-01
    A2         | Retail   | South  | 2026-04-01
"""

RATES: Final = """
    currency | date       | rate | recorded_at
    USD      | 2026-01-01 | 0.7  |
    USD      | 2026-03-30 | 0.6  | 2026-04-01
    USD      | 2026-03-31 | 0.9  |
    USD      | 2026-04-01 | 0.8  |
"""

ORDERS: Final = """
    order_id | account_id | ordered_at  | amount | recorded_at
    O1       | A1         | 2026-01-01  | 100    |
    O2       | A1         | 2026-02-10  | 200    |
    O3       | A1         | 2026-03-22  | 300    |
    O4       | A1         | 2026-03-25  | 999    | 2026-04-01
    O5       | A1         | 2026-04-01  | 999    |
    O6       | A2         | <2026-01-01 | 50     |
    O7       | A9         | 2025-03-01  | 70     |
    O8       | A8         | 2025-04-01  | 80     |
"""

CONTRACTS: Final = """
    contract_id | account_id | starts_on  | ends_on    | monthly_amount | cancelled_at | known_at
    K1          | A3         | 2024-04-01 | 2025-04-01 | 10             |              | 2024-03-01
    K2          | A3         | 2025-04-01 | 2026-05-01 | 20             |              | 2025-03-01
    K3          | A3         | 2026-05-01 | 2027-05-01 | 30             |              | 2026-03-01
    K4          | A4         | 2025-01-01 |            | 40             | 2026-04-01   | 2024-12-01
    K5          | A5         | 2025-01-01 |            | 50             | 2026-03-31   | 2024-12-01
"""

TICKETS: Final = """
    ticket_id | account_id | opened_at  | closed_at  | recorded_at
    T1        | A9         | 2025-03-01 | 2025-03-02 |
    T2        | A1         | 2025-12-31 |            |
    T3        | A1         | 2026-01-01 | 2026-03-31 |
    T4        | A1         | 2026-03-01 | 2026-04-01 |
    T5        | A1         | 2026-03-30 |            | 2026-04-05
"""

SURVEYS: Final = """
    response_id | account_id | answered_at | kind | score | scale_min | scale_max
    R9          | A1         | 2026-02-01  | nps  | 9     | 0         | 10
    R1          | A1         | 2026-03-01  | csat | 2     | 1         | 5
    R5          | A1         | 2026-04-01  | nps  | 10    | 0         | 10
"""

STATIC: Final = frozenset({"deals.pipeline", "deals.product", "deals.source", "deals.type", "accounts.industry"})
TRACKED: Final = ("stage", "owner_id", "amount", "expected_close_on")


def moment(text: str) -> pd.Timestamp:
    """An instant written like 2026-04-01 or 2026-04-01T09:30; UTC."""
    return pd.Timestamp(text, tz="UTC").as_unit("us")


def rows(text: str) -> pd.DataFrame:
    """A table drawn with bars: its first line names the columns, an empty cell is null; all of it text, as in a CSV file.

    In a column of instants (`…_at`) a day is its midnight in UTC, `<2026-04-01` the microsecond before that.
    """
    header, *lines = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    cells = [[_cell(name, cell) for name, cell in zip(header, line, strict=True)] for line in lines]
    return pd.DataFrame(cells, columns=pd.Index(header), dtype="str")


def _cell(name: str, cell: str) -> str | None:
    if not (name.endswith("_at") and cell):
        return cell or None
    if cell.startswith("<"):
        return str(moment(cell[1:]) - MICROSECOND)
    return cell if "T" in cell else f"{cell}T00:00Z"


def dataset(
    organisation: Organisation | None = None,
    tables: Mapping[str, str] | None = None,
    *,
    static: frozenset[str] = STATIC,
    tracked_since: str | None = None,
    extracted_at: str | None = None,
    **drawn: str,
) -> Dataset:
    """Drawn tables as a Dataset; `tracked_since` is when the history of every TRACKED field begins."""
    return Dataset.of(
        {name: rows(text) for name, text in {**(tables or {}), **drawn}.items()},
        organisation,
        static=static,
        tracked_since=dict.fromkeys(TRACKED, moment(tracked_since)) if tracked_since else None,
        extracted_at=moment(extracted_at) if extracted_at else None,
    )


@cache
def sales() -> Dataset:
    """The company that sells to businesses: deals and what surrounds them, exported on 1 May 2026."""
    return dataset(
        tracked_since="2026-01-01",
        extracted_at="2026-05-01",
        deals=DEALS,
        deal_changes=DEAL_CHANGES,
        activities=ACTIVITIES,
        stages=STAGES,
        accounts=ACCOUNTS,
        rates=RATES,
    )


@cache
def clientele() -> Dataset:
    """The company that has clients: A1 and A2 order, A8 and A9 did long ago, A3 and A4 are under contract, A5 was."""
    return dataset(
        extracted_at="2026-05-01",
        orders=ORDERS,
        contracts=CONTRACTS,
        tickets=TICKETS,
        surveys=SURVEYS,
        activities=ACTIVITIES,
        accounts=ACCOUNTS,
    )
