"""Windows of the fiscal calendar: where they begin and end, what they are compared with, and what is refused."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.calendar import FiscalCalendar
from features.errors import UsageError
from features.kpis import windows

BERLIN = FiscalCalendar("Europe/Berlin")
APRIL = FiscalCalendar("Asia/Kolkata", start_month=4)
HOUR = pd.Timedelta(hours=1)


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC").as_unit("us")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2025-12-31T23:00", "2026-12-31T23:00"),
        ("2026Q2", "2026-03-31T22:00", "2026-06-30T22:00"),
        ("2026-03", "2026-02-28T23:00", "2026-03-31T22:00"),
        ("2026-10", "2026-09-30T22:00", "2026-10-31T23:00"),
        ("2026-03-28..2026-03-30", "2026-03-27T23:00", "2026-03-29T22:00"),
    ],
)
def test_a_window_ends_at_local_midnight(text: str, start: str, end: str) -> None:
    window = windows.parse(text, BERLIN)
    assert (window.start, window.end, window.label) == (utc(start), utc(end), text)


def test_a_month_with_a_change_of_the_clock_is_an_hour_shorter_or_longer() -> None:
    march, october = (windows.parse(text, BERLIN) for text in ("2026-03", "2026-10"))
    assert march.end - march.start == 31 * 24 * HOUR - HOUR
    assert october.end - october.start == 31 * 24 * HOUR + HOUR


def test_a_fiscal_year_is_named_after_the_year_in_which_it_starts() -> None:
    year = windows.parse("2026", APRIL)
    assert (year.start, year.end) == (utc("2026-03-31T18:30"), utc("2027-03-31T18:30"))
    assert windows.parse("2026Q4", APRIL).start == utc("2026-12-31T18:30")
    assert windows.parse("2027-02", APRIL).end == utc("2027-02-28T18:30")
    assert windows.quarter(utc("2027-02-10T00:00"), APRIL).label == "2026Q4"
    assert windows.month(utc("2027-02-10T00:00"), APRIL).label == "2027-02"
    assert windows.year(utc("2027-02-10T00:00"), APRIL).label == "2026"


@pytest.mark.parametrize(
    "text", ["2026Q5", "2026-13", "26", "next quarter", "0000", "2026-03-02..2026-03-01", "2026-03-01..", ""]
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        windows.parse(text, BERLIN)


@pytest.mark.parametrize(
    ("text", "before", "year_before"),
    [("2026Q1", "2025Q4", "2025Q1"), ("2026", "2025", "2025"), ("2026-01", "2025-12", "2025-01")],
)
def test_what_a_window_is_compared_with(text: str, before: str, year_before: str) -> None:
    window = windows.parse(text, BERLIN)
    assert windows.previous(window, BERLIN) == windows.parse(before, BERLIN)
    assert windows.year_before(window, BERLIN) == windows.parse(year_before, BERLIN)


@given(st.integers(1, 12), st.sampled_from(["UTC", "America/Sao_Paulo", "Asia/Kolkata"]), st.integers(2001, 2100))
def test_quarters_follow_each_other_without_a_gap(month: int, zone: str, year: int) -> None:
    calendar = FiscalCalendar(zone, month)
    quarters = windows.series(windows.parse(f"{year}Q2", calendar), 8, calendar)
    assert [each.end for each in quarters[:-1]] == [each.start for each in quarters[1:]]
    whole = windows.parse(str(year - 1), calendar)
    assert (quarters[2].start, quarters[5].end) == (whole.start, whole.end)
    assert windows.quarter(quarters[-1].start, calendar) == quarters[-1]


def test_trailing_days_have_24_hours_each() -> None:
    window = windows.trailing(utc("2026-04-01T10:00"), 90)
    assert window.start == utc("2026-01-01T10:00")
    assert windows.previous(window, BERLIN).end == window.start
    assert windows.previous(window, BERLIN).start == utc("2025-10-03T10:00")
    assert windows.year_before(window, BERLIN).end == utc("2025-04-01T10:00")
    with pytest.raises(UsageError):
        windows.trailing(utc("2026-04-01"), 0)


def test_a_leap_day_a_year_before_is_the_end_of_february() -> None:
    window = windows.span(utc("2024-02-29"), utc("2024-03-02"))
    assert windows.year_before(window, FiscalCalendar()).start == utc("2023-02-28")


def test_a_running_window_is_compared_with_as_much_of_the_other() -> None:
    calendar = FiscalCalendar()
    now, before = (windows.parse(text, calendar) for text in ("2026Q2", "2026Q1"))
    cut = windows.up_to(before, now, utc("2026-05-01"))
    assert (cut.end, cut.label) == (utc("2026-01-31"), "2026Q1 to date")
    assert windows.up_to(before, now, utc("2026-07-01")) == before
    assert windows.up_to(before, now, utc("2026-06-30T12:00")) == before


def test_costs_of_earlier_months() -> None:
    assert windows.earlier(windows.parse("2026Q1", BERLIN), BERLIN, 2).label == "2025-11..2026-01"
