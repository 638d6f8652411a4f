"""Columns of the contract from columns of the export: looked up, computed, translated.

A column may have several alternatives: each row takes the first that holds something. Where value patterns are declared, an
alternative that matches none of them passes on to the next, so that `kind = ["Type", "Subject"]` finds "call" in the subject of a
task whose type is "Other". Two patterns are apart: "*" translates what matched nothing, "" what is empty.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features import clock, contracts, parsing
from features.clock import Mask
from features.parsing import Dialect
from features.sources.mapping import Spec, TableKeys
from features.sources.salesforce import full_ids
from features.tables import TABLES, TEXTUAL, Kind

OTHERWISE: Final = "*"
EMPTY: Final = ""


@dataclass(frozen=True)
class Sheet:
    """One file of an export, as read."""

    file: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Reading:
    """How the cells of an export are read: its dialect, the form of its ids, and the ids that each table has."""

    dialect: Dialect
    ids: str = "as_written"
    known: Mapping[str, pd.Series] = field(default_factory=dict)

    def text(self, values: pd.Series, kind: Kind) -> pd.Series:
        """Clean text; ids in one form."""
        cleaned = parsing.text(values)
        return full_ids(cleaned) if kind is Kind.ID and self.ids == "salesforce" else cleaned


def mapped(table: str, keys: TableKeys, sheet: Sheet, reading: Reading, *, keep_others: bool) -> pd.DataFrame:
    """One file's rows with the contract's columns, not parsed yet; `keep_others` adds what is not mapped under its own name."""
    columns = {}
    for name, specs in keys.columns.items():
        kind = TABLES[table].column(name).kind
        columns[name] = column_of(table, sheet.frame, specs, kind, keys.values.get(name, {}), reading)
    for name, custom in keys.custom.items():
        kind = custom.contract(name).kind
        columns[name] = column_of(table, sheet.frame, custom.column, kind, keys.values.get(name, {}), reading)
    found = {name: column for name, column in columns.items() if column is not None}
    others = [name for name in sheet.frame if name not in keys.used()] if keep_others else []
    return pd.DataFrame(found | {name: sheet.frame[name] for name in others}, index=sheet.frame.index)


def column_of(
    table: str, frame: pd.DataFrame, specs: Sequence[Spec], kind: Kind, patterns: Mapping[str, str], reading: Reading
) -> pd.Series | None:
    """One column from its alternatives, not parsed yet; None where the file has none of them."""
    parts = [_value(table, frame, spec, kind, reading) for spec in specs if all(name in frame for name in spec.foreign)]
    if not parts:
        return None
    if patterns:
        return translate([parsing.text(part) for part in parts], patterns)
    return reduce(_filled, parts)


def _filled(first: pd.Series, second: pd.Series) -> pd.Series:
    """The first where it holds something, else the second."""
    if first.dtype != second.dtype:
        first, second = parsing.text(first), parsing.text(second)
    return first.where(first.notna(), second)


def _value(table: str, frame: pd.DataFrame, spec: Spec, kind: Kind, reading: Reading) -> pd.Series:
    values = _source(table, frame, spec, kind, reading)
    if spec.multiply_by is not None or spec.divide_by is not None:
        values = contracts.parse(values, Kind.NUMBER, table, reading.dialect) * (spec.multiply_by or 1) / (spec.divide_by or 1)
    if spec.refers_to is not None:
        values = values.where(values.isin(reading.known.get(spec.refers_to, pd.Series(dtype="str"))))
    if spec.not_before is not None and spec.not_before in frame:
        values = _not_before(table, values, frame[spec.not_before], reading.dialect)
    return values


def _source(table: str, frame: pd.DataFrame, spec: Spec, kind: Kind, reading: Reading) -> pd.Series:
    if spec.value is not None:
        return pd.Series(spec.value, index=frame.index, dtype="str")
    if spec.product is not None:
        first, second = (contracts.parse(frame[name], Kind.NUMBER, table, reading.dialect) for name in spec.product)
        return first * second
    if spec.concat is not None:
        return _joined([parsing.text(frame[name]) for name in spec.concat], spec.separator)
    values = frame[str(spec.column)]
    return reading.text(values, kind) if kind in TEXTUAL or isinstance(values.dtype, pd.StringDtype) else values


def _joined(parts: Sequence[pd.Series], separator: str) -> pd.Series:
    """Texts put together; where one is missing, the others."""
    return reduce(lambda first, second: (first + separator + second).fillna(first).fillna(second), parts)


def _not_before(table: str, values: pd.Series, floor: pd.Series, dialect: Dialect) -> pd.Series:
    """The later of two instants where there is a first: a close known by its date alone is not before the deal's creation."""
    first, second = (clock.to_micros(contracts.parse(side, Kind.INSTANT, table, dialect)) for side in (values, floor))
    chosen = clock.to_series(np.where(first == clock.UNKNOWN, clock.UNKNOWN, clock.later(first, second)))
    return chosen.set_axis(values.index)


def translate(alternatives: Sequence[pd.Series], patterns: Mapping[str, str]) -> pd.Series:
    """Each row's first alternative that matches a pattern, as that pattern's value; see the module for "*" and ""."""
    written = reduce(_filled, alternatives)
    matched = reduce(_filled, [_matched(part, patterns) for part in alternatives])
    rest = pd.Series(patterns[OTHERWISE], index=written.index, dtype="str") if OTHERWISE in patterns else written
    result = matched.where(matched.notna(), rest)
    return parsing.text(result.where(written.notna(), patterns.get(EMPTY)))


def _matched(values: pd.Series, patterns: Mapping[str, str]) -> pd.Series:
    """The value of the first pattern that fits, null where none does; worked out once for each distinct text."""
    codes, distinct = pd.factorize(values)
    texts = pa.array(distinct, type=pa.large_string())
    result = np.full(len(distinct) + 1, None, dtype=object)
    for pattern, value in reversed(list(patterns.items())):
        if pattern not in (OTHERWISE, EMPTY):
            result[:-1][glob(texts, pattern)] = value
    return pd.Series(result[codes], index=values.index, dtype="str")


def glob(texts: pa.Array, pattern: str) -> Mask:
    """Which texts a pattern fits as a whole, whatever their case: * is any text, ? one character, [0-9] one of a set."""
    parts = re.split(r"(\*|\?|\[[^\]]+\])", pattern)
    wild = {"*": ".*", "?": "."}
    regex = "".join(
        wild.get(part) or (part if part.startswith("[") and part.endswith("]") else re.escape(part)) for part in parts
    )
    found = pc.match_substring_regex(texts, f"(?is)^{regex}$")
    return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False), dtype=np.bool_)
