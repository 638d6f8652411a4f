"""The fiscal calendar: months, quarters and years of an organisation, as half-open stretches between local midnights.

With `features.clock` it is the only place where dates are compared. A fiscal year that starts in April 2026 in Berlin:

>>> calendar = FiscalCalendar("Europe/Berlin", start_month=4)
>>> first = calendar.parse_quarter("2026Q1")
>>> str(first.start), str(first.end)
('2026-03-31 22:00:00+00:00', '2026-06-30 22:00:00+00:00')
"""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from features.clock import MICROS_PER_DAY, YEARS, Floats, after_days, instant, micros
from features.errors import UsageError


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
    """What the calendar says of each bucket `[as_of + edges[b], as_of + edges[b + 1])`, (buckets, 6).

    Columns: its first day and its length in days after as_of, the share of its time that lies on Monday to Friday (local), the
    days from its start to the end of the fiscal quarter that runs then, whether that quarter ends inside it (0 or 1), and the
    share of the calendar year that is over in its middle (0 to 1).
    """
    starts = [after_days(as_of, float(edge)) for edge in edges]
    local = [instant(start).tz_convert(calendar.timezone) for start in starts]
    worked = np.array([_working_days(moment) for moment in local])
    length = np.diff(edges)
    to_end = np.array([(micros(calendar.quarter(instant(start)).end) - start) / MICROS_PER_DAY for start in starts[:-1]])
    middles = [instant(after_days(as_of, float(day))).tz_convert(calendar.timezone) for day in (edges[:-1] + edges[1:]) / 2]
    of_year = np.array([(middle.day_of_year - 1) / (366 if middle.is_leap_year else 365) for middle in middles])
    ends = (to_end <= length).astype(np.float64)
    return np.column_stack([edges[:-1], length, np.diff(worked) / length, to_end, ends, of_year])


def _working_days(local: pd.Timestamp) -> float:
    """Monday-to-Friday days since a fixed Monday, with the fraction of the running day."""
    weeks, weekday = divmod(local.toordinal() - 1, 7)
    fraction = (local.hour + local.minute / 60) / 24 if weekday < 5 else 0.0
    return weeks * 5 + min(weekday, 5) + fraction
