"""The AUC of one column: by hand, by a slow oracle, and its bound by simulation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.audit.auc import NONE, auc, categories, lower_bound, of_categories, of_numbers
from features.audit.closing_dates import correlation_lower_bound, rank_correlation
from features.clock import Floats, Mask


def pairwise(score: Floats, won: Mask) -> float:
    """The definition: over all pairs of a won and a lost deal, how often the won one stands higher."""
    higher = score[won][:, None] > score[~won][None, :]
    equal = score[won][:, None] == score[~won][None, :]
    return float(np.mean(higher + equal / 2))


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2).filter(lambda rows: len({won for _, won in rows}) == 2))
def test_it_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    score, won = np.array([score for score, _ in rows], dtype=float), np.array([won for _, won in rows])
    assert auc(score, won) == pytest.approx(pairwise(score, won))


def test_one_side_alone_says_nothing() -> None:
    assert auc(np.array([1.0, 2.0]), np.array([True, True])) == 0.5
    assert of_categories(np.array([1, 2]), np.array([True, True])) == NONE


@pytest.mark.parametrize(("n", "bound"), [(10, 0.854), (20, 0.928), (100, 0.986)])
def test_telling_few_apart_without_fail_proves_less(n: int, bound: float) -> None:
    assert lower_bound(1.0, n, n) == pytest.approx(bound, abs=0.001)


@pytest.mark.parametrize("separation", [0.8, 2.0])
def test_the_bound_holds_in_nineteen_of_twenty_samples(separation: float) -> None:
    rng = np.random.default_rng(3)
    won = np.arange(90) < 30
    seen = [auc(rng.normal(size=90) + separation * won, won) for _ in range(400)]
    held = np.mean([lower_bound(value, 30, 60) <= np.mean(seen) for value in seen])
    assert 0.92 <= held <= 0.99


def test_a_column_of_unique_values_tells_nothing() -> None:
    won = np.random.default_rng(0).random(500) < 0.3
    assert of_categories(np.arange(500), won).auc == 0.5


def test_an_empty_cell_is_a_category_of_its_own() -> None:
    won = np.arange(200) % 2 == 0
    reason = pd.Series([f"reason {row}" for row in range(200)], dtype="str").mask(won)
    assert of_categories(categories(reason), won).auc == 1.0


def test_a_copy_with_one_error_in_twenty_has_095() -> None:
    rng = np.random.default_rng(1)
    won = rng.random(4000) < 0.3
    copied = won ^ (rng.random(4000) < 0.05)
    assert of_categories(copied.astype(np.int64), won).auc == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_may_rise_or_fall_with_the_outcome(sign: int) -> None:
    won = np.arange(100) >= 50
    assert of_numbers(sign * np.arange(100.0), won).auc == 1.0


def test_a_number_that_is_high_or_low_for_won_deals_is_found_in_bins() -> None:
    values = np.random.default_rng(2).normal(size=2000)
    assert of_numbers(values, np.abs(values) > 1).auc > 0.95


def test_a_number_that_is_zero_for_lost_deals_is_found() -> None:
    won = np.arange(300) % 3 == 0
    assert of_numbers(np.where(won, np.random.default_rng(0).random(300), 0.0), won).auc == 1.0


def test_noise_is_not_taken_for_a_leak() -> None:
    rng = np.random.default_rng(4)
    found = of_numbers(np.where(rng.random(800) < 0.2, np.nan, rng.normal(size=800)), rng.random(800) < 0.3)
    assert found.auc < 0.6
    assert found.lower < 0.55


def test_rank_correlation_and_its_bound() -> None:
    ahead = np.arange(50.0)
    assert rank_correlation(ahead, np.exp(ahead)) == pytest.approx(1.0)
    assert rank_correlation(ahead, np.ones(50)) == 0.0
    assert correlation_lower_bound(0.9, 50) == pytest.approx(0.83, abs=0.001)
    assert correlation_lower_bound(1.0, 50) > 0.99
