"""Instants, half-open windows and fiscal periods: the only place where dates are compared.

The rule, with one worked example. Let as_of be 2026-04-01T00:00Z.

* A change recorded at 2026-03-31T23:59:59.999999Z is **known**: it was recorded strictly before as_of.
* A change recorded at 2026-04-01T00:00:00Z is not; it lies in the **outcome window** `[as_of, as_of + horizon)`.
* With a horizon of 7 days that window ends at 2026-04-08T00:00Z, which itself lies outside.

So no event can be a signal and a label at once, and none can be neither. There is no switch for it.

Kernels work on int64 microseconds since 1970 in UTC; a missing time is `UNKNOWN`, which is neither known nor in any window.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.errors import UsageError

Micros: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]

MICROS_PER_DAY: Final = 86_400_000_000
UNKNOWN: Final = int(np.iinfo(np.int64).min)
ALWAYS: Final = UNKNOWN + 1
NEVER: Final = int(np.iinfo(np.int64).max)
STALE_AFTER_DAYS: Final = 3
YEARS: Final = range(1900, 2200)


def micros(instant: pd.Timestamp) -> int:
    """An aware instant as microseconds since 1970-01-01T00:00Z."""
    return int(instant.as_unit("us").asm8.view("i8"))


def instant(value: int) -> pd.Timestamp:
    """Microseconds since 1970 as an aware UTC timestamp; the inverse of `micros`."""
    return pd.Timestamp(value, unit="us", tz="UTC")


def to_micros(times: pd.Series) -> Micros:
    """A column of aware timestamps, any unit, as int64 microseconds; missing ones become `UNKNOWN`."""
    return np.asarray(times.dt.as_unit("us").astype("int64"), dtype=np.int64)


def to_series(times: Micros) -> pd.Series:
    """int64 microseconds as a column of `datetime64[us, UTC]`; the inverse of `to_micros`."""
    return pd.Series(times.astype("datetime64[us]")).dt.tz_localize("UTC")


def dates_to_micros(dates: pd.Series, zone: str) -> Micros:
    """Calendar dates (naive, at midnight) as the microsecond at which the organisation's day begins."""
    local = dates.dt.as_unit("us").dt.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)
    return to_micros(local.dt.tz_convert("UTC"))


def time_at(times: Micros, rows: npt.NDArray[np.int64]) -> Micros:
    """times[row] for each row, `UNKNOWN` where the row is -1."""
    if not len(times):
        return np.full(len(rows), UNKNOWN, dtype=np.int64)
    return np.where(rows >= 0, times[rows], UNKNOWN)


def known(recorded: Micros, as_of: int) -> Mask:
    """Which facts were on record strictly before as_of."""
    return np.asarray((recorded < as_of) & (recorded != UNKNOWN))


def is_known(recorded: int, as_of: int) -> bool:
    """Whether a single fact was on record strictly before as_of."""
    return recorded != UNKNOWN and recorded < as_of


def within(times: Micros, start: int, end: int) -> Mask:
    """Which times fall into the half-open window `[start, end)`."""
    return np.asarray((times >= start) & (times < end) & (times != UNKNOWN))


def interval_of(times: Micros, edges: Micros) -> npt.NDArray[np.int64]:
    """For each time the i with `edges[i] <= time < edges[i + 1]`, -1 outside of all or where unknown. `edges` is ascending."""
    place = np.searchsorted(edges, times, side="right").astype(np.int64) - 1
    return np.where((times == UNKNOWN) | (place >= len(edges) - 1), -1, place)


def not_after(times: Micros, limits: Micros | int) -> Mask:
    """Which times are known and no later than their limit; an unknown limit is after nothing."""
    return np.asarray((times <= limits) & (times != UNKNOWN))


def overlap(starts: Micros, ends: Micros, start: int, end: int) -> Floats:
    """For each span `[starts, ends)` the share of it, 0 to 1, that lies in `[start, end)`; 0 for an empty span."""
    shared = np.maximum(np.minimum(ends, end) - np.maximum(starts, start), 0).astype(np.float64)
    return np.asarray(shared / np.maximum(ends - starts, 1))


def repeated(instant_micros: int, n: int) -> Micros:
    """The same time n times over."""
    return np.full(n, instant_micros, dtype=np.int64)


def later(first: Micros, second: Micros) -> Micros:
    """The later of two times; `UNKNOWN` counts as the earliest, so it never hides a known one."""
    return np.maximum(first, second)


def earlier(first: Micros, second: Micros) -> Micros:
    """The earlier of two times."""
    return np.minimum(first, second)


def or_never(times: Micros) -> Micros:
    """Unknown times read as `NEVER`: an end that was not set does not come."""
    return np.where(times == UNKNOWN, NEVER, times)


def never_as_unknown(times: Micros) -> Micros:
    """The inverse of `or_never`."""
    return np.where(times == NEVER, UNKNOWN, times)


def plus_days(times: Micros, days: float) -> Micros:
    """Each time `days` (of 24 hours) later; unknown stays unknown."""
    return np.where(times == UNKNOWN, UNKNOWN, times + round(days * MICROS_PER_DAY))


def earliest_later_in_group(group: npt.NDArray[np.int64], times: Micros) -> Micros:
    """For each row the earliest time among the rows that follow it in its group, `NEVER` for the last. `group` is ascending."""
    if not len(times):
        return times
    ranked = np.argsort(np.argsort(times, kind="stable"), kind="stable")
    # Ranks of a later group are larger, so the running minimum from the end starts afresh in each group.
    running = np.minimum.accumulate((ranked + group * len(times))[::-1])[::-1] - group * len(times)
    following = np.append(np.sort(times)[running[1:] % len(times)], NEVER)
    last = np.append(group[1:] != group[:-1], True)
    return np.where(last, NEVER, following)


def days_between(start: Micros | int, end: Micros | int) -> Floats:
    """Days (of 24 hours) from start to end; NaN where either is unknown."""
    first, last = np.asarray(start), np.asarray(end)
    gap = (last.astype(np.float64) - first.astype(np.float64)) / MICROS_PER_DAY
    return np.where((first == UNKNOWN) | (last == UNKNOWN), np.nan, gap)


def after_days(as_of: int, days: float) -> int:
    """The instant `days` (of 24 hours) after as_of."""
    return as_of + round(days * MICROS_PER_DAY)


def parse_as_of(text: str, zone: str) -> pd.Timestamp:
    """An as_of from a command line or URL: a bare date is midnight in the organisation's zone.

    Raises UsageError for anything that is not an ISO 8601 date, or a time with an offset.
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"'{text}' is not a date; write 2026-04-01 or 2026-04-01T09:00+02:00") from None
    if parsed.year not in YEARS:
        raise UsageError(f"'{text}' lies outside the years {YEARS[0]} to {YEARS[-1]}")
    if parsed.tzinfo is None and len(text) > len("2026-04-01"):
        raise UsageError(f"'{text}' has a time of day but no offset; write for instance {text}+00:00")
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=ZoneInfo(zone))
    return pd.Timestamp(aware).tz_convert("UTC").as_unit("us")


def now(data_ends_at: pd.Timestamp, wall_clock: pd.Timestamp | None = None) -> pd.Timestamp:
    """The instant that "now" means for this data: the wall clock while the data is fresh, else the end of the data.

    Scoring year-old data as of today would call every deal stalled; so data whose newest fact is three days old or older is
    scored as of its own end. `data_ends_at` is the first instant at which all of it is known.
    """
    wall = wall_clock or pd.Timestamp.now(tz="UTC").as_unit("us")
    fresh = micros(wall) - micros(data_ends_at) < STALE_AFTER_DAYS * MICROS_PER_DAY
    return max(wall, data_ends_at) if fresh else data_ends_at


@dataclass(frozen=True)
class Period:
    """A stretch of the fiscal calendar, `[start, end)`, such as 2026Q4."""

    label: str
    start: pd.Timestamp
    end: pd.Timestamp


@dataclass(frozen=True)
class FiscalCalendar:
    """Quarters of an organisation: its time zone, and the month (1 to 12) in which its fiscal year starts.

    A fiscal year is named after the calendar year in which it starts.
    """

    timezone: str = "UTC"
    start_month: int = 1

    def quarter(self, at: pd.Timestamp, ahead: int = 0) -> Period:
        """The quarter that holds `at`, or the one `ahead` quarters later (negative: earlier)."""
        local = at.tz_convert(self.timezone)
        index = (local.year * 12 + local.month - self.start_month) // 3 + ahead
        return self._quarter(index)

    def parse_quarter(self, text: str) -> Period:
        """`2026Q4` as a Period. Raises UsageError for anything else."""
        year, _, number = text.upper().partition("Q")
        if not (year.isdecimal() and len(year) == 4 and number in {"1", "2", "3", "4"} and int(year) in YEARS):
            raise UsageError(f"'{text}' is not a quarter; write for instance 2026Q4")
        return self._quarter(int(year) * 4 + int(number) - 1)

    def month_number(self, at: pd.Timestamp) -> int:
        """The number of the month that holds `at`; months are counted from the start of a fiscal year, twelve to each."""
        local = at.tz_convert(self.timezone)
        return int(local.year * 12 + local.month - self.start_month)

    def months(self, first: int, length: int) -> Period:
        """The months from number `first` on. A fiscal year is called 2026, a quarter 2026Q4, a month by the calendar 2026-10.

        Any other stretch is called by its first and last month.
        """
        start, end = self._midnight(first), self._midnight(first + length)
        if length == 12 and first % 12 == 0:
            return Period(str(first // 12), start, end)
        if length == 3 and first % 3 == 0:
            return self._quarter(first // 3)
        names = [
            f"{(number + self.start_month - 1) // 12}-{(number + self.start_month - 1) % 12 + 1:02}"
            for number in (first, first + length - 1)
        ]
        return Period("..".join(dict.fromkeys(names)), start, end)

    def moved(self, at: pd.Timestamp, months: int) -> pd.Timestamp:
        """The same local time some months later (negative: earlier); 31 January and a month is the end of February."""
        local = at.tz_convert(self.timezone).tz_localize(None) + pd.DateOffset(months=months)
        zoned = local.tz_localize(self.timezone, nonexistent="shift_forward", ambiguous=True)
        return zoned.tz_convert("UTC").as_unit("us")

    def _quarter(self, index: int) -> Period:
        return Period(f"{index // 4}Q{index % 4 + 1}", self._midnight(index * 3), self._midnight(index * 3 + 3))

    def _midnight(self, fiscal_month: int) -> pd.Timestamp:
        month = fiscal_month + self.start_month - 1
        first = date(month // 12, month % 12 + 1, 1)
        local = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(self.timezone))
        return pd.Timestamp(local).tz_convert("UTC").as_unit("us")


def bucket_calendar(as_of: int, edges: Floats, calendar: FiscalCalendar) -> Floats:
    """What the calendar says of each bucket `[as_of + edges[b], as_of + edges[b + 1])`, (buckets, 5).

    Columns: its first day and its length in days after as_of, the share of its time that lies on Monday to Friday (local), the
    days from its start to the end of the fiscal quarter that runs then, and whether that quarter ends inside it (0 or 1).
    """
    starts = [after_days(as_of, float(edge)) for edge in edges]
    local = [instant(start).tz_convert(calendar.timezone) for start in starts]
    worked = np.array([_working_days(moment) for moment in local])
    length = np.diff(edges)
    to_end = np.array([(micros(calendar.quarter(instant(start)).end) - start) / MICROS_PER_DAY for start in starts[:-1]])
    return np.column_stack([edges[:-1], length, np.diff(worked) / length, to_end, (to_end <= length).astype(np.float64)])


def _working_days(local: pd.Timestamp) -> float:
    """Monday-to-Friday days since a fixed Monday, with the fraction of the running day."""
    weeks, weekday = divmod(local.toordinal() - 1, 7)
    fraction = (local.hour + local.minute / 60) / 24 if weekday < 5 else 0.0
    return weeks * 5 + min(weekday, 5) + fraction
