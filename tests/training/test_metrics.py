import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from features.clock import Floats
from training.metrics import (
    Flags,
    auc,
    bins_of,
    brier,
    brier_parts,
    calibration_error,
    comparable_pairs,
    concordance,
    gains,
    lift,
    log_loss,
)

RNG = np.random.default_rng(1)
PREDICTED = RNG.uniform(0.01, 0.99, 500)
ACTUAL = RNG.random(500) < PREDICTED

answers = st.lists(st.tuples(st.booleans(), st.sampled_from([0.05, 0.2, 0.2, 0.5, 0.7, 0.95])), min_size=2, max_size=60)


def columns(rows: list[tuple[bool, float]]) -> tuple[Flags, Floats]:
    return np.array([one for one, _ in rows]), np.array([other for _, other in rows])


def test_they_agree_with_scikit_learn() -> None:
    assert log_loss(ACTUAL, PREDICTED) == pytest.approx(reference.log_loss(ACTUAL, PREDICTED))
    assert brier(ACTUAL, PREDICTED) == pytest.approx(reference.brier_score_loss(ACTUAL, PREDICTED))
    assert auc(ACTUAL, PREDICTED) == pytest.approx(reference.roc_auc_score(ACTUAL, PREDICTED))


@given(answers)
def test_auc_agrees_with_scikit_learn_where_predictions_are_tied(rows: list[tuple[bool, float]]) -> None:
    actual, predicted = columns(rows)
    if actual.all() or not actual.any():
        assert np.isnan(auc(actual, predicted))
    else:
        assert auc(actual, predicted) == pytest.approx(reference.roc_auc_score(actual, predicted))


def test_a_certain_and_wrong_answer_costs_much_but_not_everything() -> None:
    assert 15 < log_loss(np.array([True]), np.array([0.0])) < 25


def test_calibration_error_is_small_for_the_truth_and_large_for_a_shifted_one() -> None:
    rng = np.random.default_rng(2)
    truth = rng.uniform(0.1, 0.6, 50_000)
    happened = rng.random(50_000) < truth
    assert calibration_error(happened, truth) < 0.01
    assert calibration_error(happened, truth + 0.2) == pytest.approx(0.2, abs=0.01)


def test_calibration_error_of_one_answer_for_all_is_its_distance_from_the_rate() -> None:
    actual = np.array([True, False, False, False])
    assert calibration_error(actual, np.full(4, 0.4)) == pytest.approx(0.15)


@given(answers, st.integers(2, 12))
def test_the_parts_of_the_brier_score_add_up(rows: list[tuple[bool, float]], n_bins: int) -> None:
    actual, predicted = columns(rows)
    parts = brier_parts(actual, predicted, n_bins)
    assert parts.reliability - parts.resolution + parts.uncertainty == pytest.approx(brier(actual, predicted))
    assert parts.reliability >= 0
    assert 0 <= parts.uncertainty <= 0.25


def test_the_parts_of_the_brier_score_by_hand() -> None:
    # Two bins of two rows: said 0.25 where 0 came true, 0.75 where 0.5 did.
    parts = brier_parts(np.array([False, False, True, False]), np.array([0.25, 0.25, 0.75, 0.75]), 2)
    assert parts.reliability == pytest.approx(0.25**2)
    assert parts.resolution == pytest.approx(0.25**2)
    assert parts.uncertainty == pytest.approx(0.25 * 0.75)


@given(answers)
def test_bins_keep_equal_predictions_together_and_ascend(rows: list[tuple[bool, float]]) -> None:
    predicted = columns(rows)[1]
    bins = bins_of(predicted)
    order = np.argsort(predicted, kind="stable")
    assert (np.diff(bins[order]) >= 0).all()
    assert all(len(set(bins[predicted == value])) == 1 for value in predicted)
    assert set(bins) == set(range(bins.max() + 1))


def test_gains_and_lift_by_hand() -> None:
    actual = np.array([True, True, False, True, False, False, False, False, False, False])
    predicted = np.arange(10, 0, -1) / 10
    assert gains(actual, predicted, np.array([0.1, 0.2, 0.4, 1.0])).tolist() == pytest.approx([1 / 3, 2 / 3, 1.0, 1.0])
    assert lift(actual, predicted, 0.2) == pytest.approx((2 / 3) / 0.2)


def test_one_answer_for_all_gains_nothing() -> None:
    shares = np.arange(1, 11) / 10
    assert gains(ACTUAL, np.full(500, 0.3), shares) == pytest.approx(shares)


def test_gains_without_events_are_unknown() -> None:
    assert np.isnan(gains(np.zeros(3, dtype=bool), np.arange(3.0), np.array([0.5]))).all()


@given(st.integers(0, 10_000))
def test_pairs_are_those_that_a_slow_loop_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 25))
    cause, group = rng.integers(0, 3, n), rng.integers(0, 3, n)
    days = np.where(cause > 0, rng.integers(1, 6, n).astype(float), np.inf)
    slow = {
        (one, other)
        for one, other in itertools.permutations(range(n), 2)
        if group[one] == group[other] and cause[one] == 1 and (days[other] > days[one] or cause[other] != 1)
    }
    first, second = comparable_pairs(days, cause, group, 1)
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == slow


def test_a_sample_of_pairs_gives_nearly_the_same_c_index() -> None:
    rng = np.random.default_rng(4)
    days, group = rng.exponential(1.0, 600), np.zeros(600, dtype=np.int64)
    predicted, cause = -days + rng.normal(0, 0.5, 600), np.ones(600, dtype=np.int64)
    whole = concordance(predicted, comparable_pairs(days, cause, group, 1, limit=400_000))
    some = comparable_pairs(days, cause, group, 1, limit=20_000)
    assert len(some[0]) < 20_000
    assert concordance(predicted, some) == pytest.approx(whole, abs=0.01)


def test_the_c_index_without_pairs_is_unknown() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert np.isnan(concordance(PREDICTED, (nothing, nothing)))
