"""Signals from the organisation's own columns of the deals: no code, one declaration in a mapping.

A column that is declared to change has a history like any tracked field; one that is known with the row is taken as it stands;
one that the close reveals is never a signal, nor is one of which nobody said when it is known. Example, with a mapping's

    [tables.deals.custom.seats]            the signal custom_seats
    column = "Seats__c"
    kind = "number"
    known_at = "changes"

A number stands as it is, a flag as 0 or 1, a category as text, a date as days from as_of (`custom_renewal_days`; negative: past)
and a text as its length in characters (`custom_notes_length`). What a deal does not have is missing.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from features import catalog, clock
from features.clock import Floats
from features.flat import Flat, Texts, picked
from features.history import Rows
from features.signal import Columns, Signal
from features.snapshot import Snapshot
from features.tables import CHANGES, TABLES, TEXTUAL, Column, Kind

PREFIX: Final = "custom_"
SUFFIXES: Final = {Kind.DATE: "_days", Kind.INSTANT: "_days", Kind.TEXT: "_length", Kind.ID: "_length"}
_UNITS: Final = {Kind.CATEGORY: "category", Kind.MONEY: "money", Kind.PROBABILITY: "share", Kind.FLAG: "flag"}
_UNIT_OF: Final = {"_days": "days", "_length": "count"}


def signal_name(column: Column) -> str:
    """What the signal of a column is called in the matrix."""
    return f"{PREFIX}{column.name}{SUFFIXES.get(column.kind, '')}"


def signalled(custom: Sequence[Column]) -> list[Column]:
    """The columns that become signals: those of which it is declared when they are known, but for what the close reveals."""
    return [column for column in custom if column.revealed_by in (CHANGES, TABLES["deals"].time)]


def custom_catalog(custom: Sequence[Column]) -> tuple[Signal, ...]:
    """The signals of these columns, in the order of the matrix, with meanings made from the columns' names."""
    return tuple(_signal(column) for column in signalled(custom))


def signal_of(name: str, custom: Sequence[Column] = ()) -> Signal:
    """A signal of the catalog or of an own column by its name; a name that none of them has says itself what it means."""
    own = {signal.name: signal for signal in custom_catalog(custom)}
    found = catalog.SIGNALS.get(name) or own.get(name)
    return found or Signal(name, "custom", "count", _words(name.removeprefix(PREFIX)), _words(name.removeprefix(PREFIX)))


def custom_signals(snapshot: Snapshot, rows: Rows) -> Columns:
    """One column for each declared own column of the deals, for the given rows: float64 or text, missing where not known."""
    return {signal_name(column): _values(snapshot, column, rows) for column in signalled(snapshot.dataset.custom)}


def _values(snapshot: Snapshot, column: Column, rows: Rows) -> Floats | Texts:
    if column.kind in TEXTUAL:
        texts = _texts(snapshot, column, rows)
        return texts if column.kind is Kind.CATEGORY else _lengths(texts)
    numbers = _numbers(snapshot, column, rows)
    return (numbers - snapshot.at) / clock.MICROS_PER_DAY if column.kind in SUFFIXES else numbers


def _texts(snapshot: Snapshot, column: Column, rows: Rows) -> Texts:
    if column.revealed_by == CHANGES:
        return snapshot.texts(column.name, rows)
    there = snapshot.dataset.arrays.has("deals", column.name)
    return _with_the_row(snapshot, column, rows) if there else np.full(len(rows), None, dtype=object)


def _numbers(snapshot: Snapshot, column: Column, rows: Rows) -> Floats:
    """Numbers, flags as 0 and 1, dates and instants as microseconds."""
    if column.revealed_by == CHANGES:
        return snapshot.values(column.name)[rows]
    if not snapshot.dataset.arrays.has("deals", column.name):
        return np.full(len(rows), np.nan)
    held = _with_the_row(snapshot, column, rows)
    return np.where(held == clock.UNKNOWN, np.nan, held.astype(np.float64)) if column.kind is Kind.INSTANT else held


def _with_the_row(snapshot: Snapshot, column: Column, rows: Rows) -> Flat:
    """A column that is known since the deal is on record."""
    return picked(snapshot.dataset.arrays.get("deals", column.name), np.where(snapshot.exists[rows], rows, -1))


def _lengths(texts: Texts) -> Floats:
    return np.asarray(pd.Series(texts, dtype="str").str.len().astype("float64"), dtype=np.float64)


def _signal(column: Column) -> Signal:
    suffix, words = SUFFIXES.get(column.kind, ""), _words(column.name)
    unit = _UNIT_OF.get(suffix) or _UNITS.get(column.kind, "count")
    en = {"_days": f"Days to: {words}", "_length": f"Length of text: {words}"}.get(suffix, words)
    ru = {"_days": f"Дней до даты: {words}", "_length": f"Длина текста: {words}"}.get(suffix, words)
    return Signal(signal_name(column), "custom", unit, en, ru)


def _words(name: str) -> str:
    """A column's name as a person reads it: `n_seats` is N seats."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
