import numpy as np
import pandas as pd
import pytest

from features import clock
from features.clock import Micros
from features.snapshot import Snapshot
from features.synthetic import Settings, birth_truth, generate
from tests.training.forecasts import day, small_company
from training.arrivals import fit_arrivals
from training.births import Births, expected_births, fit_births

DAY = clock.MICROS_PER_DAY


def arrivals_at(rate: float, n_days: int, seed: int = 1) -> Micros:
    """Moments of a Poisson process, working days only, from the start of 2024 on."""
    rng, start = np.random.default_rng(seed), clock.micros(day("2024-01-01"))
    days = np.arange(n_days)
    counts = rng.poisson(np.where(days % 7 < 5, rate, 0.0))
    moments = start + np.repeat(days, counts) * DAY + rng.integers(0, DAY, counts.sum())
    return np.sort(moments)


def born(at: str, dirty: bool = False) -> Births:
    snapshot = Snapshot(small_company(dirty), day(at))
    return fit_births(snapshot, np.zeros(snapshot.dataset.n_deals, dtype=np.int64))


def ahead(births: Births, start: str, end: str) -> float:
    return float(expected_births(births, clock.micros(day(start)), clock.micros(day(end))).wins.sum())


def test_arrivals_know_weekdays_and_the_level() -> None:
    start, n = clock.micros(day("2024-01-01")), 364
    fitted = fit_arrivals(arrivals_at(6.0, n), start + n * DAY, "UTC")
    first = start // DAY + n
    week = fitted.daily(first + np.arange(7.0))
    assert week[:5].sum() == pytest.approx(30, rel=0.1)
    assert week[5:].max() < 0.3


def test_steady_arrivals_are_trusted_more_than_wild_ones() -> None:
    start, n = clock.micros(day("2024-01-01")), 700
    steady = arrivals_at(6.0, n)
    wild = np.sort(
        np.concatenate([arrivals_at(12.0 if quarter % 2 else 1.0, 91, quarter) + quarter * 91 * DAY for quarter in range(7)])
    )
    spreads = [fit_arrivals(each, start + n * DAY, "UTC").relative_variance(91) for each in (steady, wild)]
    assert spreads[0] < 0.02
    assert spreads[1] > 5 * spreads[0]


def test_a_few_days_of_history_are_enough_for_a_flat_rate() -> None:
    start = clock.micros(day("2024-01-01"))
    fitted = fit_arrivals(np.array([start, start + DAY]), start + 4 * DAY, "UTC")
    assert fitted.daily(np.array([start // DAY + 10.0]))[0] == pytest.approx(0.5)
    assert fitted.relative_variance(30) > 0


def test_expected_births_grow_with_the_window_and_fall_as_it_passes() -> None:
    births = born("2026-04-01")
    whole = ahead(births, "2026-04-01", "2026-07-01")
    assert 0 < ahead(births, "2026-04-01", "2026-05-01") < whole
    assert ahead(born("2026-06-15"), "2026-06-15", "2026-07-01") < whole


def test_windows_that_adjoin_add_up() -> None:
    births = born("2026-04-01")
    parts = ahead(births, "2026-04-01", "2026-05-10"), ahead(births, "2026-05-10", "2026-07-01")
    assert sum(parts) == pytest.approx(ahead(births, "2026-04-01", "2026-07-01"), rel=0.03)


def test_what_is_expected_comes_true_on_average() -> None:
    dataset = small_company()
    expected, came = 0.0, 0
    for first in pd.date_range("2025-07-01", "2026-06-01", freq="MS", tz="UTC"):
        last = min(first + pd.DateOffset(months=4), dataset.ends_at)
        expected += float(expected_births(born(str(first.date())), clock.micros(first), clock.micros(last)).wins.sum())
        end = Snapshot(dataset, last)
        came += int(((end.state == 1) & clock.within(dataset.deal_known, clock.micros(first), clock.micros(last))).sum())
    assert expected == pytest.approx(came, rel=0.5)


def test_births_late_in_a_quarter_are_won_in_the_rush_at_its_end() -> None:
    expected, true = 0.0, 0.0
    for seed in (3, 4, 5):
        company = generate(Settings(n_deals=2000, months=42, seed=seed))
        dataset, nowhere = company.dataset(), np.zeros(company.settings.n_deals, dtype=np.int64)
        for first in pd.date_range("2025-01-01", "2026-01-01", freq="QS", tz="UTC"):
            at, until = first + pd.Timedelta(days=30), first + pd.DateOffset(months=3)
            births = fit_births(Snapshot(dataset, at), nowhere)
            expected += float(expected_births(births, births.at, clock.micros(until)).wins.sum())
            true += birth_truth(company, at, until).wins
    assert expected == pytest.approx(true, rel=0.3)


def test_segments_share_all_births_between_them() -> None:
    births = born("2026-04-01", dirty=True)
    assert sum(each.share for each in births.segments) == pytest.approx(1.0)
    assert all((np.diff(each.won) >= -1e-12).all() and 0 <= each.won[-1] <= 1 for each in births.segments)


def test_fast_wins_are_not_priced_like_slow_ones() -> None:
    births = born("2026-04-01")
    fast, slow = (np.concatenate(births.amounts_within(0.0, days)).mean() for days in (150.0, 700.0))
    assert fast < slow
