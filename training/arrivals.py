"""How many deals will be created, day by day, and how sure that is.

A regularised Poisson regression of the daily counts on weekday, time of year (two harmonics, from a year and a half of history
on) and trend, the recent past weighing more; its level is then moved to that of the last weeks. What the regression cannot know
shows in its own past: it is refitted at earlier dates, and how far the counts of the days after them fell from its expectation,
beyond what Poisson noise explains, is the variance of a factor that all arrivals of one forecast share. So the number is
negative binomial, and as uncertain as it was.

Worked example: 4.1 deals a working day were created lately, a quarter has 64 of them, so 262 are expected. Past quarters fell
from such an expectation by a tenth beyond noise: 80 % of the draws lie between 225 and 301, not between 241 and 283.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from threadpoolctl import threadpool_limits

from features import clock
from features.clock import Floats, Micros
from features.history import Rows

if TYPE_CHECKING:
    from sklearn.linear_model import PoissonRegressor

YEAR: Final = 365.25
SEASON_FROM_DAYS: Final = 550
HALF_LIFE_DAYS: Final = 365.0
RECENT_DAYS: Final = 56
RECENT_PRIOR: Final = 30.0
"""The regression's level counts as much as this many recent arrivals."""
PENALTY: Final = 1e-3
MIN_DAYS: Final = 21
CUTOFFS: Final = 16
MIN_WINDOWS: Final = 3
SPREADS: Final = (7, 30, 91, 182, 365)
NO_EVIDENCE: Final = 0.04
"""Relative variance where there is no past to judge by: a fifth up or down."""


@dataclass(frozen=True)
class Arrivals:
    """Expected arrivals by day.

    first_day  the day of the first record, counted since 1970 in the organisation's zone
    n_days     days observed, up to the as_of
    level      factor that moves the regression to the last weeks
    spread     (len(SPREADS),) relative variance of the shared factor, for windows of so many days
    """

    first_day: int
    n_days: int
    regression: "PoissonRegressor | None"
    level: float
    flat: float
    spread: Floats

    def daily(self, days: Floats) -> Floats:
        """Expected arrivals on each day (counted since 1970)."""
        if self.regression is None or not len(days):
            return np.full(len(days), self.flat)
        inputs = _inputs(days, self.first_day, self.n_days)
        return np.asarray(self.level * self.regression.predict(inputs))

    def relative_variance(self, n_days: float) -> float:
        """Of the factor shared by all arrivals of the next `n_days`."""
        return float(np.interp(n_days, SPREADS, self.spread))


def fit_arrivals(created: Micros, as_of: int, zone: str) -> Arrivals:
    """Learn from the moments at which deals came on record, all before as_of."""
    counts, first_day = _daily_counts(created, as_of, zone)
    # Threads that wait spin, and cost more than they bring on matrices as small as these.
    with threadpool_limits(1):
        whole = _fit(counts, first_day)
        spread = _spreads(counts, first_day)
    known = np.flatnonzero(~np.isnan(spread))
    filled = np.interp(SPREADS, np.array(SPREADS)[known], spread[known]) if len(known) else np.full(len(SPREADS), NO_EVIDENCE)
    return Arrivals(first_day, len(counts), whole.regression, whole.level, whole.flat, filled)


@dataclass(frozen=True)
class _Fit:
    regression: "PoissonRegressor | None"
    level: float
    flat: float


def _daily_counts(created: Micros, as_of: int, zone: str) -> tuple[Floats, int]:
    """Arrivals on each whole day up to as_of, and the first of these days."""
    days = clock.local_days(created, zone)
    today = int(clock.local_days(np.array([as_of]), zone)[0])
    first = int(days.min(initial=today))
    return np.bincount(days - first, minlength=max(today - first, 1))[: max(today - first, 1)].astype(np.float64), first


def _fit(counts: Floats, first_day: int) -> _Fit:
    n = len(counts)
    recent = slice(max(0, n - RECENT_DAYS), n)
    if n < MIN_DAYS or not counts.any():
        return _Fit(None, 1.0, float(counts.mean()))
    days = first_day + np.arange(n, dtype=np.float64)
    inputs = _inputs(days, first_day, n)
    weights = 0.5 ** (np.arange(n)[::-1] / HALF_LIFE_DAYS)
    from sklearn.linear_model import PoissonRegressor  # not above: who only answers never fits

    regression = PoissonRegressor(alpha=PENALTY, solver="newton-cholesky").fit(inputs, counts, sample_weight=weights)
    expected = regression.predict(inputs)[recent].sum()
    return _Fit(regression, float((counts[recent].sum() + RECENT_PRIOR) / (expected + RECENT_PRIOR)), float(counts.mean()))


def _inputs(days: Floats, first_day: int, n_days: int) -> Floats:
    """Weekday, time of year and trend of each day; the trend stops at the end of what was observed."""
    weekday = (days.astype(np.int64) + 3) % 7
    columns = [(weekday == day).astype(np.float64) for day in range(7)]
    if n_days >= SEASON_FROM_DAYS:
        angle = 2 * np.pi * days / YEAR
        columns += [turn(k * angle) for k in (1, 2) for turn in (np.sin, np.cos)]
    trend = np.minimum(days - first_day, n_days) / YEAR if n_days >= SEASON_FROM_DAYS else np.zeros(len(days))
    return np.column_stack([*columns, trend])


def _spreads(counts: Floats, first_day: int) -> Floats:
    """(len(SPREADS),) relative variance, beyond Poisson noise, of past counts around what would have been expected of them.

    NaN for windows of which the history holds too few. Early dates, which had seen little, count less than late ones.
    """
    n, first = len(counts), max(MIN_DAYS, len(counts) // 3)
    cutoffs = np.unique(np.linspace(first, max(n - SPREADS[0], first), CUTOFFS).astype(np.int64))
    ahead = [_expected(counts[:cut], first_day, n - int(cut)) for cut in cutoffs]
    return np.array([_spread(counts, cutoffs, ahead, n_days) for n_days in SPREADS])


def _spread(counts: Floats, cutoffs: Rows, ahead: list[Floats], n_days: int) -> float:
    whole = [k for k, days in enumerate(ahead) if len(days) >= n_days and days[:n_days].sum() > 0]
    if len(whole) < MIN_WINDOWS:
        return float("nan")
    found = np.array([ahead[k][:n_days].sum() for k in whole])
    came = np.array([counts[cutoffs[k] : cutoffs[k] + n_days].sum() for k in whole])
    weights = cutoffs[whole].astype(np.float64)
    return max(0.0, float(np.average(((came - found) ** 2 - found) / found**2, weights=weights)))


def _expected(counts: Floats, first_day: int, n_days: int) -> Floats:
    """What would have been expected of the `n_days` after these counts."""
    past = _fit(counts, first_day)
    arrivals = Arrivals(first_day, len(counts), past.regression, past.level, past.flat, np.empty(0))
    return arrivals.daily(first_day + len(counts) + np.arange(n_days, dtype=np.float64))
