"""Orders and contracts in time: who left with a contract, and when that was known."""

import numpy as np
import pytest

from features import clock
from features.client_history import IN, OUT, SURVEYS
from features.dataset import Dataset
from features.organisation import Organisation
from tests.features.companies import MICROSECOND, ORDERS, clientele, dataset, moment, rows

HEADER = "contract_id | account_id | starts_on | ends_on | monthly_amount | cancelled_at | known_at\n"
GRACE = round(30 * clock.MICROS_PER_DAY)


def contracts(*lines: str, zone: str = "UTC", grace_days: int = 30) -> Dataset:
    """Contracts of one account, written `start end cancelled known`, `-` for empty; the first is K0, the next K1."""
    cells = [["" if cell == "-" else cell for cell in line.split()] for line in lines]
    drawn = [f"K{i} | A1 | {start} | {end} | {i + 1} | {gone} | {known}" for i, (start, end, gone, known) in enumerate(cells)]
    return dataset(Organisation(timezone=zone, contract_grace_days=grace_days), contracts=HEADER + "\n".join(drawn))


def leaves(known: Dataset) -> dict[int, str]:
    """By contract (its monthly amount less one is its number) when the client left with it."""
    log = known.contract_log
    found = zip(log.monthly, log.leaves, strict=True)
    return {int(monthly) - 1: str(clock.instant(int(at)).date()) for monthly, at in found if at != clock.UNKNOWN}


def running(known: Dataset, as_of: str, later: int = 0) -> list[int]:
    """The numbers of the contracts that count as running."""
    log = known.contract_log
    return sorted(int(monthly) - 1 for monthly in log.monthly[log.running(clock.micros(moment(as_of)) + later, GRACE)])


def test_orders_are_sorted_by_client_and_time_and_need_a_client() -> None:
    log = clientele().order_log
    assert (log.client == sorted(log.client)).all()
    assert [str(clock.instant(int(time)).date()) for time in log.time[:5]] == [
        "2026-01-01",
        "2026-02-10",
        "2026-03-22",
        "2026-03-25",
        "2026-04-01",
    ]
    assert len(log.client) == len(rows(ORDERS))


def test_a_client_leaves_when_it_cancels() -> None:
    assert leaves(contracts("2026-01-01 2027-01-01 2026-03-05 2025-12-01")) == {0: "2026-03-05"}
    assert leaves(contracts("2026-01-01 - 2026-03-05 2025-12-01")) == {0: "2026-03-05"}


def test_a_client_leaves_at_the_end_of_the_grace_period() -> None:
    assert leaves(contracts("2025-01-01 2026-01-01 - 2024-12-01")) == {0: "2026-01-31"}
    assert leaves(contracts("2025-01-01 2026-01-01 - 2024-12-01", grace_days=10)) == {0: "2026-01-11"}


def test_a_contract_without_an_end_is_not_left() -> None:
    assert leaves(contracts("2026-01-01 - - 2025-12-01")) == {}


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2025-06-01", {1: "2027-01-31"}),  # it had begun before
        ("2026-01-01", {1: "2027-01-31"}),  # the day after
        ("2026-01-31", {1: "2027-01-31"}),  # the last day of the grace period
        ("2026-02-01", {0: "2026-01-31", 1: "2027-01-31"}),  # a new client
    ],
)
def test_a_successor_within_the_grace_period_carries_on(start: str, expected: dict[int, str]) -> None:
    assert leaves(contracts("2025-01-01 2026-01-01 - 2024-12-01", f"{start} 2027-01-01 - 2025-05-01")) == expected


def test_a_cancelled_contract_beside_one_that_runs_on_is_not_the_clients_end() -> None:
    known = contracts("2025-01-01 2027-01-01 2026-03-05 2024-12-01", "2025-06-01 2028-01-01 - 2025-05-01")
    assert leaves(known) == {1: "2028-01-31"}


def test_a_cancellation_after_the_end_says_nothing_new() -> None:
    assert leaves(contracts("2025-01-01 2026-01-01 2026-01-10 2024-12-01")) == {0: "2026-01-31"}


def test_another_clients_contract_carries_nothing_on() -> None:
    drawn = "K0 | A1 | 2025-01-01 | 2026-01-01 | 1 | | 2024-12-01\nK1 | A2 | 2026-01-01 | 2027-01-01 | 2 | | 2025-12-01"
    assert leaves(dataset(contracts=HEADER + drawn)) == {0: "2026-01-31", 1: "2027-01-31"}


def test_a_contract_runs_from_its_first_moment_until_the_client_has_left() -> None:
    known = contracts("2025-01-01 2026-01-01 - 2024-12-01")
    assert running(known, "2025-01-01", -1) == []
    assert running(known, "2025-01-01") == [0]
    assert running(known, "2026-01-31") == [0]  # leaves at this instant: not known yet
    assert running(known, "2026-01-31", 1) == []


def test_a_contract_runs_until_its_cancellation_is_known() -> None:
    known = contracts("2025-01-01 - 2026-03-05 2024-12-01")
    assert running(known, "2026-03-05") == [0]
    assert running(known, "2026-03-05", 1) == []


def test_a_contract_that_is_not_on_record_does_not_run() -> None:
    known = contracts("2025-01-01 - - 2025-02-01")
    assert running(known, "2025-02-01") == []
    assert running(known, "2025-02-01", 1) == [0]


def test_days_begin_where_the_organisation_is() -> None:
    log = contracts("2025-01-01 2026-01-01 - 2024-12-01", zone="Asia/Tokyo").contract_log
    assert clock.instant(int(log.starts[0])) == moment("2024-12-31T15:00")
    assert clock.instant(int(log.ends[0])) == moment("2025-12-31T15:00")


def test_no_one_leaves_between_the_cohort_and_the_window() -> None:
    # Whatever the moment, a client that leaves at L is running at every as_of up to L, and at none after it.
    known = contracts("2025-01-01 2026-01-01 - 2024-12-01")
    left = clock.instant(int(known.contract_log.leaves[0]))
    log = known.contract_log
    around = [left - MICROSECOND, left, left + MICROSECOND]
    assert [bool(log.running(clock.micros(at), GRACE).any()) for at in around] == [True, True, False]


def test_contracts_stand_in_the_order_in_which_they_start_whatever_becomes_of_them() -> None:
    quiet = contracts("2025-01-01 2027-01-01 - 2024-12-01", "2025-06-01 2026-01-01 - 2025-05-01")
    ends = contracts("2025-01-01 2027-01-01 2025-07-01 2024-12-01", "2025-06-01 2026-01-01 - 2025-05-01")
    assert quiet.contract_log.monthly.tolist() == ends.contract_log.monthly.tolist() == [1, 2]


def test_returns_stand_beside_the_orders_and_not_among_them() -> None:
    known = dataset(orders="order_id | account_id | ordered_at | amount\nO1 | A1 | 2026-01-01 | 5\nO2 | A1 | 2026-01-02 | -3")
    assert known.order_log.amount.tolist() == [5]
    assert known.client_logs.returns.amount.tolist() == [-3]
    assert np.isnan(known.client_logs.orders.cost).all()


def test_without_orders_there_are_no_returns() -> None:
    assert len(contracts("2025-01-01 - - 2024-12-01").client_logs.returns.client) == 0


def test_a_log_of_a_table_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        _ = dataset(orders=ORDERS).client_logs.tickets


def test_contacts_are_in_order_those_by_the_client_first_and_without_ones_own_work() -> None:
    drawn = """
        activity_id | account_id | kind  | direction | logged_at
        E1          | A2         | call  | out       | 2026-03-01
        E2          | A1         | email | out       | 2026-03-02
        E3          | A1         | email | in        | 2026-03-02
        E4          | A1         | note  |           | 2026-03-03
        E5          |            | call  | in        | 2026-03-03
    """
    log = dataset(orders=ORDERS, activities=drawn).client_logs.contacts
    assert log.direction.tolist() == [IN, OUT, OUT]
    assert log.client.tolist() == [0, 0, 1]


def test_answers_are_shares_of_their_scale() -> None:
    log = clientele().client_logs.surveys
    assert [(SURVEYS[kind], float(share)) for kind, share in zip(log.kind, log.share, strict=True)] == [
        ("nps", 0.9),
        ("csat", 0.25),
        ("nps", 1.0),
    ]
