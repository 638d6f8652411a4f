"""Intervals against published figures and plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from features.kpis.interval import mean_interval, promoter_interval, wilson


@given(st.integers(1, 400), st.data())
def test_wilson_is_that_of_scipy(n: int, data: st.DataObject) -> None:
    won = data.draw(st.integers(0, n))
    low, high = wilson(np.array([float(won)]), np.array([float(n)]))
    theirs = stats.binomtest(won, n).proportion_ci(method="wilson")
    assert (low[0], high[0]) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_nothing_counted_has_no_interval() -> None:
    nothing = np.zeros(1)
    for low, high in (
        wilson(nothing, nothing),
        mean_interval(nothing, nothing, nothing),
        promoter_interval(nothing, nothing, nothing),
    ):
        assert np.isnan([low, high]).all()


def test_a_mean_is_judged_by_student() -> None:
    scores = np.array([5.0, 6.0, 7.0, 4.0])
    low, high = mean_interval(np.array([4.0]), np.array([scores.mean()]), np.array([(scores**2).sum()]))
    theirs = stats.t.interval(0.95, 3, scores.mean(), stats.sem(scores))
    assert (low[0], high[0]) == pytest.approx(theirs)


def test_one_answer_has_no_spread() -> None:
    assert np.isnan(mean_interval(np.ones(1), np.ones(1), np.ones(1))).all()


def test_promoters_by_hand() -> None:
    """3 answers, all promoters: (3.75 - .75) / 6 = .5, and sqrt((4.5 / 6 - .25) / 6) = .2887 around it, cut at 1."""
    low, high = promoter_interval(np.array([3.0]), np.array([0.0]), np.array([3.0]))
    assert low[0] == pytest.approx(0.5 - 1.96 * math.sqrt(0.5 / 6), abs=1e-4)
    assert high[0] == 1.0
