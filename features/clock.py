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
STALE_AFTER_DAYS: Final = 3


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


def known(recorded: Micros, as_of: int) -> Mask:
    """Which facts were on record strictly before as_of."""
    return np.asarray((recorded < as_of) & (recorded != UNKNOWN))


def within(times: Micros, start: int, end: int) -> Mask:
    """Which times fall into the half-open window `[start, end)`."""
    return np.asarray((times >= start) & (times < end) & (times != UNKNOWN))


def later(first: Micros, second: Micros) -> Micros:
    """The later of two times; `UNKNOWN` counts as the earliest, so it never hides a known one."""
    return np.maximum(first, second)


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
        if not (year.isdigit() and len(year) == 4 and number in {"1", "2", "3", "4"}):
            raise UsageError(f"'{text}' is not a quarter; write for instance 2026Q4")
        return self._quarter(int(year) * 4 + int(number) - 1)

    def _quarter(self, index: int) -> Period:
        return Period(f"{index // 4}Q{index % 4 + 1}", self._midnight(index * 3), self._midnight(index * 3 + 3))

    def _midnight(self, fiscal_month: int) -> pd.Timestamp:
        month = fiscal_month + self.start_month - 1
        first = date(month // 12, month % 12 + 1, 1)
        local = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(self.timezone))
        return pd.Timestamp(local).tz_convert("UTC").as_unit("us")
