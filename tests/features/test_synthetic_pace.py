"""Operational time: one way and back, and the shocks of the future drawn anew."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.clock import Floats
from features.synthetic.pace import Clock, build_clock, hourly_pace

START, END = 19_814.0, 20_727.0
CLOCK = build_clock(START, END, rush=True, shock_sd=0.4, rng=np.random.default_rng(1))
DRAWN = CLOCK.redrawn(20_300.25, 0.4, 8, np.random.default_rng(2))


def day(text: str) -> float:
    return float(np.datetime64(text).astype("datetime64[h]").astype(np.int64) / 24)


@given(at=st.floats(START, END + 2000), draw=st.integers(0, 7))
def test_there_and_back_again(at: float, draw: int) -> None:
    there = DRAWN.operational(np.array([at]), draw)
    assert DRAWN.calendar(there, draw)[0] == pytest.approx(at, abs=1e-5)


@given(days=st.lists(st.floats(START, END + 5000), min_size=2, max_size=20, unique=True))
def test_time_only_goes_forward(days: list[float]) -> None:
    passed = CLOCK.operational(np.sort(np.array(days)))
    assert (np.diff(passed) >= 0).all()


def test_the_past_is_the_same_in_all_draws_and_the_future_is_not() -> None:
    days = np.array([START, 20_000.0, 20_300.25, 20_400.0])
    passed = np.stack([DRAWN.operational(days, draw) for draw in range(8)])
    assert np.allclose(passed[:, :3], CLOCK.operational(days)[:3])
    assert np.ptp(passed[:, 3]) > 1


def test_without_shocks_nothing_is_left_to_draw() -> None:
    calm = build_clock(START, END, rush=True, shock_sd=0.0, rng=np.random.default_rng(1))
    drawn = calm.redrawn(20_300.25, 0.0, 3, np.random.default_rng(2))
    days = np.linspace(START, END, 50)
    assert np.allclose(drawn.operational(days, 2), calm.operational(days))


def test_a_calm_year_has_about_as_many_operational_days_as_days() -> None:
    year = np.arange(day("2025-01-01T00") * 24, day("2026-01-01T00") * 24)
    assert hourly_pace(year, rush=False).mean() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("slow", "fast"),
    [
        ("2025-05-10T11", "2025-05-14T11"),
        ("2025-05-14T03", "2025-05-14T11"),
        ("2025-08-13T11", "2025-11-12T11"),
        ("2025-12-26T11", "2025-12-19T11"),
        ("2025-05-14T11", "2025-06-25T11"),
    ],
    ids=["weekend", "night", "summer", "christmas", "quarter-end"],
)
def test_the_slow_hours_are_slow(slow: str, fast: str) -> None:
    pace: Floats = hourly_pace(np.array([day(slow), day(fast)]) * 24, rush=True)
    assert pace[0] < 0.8 * pace[1]


def test_a_shock_lasts_for_its_month() -> None:
    shocks: Clock = CLOCK
    inside = shocks.shock(np.array([day("2025-05-01T00"), day("2025-05-31T23")]))
    assert inside[0] == inside[1]
    assert shocks.shock(np.array([day("2025-06-01T00")]))[0] != inside[0]
