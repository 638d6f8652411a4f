"""Client signals: who belongs to which cohort, and the edges of windows, contracts and orders."""

import numpy as np
import pandas as pd
import pytest

from features.catalog import CLIENT_SIGNALS
from features.clients import CONTRACTS, ORDERS, client_signals
from features.dataset import Dataset
from features.organisation import Organisation
from features.snapshot import Snapshot
from tests.features import companies
from tests.features.client_rows import matrix, same
from tests.features.companies import AS_OF, MICROSECOND, clientele, dataset, moment, sales

NAN = float("nan")


def clients(known: Dataset, as_of: pd.Timestamp, regime: str) -> list[str]:
    return list(matrix(known, as_of, regime).index)


def contracts(*lines: str, orders: str | None = None) -> Dataset:
    """Drawn contracts: id, account, start, end, amount, cancelled, signed."""
    header = "contract_id | account_id | starts_on | ends_on | monthly_amount | cancelled_at | known_at"
    tables = {"contracts": "\n".join([header, *lines])}
    return dataset(tables=tables if orders is None else {**tables, "orders": orders})


def test_the_two_cohorts() -> None:
    # A8 ordered exactly 365 days ago, A9 a month before that; A4 cancels at as_of, A5 did the day before.
    assert clients(clientele(), AS_OF, ORDERS) == ["A1", "A2", "A8"]
    assert clients(clientele(), AS_OF, CONTRACTS) == ["A3", "A4"]


@pytest.mark.parametrize(("as_of", "active"), [(AS_OF, True), (AS_OF + MICROSECOND, False)])
def test_the_active_window_holds_its_first_instant(as_of: pd.Timestamp, active: bool) -> None:
    assert ("A8" in clients(clientele(), as_of, ORDERS)) == active


def test_the_active_window_is_the_organisations() -> None:
    known = dataset(Organisation(active_window_days=30), orders=companies.ORDERS)
    assert clients(known, AS_OF, ORDERS) == ["A1"]


@pytest.mark.parametrize(("as_of", "active"), [(moment("2026-01-01"), []), (moment("2026-01-01") + MICROSECOND, ["A1"])])
def test_a_client_is_active_once_its_first_order_is_known(as_of: pd.Timestamp, active: list[str]) -> None:
    known = dataset(orders="order_id | account_id | ordered_at | amount\nO1 | A1 | 2026-01-01 | 5")
    assert clients(known, as_of, ORDERS) == active


@pytest.mark.parametrize(("as_of", "there"), [(AS_OF, True), (AS_OF + MICROSECOND, False)])
def test_a_client_is_under_contract_until_its_cancellation_is_known(as_of: pd.Timestamp, there: bool) -> None:
    assert ("A4" in clients(clientele(), as_of, CONTRACTS)) == there


@pytest.mark.parametrize(
    ("day", "later", "there"),
    [("2026-01-01", 0, True), ("2026-01-31", 0, True), ("2026-01-31", 1, False)],
)
def test_a_client_stays_until_the_grace_period_is_over(day: str, later: int, there: bool) -> None:
    known = contracts("K1 | A1 | 2025-01-01 | 2026-01-01 | 10 | | 2024-12-01")
    assert bool(clients(known, moment(day) + later * MICROSECOND, CONTRACTS)) == there


def test_the_grace_period_is_the_organisations() -> None:
    drawn = {"contracts": companies.CONTRACTS}
    patient, strict = (dataset(Organisation(contract_grace_days=days), drawn) for days in (3000, 0))
    late = moment("2028-01-01")
    assert clients(patient, late, CONTRACTS) == ["A3"]
    assert clients(strict, late, CONTRACTS) == []


def test_in_the_grace_period_the_time_left_is_negative() -> None:
    row = matrix(contracts("K1 | A1 | 2025-01-01 | 2026-01-01 | 10 | | 2024-12-01"), moment("2026-01-11"), CONTRACTS).T["A1"]
    assert (row["contract_days_left"], row["monthly_amount"], row["contract_age_days"]) == (-10, 10, 375)


def test_a_successor_takes_over_and_is_not_counted_twice() -> None:
    row = matrix(clientele(), moment("2026-05-11"), CONTRACTS).T["A3"]  # ten days into K3, in the grace period of K2
    assert (row["monthly_amount"], row["contract_days_left"], row["n_contracts"]) == (30, 355, 3)


def test_contracts_side_by_side_add_up_and_the_last_end_counts() -> None:
    known = contracts(
        "K1 | A1 | 2026-01-01 | 2027-01-01 | 10 | | 2025-12-01",
        "K2 | A1 | 2025-06-01 | 2026-07-01 | 20 | | 2025-05-01",
    )
    row = matrix(known, AS_OF, CONTRACTS).T["A1"]
    assert (row["monthly_amount"], row["contract_days_left"], row["contract_age_days"]) == (30, 275, 304)


def test_beside_a_contract_without_an_end_no_end_is_known() -> None:
    known = contracts("K1 | A1 | 2020-01-01 | | 10 | | 2019-12-01", "K2 | A1 | 2026-01-01 | 2027-01-01 | 20 | | 2025-12-01")
    row = matrix(known, AS_OF, CONTRACTS).T["A1"]
    assert np.isnan(row["contract_days_left"])
    assert row["contract_age_days"] == (AS_OF - moment("2020-01-01")).days


def test_a_cancellation_to_come_changes_nothing() -> None:
    first = "K1 | A1 | 2026-01-01 | 2027-01-01 | 10 | | 2025-12-01"
    quiet = contracts(first, "K2 | A1 | 2026-02-01 | 2027-07-01 | 10 | | 2026-01-15")
    ends = contracts(first, "K2 | A1 | 2026-02-01 | 2027-07-01 | 10 | 2026-05-01 | 2026-01-15")
    pd.testing.assert_frame_equal(matrix(quiet, AS_OF, CONTRACTS), matrix(ends, AS_OF, CONTRACTS))


@pytest.mark.parametrize(
    ("starts_on", "known_at", "there"),
    [("2026-04-01", "2026-03-01", True), ("2026-04-02", "2026-03-01", False), ("2026-03-01", "2026-04-01", False)],
)
def test_a_contract_counts_once_it_has_begun_and_is_on_record(starts_on: str, known_at: str, there: bool) -> None:
    assert bool(clients(contracts(f"K1 | A1 | {starts_on} | | 10 | | {known_at}"), AS_OF, CONTRACTS)) == there


def test_a_client_under_contract_that_orders_as_well_is_in_one_cohort() -> None:
    orders = "order_id | account_id | ordered_at | amount\nO1 | A1 | 2026-03-01 | 5"
    known = contracts("K1 | A1 | 2026-01-01 | | 10 | | 2025-12-01", orders=orders)
    assert (clients(known, AS_OF, CONTRACTS), clients(known, AS_OF, ORDERS)) == (["A1"], [])
    assert matrix(known, AS_OF, CONTRACTS).T["A1"]["n_orders"] == 1


def test_a_client_that_cancelled_and_still_orders_goes_on_as_one_that_orders() -> None:
    orders = "order_id | account_id | ordered_at | amount\nO1 | A1 | 2026-03-01 | 5"
    known = contracts("K1 | A1 | 2026-01-01 | | 10 | 2026-03-15 | 2025-12-01", orders=orders)
    assert (clients(known, AS_OF, CONTRACTS), clients(known, AS_OF, ORDERS)) == ([], ["A1"])


@pytest.mark.parametrize(("n", "band"), [(1, "1"), (2, "2-3"), (3, "2-3"), (4, "4-9"), (9, "4-9"), (10, "10+"), (11, "10+")])
def test_bands_of_how_often_a_client_ordered(n: int, band: str) -> None:
    orders = "\n".join(f"O{i} | A1 | 2026-03-{i + 1:02} | 5" for i in range(n))
    known = dataset(orders=f"order_id | account_id | ordered_at | amount\n{orders}")
    assert matrix(known, AS_OF, ORDERS).T["A1"]["order_band"] == band


def test_two_orders_at_once_have_no_rhythm() -> None:
    orders = "order_id | account_id | ordered_at | amount\nO1 | A1 | 2026-03-01 | 5\nO2 | A1 | 2026-03-01 | 7"
    row = matrix(dataset(orders=orders), AS_OF, ORDERS).T["A1"]
    assert (row["n_orders"], row["mean_gap_days"], row["mean_order"]) == (2, 0, 6)
    assert np.isnan(row["gap_ratio"])


@pytest.mark.parametrize("name", ["n_orders_365d", "revenue_365d"])
def test_a_window_of_orders_that_reaches_back_before_the_first_is_unknown(name: str) -> None:
    first = moment("2025-03-01") + pd.Timedelta(days=365)
    assert matrix(clientele(), first, ORDERS)[name].isna().all()
    assert matrix(clientele(), first + MICROSECOND, ORDERS)[name].notna().all()


@pytest.mark.parametrize("name", ["n_orders_90d", "revenue_90d", "n_tickets_90d", "n_contacts_90d"])
def test_a_short_window_that_reaches_back_before_the_first_record_is_unknown(name: str) -> None:
    first = moment("2025-03-01") + pd.Timedelta(days=90)  # orders, tickets and activities begin on 1 March 2025
    assert matrix(clientele(), first, ORDERS)[name].isna().all()
    assert matrix(clientele(), first + MICROSECOND, ORDERS)[name].notna().all()


@pytest.mark.parametrize(("closed_at", "n_open"), [("", NAN), (" | closed_at", 1.0)])
def test_tickets_without_an_end_are_open_where_the_source_tells_ends(closed_at: str, n_open: float) -> None:
    end = " |" if closed_at else ""
    tickets = f"ticket_id | account_id | opened_at{closed_at}\nT1 | A1 | 2026-03-01{end}\nT2 | A1 | 2026-04-01{end}"
    known = dataset(orders=companies.ORDERS, tickets=tickets)
    assert same(matrix(known, AS_OF, ORDERS).T["A1"]["n_open_tickets"], n_open)


@pytest.mark.parametrize(("day", "score"), [("2026-02-01", NAN), ("2026-03-01", 0.9), ("2026-04-01", 0.25), ("2026-04-02", 1.0)])
def test_the_last_answer_is_the_latest_and_not_the_one_with_the_last_number(day: str, score: float) -> None:
    assert same(matrix(clientele(), moment(day), ORDERS).T["A1"]["survey_score"], score)


def test_surveys_of_nobody_in_particular() -> None:
    surveys = (
        "response_id | user_id | answered_at | kind | score | scale_min | scale_max\nR1 | U1 | 2026-03-01 | nps | 9 | 0 | 10"
    )
    found = matrix(dataset(orders=companies.ORDERS, surveys=surveys), AS_OF, ORDERS)
    assert found["survey_score"].isna().all()


def test_a_contact_about_a_deal_is_a_contact_with_its_client() -> None:
    row = matrix(sales(), AS_OF, ORDERS).T["A1"]  # E1 to E4 and E7 about deals, E8 without one
    assert (row["n_contacts_90d"], row["days_since_contact"]) == (6, 1)


def test_with_deals_alone_won_deals_are_the_orders() -> None:
    found = matrix(sales(), AS_OF, ORDERS)
    row = found.T["A1"]
    assert list(found.index) == ["A1"]
    assert (row["n_orders"], row["mean_order"]) == (2, 750)  # D2 of 800 and D7 of 700
    assert row["days_since_order"] == 0.5  # D7 was won at noon
    assert np.isnan(row["revenue_90d"])  # the deals begin on 5 January


def test_the_amount_of_a_won_deal_is_what_was_known_when_it_was_won() -> None:
    deals = "deal_id | account_id | created_at | stage | amount | closed_at\nD1 | A1 | 2026-01-01 | Won | 999 | 2026-02-01"
    changes = """
        deal_id | changed_at | field  | old_value | new_value
        D1      | 2026-01-15 | amount | 100       | 200
        D1      | 2026-02-01 | stage  | Proposal  | Won
        D1      | 2026-04-02 | amount | 200       | 999
    """
    known = dataset(deals=deals, deal_changes=changes, stages=companies.STAGES, tracked_since="2026-01-01")
    assert matrix(known, AS_OF, ORDERS).T["A1"]["mean_order"] == 200


def test_an_amount_corrected_in_the_moment_of_the_win_is_the_corrected_one() -> None:
    deals = "deal_id | account_id | created_at | stage | amount | closed_at\nD1 | A1 | 2026-01-01 | Won | 200 | 2026-02-01"
    changes = """
        deal_id | changed_at | field  | old_value | new_value
        D1      | 2026-02-01 | amount | 100       | 200
        D1      | 2026-02-01 | stage  | Proposal  | Won
    """
    known = dataset(deals=deals, deal_changes=changes, stages=companies.STAGES, tracked_since="2026-01-01")
    assert matrix(known, AS_OF, ORDERS).T["A1"]["mean_order"] == 200


def test_orders_from_won_deals_are_in_the_organisations_money() -> None:
    deals = """
        deal_id | account_id | created_at | stage | amount | currency | closed_at
        D1      | A1         | 2026-01-01 | Won   | 100    | USD      | 2026-02-01
    """
    changes = "deal_id | changed_at | field | old_value | new_value\nD1 | 2026-02-01 | stage | Proposal | Won"
    rates = "currency | date | rate\nUSD | 2026-01-01 | 0.5"
    known = dataset(deals=deals, deal_changes=changes, stages=companies.STAGES, rates=rates, tracked_since="2026-01-01")
    assert matrix(known, AS_OF, ORDERS).T["A1"]["mean_order"] == 50


def test_with_contracts_alone_there_are_no_signals_of_orders() -> None:
    found = matrix(dataset(contracts=companies.CONTRACTS), AS_OF, CONTRACTS)
    assert list(found) == [signal.name for signal in CLIENT_SIGNALS if signal.tables == ("contracts",)]


def test_with_orders_alone_there_are_no_others() -> None:
    found = matrix(dataset(orders=companies.ORDERS), AS_OF, ORDERS)
    assert list(found) == [signal.name for signal in CLIENT_SIGNALS if signal.tables == ("orders",)]


def test_asked_rows_come_in_the_order_asked() -> None:
    snapshot = Snapshot(clientele(), AS_OF)
    found = client_signals(snapshot, np.array([1, 0]))
    pd.testing.assert_frame_equal(found, matrix(clientele(), AS_OF, ORDERS).loc[["A2", "A1"]])
