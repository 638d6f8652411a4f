"""The matrix of deal signals: its rows and columns, and what is known at the edges of windows."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest

from features import catalog
from features.catalog import DEAL_SIGNALS
from features.dataset import Dataset
from features.deals import deal_signals
from features.organisation import Organisation
from features.rates import rates
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, generate
from tests.features.companies import (
    AS_OF,
    DEALS,
    MICROSECOND,
    ORDERS,
    STAGES,
    dataset,
    moment,
    sales,
)
from tests.features.deal_rows import one, same

NOW = deal_signals(Snapshot(sales(), AS_OF))
NAN = float("nan")


def columns_of(tables: Iterable[str]) -> list[str]:
    """The signals of these tables, numbers first."""
    live = catalog.live(DEAL_SIGNALS, tables)
    return [signal.name for textual in (False, True) for signal in live if signal.is_category == textual]


def test_the_rows_are_the_open_deals_and_the_columns_the_catalogs_numbers_first() -> None:
    assert NOW.index.tolist() == ["D1", "D3", "D4", "D8"]
    assert NOW.index.name == "deal_id"
    assert list(NOW) == columns_of(sales().tables)


@pytest.mark.parametrize("name", list(NOW))
def test_numbers_are_floats_and_categories_text(name: str) -> None:
    assert pd.api.types.is_float_dtype(NOW[name]) != catalog.SIGNALS[name].is_category


def test_a_deal_that_came_back_keeps_its_whole_past() -> None:
    d3 = NOW.loc["D3"]
    assert (d3["stage"], d3["n_stage_changes"], d3["n_stage_revisits"]) == ("Discovery", 2, 1)
    assert (d3["days_in_stage"], d3["age_days"]) == (22, 59)  # back since 10 March, created on 1 February


def test_a_deal_that_is_one_microsecond_old() -> None:
    d4 = NOW.loc["D4"]
    microsecond = 1 / 86_400_000_000
    assert (d4["age_days"], d4["days_in_stage"], d4["days_since_change"], d4["days_with_owner"]) == (microsecond,) * 4
    assert (d4["n_activities"], d4["n_activities_7d"], d4["n_undone"], d4["n_people"]) == (0, 0, 0, 0)
    assert d4[["days_since_activity", "days_since_inbound"]].isna().all()


def test_a_loss_that_is_entered_later_has_left_no_trace() -> None:
    d8 = NOW.loc["D8"]
    assert (d8["stage"], d8["n_stage_changes"], d8["days_in_stage"]) == ("Discovery", 0, 45)
    assert d8["owner_win_rate"] == pytest.approx((2 + 20 * 2 / 3) / 22)  # U1 won D2 and D7


def test_a_deal_without_a_client_or_an_owner() -> None:
    d6 = one(sales(), moment("2026-02-10"), "D6")  # lost at this very instant
    assert d6[["client_n_won", "client_n_lost", "client_n_open", "n_owner_changes"]].isna().all()
    assert d6[["owner_n_open", "owner_win_rate", "owner_win_hazard", "amount_to_owner_ratio"]].isna().all()


def test_the_closed_stage_of_an_open_deal_is_not_told() -> None:
    # The history does not hold the loss of D6; the export says Lost, which it was not before 10 February.
    assert one(sales(), moment("2026-02-01"), "D6")["stage"] != "Lost"


BEFORE, AT, AFTER = "one microsecond before", "at", "one microsecond after"
OFFSETS = {BEFORE: -MICROSECOND, AT: pd.Timedelta(0), AFTER: MICROSECOND}


TWO_DEALS = """
    deal_id | created_at | stage
    D1      | 2025-01-01 | B
    D2      | 2025-01-01 | B
"""
EVENTS = {
    "activities": """
        activity_id | deal_id | kind    | direction | logged_at  | recorded_at
        E0          | D2      | meeting | in        | 2025-01-02 |
        E1          | D1      | meeting | in        | {at}       | {recorded_at}
    """,
    "deal_changes": """
        deal_id | changed_at | field | old_value | new_value | recorded_at
        D2      | 2025-01-02 | stage | A         | B         |
        D1      | {at}       | stage | A         | B         | {recorded_at}
    """,
}


def with_event(table: str, days: int, offset: str, recorded_at: str = "") -> Dataset:
    """Two deals of 2025, and one event of D1 so many days before AS_OF, to the microsecond."""
    at = (AS_OF - pd.Timedelta(days=days) + OFFSETS[offset]).isoformat()
    drawn = {table: EVENTS[table].format(at=at, recorded_at=recorded_at)}
    return dataset(tables=drawn, deals=TWO_DEALS, tracked_since="2025-01-01", extracted_at="2026-06-01")


@pytest.mark.parametrize(("offset", "counted"), [(BEFORE, 1), (AT, 0), (AFTER, 0)])
def test_an_activity_counts_if_it_was_logged_before_as_of(offset: str, counted: int) -> None:
    row = one(with_event("activities", 0, offset), AS_OF)
    names = ["n_activities", "n_activities_7d", "n_activities_30d", "n_meetings", "n_inbound_30d"]
    assert row[names].tolist() == [counted] * 5
    assert row[["days_since_activity", "days_since_inbound"]].notna().tolist() == [bool(counted)] * 2


@pytest.mark.parametrize(("days", "names"), [(7, ["n_activities_7d"]), (30, ["n_activities_30d", "n_inbound_30d"])])
@pytest.mark.parametrize(("offset", "counted"), [(BEFORE, 0), (AT, 1), (AFTER, 1)])
def test_a_window_of_activities_holds_its_first_instant(days: int, names: list[str], offset: str, counted: int) -> None:
    row = one(with_event("activities", days, offset), AS_OF)
    assert row[names].tolist() == [counted] * len(names)
    assert row["n_activities"] == 1


@pytest.mark.parametrize(("days", "offset", "counted"), [(0, BEFORE, 1), (0, AT, 0), (30, BEFORE, 0), (30, AT, 1)])
def test_a_window_of_changes_is_half_open(days: int, offset: str, counted: int) -> None:
    assert one(with_event("deal_changes", days, offset), AS_OF)["n_changes_30d"] == counted


def test_what_is_recorded_at_as_of_is_not_known() -> None:
    assert one(with_event("activities", 3, AT, recorded_at="2026-04-01"), AS_OF)["n_activities"] == 0
    row = one(with_event("deal_changes", 3, AT, recorded_at="2026-04-01"), AS_OF)
    assert (row["stage"], row["n_stage_changes"], row["n_changes_30d"]) == ("A", 0, 0)


def test_what_was_entered_late_counts_in_the_window_in_which_it_happened() -> None:
    row = one(with_event("activities", 40, AT, recorded_at="2026-03-31"), AS_OF)
    assert (row["n_activities"], row["n_activities_30d"], row["days_since_activity"]) == (1, 0, 40)
    row = one(with_event("deal_changes", 40, AT, recorded_at="2026-03-31"), AS_OF)
    assert (row["n_stage_changes"], row["n_changes_30d"], row["days_since_change"]) == (1, 0, 40)


@pytest.mark.parametrize(("as_of", "counts"), [("2026-03-03T00:00", NAN), ("2026-03-03T00:00:00.000001", 2)])
def test_a_window_of_changes_that_reaches_back_before_the_first_is_unknown(as_of: str, counts: float) -> None:
    # The first change of all is of 1 February; D1 changed stage on the 1st and the 15th, and its date on 1 March.
    found = one(sales(), moment(as_of))["n_changes_30d"]
    assert same(found, counts)


@pytest.mark.parametrize(("name", "days"), [("n_activities_7d", 7), ("n_activities_30d", 30), ("n_inbound_30d", 30)])
def test_a_window_of_activities_that_reaches_back_before_the_first_is_unknown(name: str, days: int) -> None:
    first = moment("2025-03-01")
    deals = "deal_id | created_at | stage\nD1 | 2025-01-01 | A"
    known = dataset(
        deals=deals, activities="activity_id | deal_id | kind | direction | logged_at\nE1 | D1 | call | in | 2025-03-01"
    )
    window = pd.Timedelta(days=days)
    assert np.isnan(one(known, first + window)[name])
    assert one(known, first + window + MICROSECOND)[name] == 0


def test_a_push_entered_later_does_not_shine_through() -> None:
    deals = "deal_id | created_at | stage | expected_close_on\nD1 | 2026-01-01 | A | 2026-05-01"
    changes = """
        deal_id | changed_at | field             | old_value  | new_value  | recorded_at
        D1      | 2026-01-20 | expected_close_on | 2026-03-01 | 2026-05-01 |
        D1      | 2026-01-10 | expected_close_on | 2026-03-01 | 2026-06-01 | 2026-04-02
    """
    row = one(dataset(deals=deals, deal_changes=changes, tracked_since="2026-01-01"), AS_OF)
    assert (row["n_pushes"], row["days_to_expected_close"]) == (1, 30)


def test_a_date_that_was_emptied_is_unknown() -> None:
    deals = "deal_id | created_at | stage | expected_close_on\nD1 | 2026-01-01 | A |"
    changes = "deal_id | changed_at | field | old_value | new_value\nD1 | 2026-01-20 | expected_close_on | 2026-03-01 |"
    row = one(dataset(deals=deals, deal_changes=changes, tracked_since="2026-01-01"), AS_OF)
    assert row[["days_to_expected_close", "n_pushes", "pushed_days"]].isna().all()


def test_an_overdue_deal_has_negative_days_left() -> None:
    deals = "deal_id | created_at | stage | expected_close_on\nD1 | 2026-01-01 | A | 2026-03-02"
    assert one(dataset(deals=deals), AS_OF)["days_to_expected_close"] == -30


def test_an_expected_close_is_midnight_where_the_organisation_is() -> None:
    deals = "deal_id | created_at | stage | expected_close_on\nD1 | 2026-01-01 | A | 2026-04-02"
    row = one(dataset(Organisation(timezone="Asia/Tokyo"), deals=deals), AS_OF)
    assert row["days_to_expected_close"] == pytest.approx(15 / 24)  # 2 April begins at 15:00 UTC on the 1st


@pytest.mark.parametrize(("first", "ratio"), [("0", NAN), ("", NAN), ("500", 2.0)])
def test_an_amount_against_nothing_is_unknown(first: str, ratio: float) -> None:
    deals = "deal_id | created_at | stage | amount\nD1 | 2026-01-01 | A | 1000"
    changes = f"deal_id | changed_at | field | old_value | new_value\nD1 | 2026-01-20 | amount | {first} | 1000"
    row = one(dataset(deals=deals, deal_changes=changes, tracked_since="2026-01-01"), AS_OF)
    assert same(row["amount_ratio"], ratio)
    assert row["amount"] == 1000


def test_an_amount_without_a_rate_is_unknown_and_its_ratio_is_not() -> None:
    changes = "deal_id | changed_at | field | old_value | new_value\nD1 | 2026-03-05 | amount | 1000 | 1500"
    rates = "currency | date | rate\nUSD | 2026-04-01 | 0.9"
    known = dataset(deals=DEALS, deal_changes=changes, rates=rates, stages=STAGES, tracked_since="2026-01-01")
    assert np.isnan(one(known, AS_OF)["amount"])
    assert one(known, AS_OF)["amount_ratio"] == 1.5


def test_people_are_counted_once_and_nobody_not_at_all() -> None:
    drawn = """
        activity_id | deal_id | user_id | kind | logged_at
        E1          | D1      | U1      | call | 2026-03-01
        E2          | D1      | U1      | call | 2026-03-02
        E3          | D1      |         | call | 2026-03-03
        E4          | D1      | U2      | call | 2026-03-04
        E5          | D2      | U3      | call | 2026-03-05
    """
    known = dataset(deals="deal_id | created_at | stage\nD1 | 2026-01-01 | A\nD2 | 2026-01-01 | A", activities=drawn)
    assert deal_signals(Snapshot(known, AS_OF))["n_people"].tolist() == [2, 1]


@pytest.mark.parametrize(("offset", "undone"), [(BEFORE, 0), (AT, 1)])
def test_an_activity_is_done_once_its_end_is_known(offset: str, undone: int) -> None:
    done = str(AS_OF + OFFSETS[offset]).replace(" ", "T")
    drawn = f"activity_id | deal_id | kind | logged_at | done_at\nE1 | D1 | task | 2026-03-01 | {done}"
    known = dataset(deals="deal_id | created_at | stage\nD1 | 2026-01-01 | A", activities=drawn)
    assert one(known, AS_OF)["n_undone"] == undone


def test_tables_that_are_absent_leave_their_columns_out() -> None:
    alone = dataset(deals="deal_id | created_at | stage\nD1 | 2026-01-01 | A")
    assert list(deal_signals(Snapshot(alone, AS_OF))) == columns_of(["deals", "stages"])


def test_a_deals_only_export_knows_its_values_after_the_export() -> None:
    deals = """
        deal_id | account_id | owner_id | created_at | stage | amount | expected_close_on
        D1      | A1         | U1       | 2026-01-01 | A     | 5      | 2026-05-01
    """
    known = dataset(deals=deals, extracted_at="2026-04-01")
    early, late = one(known, AS_OF), one(known, AS_OF + MICROSECOND)
    assert early[["stage", "amount", "days_to_expected_close"]].isna().all()
    assert early[["amount_missing", "expected_close_missing", "owner_n_open"]].isna().all()
    assert (early["age_days"], early["client_n_open"]) == (90, 0)
    assert (late["stage"], late["amount"]) == ("A", 5)
    assert np.isnan(late["owner_n_open"])  # this morning nobody knew an owner
    assert one(known, AS_OF + pd.Timedelta(days=1))["owner_n_open"] == 1


def test_a_field_without_a_history_has_no_changes_to_count() -> None:
    deals = "deal_id | owner_id | created_at | stage\nD1 | U1 | 2026-01-01 | B"
    changes = "deal_id | changed_at | field | old_value | new_value\nD1 | 2026-02-01 | stage | A | B"
    row = one(dataset(deals=deals, deal_changes=changes, extracted_at="2026-05-01"), AS_OF)
    assert row[["n_owner_changes", "days_with_owner", "amount", "n_pushes"]].isna().all()


def test_a_source_without_deals_has_no_deal_signals() -> None:
    matrix = deal_signals(Snapshot(dataset(orders=ORDERS), AS_OF))
    assert matrix.empty
    assert "age_days" in matrix


def test_before_the_first_deal_there_are_no_rows_and_all_columns() -> None:
    matrix = deal_signals(Snapshot(sales(), moment("2020-01-01")))
    assert matrix.shape == (0, NOW.shape[1])


def test_asked_rows_come_in_the_order_asked() -> None:
    snapshot = Snapshot(sales(), AS_OF)
    matrix = deal_signals(snapshot, rows=np.array([3, 0]))
    pd.testing.assert_frame_equal(matrix, NOW.loc[["D4", "D1"]])


def test_a_closed_deal_that_is_asked_for_is_none_of_the_clients_open_ones() -> None:
    d2 = deal_signals(Snapshot(sales(), AS_OF), rows=np.array([1])).loc["D2"]
    assert d2["client_n_open"] == 2  # D1 and D3


def test_borrowed_rates_are_used_as_they_are() -> None:
    lent = rates(Snapshot(sales(), moment("2026-03-02")))
    matrix = deal_signals(Snapshot(sales(), AS_OF), borrowed=lent)
    assert matrix["owner_n_open"].tolist() == [0, 0, 0, 3]  # then D3 was lost, and U1 had D1, D7 and D8
    assert (
        matrix["owner_win_rate"].tolist()
        == lent.of("owner_id", np.array(["U2", "U2", "U2", "U1"], dtype=object), "win_rate").tolist()
    )


def test_the_clients_other_deals_by_how_they_stand() -> None:
    march = deal_signals(Snapshot(sales(), moment("2026-03-02")))
    counted = march.T["D1"][["client_n_won", "client_n_lost", "client_n_open"]]
    assert counted.tolist() == [1, 1, 1]  # D2, D3 and D7


def test_every_value_of_an_untidy_company_is_valid() -> None:
    known = generate(Settings(n_deals=300, seed=9, dirt=Dirt.all())).dataset()
    matrix = deal_signals(Snapshot(known, moment("2026-02-01")))
    numbers = [signal for signal in DEAL_SIGNALS if not signal.is_category]
    low = pd.Series({signal.name: -np.inf if signal.low is None else signal.low for signal in numbers})
    high = pd.Series({signal.name: np.inf if signal.high is None else signal.high for signal in numbers})
    outside = (matrix[low.index] < low) | (matrix[high.index] > high)
    assert outside.sum()[outside.any()].to_dict() == {}
