"""Text into values: how one column of a source becomes numbers, instants, dates, flags or clean text.

A `Dialect` says how a source writes things; what it does not say is refused, never guessed. Example: `2026-03-01 10:00` has no
offset, so it is an instant only where the dialect declares a zone; `01/03/2026` is a date only where it declares an order of day
and month; `1.000` is a thousand only where it declares the point to group digits. The default dialect is our own canonical
writing: ISO 8601 with offsets, a decimal point, no grouping.

`parse_column` finds every fault of a column at once and leaves the faulty cells null, so that the caller can report them all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features import clock
from features.clock import Mask
from features.tables import NUMERIC, TEXTUAL, Kind

DTYPES: Final = {
    Kind.ID: "str",
    Kind.TEXT: "str",
    Kind.CATEGORY: "str",
    Kind.MONEY: "float64",
    Kind.NUMBER: "float64",
    Kind.PROBABILITY: "float64",
    Kind.INSTANT: "datetime64[us, UTC]",
    Kind.DATE: "datetime64[us]",
    Kind.FLAG: "boolean",
}
DATE_ORDERS: Final = ("year-month-day", "day-month-year", "month-day-year")
TRUE: Final = ("true", "t", "yes", "y", "1")
FALSE: Final = ("false", "f", "no", "n", "0")

_ISO: Final = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)? ?(Z|[+-]\d{2}(:?\d{2})?)?)?$"
_OFFSET: Final = r"[T ].*(Z|[+-]\d{2}(:?\d{2})?)$"
_PARTS: Final = r"^(?P<first>\d{1,2})[./-](?P<second>\d{1,2})[./-](?P<year>\d{4})(?P<rest>.*)$"
_FIRST_YEAR, _LAST_YEAR = pd.Timestamp("1900-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")


@dataclass(frozen=True)
class Dialect:
    """How a source writes its values.

    zone        of timestamps with a time of day but no offset; None: such timestamps are refused
    day_zone    the zone in which a bare date begins, and in which an instant falls on a date; None: dates and instants do not mix
    date_order  one of DATE_ORDERS; ISO dates are understood with any of them
    decimal     the decimal separator
    thousands   the separator of groups of digits, empty: none is allowed
    """

    zone: str | None = None
    day_zone: str | None = None
    date_order: str = DATE_ORDERS[0]
    decimal: str = "."
    thousands: str = ""


CANONICAL: Final = Dialect()


@dataclass(frozen=True)
class Fault:
    """One rule that some cells of a column break: `rows` marks them."""

    rule: str
    advice: str
    rows: Mask


@dataclass(frozen=True)
class Parsed:
    """A column in the dtype of its kind, null where a cell is faulty."""

    values: pd.Series
    faults: list[Fault] = field(default_factory=list)


def parse_column(values: pd.Series, kind: Kind, dialect: Dialect = CANONICAL) -> Parsed:
    """A column of text, or of the right type already, as the dtype of its kind, with all that is wrong in it."""
    if kind in TEXTUAL:
        return _texts(values, printable=kind is Kind.ID)
    if kind in NUMERIC:
        return _numbers(values, dialect)
    if kind is Kind.INSTANT:
        return _instants(values, dialect)
    return _dates(values, dialect) if kind is Kind.DATE else _flags(values)


def text(values: pd.Series) -> pd.Series:
    """Any column as clean text: NFC, stripped, empty as null; whole numbers without a decimal point, flags as true and false."""
    stripped = pc.utf8_trim_whitespace(_arrow(_composed(_written(values))))
    return _series(pc.if_else(pc.equal(stripped, ""), pa.scalar(None, stripped.type), stripped), values)


def canonical_text(values: pd.Series, kind: Kind) -> pd.Series:
    """Parsed values in canonical writing, as `old_value` and `new_value` of a change hold them; the inverse of parsing."""
    if kind in NUMERIC:
        return _series(pc.cast(_arrow(values), pa.large_string()), values)
    if kind is Kind.DATE:
        return pd.Series(values.dt.strftime("%Y-%m-%d"), dtype="str")
    return text(values)


def _written(values: pd.Series) -> pd.Series:
    """A column as text, as a person would write it: 12346 for 12346.0, true for True."""
    if isinstance(values.dtype, pd.StringDtype):
        return values
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.astype("str").str.lower()
    if pd.api.types.is_float_dtype(values.dtype) and (values.dropna() % 1 == 0).all():
        return values.astype("Int64").astype("str")
    return values.astype("str")


def _composed(values: pd.Series) -> pd.Series:
    """Text in Unicode's composed form, in which é is one character; ASCII is so already."""
    # Not pyarrow's utf8_normalize: up to version 25 it decomposes, whatever form is asked for.
    accented = ~np.asarray(pc.fill_null(pc.string_is_ascii(_arrow(values)), True))
    return values.mask(accented, values[accented].str.normalize("NFC")) if accented.any() else values


def _arrow(values: pd.Series) -> Any:
    """The column as one arrow array; pyarrow ships no types, so neither do the kernels below."""
    array = pa.array(values, from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _series(array: Any, like: pd.Series) -> pd.Series:
    return pd.Series(array, index=like.index, name=like.name, dtype="str")


def _mask(array: Any) -> Mask:
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _matches(values: pd.Series, pattern: str) -> Mask:
    """Which texts hold the pattern (RE2); a missing one does not."""
    return _mask(pc.match_substring_regex(_arrow(values), pattern))


def _found(*faults: Fault) -> list[Fault]:
    return [fault for fault in faults if fault.rows.any()]


def _texts(values: pd.Series, *, printable: bool) -> Parsed:
    cleaned = text(values)
    bad = _matches(cleaned, r"[\x00-\x1f\x7f]" if printable else r"\x00")
    advice = "remove the control characters (such as NUL or a line break) in the source"
    return Parsed(cleaned.mask(bad), _found(Fault("holds a control character", advice, bad)))


def _numbers(values: pd.Series, dialect: Dialect) -> Parsed:
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        numbers, worded = values.astype("float64"), np.zeros(len(values), dtype=np.bool_)
    else:
        cleaned = text(values)
        numbers = pd.to_numeric(_plain_numbers(cleaned, dialect), errors="coerce").astype("float64")
        worded = np.asarray(cleaned.notna() & numbers.isna())
    infinite = np.isinf(numbers.to_numpy())
    faults = _found(
        Fault("text in a number column", "write plain numbers, or declare the source's decimal and thousands separators", worded),
        Fault("an infinite number", "correct the value in the source, or declare a rule that nulls it", infinite),
    )
    return Parsed(numbers.mask(infinite), faults)


def _plain_numbers(cleaned: pd.Series, dialect: Dialect) -> pd.Series:
    """Numbers with a decimal point and without grouping; whatever is written differently from the dialect stays no number."""
    if not dialect.thousands and dialect.decimal == ".":
        return cleaned
    array = _arrow(cleaned)
    point, group = _literal(dialect.decimal), _literal(dialect.thousands)
    digits = rf"(\d+|\d{{1,3}}({group}\d{{3}})+)" if dialect.thousands else r"\d+"
    fits = pc.match_substring_regex(array, rf"^[+-]?{digits}({point}\d+)?$")
    if dialect.thousands:
        array = pc.replace_substring(array, dialect.thousands, "")
    plain = pc.replace_substring(array, dialect.decimal, ".")
    return _series(pc.if_else(fits, plain, pa.scalar("unreadable", plain.type)), cleaned)


def _literal(separator: str) -> str:
    return f"[{separator}]"


def _instants(values: pd.Series, dialect: Dialect) -> Parsed:
    moments, naive, bare, unreadable = _moments(values, dialect)
    local = moments.mask(~(naive | bare))
    moments = moments.mask(naive | bare)
    undeclared = np.zeros(len(values), dtype=np.bool_)
    for rows, zone in ((naive, dialect.zone), (bare, dialect.day_zone)):
        if zone is None:
            undeclared |= rows
        elif rows.any():
            moments = moments.fillna(_localised(local.mask(~rows), zone))
    strange = _out_of_range(moments)
    faults = _found(
        Fault("not a timestamp", "write ISO 8601 such as 2026-03-01T10:00:00Z, or declare the source's date_order", unreadable),
        Fault(
            "a timestamp without an offset, and no declared zone",
            'declare the zone of the source (timezone = "Europe/Berlin" at the top of the mapping), or write an offset',
            undeclared,
        ),
        _range_fault(strange),
    )
    return Parsed(moments.mask(strange), faults)


def _dates(values: pd.Series, dialect: Dialect) -> Parsed:
    moments, naive, bare, unreadable = _moments(values, dialect)
    wall = moments.dt.tz_localize(None)
    midnight = clock.to_micros(wall) % clock.MICROS_PER_DAY == 0
    timed = np.asarray(wall.notna()) & ~bare & ~midnight
    if dialect.day_zone is not None:
        elsewhere = timed & ~naive
        wall = wall.mask(elsewhere, moments.dt.tz_convert(dialect.day_zone).dt.tz_localize(None))
        timed = np.zeros(len(values), dtype=np.bool_)
    days = wall.dt.normalize().dt.as_unit("us")
    strange = _out_of_range(days)
    faults = _found(
        Fault("not a date", "write ISO 8601 such as 2026-03-01, or declare the source's date_order", unreadable),
        Fault("a time of day in a date column", "give the calendar date alone", timed),
        _range_fault(strange),
    )
    return Parsed(days.mask(strange | timed), faults)


def _moments(values: pd.Series, dialect: Dialect) -> tuple[pd.Series, Mask, Mask, Mask]:
    """Each cell read as if written in UTC, and which cells have no offset, are bare dates, cannot be read."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        aware = isinstance(values.dtype, pd.DatetimeTZDtype)
        moments = values.dt.tz_convert("UTC") if aware else values.dt.tz_localize("UTC")
        nowhere = np.zeros(len(values), dtype=np.bool_)
        return moments.dt.as_unit("us"), nowhere if aware else np.asarray(values.notna()), nowhere, nowhere
    cleaned = _reordered(text(values), dialect)
    iso = _matches(cleaned, _ISO)
    moments = pd.to_datetime(cleaned.where(iso), format="ISO8601", utc=True, errors="coerce").dt.as_unit("us")
    read = np.asarray(moments.notna())
    bare = read & (cleaned.str.len() == len("2026-03-01")).to_numpy(dtype=np.bool_, na_value=False)
    naive = read & ~bare & ~_matches(cleaned, _OFFSET)
    return moments, naive, bare, np.asarray(cleaned.notna()) & ~read


def _reordered(cleaned: pd.Series, dialect: Dialect) -> pd.Series:
    """Dates such as 31.12.2026 or 12/31/2026 in ISO order, where the dialect says which part is the month."""
    if dialect.date_order == DATE_ORDERS[0]:
        return cleaned
    array = _arrow(cleaned)
    parts = pc.extract_regex(array, _PARTS)
    first, second, year, rest = (pc.struct_field(parts, name) for name in ("first", "second", "year", "rest"))
    day, month = (first, second) if dialect.date_order.startswith("day") else (second, first)
    iso = pc.binary_join_element_wise(year, _two_digits(month), _two_digits(day), pa.scalar("-", year.type))
    written = pc.binary_join_element_wise(iso, rest, pa.scalar("", iso.type))
    return _series(pc.if_else(pc.is_valid(parts), written, array), cleaned)


def _two_digits(part: Any) -> Any:
    return pc.utf8_lpad(part, width=2, padding="0")


def _localised(moments: pd.Series, zone: str) -> pd.Series:
    """Wall-clock readings, held as UTC, as the instants they name in a zone: the first of two, the next where there is none."""
    wall = moments.dt.tz_localize(None)
    instants: pd.Series = wall.dt.tz_localize(zone, nonexistent="shift_forward", ambiguous=True).dt.tz_convert("UTC")
    return instants


def _out_of_range(moments: pd.Series) -> Mask:
    inside = clock.within(clock.to_micros(moments), clock.micros(_FIRST_YEAR), clock.micros(_LAST_YEAR))
    return np.asarray(~inside & moments.notna())


def _range_fault(rows: Mask) -> Fault:
    return Fault("a date outside 1900 to 2199", "correct the date in the source, or declare a rule that nulls it", rows)


def _flags(values: pd.Series) -> Parsed:
    if pd.api.types.is_bool_dtype(values.dtype):
        return Parsed(values.astype("boolean"))
    words = text(values).str.lower()
    flags = pd.Series(pd.NA, index=values.index, name=values.name, dtype="boolean")
    flags = flags.mask(_one_of(words, TRUE), True).mask(_one_of(words, FALSE), False)
    unreadable = np.asarray(words.notna() & flags.isna())
    return Parsed(flags, _found(Fault("neither true nor false", "write true or false", unreadable)))


def _one_of(words: pd.Series, accepted: Sequence[str]) -> Mask:
    return np.asarray(words.isin(list(accepted)))
