"""The kernels that count, add and average by client, against numpy on one client's rows at a time."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.clients.past import Past, at_rows, change, ratio
from features.clock import Floats, micros
from features.history import Rows
from features.snapshot import Snapshot
from tests.features.companies import AS_OF, dataset

NAN = float("nan")
N_CLIENTS = 4
DAY = 86_400_000_000
KNOWN = dataset(
    orders="order_id | account_id | ordered_at | amount\n" + "\n".join(f"O{i} | A{i} | 2025-01-01 | 1" for i in range(4))
)
SNAPSHOT = Snapshot(KNOWN, AS_OF)

rows = st.lists(
    st.tuples(st.integers(0, N_CLIENTS - 1), st.integers(1, 300), st.one_of(st.just(NAN), st.integers(-9, 99).map(float))),
    max_size=30,
).map(sorted)


def past(drawn: list[tuple[int, int, float]]) -> tuple[Past, Floats]:
    """Rows (client, day after the first, value) as all there is."""
    client = np.array([row[0] for row in drawn], dtype=np.int64)
    time = np.array([micros(AS_OF) - (301 - row[1]) * DAY for row in drawn], dtype=np.int64)
    kept = np.ones(len(drawn), dtype=bool)
    return Past(SNAPSHOT, "orders", client, time, kept, np.arange(N_CLIENTS)), np.array([row[2] for row in drawn])


def one_by_one(drawn: list[tuple[int, int, float]], of: Callable[[Floats], float], least: int) -> list[float]:
    """What `of` says of the values that each client has; NaN where there are fewer than `least`."""
    values = [np.array([row[2] for row in drawn if row[0] == client and not np.isnan(row[2])]) for client in range(N_CLIENTS)]
    return [float(of(own)) if len(own) >= least else NAN for own in values]


@given(rows)
def test_means_medians_deviations_and_maxima(drawn: list[tuple[int, int, float]]) -> None:
    found, values = past(drawn)
    np.testing.assert_allclose(found.mean(values), one_by_one(drawn, np.mean, 1), atol=1e-9)
    np.testing.assert_allclose(found.median(values), one_by_one(drawn, np.median, 1), atol=1e-9)
    np.testing.assert_allclose(found.deviation(values), one_by_one(drawn, lambda own: float(np.std(own, ddof=1)), 2), atol=1e-9)
    np.testing.assert_allclose(found.largest(values), one_by_one(drawn, np.max, 1), atol=1e-9)


@given(rows)
def test_a_total_is_unknown_where_there_are_rows_without_a_value(drawn: list[tuple[int, int, float]]) -> None:
    found, values = past(drawn)
    total, some = np.array(one_by_one(drawn, np.sum, 0)), np.array(one_by_one(drawn, len, 0)) > 0
    np.testing.assert_allclose(found.total(values), np.where(some | (found.count() == 0), total, NAN))


@given(rows)
def test_how_many_different_ones(drawn: list[tuple[int, int, float]]) -> None:
    found, values = past(drawn)
    members = np.nan_to_num(values, nan=-1).astype(np.int64)
    own = [{row[2] for row in drawn if row[0] == client and row[2] >= 0} for client in range(N_CLIENTS)]
    n = np.array([float(len(each)) for each in own])
    np.testing.assert_array_equal(found.distinct(members), np.where((found.count() > 0) & (n == 0), NAN, n))


def test_answers_come_in_the_order_asked_for_and_for_each_client_asked() -> None:
    found, values = past([(0, 1, 5.0), (2, 1, 7.0), (2, 2, 9.0)])
    asked = Past(SNAPSHOT, "orders", found.client, found.time, found.kept, np.array([2, 1, 2]))
    assert asked.count().tolist() == [2, 0, 2]
    np.testing.assert_array_equal(asked.median(values), [8, NAN, 8])
    assert asked.last().tolist() == [2, -1, 2]


def test_a_window_ends_where_the_one_before_it_begins() -> None:
    found, _ = past([(0, 211, 1.0), (0, 121, 1.0)][::-1])  # 180 and 90 days old
    assert found.within(90).kept.tolist() == [False, True]
    assert found.within(90, skip=90).kept.tolist() == [True, False]


def test_gaps_are_between_rows_that_count() -> None:
    found, _ = past([(0, 1, 1.0), (0, 4, 1.0), (0, 9, 1.0), (1, 10, 1.0)])
    np.testing.assert_array_equal(found.gaps(), [NAN, 3, 5, NAN])
    np.testing.assert_array_equal(found.where(np.array([True, False, True, True])).gaps(), [NAN, NAN, 8, NAN])


@pytest.mark.parametrize(
    ("now", "then", "expected"), [(1, 1, 0), (2, 0, 1), (0, 2, -1), (3, 1, 0.5), (0, 0, NAN), (-1, 2, NAN), (2, -1, NAN)]
)
def test_change_runs_from_nothing_left_to_all_new(now: float, then: float, expected: float) -> None:
    np.testing.assert_array_equal(change(np.array([now]), np.array([then])), [expected])


@pytest.mark.parametrize(("whole", "expected"), [(2.0, 1.5), (0.0, NAN), (-2.0, NAN), (NAN, NAN)])
def test_a_ratio_needs_a_positive_whole(whole: float, expected: float) -> None:
    np.testing.assert_array_equal(ratio(np.array([3.0]), np.array([whole])), [expected])


def test_no_row_has_no_value() -> None:
    picked: Rows = np.array([1, -1])
    np.testing.assert_array_equal(at_rows(np.array([4.0, 5.0]), picked), [5, NAN])
    np.testing.assert_array_equal(at_rows(np.empty(0), np.array([-1])), [NAN])
