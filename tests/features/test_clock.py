"""Instants and half-open windows: every edge to the microsecond."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import clock
from features.clock import NEVER, UNKNOWN
from features.errors import UsageError
from tests.features.companies import AS_OF, MICROSECOND, moment

AT = clock.micros(AS_OF)
DAY = clock.MICROS_PER_DAY
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Pacific/Apia", "Africa/Cairo")

instants = st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2090-01-01")).map(
    lambda t: pd.Timestamp(t, tz="UTC").as_unit("us")
)


def times(*values: int) -> clock.Micros:
    return np.array(values, dtype=np.int64)


@given(instants)
def test_an_instant_survives_the_way_through_microseconds(at: pd.Timestamp) -> None:
    assert clock.instant(clock.micros(at)) == at


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_column_of_any_unit_becomes_microseconds_and_comes_back(unit: str) -> None:
    column = pd.Series([pd.Timestamp("2026-04-01T00:00Z"), pd.NaT], dtype=f"datetime64[{unit}, UTC]")
    assert clock.to_micros(column).tolist() == [AT, UNKNOWN]
    assert clock.to_series(clock.to_micros(column)).tolist() == [AS_OF, pd.NaT]


@pytest.mark.parametrize(
    ("recorded", "is_known"), [(AT - 1, True), (AT, False), (AT + 1, False), (UNKNOWN, False), (NEVER, False)]
)
def test_known_means_strictly_before_as_of(recorded: int, is_known: bool) -> None:
    assert clock.known(times(recorded), AT).tolist() == [is_known]
    assert clock.is_known(recorded, AT) is is_known


@pytest.mark.parametrize(("offset", "inside"), [(-1, False), (0, True), (1, True), (7 * DAY - 1, True), (7 * DAY, False)])
def test_a_window_holds_its_start_and_not_its_end(offset: int, inside: bool) -> None:
    assert clock.within(times(AT + offset), AT, clock.after_days(AT, 7)).tolist() == [inside]


def test_an_unknown_time_lies_in_no_window() -> None:
    assert not clock.within(times(UNKNOWN), UNKNOWN, NEVER).any()


@given(instants, instants, st.floats(0.001, 400))
def test_an_event_is_known_or_in_the_outcome_window_or_after_it(event: pd.Timestamp, as_of: pd.Timestamp, horizon: float) -> None:
    at, end = clock.micros(as_of), clock.after_days(clock.micros(as_of), horizon)
    known, inside = clock.known(times(clock.micros(event)), at), clock.within(times(clock.micros(event)), at, end)
    after = ~clock.known(times(clock.micros(event)), end)
    assert (known.astype(int) + inside + after).tolist() == [1]


def test_the_later_of_two_times_is_never_the_unknown_one() -> None:
    assert clock.later(times(5, UNKNOWN, UNKNOWN), times(7, 7, UNKNOWN)).tolist() == [7, 7, UNKNOWN]


def test_the_earlier_of_two_ends_is_the_one_that_comes() -> None:
    assert clock.earlier(clock.or_never(times(5, UNKNOWN, UNKNOWN)), times(7, 7, NEVER)).tolist() == [5, 7, NEVER]
    assert clock.never_as_unknown(times(5, NEVER)).tolist() == [5, UNKNOWN]


def test_days_added_are_of_24_hours_and_leave_the_unknown_unknown() -> None:
    assert clock.plus_days(times(AT, UNKNOWN), 1.5).tolist() == [AT + 36 * 3_600_000_000, UNKNOWN]


def test_days_between_are_fractions_and_nan_where_a_side_is_unknown() -> None:
    start = times(AT, UNKNOWN, AT)
    end = times(AT + DAY // 2, AT, UNKNOWN)
    assert clock.days_between(start, end)[0] == 0.5
    assert np.isnan(clock.days_between(start, end)[1:]).all()


def test_a_horizon_day_has_24_hours_on_the_day_that_clocks_change() -> None:
    before = pd.Timestamp("2026-03-29T00:00", tz="Europe/Berlin")
    after = clock.instant(clock.after_days(clock.micros(before), 1)).tz_convert("Europe/Berlin")
    assert after == pd.Timestamp("2026-03-30T01:00", tz="Europe/Berlin")


def test_the_time_at_no_row_is_unknown() -> None:
    assert clock.time_at(times(10, 20), times(1, -1, 0)).tolist() == [20, UNKNOWN, 10]
    assert clock.time_at(times(), times(-1)).tolist() == [UNKNOWN]


def test_one_time_repeated() -> None:
    assert clock.repeated(AT, 2).tolist() == [AT, AT]


@pytest.mark.parametrize(
    ("day", "zone", "begins"),
    [
        ("2026-04-01", "UTC", "2026-04-01T00:00"),
        ("2026-04-01", "Asia/Tokyo", "2026-03-31T15:00"),
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00"),  # clocks go forward on this day
        ("2026-03-30", "Europe/Berlin", "2026-03-29T22:00"),
        ("2026-10-26", "Europe/Berlin", "2026-10-25T23:00"),
        ("2026-04-24", "Africa/Cairo", "2026-04-23T22:00"),  # begins at 01:00: there is no midnight
        ("2026-11-01", "America/Havana", "2026-11-01T04:00"),  # midnight comes twice: the first
    ],
)
def test_a_date_begins_at_local_midnight(day: str, zone: str, begins: str) -> None:
    dates = pd.Series([pd.Timestamp(day), pd.NaT], dtype="datetime64[us]")
    assert clock.dates_to_micros(dates, zone).tolist() == [clock.micros(moment(begins)), UNKNOWN]


@st.composite
def grouped_times(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    pairs = draw(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([UNKNOWN, 0, 1, 2, 3, AT, NEVER])), max_size=12))
    return sorted(group for group, _ in pairs), [time for _, time in pairs]


@given(grouped_times())
def test_earliest_later_in_group_looks_at_the_rows_that_follow(drawn: tuple[list[int], list[int]]) -> None:
    groups, values = drawn
    expected = [
        min((v for g, v in zip(groups[i + 1 :], values[i + 1 :], strict=True) if g == group), default=NEVER)
        for i, group in enumerate(groups)
    ]
    assert clock.earliest_later_in_group(times(*groups), times(*values)).tolist() == expected


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-04-01", "UTC", "2026-04-01T00:00"),
        ("2026-04-01", "Europe/Berlin", "2026-03-31T22:00"),
        ("2026-04-24", "Africa/Cairo", "2026-04-23T22:00"),
        ("2026-11-01", "America/Havana", "2026-11-01T04:00"),
        ("2026-04-01T09:00+02:00", "Asia/Tokyo", "2026-04-01T07:00"),
        ("2026-04-01T09:00:00.000001Z", "Asia/Tokyo", "2026-04-01T09:00:00.000001"),
    ],
)
def test_an_as_of_is_read_as_an_instant(text: str, zone: str, expected: str) -> None:
    assert clock.parse_as_of(text, zone) == moment(expected)


@pytest.mark.parametrize("text", ["", "tomorrow", "01.04.2026", "2026-02-30", "2026-04-01T25:00+00:00"])
def test_what_is_no_date_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="2026-04-01"):
        clock.parse_as_of(text, "Europe/Berlin")


@pytest.mark.parametrize("text", ["0001-01-01", "1899-12-31", "2200-01-01"])
def test_a_date_of_another_age_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="1900 to 2199"):
        clock.parse_as_of(text, "Europe/Berlin")


@pytest.mark.parametrize("text", ["2026-04-01T09:00", "2026-04-01 09:00", "20260401T09"])
def test_a_time_of_day_needs_an_offset(text: str) -> None:
    with pytest.raises(UsageError, match="offset"):
        clock.parse_as_of(text, "UTC")


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (pd.Timedelta(0), moment("2026-04-01")),
        (pd.Timedelta(days=3) - MICROSECOND, moment("2026-04-01")),  # under three days old: the wall clock
        (pd.Timedelta(days=3), moment("2026-03-29")),  # three days old: the end of the data
        (pd.Timedelta(days=400), moment("2025-02-25")),
        (pd.Timedelta(days=-2), moment("2026-04-03")),  # the newest fact lies ahead of this clock: all of it is known
    ],
)
def test_now_is_the_wall_clock_only_while_the_data_is_fresh(age: pd.Timedelta, expected: pd.Timestamp) -> None:
    assert clock.now(AS_OF - age, wall_clock=AS_OF) == expected


def test_now_without_a_clock_given_reads_the_wall() -> None:
    before = pd.Timestamp.now(tz="UTC")
    assert before.floor("us") <= clock.now(before.as_unit("us")) <= pd.Timestamp.now(tz="UTC")


@pytest.mark.parametrize("zone", ZONES)
def test_local_days_are_those_of_the_zone(zone: str) -> None:
    hours = AT + np.arange(0, 800 * 24, 7, dtype=np.int64) * (DAY // 24) - 1
    local = pd.DatetimeIndex(hours.view("datetime64[us]"), tz="UTC").tz_convert(zone)
    expected = [day.toordinal() for day in local.date]
    assert (clock.local_days(hours, zone) + pd.Timestamp("1970-01-01").toordinal()).tolist() == expected


def test_local_days_far_from_now() -> None:
    far = clock.micros(pd.Timestamp("2500-06-01T23:30Z"))
    found = clock.local_days(times(far, AT), "Europe/Berlin").astype("datetime64[D]")
    assert found.astype(str).tolist()[0] == "2500-06-02"
