"""Text into values: what is declared is understood, what is not is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import clock
from features.parsing import DTYPES, Dialect, canonical_text, parse_column, text
from features.tables import Kind

GERMAN = Dialect(zone="Europe/Berlin", day_zone="Europe/Berlin", date_order="day-month-year", decimal=",", thousands=".")


def read(values: list[object], kind: Kind, dialect: Dialect | None = None) -> list[object]:
    column = pd.Series(values, dtype="str")
    parsed = parse_column(column, kind, dialect or Dialect())
    assert parsed.faults == []
    assert str(parsed.values.dtype) == DTYPES[kind]
    return [None if pd.isna(value) else value for value in parsed.values]


def faults(values: list[object], kind: Kind, dialect: Dialect | None = None) -> dict[str, list[bool]]:
    parsed = parse_column(pd.Series(values, dtype="str"), kind, dialect or Dialect())
    return {fault.rule: fault.rows.tolist() for fault in parsed.faults}


def utc(written: str) -> pd.Timestamp:
    return pd.Timestamp(written, tz="UTC")


def test_text_is_composed_stripped_and_never_empty() -> None:
    assert read([" Caf\u0065\u0301 ", "", "  ", None, "NA"], Kind.TEXT) == ["Caf\u00e9", None, None, None, "NA"]


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (pd.Series([12346.0, None]), ["12346", None]),
        (pd.Series([1.5, 2.0]), ["1.5", "2.0"]),
        (pd.Series([True, False]), ["true", "false"]),
        (pd.Series([7, None], dtype="Int64"), ["7", None]),
        (pd.Series(["a", None], dtype=object), ["a", None]),
    ],
)
def test_ids_that_a_tool_read_as_numbers_are_written_as_people_write_them(values: pd.Series, written: list[object]) -> None:
    assert text(values).astype(object).where(values.notna(), None).tolist() == written


def test_ids_hold_no_control_character_and_texts_no_nul() -> None:
    assert faults(["a\x00", "a\nb", "ok"], Kind.ID) == {"holds a control character": [True, True, False]}
    assert faults(["a\x00", "a\nb", "ok"], Kind.TEXT) == {"holds a control character": [True, False, False]}


def test_numbers_are_plain() -> None:
    assert read(["1", "1.5", " -7 ", "1e3", None], Kind.MONEY) == [1.0, 1.5, -7.0, 1000.0, None]


@pytest.mark.parametrize("word", ["12k", "1,5", "1 000", "nan", "0x10", "1_000", "true", "five"])
def test_words_in_a_number_column_are_refused(word: str) -> None:
    assert faults(["1", word], Kind.NUMBER) == {"text in a number column": [False, True]}


@pytest.mark.parametrize("endless", ["inf", "-Infinity", "1e999"])
def test_infinite_numbers_are_refused(endless: str) -> None:
    assert faults(["1", endless], Kind.NUMBER) == {"an infinite number": [False, True]}


def test_separators_are_understood_as_declared() -> None:
    assert read(["1.234,56", "1234,5", "-1.000", "7"], Kind.MONEY, GERMAN) == [1234.56, 1234.5, -1000.0, 7.0]
    assert faults(["12.34", "1,2.3", "1.23"], Kind.MONEY, GERMAN) == {"text in a number column": [True, True, True]}


@pytest.mark.parametrize("written", ["2011-09-30T22:38:44.546Z", "2011-09-30T22:38:44.546+0000", "2011-10-01 00:38:44.546+02"])
def test_instants_with_an_offset_need_no_declared_zone(written: str) -> None:
    assert read([written], Kind.INSTANT) == [utc("2011-09-30T22:38:44.546")]


@pytest.mark.parametrize("written", ["2026-03-01 10:00", "2026-03-01T10:00:00", "2026-03-01"])
def test_instants_without_an_offset_need_one(written: str) -> None:
    assert list(faults([written], Kind.INSTANT)) == ["a timestamp without an offset, and no declared zone"]


def test_a_declared_zone_places_timestamps() -> None:
    assert read(["2026-03-01 10:00", "01.07.2026 10:00"], Kind.INSTANT, GERMAN) == [
        utc("2026-03-01T09:00"),
        utc("2026-07-01T08:00"),
    ]


def test_an_hour_that_does_not_exist_is_the_next_and_one_that_exists_twice_the_first() -> None:
    spring, autumn = read(["2026-03-29 02:30", "2026-10-25 02:30"], Kind.INSTANT, GERMAN)
    assert (spring, autumn) == (utc("2026-03-29T01:00"), utc("2026-10-25T00:30"))


def test_a_bare_date_begins_in_the_organisations_zone() -> None:
    assert read(["2026-03-01"], Kind.INSTANT, Dialect(day_zone="America/New_York")) == [utc("2026-03-01T05:00")]


@pytest.mark.parametrize("word", ["now", "today", "1325376000000", "2026", "2026-02-30", "2026-03-01T25:00:00Z", "1/2/2026"])
def test_what_is_no_timestamp_is_refused(word: str) -> None:
    assert faults([word], Kind.INSTANT) == {"not a timestamp": [True]}


def test_the_order_of_day_and_month_is_declared_not_guessed() -> None:
    american = Dialect(date_order="month-day-year")
    assert read(["3/4/2026", "2026-03-04"], Kind.DATE, american) == [pd.Timestamp("2026-03-04")] * 2
    assert read(["3.4.2026"], Kind.DATE, GERMAN) == [pd.Timestamp("2026-04-03")]
    assert faults(["13/13/2026"], Kind.DATE, american) == {"not a date": [True]}


@pytest.mark.parametrize("written", ["1899-12-31", "2200-01-01", "0001-01-01"])
def test_dates_of_another_age_are_refused(written: str) -> None:
    assert faults([written], Kind.DATE) == {"a date outside 1900 to 2199": [True]}


def test_an_instant_in_a_date_column_needs_a_zone_unless_it_is_midnight() -> None:
    assert faults(["2026-03-01T03:00:00Z"], Kind.DATE) == {"a time of day in a date column": [True]}
    assert read(["2026-03-01T00:00:00.000Z"], Kind.DATE) == [pd.Timestamp("2026-03-01")]
    assert read(["2026-03-01T03:00:00Z"], Kind.DATE, Dialect(day_zone="America/New_York")) == [pd.Timestamp("2026-02-28")]


def test_typed_columns_are_taken_as_they_are() -> None:
    naive = pd.Series(pd.to_datetime(["2026-03-01 10:00"]))
    assert parse_column(naive, Kind.INSTANT).faults != []
    assert parse_column(naive, Kind.INSTANT, GERMAN).values.tolist() == [utc("2026-03-01T09:00")]
    assert parse_column(naive.dt.tz_localize("Asia/Tokyo"), Kind.INSTANT).values.tolist() == [utc("2026-03-01T01:00")]


def test_flags_are_words_or_digits() -> None:
    assert read(["TRUE", "0", "yes", "n", None], Kind.FLAG) == [True, False, True, False, None]
    assert faults(["maybe"], Kind.FLAG) == {"neither true nor false": [True]}


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False, width=64)))
def test_numbers_survive_canonical_writing(numbers: list[float | None]) -> None:
    column = pd.Series(numbers, dtype="float64")
    again = parse_column(canonical_text(column, Kind.MONEY), Kind.MONEY)
    assert again.faults == []
    np.testing.assert_array_equal(again.values.to_numpy(), column.to_numpy())


@given(st.lists(st.none() | st.dates(pd.Timestamp("1900-01-01").date(), pd.Timestamp("2199-12-31").date())))
def test_dates_survive_canonical_writing(dates: list[object]) -> None:
    column = pd.Series(pd.to_datetime(pd.Series(dates, dtype=object)), dtype=DTYPES[Kind.DATE])
    again = parse_column(canonical_text(column, Kind.DATE), Kind.DATE).values
    np.testing.assert_array_equal(clock.to_micros(again), clock.to_micros(column))


@pytest.mark.parametrize("kind", list(Kind))
def test_empty_and_missing_columns_have_the_dtype_of_their_kind(kind: Kind) -> None:
    for column in (pd.Series([], dtype="str"), pd.Series([None, None], dtype=object)):
        assert str(parse_column(column, kind).values.dtype) == DTYPES[kind]
