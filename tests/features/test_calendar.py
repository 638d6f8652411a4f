"""Fiscal periods end at local midnight, and the calendar of a bucket is the organisation's own."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import clock
from features.calendar import FiscalCalendar, bucket_calendar
from features.errors import UsageError
from tests.features.companies import moment
from tests.features.test_clock import ZONES, instants


@pytest.mark.parametrize(
    ("at", "zone", "month", "label"),
    [
        ("2026-04-01T00:00", "UTC", 1, "2026Q2"),
        ("2026-03-31T23:59:59.999999", "UTC", 1, "2026Q1"),
        ("2026-03-31T22:00", "Europe/Berlin", 1, "2026Q2"),  # summer time began on 29 March
        ("2026-03-31T21:59:59.999999", "Europe/Berlin", 1, "2026Q1"),
        ("2025-12-31T23:00", "Europe/Berlin", 1, "2026Q1"),
        ("2026-03-31T15:00", "Asia/Tokyo", 4, "2026Q1"),  # named after the year in which it starts
        ("2026-03-31T14:59:59.999999", "Asia/Tokyo", 4, "2025Q4"),
        ("2026-01-31T12:00", "UTC", 2, "2025Q4"),
        ("2026-12-01T00:00", "UTC", 12, "2026Q1"),
    ],
)
def test_the_quarter_of_an_instant(at: str, zone: str, month: int, label: str) -> None:
    assert FiscalCalendar(zone, month).quarter(moment(at)).label == label


def test_a_quarter_begins_and_ends_at_local_midnight_on_both_sides_of_summer_time() -> None:
    quarter = FiscalCalendar("Europe/Berlin").quarter(moment("2026-02-14"))
    assert (quarter.start, quarter.end) == (moment("2025-12-31T23:00"), moment("2026-03-31T22:00"))


def test_a_quarter_that_begins_where_there_is_no_midnight() -> None:
    calendar = FiscalCalendar("America/Asuncion")
    assert calendar.parse_quarter("2017Q4").start == moment("2017-10-01T04:00")
    assert calendar.quarter(moment("2017-10-01T04:00")).label == "2017Q4"


@given(instants, st.sampled_from(ZONES), st.integers(1, 12), st.integers(-9, 9))
def test_quarters_hold_their_instants_and_adjoin(at: pd.Timestamp, zone: str, month: int, ahead: int) -> None:
    calendar = FiscalCalendar(zone, month)
    own, other, next_one = calendar.quarter(at), calendar.quarter(at, ahead), calendar.quarter(at, ahead + 1)
    assert own.start <= at < own.end
    assert other.end == next_one.start
    assert other.start.tz_convert(ZoneInfo(zone)).day == 1
    assert calendar.parse_quarter(other.label) == other


@pytest.mark.parametrize(
    "text", ["", "2026", "2026Q", "2026Q0", "2026Q5", "26Q1", "Q1 2026", "2026-Q1", "0000Q1", "0001Q1", "9999Q4"]
)
def test_what_is_no_quarter_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="2026Q4"):
        FiscalCalendar("Europe/Berlin").parse_quarter(text)


def test_a_quarter_may_be_written_in_small_letters() -> None:
    assert FiscalCalendar().parse_quarter("2026q4").label == "2026Q4"


def test_bucket_calendar_of_the_last_days_of_a_quarter() -> None:
    # Friday 27 March 2026; the quarter ends on Wednesday 1 April at midnight.
    edges = np.array([0.0, 1.0, 3.0, 5.0, 7.0])
    first, length, worked, to_end, ends, year = bucket_calendar(clock.micros(moment("2026-03-27")), edges, FiscalCalendar()).T
    assert first.tolist() == [0, 1, 3, 5]
    assert length.tolist() == [1, 2, 2, 2]
    assert worked.tolist() == [1, 0, 1, 1]  # Friday; Saturday and Sunday; Monday and Tuesday; Wednesday and Thursday
    assert to_end.tolist() == [5, 4, 2, 91]  # at the edge on 1 April the next quarter runs
    assert ends.tolist() == [0, 0, 1, 0]
    assert (year * 365).round().tolist() == [85, 87, 89, 91]  # the middles lie on the 86th, 88th, 90th and 92nd day


def test_bucket_calendar_counts_hours_of_a_weekend() -> None:
    # From Friday noon to Monday noon, one day and a half of three are worked hours.
    share = bucket_calendar(clock.micros(moment("2026-03-27T12:00")), np.array([0.0, 3.0]), FiscalCalendar())[0, 2]
    assert share == pytest.approx(1 / 3)


def test_bucket_calendar_is_local() -> None:
    # In Tokyo Saturday begins at 15:00 UTC on Friday, and the quarter ends at 15:00 UTC on 31 March.
    friday = bucket_calendar(clock.micros(moment("2026-03-27T15:00")), np.array([0.0, 2.0]), FiscalCalendar("Asia/Tokyo"))
    assert friday[0, :5].tolist() == [0, 2, 0, 4, 0]
    end = bucket_calendar(clock.micros(moment("2026-03-31T14:00")), np.array([0.0, 1.0]), FiscalCalendar("Asia/Tokyo"))
    assert end[0, 3:5].tolist() == [pytest.approx(1 / 24), 1]


def test_bucket_calendar_of_a_year_beginning_in_april() -> None:
    row = bucket_calendar(clock.micros(moment("2026-03-01")), np.array([0.0, 30.0]), FiscalCalendar(start_month=5))[0]
    assert row[3:5].tolist() == [61, 0]  # that quarter runs from 1 February to 1 May
