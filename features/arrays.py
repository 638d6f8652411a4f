"""The columns of a Dataset's tables as flat arrays, each made when it is first asked for.

Kernels read columns from here and never a DataFrame: an excerpt of a few rows then costs a few look-ups, and the whole table is
turned into arrays once for all Snapshots.
"""

from collections.abc import Mapping
from typing import Protocol

import pandas as pd

from features.clock import Micros
from features.flat import Flat, flat
from features.recorded import recorded


class Arrays(Protocol):
    """The columns of all tables of a Dataset."""

    def has(self, table: str, name: str) -> bool:
        """Whether the source has this column of this table."""

    def get(self, table: str, name: str) -> Flat:
        """A column that is there, as an array; see features.flat."""

    def recorded(self, table: str) -> Micros:
        """When each row of a table came on record."""


class TableArrays:
    """Columns made from DataFrames."""

    def __init__(self, tables: Mapping[str, pd.DataFrame], zone: str) -> None:
        self._tables = tables
        self._zone = zone
        self._names = {name: frozenset(map(str, frame)) for name, frame in tables.items()}
        self._made: dict[tuple[str, str], Flat] = {}
        self._recorded: dict[str, Micros] = {}

    def has(self, table: str, name: str) -> bool:
        return name in self._names.get(table, ())

    def get(self, table: str, name: str) -> Flat:
        if (table, name) not in self._made:
            self._made[table, name] = flat(self._tables[table][name], self._zone)
        return self._made[table, name]

    def recorded(self, table: str) -> Micros:
        if table not in self._recorded:
            self._recorded[table] = recorded(table, self._tables[table])
        return self._recorded[table]
