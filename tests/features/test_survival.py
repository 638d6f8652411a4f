"""Kaplan-Meier and Aalen-Johansen against scipy, against plain loops, and against what must hold without censoring."""

from math import inf

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import CensoredData, ecdf

from features.survival import Curves, Incidence, cumulative_incidence, kaplan_meier
from tests.oracles.survival import Row, median, shares

N_GROUPS = 3
DAYS = st.integers(0, 12).map(float)
ROWS = st.lists(st.tuples(st.integers(-1, N_GROUPS - 1), DAYS, st.integers(0, 2), st.one_of(st.just(-inf), DAYS)), max_size=40)

TEN_EXITS = np.array([10, 20, 20, 30, 40, 50, 5, 25, 35, 60], dtype=np.float64)
TEN_ENDED = np.arange(10) < 6
ONE_GROUP = np.zeros(10, dtype=np.int64)


def columns(
    rows: list[Row],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    group, exits, cause, entry = zip(*rows, strict=True) if rows else ((), (), (), ())
    return (
        np.array(group, dtype=np.int64),
        np.array(exits, dtype=float),
        np.array(cause, dtype=np.int64),
        np.array(entry, dtype=float),
    )


def curves(rows: list[Row]) -> Curves:
    group, exits, cause, entry = columns(rows)
    return kaplan_meier(group, exits, cause > 0, N_GROUPS, entry)


def incidence(rows: list[Row], prior: float = 0.0) -> Incidence:
    group, exits, cause, entry = columns(rows)
    return cumulative_incidence(group, exits, cause, N_GROUPS, 2, entry, prior)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_medians_and_limits_agree_with_a_plain_loop(rows: list[Row]) -> None:
    found = curves(rows).quantiles()
    expected = np.array([median(rows, group) for group in range(N_GROUPS)])
    np.testing.assert_allclose(np.stack([found.time, found.low, found.high], axis=1), expected)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.sampled_from([3.0, 7.0, inf]), st.sampled_from([0.0, 5.0]))
def test_incidence_agrees_with_a_plain_loop(rows: list[Row], horizon: float, prior: float) -> None:
    expected = [shares(rows, group, horizon, prior) for group in range(N_GROUPS)]
    found = incidence(rows, prior)
    np.testing.assert_allclose(found.at(horizon), expected, atol=1e-12)
    np.testing.assert_allclose(found.at(horizon).sum(axis=1) + found.still_at(horizon), 1.0)


def test_curve_and_band_agree_with_scipy() -> None:
    rng = np.random.default_rng(1)
    exits, ended = np.round(rng.exponential(50.0, 300)), rng.random(300) < 0.6
    ours = kaplan_meier(np.zeros(300, dtype=np.int64), exits, ended, 1)
    theirs = ecdf(CensoredData(uncensored=exits[ended], right=exits[~ended])).sf
    at = np.searchsorted(theirs.quantiles, ours.time)
    np.testing.assert_allclose(ours.survival, theirs.probabilities[at])
    band = theirs.confidence_interval(method="log-log")
    np.testing.assert_allclose(ours.band(), [band.low.probabilities[at], band.high.probabilities[at]])


def test_the_ten_deals_of_the_docstring() -> None:
    found = kaplan_meier(ONE_GROUP, TEN_EXITS, TEN_ENDED, 1)
    assert found.at_risk.tolist() == [9, 8, 5, 3, 2]
    assert found.survival == pytest.approx([8 / 9, 2 / 3, 8 / 15, 16 / 45, 8 / 45])
    assert found.quantiles().time.tolist() == [40]
    assert np.isnan(found.quantiles().high[0])


def test_the_curve_is_unknown_beyond_what_was_watched() -> None:
    found = kaplan_meier(ONE_GROUP, TEN_EXITS, TEN_ENDED, 1)
    assert found.at(60.0) == pytest.approx([8 / 45])
    assert np.isnan(found.at(61.0)[0])
    everything = kaplan_meier(ONE_GROUP, TEN_EXITS, np.ones(10, dtype=bool), 1)
    assert everything.at(61.0).tolist() == [0.0]


@settings(max_examples=40, deadline=None)
@given(st.lists(DAYS, min_size=1, max_size=20))
def test_without_censoring_the_median_is_the_ordinary_one(exits: list[float]) -> None:
    group, lasted = np.zeros(len(exits), dtype=np.int64), np.array(exits)
    assert kaplan_meier(group, lasted, np.ones(len(exits), dtype=bool), 1).quantiles().time[0] == np.median(lasted)
    cause = np.where(np.arange(len(exits)) % 3 == 0, 1, 2)
    assert cumulative_incidence(group, lasted, cause, 1, 2).quantile(1)[0] == np.median(lasted[cause == 1])


def test_without_censoring_incidence_is_a_share_with_binomial_variance() -> None:
    exits, cause = np.array([1.0, 2, 2, 3, 5, 8, 8, 9]), np.array([1, 2, 1, 2, 1, 2, 2, 2])
    found = cumulative_incidence(np.zeros(8, dtype=np.int64), exits, cause, 1, 2)
    assert found.at()[0] == pytest.approx([3 / 8, 5 / 8])
    assert found.at(2.0)[0] == pytest.approx([2 / 8, 1 / 8])
    assert found.variance(1)[0] == pytest.approx(3 / 8 * 5 / 8 / 8)
    assert found.variance(2, 3.0)[0] == pytest.approx(2 / 8 * 6 / 8 / 8)


def test_open_deals_lower_neither_rate_when_they_end_as_the_others() -> None:
    """Losses come early here, wins late: among the closed, the lost are too many, and the open deals put that right."""
    rng = np.random.default_rng(4)
    won = rng.random(20_000) < 0.4
    lasts, watched = np.where(won, 60.0, 20.0), rng.uniform(0.0, 90.0, len(won))
    cause = np.where(lasts <= watched, np.where(won, 1, 2), 0)
    found = cumulative_incidence(np.zeros(len(won), dtype=np.int64), np.minimum(lasts, watched), cause, 1, 2)
    assert found.at()[0, 0] == pytest.approx(0.4, abs=0.02)
    assert (cause == 1).sum() / (cause > 0).sum() < 0.25


def test_a_small_group_leans_on_the_whole() -> None:
    group = np.repeat([0, 1], [3, 1000])
    cause = np.r_[np.ones(3), np.tile([1, 2, 2, 2], 250)].astype(np.int64)
    found = cumulative_incidence(group, np.ones(1003), cause, 2, 2, prior=20.0).at()[:, 0]
    whole = 253 / 1003
    assert found[0] == pytest.approx((3 + 20 * whole) / 23)
    assert found[1] == pytest.approx(0.25, abs=0.001)


@settings(max_examples=30, deadline=None)
@given(ROWS, ROWS)
def test_one_group_does_not_move_another_by_a_bit(rows: list[Row], others: list[Row]) -> None:
    own = [(0, *row[1:]) for row in rows if row[0] == 0]
    mixed = own + [(1, *row[1:]) for row in others]
    assert curves(own).quantiles().time[0].tobytes() == curves(mixed).quantiles().time[0].tobytes()
    assert incidence(own).at()[0].tobytes() == incidence(mixed).at()[0].tobytes()


def test_a_row_watched_from_later_on_is_silent_on_the_time_before() -> None:
    """Two of the three deals were already ten days old when the quarter began."""
    found = kaplan_meier(
        np.zeros(3, dtype=np.int64), np.array([5.0, 12, 20]), np.array([True, True, False]), 1, np.array([0.0, 10, 10])
    )
    assert found.at_risk.tolist() == [1, 2]


def test_nobody_there() -> None:
    nothing = np.array([], dtype=np.float64)
    none = np.array([], dtype=np.int64)
    assert np.isnan(kaplan_meier(none, nothing, nothing > 0, 2).quantiles().time).all()
    found = cumulative_incidence(none, nothing, none, 2, 2)
    assert found.at().tolist() == [[0, 0], [0, 0]]
    assert np.isnan(found.quantile(1)).all()
    assert np.isnan(found.variance(1)).all()
