import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import clock
from features.calendar import FiscalCalendar
from features.clock import Floats, Micros
from features.history import Rows
from training.curves import Curves
from training.labels import Outcomes
from training.pace import (
    MIN_QUARTER_DAYS,
    N_COLUMNS,
    N_CYCLES,
    WEEKS,
    Pace,
    PacedTime,
    fit_pace,
    fit_pace_of_rows,
    in_ordinary_days,
)

DAY = clock.MICROS_PER_DAY
START = clock.micros(pd.Timestamp("2024-01-01", tz="UTC"))
CALENDAR = FiscalCalendar()
EDGES = np.array([0.0, 7.0, 30.0, 90.0])


def spans(
    n_days: int, rush: float, weekend: float, n: int = 6000, seed: int = 1, summer: float = 1.0, holidays: float = 1.0
) -> tuple[Micros, Micros, Rows]:
    """Deals that begin evenly and end with 1 % on an ordinary day, times the pace of the day; the data ends unfinished ones."""
    rng = np.random.default_rng(seed)
    days = START // DAY + np.arange(n_days + 1)
    dates = pd.DatetimeIndex(days.astype("datetime64[D]"))
    last_fortnight = (dates + pd.offsets.QuarterBegin(startingMonth=1) - dates).days <= 14
    pace = np.where(dates.day_of_week >= 5, weekend, 1.0) * np.where(last_fortnight, rush, 1.0)
    pace = pace * np.where(dates.month.isin([7, 8]), summer, 1.0)
    turn = ((dates.month == 12) & (dates.day > 24)) | ((dates.month == 1) & (dates.day < 8))
    pace = pace * np.where(turn, holidays, 1.0)
    passed = np.concatenate([[0.0], np.cumsum(pace)])
    begun = rng.uniform(0, n_days, n)
    until = np.interp(begun, np.arange(n_days + 2), passed) + rng.exponential(100.0, n)
    over = np.interp(until, passed, np.arange(n_days + 2), right=n_days)
    cause = np.where(over < n_days, 1, 0)
    return START + (begun * DAY).astype(np.int64), START + (np.minimum(over, n_days) * DAY).astype(np.int64), cause


def fitted(n_days: int = 800, rush: float = 2.0, weekend: float = 0.2) -> Floats:
    begun, over, cause = spans(n_days, rush, weekend)
    return np.asarray(np.exp(fit_pace(begun, over, cause, START + n_days * DAY, CALENDAR, 1).weights[0]))


def test_weekends_and_the_rush_of_a_quarters_end_are_found() -> None:
    factors = fitted()
    assert factors[5:7].mean() / factors[:5].mean() == pytest.approx(0.2, rel=0.25)
    assert factors[7 + WEEKS : 7 + WEEKS + 2] == pytest.approx(2.0, rel=0.2)
    assert factors[[7, 8, 9, 7 + WEEKS + 2]] == pytest.approx(1.0, rel=0.2)


def test_an_even_calendar_stays_even() -> None:
    assert fitted(rush=1.0, weekend=1.0) == pytest.approx(1.0, abs=0.15)


def test_a_short_history_learns_weekdays_but_no_quarters() -> None:
    factors = fitted(n_days=MIN_QUARTER_DAYS - 50)
    assert factors[5:7].mean() < 0.4
    assert factors[7:] == pytest.approx(1.0)


def test_too_little_to_learn_from_is_an_even_pace() -> None:
    begun, over, cause = spans(60, 2.0, 0.2, n=40)
    assert not fit_pace(begun, over, cause, START + 60 * DAY, CALENDAR, 1).weights.any()
    nobody = np.empty(0, dtype=np.int64)
    assert not fit_pace_of_rows(nobody, nobody, Outcomes(np.empty(0), nobody, np.empty(0)), CALENDAR, 2).weights.any()


def test_rows_of_a_unit_count_once_and_from_their_first_date() -> None:
    begun, over, cause = spans(800, 2.0, 0.2)
    follow_up = (START + 800 * DAY - begun) / DAY
    days = np.where(cause > 0, (over - begun) / DAY, np.inf)
    unit = np.random.default_rng(7).permutation(len(begun))
    once = fit_pace_of_rows(unit, begun, Outcomes(days, cause, follow_up), CALENDAR, 1)
    later = clock.plus_days(begun, 1.0)
    keep = days > 1
    seen = Outcomes(np.r_[days[keep] - 1, days], np.r_[cause[keep], cause], np.r_[follow_up[keep] - 1, follow_up])
    twice = fit_pace_of_rows(np.r_[unit[keep], unit], np.r_[later[keep], begun], seen, CALENDAR, 1)
    np.testing.assert_allclose(once.weights, twice.weights)


@settings(max_examples=30)
@given(st.integers(0, 800), st.lists(st.floats(-1.5, 1.5), min_size=2 * N_COLUMNS, max_size=2 * N_COLUMNS))
def test_paced_hazards_are_probabilities_and_more_pace_is_more_of_each_cause(day: int, weights: list[float]) -> None:
    pace = Pace(CALENDAR, np.array(weights).reshape(2, N_COLUMNS))
    hazards = np.tile([0.7, 0.2, 0.1], (1, 3, 1))
    as_of = np.array([START + day * DAY])
    paced = pace.paced(hazards, as_of, EDGES)
    np.testing.assert_allclose(paced.sum(axis=-1), 1.0)
    assert (paced > 0).all()
    faster = Pace(CALENDAR, pace.weights + 0.5).paced(hazards, as_of, EDGES)
    assert (np.cumprod(faster[..., 0], axis=1) < np.cumprod(paced[..., 0], axis=1)).all()


def test_a_slow_week_puts_off_all_that_would_have_come_later() -> None:
    weights = np.zeros((2, N_COLUMNS))
    weights[:, 7] = np.log(0.5)  # the first week of a quarter
    hazards = np.array([[[0.9, 0.06, 0.04], [0.5, 0.3, 0.2], [0.8, 0.1, 0.1]]])
    paced = Pace(CALENDAR, weights).paced(hazards, np.array([START]), EDGES)
    passed = -np.log(np.cumprod(hazards[0, :, 0]))
    for day, ordinary in ((7.0, 3.5), (30.0, 26.5)):
        still = np.exp(-np.interp(ordinary, EDGES, np.r_[0.0, passed]))
        assert np.prod(paced[0, : int(np.searchsorted(EDGES, day)), 0]) == pytest.approx(still)


def test_outcomes_in_ordinary_days_hold_what_the_pace_says() -> None:
    weights = np.random.default_rng(6).normal(0, 0.5, (2, N_COLUMNS))
    pace = Pace(CALENDAR, weights)
    outcomes = Outcomes(np.array([4.0, np.inf]), np.array([2, 0]), np.array([20.0, 9.0]))
    as_of = np.array([START, START + DAY])
    daily = pace.factors(START // DAY + np.arange(30))
    for cause, own in enumerate(in_ordinary_days(as_of, outcomes, pace)):
        assert own.days == pytest.approx([daily[:4, cause].sum(), np.inf])
        assert own.follow_up == pytest.approx([daily[:20, cause].sum(), daily[1:10, cause].sum()])


def test_a_slow_summer_is_found_that_came_each_year() -> None:
    begun, over, cause = spans(1500, 1.0, 1.0, n=12000, summer=0.5)
    factors = np.exp(fit_pace(begun, over, cause, START + 1500 * DAY, CALENDAR, 1).weights[0, N_CYCLES:])
    others = np.delete(factors, [6, 7])
    assert factors[[6, 7]] / others.mean() == pytest.approx(0.5, rel=0.2)
    assert others / others.mean() == pytest.approx(1.0, abs=0.15)


def test_the_holidays_at_the_turn_of_the_year_are_told_from_the_rush_they_fall_into() -> None:
    begun, over, cause = spans(1500, 2.0, 1.0, n=12000, holidays=0.35)
    pace = fit_pace(begun, over, cause, START + 1500 * DAY, CALENDAR, 1)
    dates = ["2027-12-22", "2027-12-27", "2028-01-05", "2028-01-12", "2027-09-27"]
    days = np.array(dates, dtype="datetime64[D]").astype(np.int64)
    ordinary, holiday, first, after, september = pace.factors(days)[:, 0]
    assert holiday / ordinary == pytest.approx(0.35, rel=0.3)
    assert first / after == pytest.approx(0.35, rel=0.3)
    assert september / ordinary == pytest.approx(1.0, rel=0.2)


def test_hazards_of_adjoining_buckets_are_those_of_the_whole() -> None:
    pace = Pace(CALENDAR, np.random.default_rng(3).normal(0, 0.5, (2, N_COLUMNS)))
    as_of = np.array([START + 61 * DAY + DAY // 3, START + 5 * DAY])
    even = np.exp(-np.diff(EDGES) / 100.0)[:, None]
    hazards = np.tile(np.concatenate([even, (1 - even) * 0.4, (1 - even) * 0.6], axis=1), (2, 1, 1))
    stay = np.exp(-0.9)
    whole = np.tile([stay, (1 - stay) * 0.4, (1 - stay) * 0.6], (2, 1, 1))
    fine, coarse = pace.paced(hazards, as_of, EDGES), pace.paced(whole, as_of, EDGES[[0, 3]])
    np.testing.assert_allclose(np.prod(fine[..., 0], axis=1), coarse[:, 0, 0])


def test_an_even_pace_changes_nothing_to_the_bit() -> None:
    hazards = np.random.default_rng(4).dirichlet([5, 1, 1], (10, 3))
    assert (Pace.even(CALENDAR, 2).paced(hazards, np.full(10, START), EDGES) == hazards).all()


def test_it_survives_json() -> None:
    pace = Pace(CALENDAR, np.random.default_rng(5).normal(size=(2, N_COLUMNS)))
    assert (Pace.from_json(CALENDAR, pace.to_json()).weights == pace.weights).all()


def test_inside_a_bucket_the_weekend_passes_slowly() -> None:
    weights = np.zeros((1, N_COLUMNS))
    weights[0, 5:7] = np.log(0.1)
    saturday = clock.micros(pd.Timestamp("2026-05-16", tz="UTC"))
    time = PacedTime(Pace(FiscalCalendar("UTC"), weights), np.array([saturday]), 7.0)
    curves = Curves(np.array([0.0, 3.0, 7.0]), np.array([[[0.5, 0.5], [0.9, 0.1]]]), 7.0, time)
    assert float(curves.still(2.0)[0]) == pytest.approx(0.5 ** (0.2 / 1.2))
    assert float(curves.still(3.0)[0]) == pytest.approx(0.5)


def test_paced_days_agree_with_a_count_by_the_hour() -> None:
    weights = np.random.default_rng(3).normal(0, 0.5, (2, N_COLUMNS))
    pace, at = Pace(FiscalCalendar("Europe/Berlin"), weights), clock.micros(pd.Timestamp("2026-06-20T15:00", tz="UTC"))
    hours = at + np.arange(24 * 20) * 3_600_000_000
    slow = pace.factors(clock.local_days(hours, "Europe/Berlin")).sum(axis=0) / 24
    found = PacedTime(pace, np.array([at, at]), 30.0).of(np.array([0, 1]), np.array([20.0, 0.0]))
    np.testing.assert_allclose(found, [slow, [0.0, 0.0]], atol=1e-9)
