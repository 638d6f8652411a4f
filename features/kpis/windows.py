"""The windows that a KPI is asked for: months, quarters and years of the fiscal calendar, trailing days, any other stretch.

Each is half-open and begins and ends at midnight of the organisation, except trailing days, which have 24 hours each and end at
the moment asked for. With a fiscal year that starts in April, 2026Q1 is April to June of 2026 in local time:

>>> from features.calendar import FiscalCalendar
>>> calendar = FiscalCalendar("Europe/Berlin", start_month=4)
>>> quarter = parse("2026Q1", calendar)
>>> str(quarter.start), str(quarter.end)
('2026-03-31 22:00:00+00:00', '2026-06-30 22:00:00+00:00')
>>> [previous(quarter, calendar).label, year_before(quarter, calendar).label]
['2025Q4', '2025Q1']
>>> [each.label for each in series(quarter, 3, calendar)]
['2025Q3', '2025Q4', '2026Q1']
"""

import re
from typing import Final

import pandas as pd

from features import clock
from features.calendar import FiscalCalendar, Period
from features.clock import YEARS
from features.errors import UsageError
from features.kpis.value import Window

_YEAR: Final = re.compile(r"\d{4}")
_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_ADVICE: Final = "write 2026, 2026Q4, 2026-10, or 2026-10-01..2026-11-15, of which the last day is no longer in it"


def parse(text: str, calendar: FiscalCalendar) -> Window:
    """A window from a command line or URL. Raises UsageError for anything else than what its message lists."""
    if ".." in text:
        first, _, last = text.partition("..")
        return span(clock.parse_as_of(first, calendar.timezone), clock.parse_as_of(last, calendar.timezone), text)
    if "Q" in text.upper():
        period = calendar.parse_quarter(text)
        return Window(period.label, period.start, period.end, 3)
    if _YEAR.fullmatch(text) and int(text) in YEARS:
        return _months(int(text) * 12, 12, calendar)
    month = _MONTH.fullmatch(text)
    if month and int(month[1]) in YEARS:
        return _months(int(month[1]) * 12 + int(month[2]) - calendar.start_month, 1, calendar)
    raise UsageError(f"'{text}' is not a window; {_ADVICE}")


def month(at: pd.Timestamp, calendar: FiscalCalendar) -> Window:
    """The month that holds `at`."""
    return _months(calendar.month_number(at), 1, calendar)


def quarter(at: pd.Timestamp, calendar: FiscalCalendar) -> Window:
    """The fiscal quarter that holds `at`."""
    return _months(calendar.month_number(at) // 3 * 3, 3, calendar)


def year(at: pd.Timestamp, calendar: FiscalCalendar) -> Window:
    """The fiscal year that holds `at`."""
    return _months(calendar.month_number(at) // 12 * 12, 12, calendar)


def trailing(end: pd.Timestamp, days: int) -> Window:
    """The days of 24 hours that end at a moment. Raises UsageError unless there is at least one."""
    if days < 1:
        raise UsageError(f"a window of {days} days holds nothing; ask for one day or more")
    return Window(f"last {days} days", clock.instant(clock.after_days(clock.micros(end), -days)), end)


def span(start: pd.Timestamp, end: pd.Timestamp, label: str = "") -> Window:
    """Any other stretch `[start, end)`. Raises UsageError where it ends before it starts."""
    if clock.days_between(clock.micros(start), clock.micros(end)) <= 0:
        raise UsageError(f"the window {start} to {end} is empty; its end, which no longer belongs to it, must be the later one")
    return Window(label or f"{start.isoformat()}..{end.isoformat()}", start, end)


def between(start: pd.Timestamp, end: pd.Timestamp, calendar: FiscalCalendar) -> Window:
    """A stretch from one moment to another: as months of the calendar where it consists of whole ones, else as days."""
    first, last = calendar.month_number(start), calendar.month_number(end)
    whole = _months(first, last - first, calendar) if last > first else None
    if whole is not None and (whole.start, whole.end) == (start, end):
        return whole
    return span(start, end)


def previous(window: Window, calendar: FiscalCalendar) -> Window:
    """The window of the same length right before: the quarter before a quarter, the 90 days before 90 days."""
    if window.months:
        return _months(calendar.month_number(window.start) - window.months, window.months, calendar)
    days = float(clock.days_between(clock.micros(window.start), clock.micros(window.end)))
    start = clock.instant(clock.after_days(clock.micros(window.start), -days))
    return Window(f"before {window.label}", start, window.start)


def year_before(window: Window, calendar: FiscalCalendar) -> Window:
    """The same window a year earlier, by the local calendar."""
    if window.months:
        return _months(calendar.month_number(window.start) - 12, window.months, calendar)
    return Window(f"{window.label}, a year before", calendar.moved(window.start, -12), calendar.moved(window.end, -12))


def earlier(window: Window, calendar: FiscalCalendar, months: int) -> Window:
    """The same window some months earlier."""
    if window.months:
        return _months(calendar.month_number(window.start) - months, window.months, calendar)
    start, end = (calendar.moved(each, -months) for each in (window.start, window.end))
    return Window(f"{window.label}, {months} months before", start, end)


def series(last: Window, n: int, calendar: FiscalCalendar) -> tuple[Window, ...]:
    """The last n windows of a kind, oldest first, for a series in time."""
    windows = [last]
    while len(windows) < n:
        windows.append(previous(windows[-1], calendar))
    return tuple(windows[::-1])


def up_to(window: Window, elapsed_of: Window, as_of: pd.Timestamp) -> Window:
    """A window cut to as much time as has gone by at as_of of the other one; whole where that one is over.

    On 20 November the fourth quarter is compared with the first 50 days of the third.
    """
    gone = clock.days_between(clock.micros(elapsed_of.start), clock.micros(as_of))
    length = clock.days_between(clock.micros(elapsed_of.start), clock.micros(elapsed_of.end))
    whole = clock.days_between(clock.micros(window.start), clock.micros(window.end))
    if gone >= length or gone >= whole or gone <= 0:
        return window
    end = clock.instant(clock.after_days(clock.micros(window.start), float(gone)))
    return Window(f"{window.label} to date", window.start, end, whole=window)


def of_period(period: Period, months: int = 0) -> Window:
    """A period of the forecast as a window."""
    return Window(period.label, period.start, period.end, months)


def _months(first: int, length: int, calendar: FiscalCalendar) -> Window:
    return of_period(calendar.months(first, length), length)
