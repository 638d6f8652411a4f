"""Each filter of the lists against plain Python on all rows."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from serving.lists.narrowing import client_filters, deal_filters, sort_of
from serving.lists.queries import ClientsQuery, DealsQuery
from serving.served.runtime import Runtime
from serving.served.state import Served

Kept = Callable[[dict[str, Any]], bool]
DAY = date(2026, 11, 1)
RANGES: list[tuple[dict[str, Any], Kept]] = [
    ({"p_won_min": 0.2, "p_won_max": 0.6}, lambda row: 0.2 <= row["p_won"] <= 0.6),
    ({"p_won_this_quarter_min": 0.1}, lambda row: row["p_won_this_quarter"] >= 0.1),
    ({"value_min": 5000, "value_max": 20000}, lambda row: row["value"] is not None and 5000 <= row["value"] <= 20000),
    ({"expected_close_from": DAY}, lambda row: row["expected_close_on"] is not None and row["expected_close_on"] >= DAY),
    ({"expected_close_to": DAY}, lambda row: row["expected_close_on"] is not None and row["expected_close_on"] <= DAY),
    ({"overdue": True}, lambda row: row["overdue"]),
    ({"overdue": False}, lambda row: not row["overdue"]),
    ({"warning": ["stalled", "pushed"]}, lambda row: bool(row["warning_bits"] & 0b11)),
    ({"search": "A"}, lambda row: any("a" in (row[name] or "").lower() for name in ("name", "account_name"))),
]


@pytest.fixture
def served(runtime: Runtime) -> Served:
    return runtime.served()


def kept(served: Served, **asked: Any) -> list[str]:
    found = served.deals.matching(deal_filters(served, DealsQuery.model_validate(asked)))
    return [str(each) for each in served.deals.ids[found]]


def expected(served: Served, keep: Kept) -> list[str]:
    return [row["deal_id"] for row in map(served.deals.row, range(len(served.deals))) if keep(row)]


@pytest.mark.parametrize(("asked", "keep"), RANGES, ids=lambda each: "+".join(each) if isinstance(each, dict) else "")
def test_a_range_keeps_what_lies_in_it(served: Served, asked: dict[str, Any], keep: Kept) -> None:
    assert 0 < len(kept(served, **asked)) < len(served.deals) or "overdue" in asked
    assert kept(served, **asked) == expected(served, keep)


@pytest.mark.parametrize("name", ["deal_id", "owner_id", "stage", "product"])
def test_several_values_of_a_filter_mean_any_of_them(served: Served, name: str) -> None:
    wanted = served.deals.options(name)[:2]
    assert kept(served, **{name: wanted}) == expected(served, lambda row: row[name] in wanted)
    assert kept(served, **{name: ["nowhere"]}) == []


def owned(served: Served, people: set[str]) -> list[str]:
    return expected(served, lambda row: row["owner_id"] in people)


def below(served: Served, manager: str) -> set[str]:
    """The manager and everybody below, one level after the other."""
    users = served.dataset.tables["users"]
    found: set[str] = set()
    level = {manager}
    while level:
        found |= level
        level = set(users.loc[users["manager_id"].isin(level), "user_id"]) - found
    return found


def test_a_manager_stands_for_everybody_below(served: Served) -> None:
    for manager in served.reports:
        assert kept(served, manager_id=[manager]) == owned(served, below(served, manager))


def test_a_team_stands_for_its_whole_subtree(served: Served) -> None:
    users = served.dataset.tables["users"]
    for team in served.teams:
        people: set[str] = set().union(*(below(served, each) for each in users.loc[users["team"] == team, "user_id"]))
        assert kept(served, team=[team]) == owned(served, people)


def test_different_filters_have_to_hold_together(served: Served) -> None:
    stage, owner = served.deals.row(0)["stage"], served.deals.row(0)["owner_id"]
    both = kept(served, stage=[stage], owner_id=[owner])
    assert both == expected(served, lambda row: row["stage"] == stage and row["owner_id"] == owner)


def test_clients_are_narrowed_by_risk_kind_and_the_people_of_their_open_deals(served: Served) -> None:
    ranked = served.clients
    assert ranked is not None
    owner = served.deals.row(0)["owner_id"]
    theirs = {row["account_id"] for row in map(served.deals.row, range(len(served.deals))) if row["owner_id"] == owner}
    for asked, keep in (
        ({"p_leaves_min": 0.5}, lambda row: row["p_leaves"] >= 0.5),
        ({"regime": "orders"}, lambda row: row["regime"] == "orders"),
        ({"owner_id": [owner]}, lambda row: row["account_id"] in theirs),
    ):
        found = ranked.matching(client_filters(served, ClientsQuery.model_validate(asked)))
        rows = [ranked.row(at) for at in range(len(ranked))]
        assert ranked.ids[found].tolist() == [row["account_id"] for row in rows if keep(row)]


def test_dates_come_the_soonest_first_and_all_else_the_largest_unless_said_otherwise() -> None:
    sorts = [
        sort_of("expected_close_on", None),
        sort_of("value", None),
        sort_of("value", "asc"),
        sort_of("predicted_close_on", "desc"),
    ]
    assert [each.descending for each in sorts if each] == [False, True, False, True]
