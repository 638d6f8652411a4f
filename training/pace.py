"""How fast deals close on each day of the calendar, against an ordinary day: weekdays, and the rush of a period's end.

Nobody signs on a Sunday, and half of a quarter is signed in its last two weeks. A hazard by days since as_of mixes such days: the
bucket from day 21 to day 30 is a rush for one row and a lull for another. So the life table counts in *paced* days, of which a
slow day has less than one and a fast day more, and each row's buckets get back the pace of the days that they cover. The boosting
that follows starts where the calendar has been said already.

For each cause the pace is a Poisson regression of the daily number of ends on weekday and week of the quarter, relative to what
the open deals of that day would bring at the rate of the weeks around it: a trend, or a bad quarter, is no calendar. Weeks from
the quarter's start and from its end have a level each, three of both; the middle is the ordinary. A ridge of a standard deviation
of a half (one, for weekdays) keeps thin histories at 1.

Inside a bucket too time passes at the pace of its days (`PacedTime`): of a bucket from Saturday to Tuesday nearly nothing is over
on Sunday night, and a quarter that ends within a bucket has its rush before the end.

Worked example: in the last two weeks of a quarter wins come at 1.9 times the ordinary pace. A row stands 20 days before the end;
its bucket from day 7 to day 14 covers seven fast days and gets 1.9 times the hazard, that from day 0 to day 7 one, and gets 1.1.
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
from training.curves import faster
from training.examples import Examples

WEEKS: Final = 3
"""Weeks from either end of a quarter that have a pace of their own."""
N_COLUMNS: Final = 7 + 2 * WEEKS
AROUND_DAYS: Final = 91
PRIOR_SD: Final = np.repeat([1.0, 0.5], [7, 2 * WEEKS])
"""Of the logarithms: on weekends there may be next to nothing, and each weekday is seen often."""
MIN_ENDS: Final = 30
MOST_REMEMBERED: Final = 256
MIN_DAYS: Final = 28
"""A shorter history has seen each weekday too few times."""
MIN_QUARTER_DAYS: Final = 400
"""A shorter history has seen each end of a quarter too few times to tell a rush from one good month; weekdays it has seen."""


@dataclass(frozen=True)
class Pace:
    """Pace of each cause: the logarithm of its factor is the sum of the weights of a day's weekday and week.

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
        return np.asarray(np.exp(day_columns(days, self.calendar) @ self.weights.T))

    def of_buckets(self, as_of: Micros, edges: Floats) -> Floats:
        """(rows, buckets, causes) mean pace over each bucket of each row."""
        return self.of_pairs(as_of, edges, np.arange(len(as_of))[:, None], np.arange(len(edges) - 1))

    def of_pairs(self, as_of: Micros, edges: Floats, row: Rows, bucket: Rows) -> Floats:
        """(pairs, causes) mean pace over the bucket of the row of each pair."""
        moments, place = np.unique(as_of, return_inverse=True)
        if not len(moments):
            return np.ones((*np.broadcast_shapes(row.shape, bucket.shape), len(self.weights)))
        time, each = PacedTime(self, moments, float(edges[-1])), np.arange(len(moments))
        passed = time.of(np.repeat(each, len(edges)), np.tile(edges, len(moments))).reshape(len(moments), len(edges), -1)
        return np.asarray((np.diff(passed, axis=1) / np.diff(edges)[:, None])[place[row], bucket])

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

    def paced(self, hazards: Floats, as_of: Micros, edges: Floats) -> Floats:
        """(rows, buckets, 1 + causes) hazards of ordinary days as those of the days that each row's buckets cover."""
        if not self.weights.any() or not len(hazards):
            return hazards
        return faster(hazards, self.of_buckets(as_of, edges))

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
        n_days = int(np.ceil(self.longest)) + 2
        table = np.stack([self.pace.by_day(day, n_days) for day, _ in local])
        return gone, table, _looked_up(table, np.arange(len(gone)), gone)

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


def fit_pace_of_rows(rows: Examples, calendar: FiscalCalendar, n_causes: int) -> Pace:
    """Learn from training rows: each unit counts once, from the first date at which it stands among them."""
    if not len(rows):
        return Pace.even(calendar, n_causes)
    order = np.argsort(rows.as_of, kind="stable")
    first = order[~rows.signals.index[order].duplicated()]
    begun, seen = rows.as_of[first], rows.outcomes
    days = np.minimum(seen.days[first], seen.follow_up[first])
    over = begun + (days * clock.MICROS_PER_DAY).astype(np.int64)
    until = int((rows.as_of + (seen.follow_up * clock.MICROS_PER_DAY).astype(np.int64)).max())
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
    columns = day_columns(start + np.arange(n_days), calendar)
    if n_days < MIN_QUARTER_DAYS:
        columns[:, 7:] = 0.0
    weights = [
        _weights(np.bincount(last[cause == k] - start, minlength=n_days)[:n_days].astype(np.float64), at_risk, columns)
        for k in range(1, n_causes + 1)
    ]
    return Pace(calendar, np.stack(weights))


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
    """(days, N_COLUMNS) what the calendar says of each day: weekday, weeks from the quarter's start, weeks to its end."""
    columns = np.zeros((len(days), N_COLUMNS))
    columns[np.arange(len(days)), (days + 3) % 7] = 1.0
    gone, left = _in_quarter(days, calendar)
    for week in range(WEEKS):
        columns[:, 7 + week] = gone // 7 == week
        columns[:, 7 + WEEKS + week] = (left - 1) // 7 == week
    return columns


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
