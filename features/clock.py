"""Instants and half-open windows: the only place where dates are compared, but for the fiscal periods of `features.calendar`.

The rule, with one worked example. Let as_of be 2026-04-01T00:00Z.

* A change recorded at 2026-03-31T23:59:59.999999Z is **known**: it was recorded strictly before as_of.
* A change recorded at 2026-04-01T00:00:00Z is not; it lies in the **outcome window** `[as_of, as_of + horizon)`.
* With a horizon of 7 days that window ends at 2026-04-08T00:00Z, which itself lies outside.

So no event can be a signal and a label at once, and none can be neither. There is no switch for it.

Kernels work on int64 microseconds since 1970 in UTC; a missing time is `UNKNOWN`, which is neither known nor in any window.
"""

from datetime import datetime
from functools import cache
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
_FIRST_DAY: Final = np.datetime64(f"{YEARS[0]}-01-01", "D")


def micros(instant: pd.Timestamp) -> int:
    """An aware instant as microseconds since 1970-01-01T00:00Z."""
    return int(instant.as_unit("us").asm8.view("i8"))


def instant(value: int) -> pd.Timestamp:
    """Microseconds since 1970 as an aware UTC timestamp; the inverse of `micros`."""
    return pd.Timestamp(value, unit="us", tz="UTC")


def to_micros(times: pd.Series) -> Micros:
    """A column of aware timestamps, any unit, as int64 microseconds; missing ones become `UNKNOWN`."""
    return times.to_numpy(dtype="datetime64[us]").view(np.int64)


def to_series(times: Micros) -> pd.Series:
    """int64 microseconds as a column of `datetime64[us, UTC]`; the inverse of `to_micros`."""
    return pd.Series(times.astype("datetime64[us]")).dt.tz_localize("UTC")


def dates_to_micros(dates: pd.Series, zone: str) -> Micros:
    """Calendar dates (naive, at midnight) as the microsecond at which the organisation's day begins; missing ones are `UNKNOWN`.

    Raises ValueError for a date outside YEARS.
    """
    return days_to_micros(dates.to_numpy(dtype="datetime64[D]"), zone)


def days_to_micros(days: npt.NDArray[np.datetime64], zone: str) -> Micros:
    """As `dates_to_micros`, of datetime64[D]."""
    missing = np.isnat(days)
    place = np.where(missing, 0, (days - _FIRST_DAY).astype(np.int64))
    begins = _midnights(zone)
    if ((place < 0) | (place >= len(begins))).any():
        raise ValueError(f"a date lies outside the years {YEARS[0]} to {YEARS[-1]}")
    return np.where(missing, UNKNOWN, begins[place])


@cache
def _midnights(zone: str) -> Micros:
    """When each day of YEARS begins in a zone: a look-up costs nothing, asking a zone for one date costs half a millisecond."""
    days = pd.Series(np.arange(_FIRST_DAY, np.datetime64(f"{YEARS[-1] + 1}-01-01", "D")).astype("datetime64[us]"))
    local = days.dt.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)
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


def has_come(moment: pd.Timestamp, as_of: pd.Timestamp) -> bool:
    """Whether a moment, a period's end for one, lies no later than as_of: all that came before it is known."""
    return micros(moment) <= micros(as_of)


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


def is_later(times: Micros, than: Micros) -> Mask:
    """Which times are later than others; `UNKNOWN` counts as the earliest."""
    return np.asarray(times > than)


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


def local_days(times: Micros, zone: str) -> npt.NDArray[np.int64]:
    """The calendar day that each time falls on in a zone, counted since 1970."""
    begins = _midnights(zone)
    if ((times >= begins[0]) & (times < begins[-1])).all():
        return np.searchsorted(begins, times, side="right") - 1 + _FIRST_DAY.astype(np.int64)
    local = pd.DatetimeIndex(times.view("datetime64[us]"), tz="UTC").tz_convert(zone).tz_localize(None)
    return np.asarray(local.to_numpy().astype("datetime64[D]").astype(np.int64))


def local_midnight(day: int, zone: str) -> int:
    """The microsecond at which a calendar day (counted since 1970) begins in a zone; the inverse of `local_days`."""
    return int(local_midnights(np.array([day]), zone)[0])


def local_midnights(days: npt.NDArray[np.int64], zone: str) -> Micros:
    """The same for many days."""
    return dates_to_micros(pd.Series(days.astype("datetime64[D]").astype("datetime64[us]")), zone)


def day_start(at: int, zone: str) -> int:
    """The first moment of the organisation's day that holds `at`, in microseconds.

    >>> instant(day_start(micros(pd.Timestamp("2026-04-01T09:30Z")), "Europe/Berlin")).isoformat()
    '2026-03-31T22:00:00+00:00'
    """
    local = instant(at).tz_convert(zone)
    return micros(local.tz_localize(None).normalize().tz_localize(zone, ambiguous=True, nonexistent="shift_forward"))


def days_between(start: Micros | int, end: Micros | int) -> Floats:
    """Days (of 24 hours) from start to end; NaN where either is unknown."""
    first, last = np.asarray(start), np.asarray(end)
    gap = np.asarray(last.astype(np.float64) - first.astype(np.float64))
    gap /= MICROS_PER_DAY
    gap[(first == UNKNOWN) | (last == UNKNOWN)] = np.nan
    return gap


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
