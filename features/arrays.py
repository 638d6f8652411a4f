"""The columns of a Dataset's tables as flat arrays, each made when it is first asked for.

Kernels read columns from here and never a DataFrame: an excerpt of a few rows then costs a few look-ups, and the whole table is
turned into arrays once for all Snapshots.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
import pandas as pd

from features.clock import Micros
from features.flat import Flat, flat
from features.history import Rows
from features.recorded import recorded

Index: TypeAlias = "pd.Index[Any]"


class Arrays(Protocol):
    """The columns of all tables of a Dataset."""

    def has(self, table: str, name: str) -> bool:
        """Whether the source has this column of this table."""

    def get(self, table: str, name: str) -> Flat:
        """A column that is there, as an array; see features.flat."""

    def recorded(self, table: str) -> Micros:
        """When each row of a table came on record."""

    def rows_in(self, ids: Index, table: str, name: str) -> Rows:
        """For each row of a table the place of the id in one of its columns, -1 where it has none that is there."""


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

    def rows_in(self, ids: Index, table: str, name: str) -> Rows:
        # Each different id is made an object and looked up once, and none is kept: ids take more memory than what they lead to.
        codes, names = pd.factorize(self._tables[table][name])
        place = np.append(ids.get_indexer(pd.Index(names, dtype=object)), -1)
        return np.asarray(place[codes], dtype=np.int64)

    @property
    def made(self) -> list[tuple[str, str]]:
        """The columns that were asked for so far, as table and name."""
        return list(self._made)

    def put(self, table: str, name: str, values: Flat) -> None:
        """Hand in a column that need not be made any more."""
        self._made[table, name] = values

    def put_recorded(self, table: str, values: Micros) -> None:
        """Hand in when the rows of a table came on record."""
        self._recorded[table] = values
