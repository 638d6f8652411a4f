"""Declared row rules: which rows of a file are deleted records, which are dropped, which cells emptied. Nothing else drops a row.

Rules are applied in the order of the file, deletions first, then drops; a row that two rules fit counts for the first.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from features import clock, contracts, parsing
from features.clock import Mask, Micros
from features.parsing import Dialect
from features.sources.columns import Sheet, glob
from features.sources.mapping import Bound, Rule, TableKeys
from features.tables import Kind

AnyRule = TypeVar("AnyRule", bound=Rule)


def parted(table: str, keys: TableKeys, sheet: Sheet, dialect: Dialect) -> tuple[Sheet, Sheet, Counter[str]]:
    """The rows of a file that are there, those that it marks as deleted, and how many of these each rule found."""
    frame, marked = sheet.frame, Counter[str]()
    gone = np.zeros(len(frame), dtype=np.bool_)
    for rule in _of(keys.deleted, sheet):
        fits = _fits(table, rule, frame, dialect) & ~gone
        marked[rule.name] += int(fits.sum())
        gone |= fits
    left, away = (Sheet(sheet.file, frame[rows].reset_index(drop=True)) for rows in (~gone, gone))
    return left, away, marked


def apply(table: str, keys: TableKeys, sheet: Sheet, dialect: Dialect) -> tuple[Sheet, Counter[str], Counter[str]]:
    """The file with its declared rules carried out, and how many rows each of them dropped and emptied."""
    frame, dropped, nulled = sheet.frame, Counter[str](), Counter[str]()
    for rule in _of(keys.drop, sheet):
        fits = _fits(table, rule, frame, dialect)
        dropped[rule.name] += int(fits.sum())
        frame = frame[~fits]
    for rule in _of(keys.null, sheet):
        fits = _fits(table, rule, frame, dialect)
        nulled[rule.name] += int(fits.sum())
        cleared = [name for name in rule.clear or (rule.column,) if name in frame]
        frame = frame.assign(**{name: frame[name].mask(fits) for name in cleared})
    return Sheet(sheet.file, frame.reset_index(drop=True)), dropped, nulled


def _of(rules: Sequence[AnyRule], sheet: Sheet) -> list[AnyRule]:
    """The rules for this file whose columns it has."""
    named = [rule for rule in rules if not rule.file or sheet.file.lower() in map(str.lower, rule.file)]
    return [rule for rule in named if all(name in sheet.frame for name in (rule.column, *rule.only))]


def _fits(table: str, rule: Rule, frame: pd.DataFrame, dialect: Dialect) -> Mask:
    condition, given = next(rule.conditions())
    fits = _TESTS[condition](table, frame[rule.column], given, dialect)
    for column, values in rule.only.items():
        fits = fits & np.asarray(parsing.text(frame[column]).isin(list(values)))
    return fits


def _equals(_table: str, column: pd.Series, given: Sequence[str], _dialect: Dialect) -> Mask:
    return np.asarray(parsing.text(column).isin(list(given)))


def _starts_with(_table: str, column: pd.Series, given: Sequence[str], _dialect: Dialect) -> Mask:
    return np.asarray(parsing.text(column).str.startswith(tuple(given)).fillna(False), dtype=np.bool_)


def _matches(_table: str, column: pd.Series, given: Sequence[str], _dialect: Dialect) -> Mask:
    texts = pa.array(parsing.text(column), from_pandas=True, type=pa.large_string())
    return np.asarray(np.any([glob(texts, pattern) for pattern in given], axis=0))


def _not_matches(table: str, column: pd.Series, given: Sequence[str], dialect: Dialect) -> Mask:
    return np.asarray(parsing.text(column).notna() & ~_matches(table, column, given, dialect))


def _is_null(_table: str, column: pd.Series, given: bool, _dialect: Dialect) -> Mask:
    return np.asarray(parsing.text(column).isna() == given)


def _bounded(test: Callable[[Any, Any], Any], inside: Callable[[Micros, int], Mask]) -> Callable[..., Mask]:
    """A comparison with a number, or with the instant at which a date begins; an empty cell fits neither."""

    def fits(table: str, column: pd.Series, given: Bound, dialect: Dialect) -> Mask:
        if not isinstance(given, date):
            return np.asarray(test(contracts.parse(column, Kind.NUMBER, table, dialect), given))
        bound = contracts.parse(pd.Series([given.isoformat()], name="bound"), Kind.INSTANT, table, dialect)
        times = clock.to_micros(contracts.parse(column, Kind.INSTANT, table, dialect))
        return np.asarray(inside(times, clock.micros(bound.iloc[0])) & (times != clock.UNKNOWN))

    return fits


_TESTS: Final[Mapping[str, Callable[..., Mask]]] = {
    "equals": _equals,
    "starts_with": _starts_with,
    "matches": _matches,
    "not_matches": _not_matches,
    "is_null": _is_null,
    "below": _bounded(lambda column, bound: column < bound, clock.known),
    "at_most": _bounded(lambda column, bound: column <= bound, lambda times, bound: clock.known(times, bound + 1)),
    "at_least": _bounded(lambda column, bound: column >= bound, lambda times, bound: ~clock.known(times, bound)),
    "above": _bounded(lambda column, bound: column > bound, lambda times, bound: ~clock.known(times, bound + 1)),
}
