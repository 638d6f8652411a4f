"""What it costs to win a client from each source: the ten-deal company, at sight, and the edges.

A1 and A2 came by leads from the web. In the first quarter they and B4 are new; 800 went into the web, 1200 into no channel.
"""

from features.kpis import example, windows
from features.kpis.scorecard import scorecard
from features.kpis.value import Value
from features.snapshot import Snapshot
from tests.features.companies import dataset

STAGES = "stage | kind\nTalk | open\nWon | won"
DEALS = """
    deal_id | account_id | owner_id | source | created_at | amount | stage | closed_at
    D1      | A1         | U1       | fair   | 2026-01-01 | 100    | Won   | 2026-01-10
    D2      | A1         | U1       | web    | 2026-01-02 | 100    | Won   | 2026-02-10
    D3      | A2         | U1       |        | 2026-01-02 | 100    | Won   | 2026-02-11
    D4      | A3         | U1       |        | 2026-01-02 | 100    | Won   | 2026-02-12
"""
LEADS = """
    lead_id | source | created_at | converted_at | deal_id
    L1      | call   | 2026-01-01 | 2026-01-02   | D3
    L2      | web    | 2026-01-01 | 2026-04-02   | D4
"""
COSTS = """
    period_start | period_end | category  | channel | amount
    2026-01-01   | 2026-04-01 | marketing | fair    | 900
    2026-01-01   | 2026-04-01 | marketing | print   | 50
    2026-01-01   | 2026-04-01 | sales     |         | 300
"""


def found(snapshot: Snapshot, kpi: str, node: str | None, by: str = "source", **where: str | None) -> Value:
    asked = windows.parse("2026Q1", snapshot.dataset.organisation.calendar)
    return scorecard(snapshot, [kpi], [asked], by=by, where=where).value(kpi.partition(":")[0], node=node)


def sources() -> Snapshot:
    """The sources of A1 to A3, as of 1 April: of the first deal won, of a lead, and none yet."""
    tables = {"deals": DEALS, "stages": STAGES, "leads": LEADS, "costs": COSTS}
    static = frozenset({"deals.source", "deals.owner_id", "deals.amount"})
    known = dataset(None, tables, static=static, extracted_at="2026-05-01")
    return Snapshot(known, example.AS_OF)


def test_a_source_costs_what_went_into_its_channel() -> None:
    web = found(example.snapshot(), "cac", "web")
    assert (web.value, web.numerator, web.denominator) == (400, 800, 2)
    assert "own_costs_alone" in web.flags
    assert "own_costs_alone" not in found(example.snapshot(), "cac", "").flags


def test_a_client_comes_from_its_first_deal_else_from_its_first_lead() -> None:
    counted = {node: found(sources(), "new_clients", node).value for node in ("", "fair", "web", "call", None)}
    assert counted == {"": 3, "fair": 1, "web": 0, "call": 1, None: 1}


def test_money_without_clients_and_clients_without_money_have_no_quotient() -> None:
    cells = {node: found(sources(), "cac", node) for node in ("fair", "print", "call", "web", None)}
    assert {node: (each.value, each.reason) for node, each in cells.items()} == {
        "fair": (900, None),
        "print": (None, "no_new_clients"),
        "call": (None, "no_costs"),
        "web": (None, "no_costs"),
        None: (None, "unattributed"),
    }
    assert (cells[None].numerator, cells[None].n) == (300, 1)


def test_over_all_sources_costs_and_clients_are_those_of_the_company() -> None:
    whole, parts = found(sources(), "cac", ""), [found(sources(), "cac", node) for node in ("fair", "print", "call", "web", None)]
    assert sum(each.numerator or 0.0 for each in parts) == whole.numerator == 1250
    assert sum(each.n for each in parts) == whole.n == 3


def test_the_company_of_one_source_is_that_source() -> None:
    assert found(sources(), "cac", "", by="company", source="fair").value == 900
    assert found(sources(), "cac", "", by="company", source=None).reason == "unattributed"


def test_the_ratio_and_the_payback_are_of_the_same_source() -> None:
    """A1 and A2 bring 1000 + 2000 - 200 and 1500 + 700 in the months since their first orders."""
    snapshot = example.snapshot()
    ltv, cac = found(snapshot, "ltv:orders", "web"), found(snapshot, "cac", "web")
    assert cac.value == 400
    payback = found(snapshot, "cac_payback:orders", "web")
    days = (76, 61)
    assert payback.beside["monthly_revenue"] == (2800 + 2200) / (sum(days) / 30.4375)
    assert ltv.reason == found(snapshot, "ltv_cac:orders", "web").reason == "no_clients"


def test_what_a_person_costs_is_not_known() -> None:
    snapshot = sources()
    asked = windows.parse("2026Q1", snapshot.dataset.organisation.calendar)
    card = scorecard(snapshot, ["cac", "cac_payback", "ltv_cac"], [asked], by="owner")
    for kpi in ("cac", "cac_payback", "ltv_cac"):
        assert card.value(kpi, node="U1").reason == "not_sliced"


def test_reach_is_cut_by_channel() -> None:
    assert found(example.snapshot(), "reach", "web").value == found(example.snapshot(), "reach", "").value == 36_000
    assert found(example.snapshot(), "reach", "event").reason == "no_audience"
