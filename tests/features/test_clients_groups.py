"""Client signals group by group, where the worked example has nothing to show."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features import catalog
from features.catalog import CLIENT_SIGNALS
from features.clients import ORDERS, client_signals, cohort
from features.dataset import Dataset
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, generate
from tests.features import companies
from tests.features.companies import AS_OF, MICROSECOND, dataset, moment

OLD = "O0 | A0 | 2020-01-01 | 1 | 1"
NAN = float("nan")


def orders(*lines: str) -> Dataset:
    """Orders with costs, `id | account | day | amount | cost`, in a table that begins long ago."""
    return dataset(orders="\n".join(["order_id | account_id | ordered_at | amount | cost", OLD, *lines]))


def signals(known: Dataset, client: str = "A1", as_of: pd.Timestamp = AS_OF) -> "pd.Series[Any]":
    """One client's row, active or not."""
    rows = np.flatnonzero(known.client_ids == client)
    return client_signals(Snapshot(known, as_of), rows).T[client]


def same(row: "pd.Series[Any]", **expected: float) -> None:
    np.testing.assert_allclose([float(row[name]) for name in expected], list(expected.values()), rtol=1e-12)


def test_a_return_takes_from_the_revenue_and_is_no_order() -> None:
    row = signals(orders("O1 | A1 | 2026-02-01 | 100 |", "O2 | A1 | 2026-02-11 | 300 |", "R1 | A1 | 2026-03-01 | -80 |"))
    same(row, n_orders=2, days_since_order=49, revenue_90d=320, revenue_total=320, mean_order=200, mean_gap_days=10)
    same(row, n_returns_365d=1, returned_ratio_365d=0.2)


def test_a_client_that_only_returned_is_not_active() -> None:
    known = orders("R1 | A1 | 2026-03-01 | -80 |")
    assert list(cohort(Snapshot(known, AS_OF), ORDERS)) == []
    same(signals(known), n_orders=0, revenue_90d=-80, returned_ratio_365d=NAN, revenue_trend_90d=NAN)


@pytest.mark.parametrize(("later", "n"), [(0, 0), (1, 1)])
def test_a_return_counts_once_it_is_on_record(later: int, n: int) -> None:
    row = signals(orders("O1 | A1 | 2026-02-01 | 100 |", "R1 | A1 | 2026-04-01 | -80 |"), as_of=AS_OF + later * MICROSECOND)
    same(row, n_returns_365d=n, revenue_total=100 - 80 * n)


def test_the_margin_is_that_of_the_orders_whose_cost_is_known() -> None:
    row = signals(orders("O1 | A1 | 2026-02-01 | 100 | 60", "O2 | A1 | 2026-02-11 | 300 | 240", "O3 | A1 | 2026-03-01 | 900 |"))
    same(row, margin_365d=0.25)
    same(signals(orders("O1 | A1 | 2025-03-01 | 100 | 60")), margin_365d=NAN)  # more than a year ago


def test_rhythm_of_uneven_gaps() -> None:
    days = ("2025-12-02", "2025-12-22", "2026-01-01", "2026-03-02")  # gaps of 20, 10 and 60 days, then 30 of silence
    row = signals(orders(*(f"O{i} | A1 | {day} | 10 |" for i, day in enumerate(days, start=1))))
    spread = 700**0.5  # deviations of -10, -20 and 30 from their mean
    same(row, mean_gap_days=30, median_gap_days=20, gap_spread_days=spread, gap_variation=spread / 30)
    same(row, gap_ratio=1, longest_gap_ratio=0.5, last_gap_ratio=2)


def test_one_order_has_no_rhythm_but_a_size() -> None:
    row = signals(orders("O1 | A1 | 2026-03-02 | 10 |"))
    same(row, mean_gap_days=NAN, gap_spread_days=NAN, gap_ratio=NAN, longest_gap_ratio=NAN, last_gap_ratio=NAN)
    same(row, median_order=10, largest_order=10, last_order_ratio=1)


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2026-03-31", 1), ("2026-01-01", 1), ("<2026-01-01", -1), ("2025-10-03", -1), ("<2025-10-03", NAN)],
)
def test_a_trend_compares_two_windows_that_touch(day: str, expected: float) -> None:
    same(signals(orders(f"O1 | A1 | {day} | 10 |")), orders_trend_90d=expected, revenue_trend_90d=expected)


def test_a_trend_over_a_year_needs_two_years() -> None:
    known = dataset(orders="order_id | account_id | ordered_at | amount\nO1 | A1 | 2024-04-01 | 10\nO2 | A1 | 2026-03-01 | 30")
    same(signals(known), orders_trend_365d=NAN, orders_trend_90d=1)
    same(signals(known, as_of=AS_OF + MICROSECOND), orders_trend_365d=1, revenue_trend_365d=1)


def test_months_are_counted_back_from_as_of_and_not_by_the_calendar() -> None:
    days = ("2026-03-31", "2026-03-03", "2026-03-02", "<2026-03-02", "2025-04-06", "<2025-04-06")
    row = signals(orders(*(f"O{i} | A1 | {day} | 10 |" for i, day in enumerate(days, start=1))))
    same(row, n_active_months=3)  # three in the last 30 days, one just before, one exactly 360 days ago, one just too old


def contracts(*lines: str) -> Dataset:
    """Drawn contracts: id, account, start, end, amount, cancelled, signed."""
    return dataset(
        contracts="\n".join(["contract_id | account_id | starts_on | ends_on | monthly_amount | cancelled_at | known_at", *lines])
    )


@pytest.mark.parametrize(
    ("starts", "n"), [("2025-11-30", 0), ("2025-12-02", 1), ("2026-01-01", 1), ("2026-01-31", 1), ("2026-02-01", 0)]
)
def test_a_renewal_begins_about_when_the_contract_before_ends(starts: str, n: int) -> None:
    row = signals(contracts("K1 | A1 | 2025-01-01 | 2026-01-01 | 10 | | 2024-12-01", f"K2 | A1 | {starts} | | 15 | | 2025-01-02"))
    same(row, n_renewals=n, monthly_ratio=1.5, n_contracts=2)


def test_cancelled_contracts_and_contracts_to_come() -> None:
    row = signals(
        contracts(
            "K1 | A1 | 2025-01-01 | | 10 | 2026-01-01 | 2024-12-01",
            "K2 | A1 | 2025-06-01 | | 20 | 2026-04-01 | 2025-05-01",
            "K3 | A1 | 2026-05-01 | | 40 | 2026-03-01 | 2025-12-01",
            "K4 | A1 | 2026-05-01 | | 80 | | 2026-03-01",
        )
    )
    same(row, n_contracts_cancelled=2, n_contracts_ahead=1, n_running_contracts=1, monthly_amount=20, contract_term_days=NAN)
    same(row, days_since_contract_start=304, monthly_ratio=2)


def test_pressing_tickets_whatever_their_spelling() -> None:
    lines = [f"T{i} | A1 | 2026-03-0{i} | {word}" for i, word in enumerate(("High", "URGENT", "low", "", "p1"), start=1)]
    header = "ticket_id | account_id | opened_at | priority"
    known = dataset(orders=companies.ORDERS, tickets="\n".join([header, "T0 | A9 | 2020-01-01 | low", *lines]))
    same(signals(known), n_high_tickets_90d=3, n_tickets_90d=5)
    same(signals(known, "A2"), n_high_tickets_90d=0)


def test_scores_by_kind_and_their_change() -> None:
    surveys = """
        response_id | account_id | answered_at | kind | score | scale_min | scale_max
        R1          | A1         | 2026-01-01  | nps  | 9     | 0         | 10
        R2          | A1         | 2026-02-01  | ces  | 7     | 1         | 7
        R3          | A1         | 2026-03-01  | nps  | 4     | 0         | 10
        R4          | A1         | 2026-03-02  | csat | 1     | 1         | 1
    """
    row = signals(dataset(orders=companies.ORDERS, surveys=surveys))
    same(row, nps_score=0.4, nps_change=-0.5, days_since_nps=31, n_nps=2, ces_score=1, ces_change=NAN, n_ces=1)
    same(row, csat_score=NAN, n_csat=1)  # a scale of a single value


def activities(*lines: str) -> Dataset:
    header = "activity_id | account_id | kind | direction | logged_at | user_id | contact_id"
    table = [header, "E0 | A9 | call | out | 2020-01-01 | U9 |", *lines]
    return dataset(orders=companies.ORDERS, activities="\n".join(table))


def test_tasks_and_notes_are_no_contacts() -> None:
    known = activities("E1 | A1 | task | | 2026-03-30 | U1 |", "E2 | A1 | note | | 2026-03-31 | U1 |")
    same(signals(known), n_contacts_90d=0, days_since_contact=NAN, n_own_people_90d=0, n_contacts_in_90d=0)


def test_without_directions_the_contacts_are_known_and_their_directions_not() -> None:
    row = signals(activities("E1 | A1 | call | | 2026-03-30 | | P1", "E2 | A1 | email | | 2026-03-31 | | P2"))
    same(row, n_contacts_90d=2, n_contacts_in_90d=NAN, n_contacts_out_90d=NAN, answered_share_90d=NAN, days_since_contact_in=NAN)
    same(row, n_own_people_90d=NAN, n_client_people_90d=2)


def test_what_a_source_has_no_column_for_is_unknown_even_of_a_client_without_contacts() -> None:
    bare = "activity_id | account_id | kind | logged_at\nE0 | A9 | call | 2020-01-01"
    tickets = "ticket_id | account_id | opened_at\nT1 | A9 | 2020-01-01"
    row = signals(dataset(orders=companies.ORDERS, activities=bare, tickets=tickets))
    same(row, n_contacts_90d=0, n_contacts_in_90d=NAN, n_contacts_out_30d=NAN, n_own_people_90d=NAN, n_client_people_90d=NAN)
    same(row, n_tickets_90d=0, n_open_tickets=NAN, oldest_ticket_days=NAN, n_high_tickets_90d=NAN)


def test_a_contact_counts_for_the_client_of_its_deal_once_the_deal_is_on_record() -> None:
    # Logged in February for a deal that is created on 20 March: only since then it is known whose contact it was.
    deals = "deal_id | account_id | created_at | stage\nD1 | A1 | 2026-03-20 | A"
    log = "activity_id | deal_id | kind | logged_at\nE0 | D0 | call | 2020-01-01\nE1 | D1 | call | 2026-02-15"
    known = dataset(orders=companies.ORDERS, deals=deals, activities=log)
    before, after = moment("2026-03-20"), moment("2026-03-20") + MICROSECOND
    assert [signals(known, as_of=at)["n_contacts_90d"] for at in (before, after)] == [0, 1]
    assert np.isnan(signals(known, as_of=before)["days_since_contact"])


@pytest.mark.parametrize(
    ("reply", "share"), [("2026-03-01", 0), ("2026-03-01T00:00:01", 1), ("2026-03-15", 1), ("2026-03-16", 0), ("2026-04-01", 0)]
)
def test_an_answer_comes_later_and_within_two_weeks(reply: str, share: float) -> None:
    instant = reply if "T" not in reply else f"{reply}Z"
    known = activities("E1 | A1 | email | out | 2026-03-01 | U1 |", f"E2 | A1 | email | in | {instant} | |")
    same(signals(known), answered_share_90d=share)


def test_another_clients_answer_is_none() -> None:
    known = activities("E1 | A1 | email | out | 2026-03-01 | U1 |", "E2 | A2 | email | in | 2026-03-02 | |")
    same(signals(known), answered_share_90d=0)


def test_deals_of_a_client() -> None:
    deals = """
        deal_id | account_id | created_at | stage | amount | closed_at  | outcome
        D0      | A9         | 2020-01-01 | Open  | 1      |            |
        D1      | A1         | 2025-01-01 | Won   | 100    | 2025-04-01 | won
        D2      | A1         | 2025-01-01 | Won   | 100    | 2025-03-31 | won
        D3      | A1         | 2026-01-01 | Lost  | 100    | 2026-03-01 | lost
        D4      | A1         | 2026-03-01 | Open  |        |            |
    """
    row = signals(dataset(deals=deals, orders=companies.ORDERS, extracted_at="2026-05-01"))
    same(row, n_won_deals_365d=1, n_lost_deals_365d=1, n_open_deals=1, days_since_won_deal=365, open_deal_amount=NAN)


def test_a_won_deal_without_an_amount_is_an_order_without_one() -> None:
    deals = """
        deal_id | account_id | created_at | stage | closed_at  | outcome
        D0      | A9         | 2020-01-01 | Won   | 2020-02-01 | won
        D1      | A1         | 2026-01-01 | Won   | 2026-03-01 | won
    """
    same(signals(dataset(deals=deals)), n_orders=1, n_orders_365d=1, revenue_365d=NAN, mean_order=NAN, largest_order=NAN)


def test_an_account_is_what_was_known_of_it() -> None:
    accounts = """
        account_id | country | employees | annual_revenue | created_at
        A1         | FR      | 40        | 1000000        | 2026-01-01
        A2         | DE      | 10        |                | 2026-04-01
    """
    static = frozenset({"accounts.country", "accounts.employees"})
    known = dataset(orders=companies.ORDERS, accounts=accounts, static=static, extracted_at="2026-05-01")
    row = signals(known)
    same(row, account_employees=40, account_annual_revenue=NAN, account_age_days=90)
    assert row["account_country"] == "FR"
    assert signals(known, "A2")[["account_country", "account_employees", "account_age_days"]].isna().all()


@pytest.mark.parametrize("table", ["contracts", "tickets", "surveys", "activities", "accounts"])
def test_without_a_table_its_signals_are_absent(table: str) -> None:
    tables = {
        "orders": companies.ORDERS,
        "contracts": companies.CONTRACTS,
        "tickets": companies.TICKETS,
        "surveys": companies.SURVEYS,
        "activities": companies.ACTIVITIES,
        "accounts": companies.ACCOUNTS,
    }
    del tables[table]
    found = client_signals(Snapshot(dataset(tables=tables), AS_OF), np.array([0]))
    assert list(found) == [signal.name for signal in catalog.live(CLIENT_SIGNALS, tables)]
    assert not any({table, "deals"} & set(catalog.SIGNALS[str(name)].tables) for name in found)


@cache
def company() -> Dataset:
    return generate(Settings(n_deals=200, seed=31, dirt=Dirt.all())).dataset()


@pytest.mark.parametrize("as_of", ["2025-10-29", "2026-07-01"])
def test_a_clients_signals_come_from_its_own_rows_alone(as_of: str) -> None:
    """Half of the accounts, with all that belongs to them, give the same bytes as the whole company."""
    whole, half = company(), set(company().client_ids[::2])
    deals = set(whole.deals.loc[whole.deals["account_id"].isin(half), "deal_id"])
    part = whole.with_tables({name: own(frame, half, deals) for name, frame in whole.tables.items()})
    at = moment(as_of)
    asked = sorted(half & set(part.client_ids))
    of_part = client_signals(Snapshot(part, at), part.client_ids.get_indexer(pd.Index(asked)))
    of_whole = client_signals(Snapshot(whole, at), whole.client_ids.get_indexer(pd.Index(asked)))
    pd.testing.assert_frame_equal(of_part, of_whole, check_exact=True)


def own(frame: pd.DataFrame, accounts: set[str], deals: set[str]) -> pd.DataFrame:
    """The rows of these accounts and deals; a table that belongs to no account stays whole."""
    told = [frame[name].isin(ids) for name, ids in (("account_id", accounts), ("deal_id", deals)) if name in frame]
    return frame[np.logical_or.reduce(told)] if told else frame
