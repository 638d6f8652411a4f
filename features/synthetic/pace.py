"""Operational time: how fast the work of a whole company runs at each hour of the calendar.

Deals do not age by the clock on the wall. Nights and weekends hardly count, August is slow, the last two weeks of a quarter are
fast, and some months go better than others for everybody. So all processes of the generator run in *operational time*, and one
time change carries them to the calendar: its rate is hour of the day × weekday × season × quarter-end rush × exp(shock of the
month). Averaged over a calm year an operational day lasts a day.

Example: a sojourn of 5 operational days that begins on Friday, 16 May 2025, at noon. The rest of that Friday gives 0.72 of them,
the weekend 0.22, so it ends on Wednesday. Five weeks later, in the last fortnight of the quarter, it would end on Monday night.

The calm part is a table by the hour, the shocks multiply it month by month, and both are linear in between: the way there and
the way back are table lookups. A clock may hold many *draws* of the shocks, which is how the truth integrates them out.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from features.clock import Floats
from features.history import Rows
from features.synthetic.batch import month_starts, months_of

HOURS: Final = np.repeat([0.02, 0.9, 2.2, 1.2, 2.2, 0.9, 0.05], [7, 2, 3, 1, 4, 2, 5])
WEEK: Final = np.array([1.22, 1.32, 1.32, 1.30, 1.14, 0.12, 0.08])
SEASON: Final = np.array([0.88, 0.98, 1.06, 1.0, 1.0, 1.06, 0.84, 0.70, 1.12, 1.08, 1.12, 0.95])
HOLIDAYS: Final = 0.35
RUSH_DAYS: Final = 14
RUSH: Final = 2.1
HANGOVER: Final = 0.7
PAST_DAYS: Final = 90
FUTURE_DAYS: Final = 1600
FOREVER: Final = 1.0e6


@dataclass(frozen=True)
class Clock:
    """The time change between calendar and operational days.

    days    (n,) calendar days of the table
    calm    (n,) operational days passed by then, shocks left out
    starts  (m,) calm time at which each period begins
    shocks  (draws, m) logarithm of each period's pace
    """

    days: Floats
    calm: Floats
    starts: Floats
    shocks: Floats

    @cached_property
    def _pace(self) -> Floats:
        return np.exp(self.shocks)

    @cached_property
    def _reached(self) -> Floats:
        """(draws, m) operational time at which each period begins."""
        passed = np.cumsum(self._pace[:, :-1] * np.diff(self.starts), axis=1)
        return np.concatenate([np.zeros((len(passed), 1)), passed], axis=1)

    @cached_property
    def _shelves(self) -> Floats:
        """The draws laid end to end, so that one search finds the periods of all."""
        return np.ravel(self._reached + FOREVER * np.arange(len(self.shocks))[:, None])

    def operational(self, days: Floats, draw: Rows | int = 0) -> Floats:
        """Operational time at each calendar day."""
        calm = np.interp(days, self.days, self.calm)
        period = np.searchsorted(self.starts, calm, side="right") - 1
        return np.asarray(self._reached[draw, period] + self._pace[draw, period] * (calm - self.starts[period]))

    def calendar(self, operational: Floats, draw: Rows | int = 0) -> Floats:
        """The calendar day at which each operational time is reached; the inverse of `operational`."""
        shelf = np.searchsorted(self._shelves, operational + FOREVER * draw, side="right") - 1
        period = np.minimum(shelf - np.asarray(draw) * len(self.starts), len(self.starts) - 1)
        calm = self.starts[period] + (operational - self._reached[draw, period]) / self._pace[draw, period]
        return np.asarray(np.interp(calm, self.calm, self.days))

    def shock(self, days: Floats, draw: Rows | int = 0) -> Floats:
        """The shock of the period that each calendar day lies in."""
        period = np.searchsorted(self.starts, np.interp(days, self.days, self.calm), side="right") - 1
        return np.asarray(self.shocks[draw, period])

    def redrawn(self, day: float, sd: float, n_draws: int, rng: np.random.Generator) -> "Clock":
        """The same past, and from `day` on the shocks drawn anew: the rest of the running month gets a shock of its own."""
        cut = np.interp(day, self.days, self.calm)
        starts = np.union1d(self.starts, [cut])
        period = np.searchsorted(self.starts, starts, side="right") - 1
        drawn = rng.normal(0.0, sd, (n_draws, len(self.starts)))[:, period]
        return Clock(self.days, self.calm, starts, np.where(starts < cut, self.shocks[0, period], drawn))


def build_clock(start: float, end: float, *, rush: bool, shock_sd: float, rng: np.random.Generator) -> Clock:
    """The clock of a history from `start` to `end` (days since 1970), and of the years after it."""
    hours = np.arange((start - PAST_DAYS) * 24, (end + FUTURE_DAYS) * 24)
    calm = np.cumsum(hourly_pace(hours, rush=rush)) / 24
    days = np.concatenate([hours / 24, [(hours[-1] + 1) / 24, (hours[-1] + 1) / 24 + FOREVER]])
    passed = np.concatenate([[0.0], calm, [calm[-1] + FOREVER]])
    first, last = months_of(days[[0, -2]])
    begins = month_starts(np.arange(first + 1, last + 1))
    starts = np.concatenate([[0.0], np.interp(begins, days, passed)])
    return Clock(days, passed, starts, rng.normal(0.0, shock_sd, (1, len(starts))))


def hourly_pace(hours: Floats, *, rush: bool) -> Floats:
    """Operational days a calendar day during each hour (counted since 1970), without shocks."""
    days = np.floor(hours / 24)
    of_day = HOURS[(hours % 24).astype(np.int64)] / HOURS.mean()
    of_week = WEEK[((days + 3) % 7).astype(np.int64)] / WEEK.mean()
    pace = of_day * of_week * season(days)
    return np.asarray(pace * quarter_end(days) if rush else pace)


def season(days: Floats) -> Floats:
    """The year's shape: a slow summer, a busy autumn, nothing around Christmas."""
    month = months_of(days)
    day = days - month_starts(month)
    calendar_month = month % 12
    christmas = ((calendar_month == 11) & (day >= 23)) | ((calendar_month == 0) & (day < 5))
    return np.asarray(SEASON[calendar_month] * np.where(christmas, HOLIDAYS, 1.0))


def quarter_end(days: Floats) -> Floats:
    """The rush of a quarter's last two weeks, and the quiet two weeks after it."""
    quarter = months_of(days) // 3
    gone = days - month_starts(quarter * 3)
    left = month_starts(quarter * 3 + 3) - days
    return np.where(left <= RUSH_DAYS, RUSH, np.where(gone < RUSH_DAYS, HANGOVER, 1.0))
