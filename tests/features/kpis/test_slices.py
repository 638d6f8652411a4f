"""Nodes and leaves: people, teams as whole subtrees, and what becomes of those who left, moved, or are in no table."""

import numpy as np
import pandas as pd
import pytest

from features.dataset import Dataset
from features.errors import UsageError
from features.kpis import windows
from features.kpis.card import Scorecard
from features.kpis.options import Options
from features.kpis.scorecard import scorecard
from features.kpis.slices import DIMENSIONS, slicing
from features.snapshot import Snapshot
from tests.features.companies import dataset, moment

DEALS = """
    deal_id | owner_id | created_at | amount | stage | closed_at  | account_id | product
    D1      | U3       | 2026-01-01 | 100    | Won   | 2026-02-01 | A1         | Gold
    D2      | U4       | 2026-01-01 | 200    | Won   | 2026-02-01 | A2         | Gold
    D3      | U5       | 2026-01-01 | 400    | Won   | 2026-02-01 | A3         |
    D4      |          | 2026-01-01 | 800    | Won   | 2026-02-01 |            | Tin
    D5      | U9       | 2026-01-01 | 1600   | Won   | 2026-02-01 | A1         | Tin
"""
STAGES = """
    stage | kind
    Won   | won
    Talk  | open
"""
USERS = """
    user_id | name | manager_id | team  | region | left_at
    U1      | Uma  |            |       |        |
    U2      | Ugo  | U1         | North | Oslo   |
    U3      | Una  | U2         | North | Oslo   |
    U4      | Udo  | U3         | Fjord | Bergen |
    U5      | Ulf  | U1         | South | Rome   | 2026-02-15
"""
STATIC = frozenset({"deals.owner_id", "deals.amount", "deals.product"})


def company(**more: str) -> Dataset:
    tables = {"deals": DEALS, "stages": STAGES, **more}
    return dataset(tables=tables, static=STATIC, extracted_at="2026-05-01")


def booked(by: str, known: Dataset, options: Options | None = None, as_of: str = "2026-04-01") -> dict[str | None, float]:
    card = of(by, known, options, as_of)
    return dict(zip([node.id for node in card.nodes], card.answers["bookings", "standard"].cells.value[0].tolist(), strict=True))


def of(by: str, known: Dataset, options: Options | None = None, as_of: str = "2026-04-01") -> Scorecard:
    window = windows.parse("2026Q1", known.organisation.calendar)
    return scorecard(Snapshot(known, moment(as_of)), ["bookings"], [window], by=by, options=options)


def test_by_person_those_in_no_table_and_nobody_included() -> None:
    expected = {"": 3100, "U1": 0, "U2": 0, "U3": 100, "U4": 200, "U5": 400, "U9": 1600, None: 800}
    assert booked("owner", company(users=USERS)) == expected
    assert [node.title for node in of("owner", company(users=USERS)).nodes[1:4]] == ["Uma", "Ugo", "Una"]


def test_a_team_holds_whoever_reports_into_it() -> None:
    """U4 is of team Fjord, but reports to U3 of team North."""
    assert booked("team", company(users=USERS)) == {"": 3100, "Fjord": 200, "North": 300, "South": 400, None: 2400}


def test_a_manager_holds_the_whole_subtree() -> None:
    assert booked("manager", company(users=USERS)) == {"": 3100, "U1": 700, "U2": 300, "U3": 300, None: 2400}


def test_an_office_holds_its_own_people() -> None:
    assert booked("office", company(users=USERS)) == {"": 3100, "Bergen": 200, "Oslo": 100, "Rome": 400, None: 2400}


def test_by_product_and_without_one() -> None:
    assert booked("product", company()) == {"": 3100, "Gold": 300, "Tin": 2400, None: 400}


def test_without_users_there_are_owners_and_no_teams() -> None:
    assert booked("owner", company()) == {"": 3100, "U3": 100, "U4": 200, "U5": 400, "U9": 1600, None: 800}
    assert booked("team", company()) == {"": 3100, None: 3100}


def test_a_hierarchy_in_a_circle_ends() -> None:
    circle = USERS.replace("U1      | Uma  |            |", "U1      | Uma  | U4         |")
    assert booked("manager", company(users=circle))["U2"] == 700


def test_teams_are_those_of_today_unless_asked_otherwise() -> None:
    """The export of May names the teams; on 1 April none was known."""
    known = company(users=USERS)
    assert booked("team", known, Options(teams="today"))["South"] == 400
    assert booked("team", known, Options(teams="as known")) == {"": 3100, None: 3100}
    assert booked("team", known, Options(teams="as known"), as_of="2026-05-02")["South"] == 400


def test_a_deal_counts_for_its_owner_at_the_close() -> None:
    changes = """
        deal_id | changed_at | field    | old_value | new_value
        D1      | 2026-01-15 | owner_id | U4        | U3
        D1      | 2026-03-01 | owner_id | U3        | U5
        D2      | 2026-02-01 | owner_id | U5        | U4
    """
    known = dataset(
        deals=DEALS.replace("D1      | U3", "D1      | U5"),
        stages=STAGES,
        deal_changes=changes,
        static=STATIC,
        extracted_at="2026-05-01",
        tracked_since="2026-01-01",
    )
    assert booked("owner", known)["U3"] == 100
    assert booked("owner", known)["U4"] == 200


def test_every_dimension_adds_up_where_nodes_do_not_overlap() -> None:
    known = company(users=USERS, accounts="account_id | industry | region\nA1 | Energy | North\nA2 | Retail | South")
    for dimension in ("owner", "office", "product", "source", "type", "region", "industry"):
        cells = [value for node, value in booked(dimension, known).items() if node != ""]
        assert sum(cells) == 3100


def test_a_region_is_of_the_client_and_known_since_the_export() -> None:
    known = company(accounts="account_id | industry | region\nA1 | Energy | North\nA2 | Retail | South")
    assert booked("region", known) == {"": 3100, None: 3100}
    assert booked("region", known, as_of="2026-05-02") == {"": 3100, "North": 1700, "South": 200, None: 1200}


def test_what_is_no_dimension_is_refused() -> None:
    with pytest.raises(UsageError, match="owner, team, manager"):
        slicing(Snapshot(company(), pd.Timestamp("2026-04-01T00:00Z")), "galaxy", "today")


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_company_has_every_leaf(dimension: str) -> None:
    nodes = slicing(Snapshot(company(users=USERS), moment("2026-06-01")), dimension, "today")
    assert np.all(nodes.members.toarray()[0] == 1)
    assert nodes.nodes[0].id == ""
