"""A Snapshot holds what was on record strictly before as_of, and blanks what each row revealed later."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.dataset import Dataset
from features.history import LOST, OPEN, WON
from features.organisation import Organisation
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, generate
from features.tables import TABLES, Kind
from tests.features.companies import AS_OF, DEALS, MICROSECOND, ORDERS, STAGES, clientele, dataset, moment, rows, sales

NOW = Snapshot(sales(), AS_OF)


def by_deal(snapshot: Snapshot, values: Iterable[Any]) -> dict[str, Any]:
    """One value for each deal on record, under its id."""
    ids = snapshot.dataset.deals["deal_id"]
    return {deal: value for deal, value, there in zip(ids, values, snapshot.exists, strict=True) if there}


def frame(known: Dataset, table: str, as_of: str) -> pd.DataFrame:
    return Snapshot(known, moment(as_of)).frame(table)


def one(column: pd.Series) -> Any:
    """The only cell of a column, None where it is empty."""
    (cell,) = column
    return None if pd.isna(cell) else cell


def test_a_deal_is_on_record_from_one_microsecond_after_it_was_created() -> None:
    assert list(by_deal(NOW, NOW.exists)) == ["D1", "D2", "D3", "D4", "D6", "D7", "D8"]
    earlier, later = Snapshot(sales(), AS_OF - MICROSECOND), Snapshot(sales(), AS_OF + MICROSECOND)
    assert "D4" not in by_deal(earlier, earlier.exists)
    assert "D5" in by_deal(later, later.exists)


def test_a_deal_entered_late_is_on_record_from_then_on() -> None:
    known = dataset(deals="deal_id | created_at | recorded_at | stage\nD1 | 2026-01-01 | 2026-02-01 | A")
    assert not Snapshot(known, moment("2026-02-01")).exists.any()
    assert Snapshot(known, moment("2026-02-01") + MICROSECOND).exists.all()


def test_states_as_known() -> None:
    assert by_deal(NOW, NOW.state) == {"D1": OPEN, "D2": WON, "D3": OPEN, "D4": OPEN, "D6": LOST, "D7": WON, "D8": OPEN}


def test_the_cohort_is_what_was_open() -> None:
    assert sales().deals["deal_id"].iloc[NOW.open_deals].tolist() == ["D1", "D3", "D4", "D8"]


@pytest.mark.parametrize(
    ("deal", "changed_at", "before", "after"),
    [
        ("D2", "2026-03-01", OPEN, WON),
        ("D3", "2026-03-10", LOST, OPEN),
        ("D6", "2026-02-10", OPEN, LOST),
        ("D8", "2026-04-02", OPEN, LOST),
    ],
)
def test_a_state_changes_one_microsecond_after_its_record(deal: str, changed_at: str, before: int, after: int) -> None:
    at, late = Snapshot(sales(), moment(changed_at)), Snapshot(sales(), moment(changed_at) + MICROSECOND)
    assert (by_deal(at, at.state)[deal], by_deal(late, late.state)[deal]) == (before, after)


def test_since_when_a_deal_is_in_its_spell() -> None:
    since = {deal: clock.instant(value) for deal, value in by_deal(NOW, NOW.state_since.tolist()).items()}
    assert since["D2"] == moment("2026-03-01")
    assert since["D3"] == moment("2026-03-10")
    assert since["D6"] == moment("2026-02-10")


def test_a_deal_stays_won_since_it_was_won() -> None:
    deals = "deal_id | account_id | created_at | stage | closed_at\nD1 | A1 | 2026-01-01 | Paid | 2026-01-05"
    stages = "stage | kind\nA | open\nWon | won\nPaid | won"
    changes = """
        deal_id | changed_at | field | old_value | new_value
        D1      | 2026-01-05 | stage | A         | Won
        D1      | 2026-01-20 | stage | Won       | Paid
    """
    known = dataset(deals=deals, stages=stages, deal_changes=changes, tracked_since="2026-01-01")
    assert one(frame(known, "deals", "2026-02-01")["closed_at"]) == moment("2026-01-05")
    assert len(known.order_log.time) == 1


def test_a_deal_that_came_back_is_open_between_its_two_losses() -> None:
    spells = {day: Snapshot(sales(), moment(day)) for day in ("2026-02-10", "2026-03-01", "2026-03-20", "2026-04-20")}
    assert [by_deal(snapshot, snapshot.state)["D3"] for snapshot in spells.values()] == [OPEN, LOST, OPEN, LOST]


def test_values_are_those_that_held() -> None:
    assert by_deal(NOW, NOW.values("amount"))["D1"] == 1500
    earlier = Snapshot(sales(), moment("2026-03-05"))
    assert by_deal(earlier, earlier.values("amount"))["D1"] == 1000
    assert by_deal(NOW, NOW.texts("stage"))["D1"] == "Proposal"
    assert clock.instant(int(NOW.held_since("stage")[0])) == moment("2026-03-12")


def test_texts_of_asked_rows_and_of_nothing_known() -> None:
    assert NOW.texts("owner_id", np.array([5, 0])).tolist() == [None, "U2"]
    assert NOW.texts("product").tolist() == [None] * 8
    assert np.isnan(NOW.values("crm_probability")).all()
    assert (NOW.held_since("crm_probability") == clock.UNKNOWN).all()


def test_a_value_recorded_late_does_not_overwrite_a_newer_one() -> None:
    changes = """
        deal_id | changed_at | field | old_value | new_value | recorded_at
        D1      | 2026-01-05 | stage | A         | B         | 2026-02-01
        D1      | 2026-01-09 | stage | B         | C         |
    """
    known = dataset(deals="deal_id | created_at | stage\nD1 | 2026-01-01 | C", deal_changes=changes, tracked_since="2026-01-01")
    assert [Snapshot(known, moment(day)).texts("stage")[0] for day in ("2026-01-09", "2026-01-10", "2026-03-01")] == [
        "A",
        "C",
        "C",
    ]


def test_a_change_recorded_later_does_not_shine_through_in_what_came_after_it() -> None:
    # Signed and Won are both won. On 20 January only the move to Signed is on record, and that is a win.
    deals = "deal_id | created_at | stage\nD1 | 2026-01-01 | Signed"
    stages = "stage | kind\nA | open\nWon | won\nSigned | won"
    changes = """
        deal_id | changed_at | field | old_value | new_value | recorded_at
        D1      | 2026-01-05 | stage | A         | Won       | 2026-02-01
        D1      | 2026-01-09 | stage | Won       | Signed    |
    """
    known = dataset(deals=deals, stages=stages, deal_changes=changes, tracked_since="2026-01-01", extracted_at="2026-03-01")
    snapshot = Snapshot(known, moment("2026-01-20"))
    assert snapshot.state.tolist() == [WON]
    assert clock.instant(int(snapshot.state_since[0])) == moment("2026-01-09")


def test_a_deal_that_only_its_stage_calls_closed_is_not_open_after_the_export() -> None:
    deals = "deal_id | created_at | stage\nD1 | 2026-01-01 | Won\nD2 | 2026-01-01 | Proposal"
    known = dataset(deals=deals, stages=STAGES, extracted_at="2026-02-01")
    assert Snapshot(known, known.ends_at).open_deals.tolist() == [1]


@pytest.mark.parametrize(("as_of", "whole"), [("2025-05-30T00:00", False), ("2025-05-30T00:00:00.000001", True)])
def test_a_window_is_whole_where_the_table_begins_before_it(as_of: str, whole: bool) -> None:
    factor = Snapshot(sales(), moment(as_of)).whole_window("activities", 90)  # the first activity is of 1 March 2025
    assert factor == 1 if whole else np.isnan(factor)
    assert np.isnan(NOW.whole_window("tickets", 1))  # no such table


def test_which_tables_there_are() -> None:
    assert NOW.has("activities")
    assert not NOW.has("tickets")


# Frames: one table after the other.


def test_closes_in_a_frame_are_those_known() -> None:
    deals = NOW.frame("deals").set_index("deal_id")
    assert deals["outcome"].dropna().to_dict() == {"D2": "won", "D6": "lost", "D7": "won"}
    assert deals["closed_at"].dropna().to_dict() == {
        "D2": moment("2026-03-01"),
        "D6": moment("2026-02-10"),
        "D7": moment("2026-03-31T12:00"),
    }
    assert deals["lost_reason"].dropna().to_dict() == {"D6": "no budget"}


def test_the_first_loss_of_a_deal_is_not_told_by_its_last() -> None:
    deals = frame(sales(), "deals", "2026-03-01")
    d3 = deals[deals["deal_id"] == "D3"]
    assert (one(d3["outcome"]), one(d3["closed_at"])) == ("lost", moment("2026-02-20"))
    assert one(d3["lost_reason"]) is None  # the reason on record now is that of April


def test_tracked_columns_in_a_frame_are_as_they_were() -> None:
    deals = frame(sales(), "deals", "2026-03-02")
    d1 = deals[deals["deal_id"] == "D1"]
    held = [one(d1[name]) for name in ("stage", "amount", "owner_id", "expected_close_on")]
    assert held == ["Discovery", 1000, "U1", pd.Timestamp("2026-04-30")]


def test_an_untracked_column_in_a_frame_is_null_until_the_export() -> None:
    known = dataset(deals="deal_id | created_at | stage | amount\nD1 | 2026-01-01 | A | 5", extracted_at="2026-02-01")
    assert one(frame(known, "deals", "2026-02-01")["amount"]) is None
    assert one(Snapshot(known, moment("2026-02-01") + MICROSECOND).frame("deals")["amount"]) == 5


@pytest.mark.parametrize("zone", ["Africa/Cairo", "America/Havana", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("day", ["2026-04-24", "2026-03-08", "2026-11-01"])
def test_a_date_in_a_frame_is_the_date_that_was_entered(zone: str, day: str) -> None:
    known = dataset(
        Organisation(timezone=zone), deals=f"deal_id | created_at | stage | expected_close_on\nD1 | 2026-01-01 | A | {day}"
    )
    assert one(Snapshot(known, known.ends_at).frame("deals")["expected_close_on"]) == pd.Timestamp(day)


def test_changes_in_a_frame_are_those_recorded() -> None:
    changes = NOW.frame("deal_changes")
    assert len(changes) == 11  # all but the two in April and the one entered in April
    assert changes["changed_at"].max() == moment("2026-03-31T12:00")


def test_activities_in_a_frame() -> None:
    activities = NOW.frame("activities")
    demo = activities[activities["activity_id"] == "E4"]
    assert activities["activity_id"].tolist() == ["E1", "E2", "E3", "E4", "E7", "E8", "E9"]
    assert one(demo["due_at"]) == moment("2026-04-02")  # a plan, known since it was logged
    assert one(demo["done_at"]) is None  # done on 2 April


def test_accounts_in_a_frame() -> None:
    accounts = NOW.frame("accounts")
    assert accounts["account_id"].tolist() == ["A1"]  # A2 was created at as_of
    assert one(accounts["industry"]) == "Energy"  # declared static
    assert one(accounts["region"]) is None  # known since the export, a month later


def test_what_only_the_export_tells_is_known_one_microsecond_after_it() -> None:
    at = Snapshot(sales(), sales().extracted_at).frame("accounts")
    later = Snapshot(sales(), sales().extracted_at + MICROSECOND).frame("accounts")
    assert at["region"].isna().all()
    assert later["region"].tolist() == ["North", "South"]


def test_users_in_a_frame() -> None:
    users = """
        user_id | name | team  | hired_at   | left_at
        U1      | Ada  | North | 2026-01-01 | 2026-06-01
        U2      | Bo   | South | 2026-04-01 |
        U3      | Cy   | South |            |
    """
    found = Snapshot(dataset(orders=ORDERS, users=users, extracted_at="2026-05-01"), AS_OF).frame("users")
    assert found["user_id"].tolist() == ["U1", "U3"]  # nobody knows when U3 was hired: always there
    assert found["left_at"].isna().all()
    assert found["team"].isna().all()


LEADS = """
    lead_id | created_at | first_response_at | qualified_at | converted_at | account_id | deal_id
    L1      | 2026-03-01 | 2026-03-02        | 2026-04-01   | 2026-04-02   | A1         | D1
    L2      | 2026-03-01 | 2026-03-02        | 2026-03-03   | 2026-03-04   | A2         | D4
    L3      | 2026-04-01 |                   |              |              |            |
"""


def test_leads_in_a_frame() -> None:
    leads = Snapshot(dataset(orders=ORDERS, leads=LEADS), AS_OF).frame("leads").set_index("lead_id")
    assert list(leads.index) == ["L1", "L2"]
    assert leads["first_response_at"].notna().all()
    assert leads[["qualified_at", "converted_at", "account_id", "deal_id"]].notna().all(axis=1).tolist() == [False, True]
    assert leads.loc["L1", ["qualified_at", "converted_at", "account_id", "deal_id"]].isna().all()


def test_what_a_lead_became_is_not_known_where_nobody_says_when() -> None:
    leads = "lead_id | created_at | deal_id\nL1 | 2026-01-01 | D1"
    assert one(Snapshot(dataset(orders=ORDERS, leads=leads), moment("2026-02-01")).frame("leads")["deal_id"]) is None


def test_orders_in_a_frame() -> None:
    assert Snapshot(clientele(), AS_OF).frame("orders")["order_id"].tolist() == ["O1", "O2", "O3", "O6", "O7", "O8"]


def test_contracts_in_a_frame() -> None:
    contracts = Snapshot(clientele(), AS_OF).frame("contracts").set_index("contract_id")
    assert contracts["cancelled_at"].dropna().to_dict() == {"K5": moment("2026-03-31")}  # K4 is cancelled at as_of
    assert list(frame(clientele(), "contracts", "2026-03-01")["contract_id"]) == ["K1", "K2", "K4", "K5"]  # K3 is signed then


def test_tickets_in_a_frame() -> None:
    tickets = Snapshot(clientele(), AS_OF).frame("tickets").set_index("ticket_id")
    assert tickets["closed_at"].dropna().to_dict() == {"T1": moment("2025-03-02"), "T3": moment("2026-03-31")}
    assert list(tickets.index) == ["T1", "T2", "T3", "T4"]


def test_surveys_in_a_frame() -> None:
    assert Snapshot(clientele(), AS_OF).frame("surveys")["response_id"].tolist() == ["R1", "R9"]


UNDATED = {
    "rates": """
        currency | date       | rate | recorded_at
        USD      | 2026-01-01 | 1    |
        USD      | 2026-02-01 | 2    | 2026-04-01
    """,
    "audience": """
        period_start | period_end | reach | recorded_at
        2026-01-01   | 2026-02-01 | 5     |
        2026-02-01   | 2026-03-01 | 6     | 2026-04-01
    """,
    "costs": """
        period_start | period_end | category | amount | recorded_at
        2026-01-01   | 2026-02-01 | sales    | 5      |
        2026-02-01   | 2026-03-01 | sales    | 6      | 2026-04-01
    """,
    "plans": """
        scope   | kpi | period_start | period_end | target | recorded_at
        company | won | 2026-01-01   | 2026-02-01 | 5      |
        company | won | 2026-02-01   | 2026-03-01 | 6      | 2026-04-01
    """,
    "actuals": """
        kpi   | scope   | period_start | period_end | value | recorded_at
        share | company | 2026-01-01   | 2026-02-01 | 5     |
        share | company | 2026-02-01   | 2026-03-01 | 6     | 2026-04-01
    """,
}


@pytest.mark.parametrize("name", list(UNDATED))
def test_an_undated_row_counts_from_when_it_was_recorded(name: str) -> None:
    known = dataset(tables={"orders": ORDERS, name: UNDATED[name]})
    assert len(Snapshot(known, AS_OF).frame(name)) == 1
    assert len(Snapshot(known, AS_OF + MICROSECOND).frame(name)) == 2


def test_stages_are_always_known() -> None:
    pd.testing.assert_frame_equal(NOW.frame("stages"), sales().tables["stages"])


def test_before_the_first_record_every_frame_is_empty_and_has_its_columns() -> None:
    early = Snapshot(clientele(), moment("2020-01-01"))
    for name in ("orders", "contracts", "tickets", "surveys", "activities", "accounts"):
        assert early.frame(name).empty
        assert list(early.frame(name)) == list(clientele().tables[name])


@cache
def company() -> Dataset:
    return generate(Settings(n_deals=60, seed=3, dirt=Dirt.all())).dataset()


@pytest.mark.parametrize("table", sorted(TABLES))
def test_no_frame_shows_an_instant_of_later(table: str) -> None:
    snapshot = Snapshot(company(), moment("2026-02-01T10:30"))
    shown = snapshot.frame(table)
    assert len(shown)
    plans = {"due_at"}
    for column in (c for c in TABLES[table].columns if c.kind is Kind.INSTANT and c.name in shown and c.name not in plans):
        assert not (shown[column.name] >= snapshot.as_of).any(), column.name


@pytest.mark.parametrize("table", sorted(TABLES))
def test_at_the_end_of_the_data_a_frame_is_the_table(table: str) -> None:
    known = company()
    shown, stored = Snapshot(known, known.ends_at).frame(table), known.tables[table]
    columns = [name for name in stored if name != "closed_at" or table != "deals"]
    pd.testing.assert_frame_equal(shown[columns], stored[columns], check_dtype=False)


def test_a_frame_leaves_the_dataset_alone() -> None:
    before = {name: frame.copy() for name, frame in sales().tables.items()}
    for name in sales().tables:
        NOW.frame(name)
    for name, untouched in before.items():
        pd.testing.assert_frame_equal(sales().tables[name], untouched)


def test_the_worked_example_is_the_one_that_is_drawn() -> None:
    assert rows(DEALS)["deal_id"].tolist() == sales().deals["deal_id"].tolist()
