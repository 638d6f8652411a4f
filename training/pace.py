"""How fast deals close on each day of the calendar, against an ordinary day: weekdays, and the rush of a period's end.

Nobody signs on a Sunday, and half of a quarter is signed in its last two weeks. A hazard by days since as_of mixes such days: the
bucket from day 21 to day 30 is a rush for one row and a lull for another. So the life table counts in *ordinary* days, of which a
slow day is less than one and a fast day more, for each cause its own; and each row's buckets get what the table says of the
ordinary days that they cover. A slow summer puts off what would have come later, instead of thinning it out: a deal that is two
stages from being won loses more by it than one that waits for a signature. Boosting starts where the calendar has been said.

For each cause the pace is a Poisson regression of the daily number of ends on weekday, week of the quarter and turn of the year,
relative to what the open deals of that day would bring at the rate of the weeks around it: a trend, or a bad quarter, is no
calendar. Weeks from the quarter's start and from its end have a level each, three of both; the middle is the ordinary. The last
week of December and the first of January have one more: holidays nearly everywhere, in the midst of the rush where the year ends
with the calendar's. A ridge of a standard deviation of a half (one, for weekdays and holidays) keeps thin histories at 1. The
months of the year have a factor that all causes share (`training.season`), as far as the data tell it from the luck of single
months.

Inside a bucket too time passes at the pace of its days (`PacedTime`): of a bucket from Saturday to Tuesday nearly nothing is over
on Sunday night, and a quarter that ends within a bucket has its rush before the end.

Worked example: in the last two weeks of a quarter wins come at 2 times the ordinary pace. A row stands 20 days before the end;
its bucket from day 7 to day 14 begins after 8 ordinary days and ends after 22. It gets what the table has from day 8 to day 22.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from features import clock
from features.calendar import FiscalCalendar
from features.clock import Floats, Micros
from features.history import Rows
from training.curves import from_intensities, intensities
from training.labels import Outcomes
from training.season import MONTHS, fit_season

WEEKS: Final = 3
"""Weeks from either end of a quarter that have a pace of their own."""
TURN: Final = 2
"""The weeks on either side of New Year."""
N_CYCLES: Final = 7 + 2 * WEEKS + TURN
N_COLUMNS: Final = N_CYCLES + MONTHS
AROUND_DAYS: Final = 91
PRIOR_SD: Final = np.repeat([1.0, 0.5, 1.0], [7, 2 * WEEKS, TURN])
"""Of the logarithms: on weekends and holidays there may be next to nothing."""
MIN_ENDS: Final = 30
MOST_REMEMBERED: Final = 256
MIN_DAYS: Final = 28
"""A shorter history has seen each weekday too few times."""
MIN_QUARTER_DAYS: Final = 400
"""A shorter history has seen each end of a quarter too few times to tell a rush from one good month; weekdays it has seen."""
MIN_SEASON_DAYS: Final = 550
"""A shorter history has seen no more than half of the year twice."""


@dataclass(frozen=True)
class Pace:
    """Pace of each cause: the logarithm of its factor is the sum of the weights of a day's weekday, week and month.

    weights  (causes, N_COLUMNS)
    """

    calendar: FiscalCalendar
    weights: Floats

    @classmethod
    def even(cls, calendar: FiscalCalendar, n_causes: int) -> "Pace":
        """Every day like every other."""
        return cls(calendar, np.zeros((n_causes, N_COLUMNS)))

    def factors(self, days: Rows) -> Floats:
        """(days, causes) pace of each day, counted since 1970."""
        # Column by column and no product of matrices, whose last digits depend on how many days are asked for.
        return np.asarray(np.exp((day_columns(days, self.calendar)[:, :, None] * self.weights.T).sum(axis=1)))

    @cached_property
    def _memory(self) -> dict[tuple[int, int], Floats]:
        return {}

    def by_day(self, day: int, n_days: int) -> Floats:
        """(n_days + 1, causes) paced days that have passed at the beginning of each day, from a local day on (since 1970).

        Remembered: deals that are posted one after the other mostly ask as of the same day.
        """
        found = self._memory.get((day, n_days))
        if found is None:
            if len(self._memory) >= MOST_REMEMBERED:
                self._memory.clear()
            daily = self.factors(day + np.arange(n_days))
            found = np.concatenate([np.zeros_like(daily[:1]), np.cumsum(daily, axis=0)])
            self._memory[day, n_days] = found
        return found

    def paced(
        self, hazards: Floats, as_of: Micros, edges: Floats, speed: Floats | None = None, cell: Rows | None = None
    ) -> Floats:
        """(rows, buckets, 1 + causes) hazards in buckets of ordinary days as those in each row's buckets of the calendar.

        `speed` (rows,) is how many ordinary days pass for each row on an ordinary day; None: one. `cell` (rows,) tells which of
        the hazards, (cells, buckets, 1 + causes), each row has; None: they are the rows' own.
        """
        if not len(as_of) or (speed is None and not self.weights.any()):
            return hazards if cell is None else hazards[cell]
        passed = np.concatenate([np.zeros_like(hazards[:, :1, 1:]), np.cumsum(intensities(hazards), axis=1)], axis=1)
        place, part = self._places(as_of, edges, speed)
        own, cause = np.arange(len(as_of)) if cell is None else cell, np.arange(passed.shape[2])
        below, above = (passed[own[:, None, None], place + step, cause] for step in (0, 1))
        return from_intensities(np.diff(below + part * (above - below), axis=1))

    def _places(self, as_of: Micros, edges: Floats, speed: Floats | None) -> tuple[Rows, Floats]:
        """(rows, edges, causes) in which bucket of ordinary days each edge lies, and at which fraction of it.

        Past the last edge the last bucket goes on.
        """
        moments, which = np.unique(as_of, return_inverse=True)
        time = PacedTime(self, moments, float(edges[-1]))
        each = np.repeat(np.arange(len(moments)), len(edges))
        ordinary = time.of(each, np.tile(edges, len(moments))).reshape(len(moments), len(edges), -1)
        if speed is not None:
            ordinary, which = ordinary[which] * speed[:, None, None], np.arange(len(speed))
        place = np.clip(np.searchsorted(edges, ordinary, side="right") - 1, 0, len(edges) - 2)
        part = (ordinary - edges[place]) / np.diff(edges)[place]
        return place[which], part[which]

    def to_json(self) -> list[list[float]]:
        return [[float(each) for each in row] for row in self.weights]

    @classmethod
    def from_json(cls, calendar: FiscalCalendar, stored: Any) -> "Pace":
        return cls(calendar, np.array(stored, dtype=np.float64))


@dataclass(frozen=True)
class PacedTime:
    """The time of some rows at a pace, as far as `longest` days after their as_of (`training.curves.Passing`)."""

    pace: Pace
    as_of: Micros
    longest: float

    def of(self, row: Rows, days: Floats) -> Floats:
        """(pairs, causes) days of ordinary pace from the as_of of the row of each pair to its day."""
        place = self._moments[1][row]
        gone, table, begun = self._table
        return _looked_up(table, place, gone[place] + days) - begun[place]

    @cached_property
    def _table(self) -> tuple[Floats, Floats, Floats]:
        """How much of its local day each moment has behind it; (moments, days, causes) paced days by the beginning of each day,
        from the moment's own day on; and until the moment."""
        local = [_local(int(moment), self.pace.calendar.timezone) for moment in self._moments[0]]
        gone = np.array([part for _, part in local])
        table = self._passed(np.array([day for day, _ in local]), int(np.ceil(self.longest)) + 2)
        return gone, table, _looked_up(table, np.arange(len(gone)), gone)

    def _passed(self, days: Rows, n_days: int) -> Floats:
        """(moments, n_days + 1, causes) ordinary days that have passed at the beginning of each day from each moment's day on."""
        if len(days) == 1:
            return self.pace.by_day(int(days[0]), n_days)[None]
        first = int(days.min())
        daily = self.pace.factors(first + np.arange(int(days.max()) - first + n_days))
        # Added up from each moment's own day on, as for a moment alone: differences of one long sum would have other last digits.
        own = np.cumsum(daily[(days - first)[:, None] + np.arange(n_days)], axis=1)
        return np.concatenate([np.zeros_like(own[:, :1]), own], axis=1)

    @cached_property
    def _moments(self) -> tuple[Micros, Rows]:
        """The different moments, and which of them each row has."""
        moments, which = np.unique(self.as_of, return_inverse=True)
        return moments, which


def _looked_up(table: Floats, place: Rows, day: Floats) -> Floats:
    """(pairs, causes) the table between its days, linear."""
    low = np.minimum(np.maximum(day.astype(np.int64), 0), table.shape[1] - 2)
    below, above = table[place, low], table[place, low + 1]
    return np.asarray(below + (day - low)[:, None] * (above - below))


def in_ordinary_days(as_of: Micros, seen: Outcomes, pace: Pace) -> list[Outcomes]:
    """For each cause the outcomes of rows with their days counted at its pace."""
    time, each = PacedTime(pace, as_of, float(seen.follow_up.max(initial=0.0))), np.arange(len(as_of))
    until, follow_up = (time.of(each, days) for days in (np.minimum(seen.days, seen.follow_up), seen.follow_up))
    days = np.where(np.isfinite(seen.days)[:, None], until, np.inf)
    return [Outcomes(days[:, k], seen.cause, follow_up[:, k]) for k in range(len(pace.weights))]


def fit_pace_of_rows(unit: Rows, as_of: Micros, seen: Outcomes, calendar: FiscalCalendar, n_causes: int) -> Pace:
    """Learn from training rows: each unit counts once, from the first date at which it stands among them."""
    if not len(unit):
        return Pace.even(calendar, n_causes)
    order = np.argsort(as_of, kind="stable")
    first = order[np.unique(unit[order], return_index=True)[1]]
    begun = as_of[first]
    days = np.minimum(seen.days[first], seen.follow_up[first])
    over = begun + (days * clock.MICROS_PER_DAY).astype(np.int64)
    until = int((as_of + (seen.follow_up * clock.MICROS_PER_DAY).astype(np.int64)).max())
    return fit_pace(begun, over, seen.cause[first].astype(np.int64), until, calendar, n_causes)


def fit_pace(begun: Micros, over: Micros, cause: Rows, as_of: int, calendar: FiscalCalendar, n_causes: int) -> Pace:
    """Learn from spans that are all known at as_of: when each began, when it ended (as_of where it has not), and how (0: not)."""
    zone = calendar.timezone
    first, last = clock.local_days(begun, zone), clock.local_days(over, zone)
    today = int(clock.local_days(np.array([as_of]), zone)[0])
    start = int(first.min(initial=today))
    n_days = today - start
    if n_days < MIN_DAYS:
        return Pace.even(calendar, n_causes)
    entered, left = (np.bincount(np.clip(days - start, 0, n_days), minlength=n_days + 1)[:n_days] for days in (first, last))
    at_risk = np.cumsum(entered) - (np.cumsum(left) - left)
    days = start + np.arange(n_days)
    columns = day_columns(days, calendar)[:, :N_CYCLES]
    if n_days < MIN_QUARTER_DAYS:
        columns[:, 7:] = 0.0
    ends = [np.bincount(last[cause == k] - start, minlength=n_days)[:n_days].astype(np.float64) for k in range(1, n_causes + 1)]
    weights = np.stack([_weights(each, at_risk, columns) for each in ends])
    season = np.zeros(MONTHS)
    if n_days >= MIN_SEASON_DAYS:
        rates = np.stack([each.sum() * np.exp(columns @ own) for each, own in zip(ends, weights, strict=True)])
        season = fit_season(_months(days), np.sum(ends, axis=0), at_risk * rates.sum(axis=0))
    return Pace(calendar, np.concatenate([weights, np.tile(season, (n_causes, 1))], axis=1))


def _weights(ends: Floats, at_risk: Rows, columns: Floats) -> Floats:
    """Log-factors of one cause."""
    if ends.sum() < MIN_ENDS:
        return np.zeros(columns.shape[1])
    from scipy.ndimage import uniform_filter1d  # not above: who only answers never fits
    from sklearn.linear_model import PoissonRegressor

    days = min(AROUND_DAYS, len(ends))
    around = [uniform_filter1d(each.astype(np.float64), days, mode="constant") for each in (ends, at_risk)]
    expected = at_risk * np.divide(around[0], around[1], out=np.zeros_like(ends), where=around[1] > 0)
    seen = expected > 0
    with threadpool_limits(1):
        # A column times its prior's standard deviation has a weight whose prior is standard normal.
        fitted = PoissonRegressor(alpha=1 / expected[seen].sum(), solver="newton-cholesky").fit(
            columns[seen] * PRIOR_SD, ends[seen] / expected[seen], sample_weight=expected[seen]
        )
    return np.asarray(PRIOR_SD * fitted.coef_ + fitted.intercept_ * (np.arange(columns.shape[1]) < 7))


def day_columns(days: Rows, calendar: FiscalCalendar) -> Floats:
    """(days, N_COLUMNS) what the calendar says of each day: weekday, weeks from the quarter's start, to its end, around New Year,
    month."""
    columns = np.zeros((len(days), N_COLUMNS))
    columns[np.arange(len(days)), (days + 3) % 7] = 1.0
    gone, left = _in_quarter(days, calendar)
    for week in range(WEEKS):
        columns[:, 7 + week] = gone // 7 == week
        columns[:, 7 + WEEKS + week] = (left - 1) // 7 == week
    before, after = (_in_year(days + shift) for shift in (7, 0))
    columns[:, N_CYCLES - TURN : N_CYCLES] = np.stack([before, after], axis=1) < 7
    columns[np.arange(len(days)), N_CYCLES + _months(days) % MONTHS] = 1.0
    return columns


def _months(days: Rows) -> Rows:
    """Months since January 1970."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _in_year(days: Rows) -> Rows:
    """Days since the first of January."""
    dates = days.astype("datetime64[D]")
    return np.asarray((dates - dates.astype("datetime64[Y]")).astype(np.int64))


def _in_quarter(days: Rows, calendar: FiscalCalendar) -> tuple[Rows, Rows]:
    """Days since the first day of each day's quarter, and days to the first of the next."""
    starts = np.array(_quarter_starts(calendar, int(days.min()), int(days.max())))
    place = np.searchsorted(starts, days, side="right") - 1
    return days - starts[place], starts[place + 1] - days


@lru_cache(maxsize=4096)
def _local(as_of: int, zone: str) -> tuple[int, float]:
    """The local day of a moment, and how much of it is over; a fit asks for the same few dozen moments many times."""
    today = int(clock.local_days(np.array([as_of]), zone)[0])
    return today, float(clock.days_between(clock.local_midnight(today, zone), as_of))


@lru_cache(maxsize=64)
def _quarter_starts(calendar: FiscalCalendar, first: int, last: int) -> tuple[int, ...]:
    zone = calendar.timezone
    month = calendar.month_number(clock.instant(clock.local_midnight(first, zone))) // 3 * 3
    found: list[int] = []
    while not found or found[-1] <= last:
        found.append(int(clock.local_days(np.array([clock.micros(calendar.months(month, 3).start)]), zone)[0]))
        month += 3
    return tuple(found)
