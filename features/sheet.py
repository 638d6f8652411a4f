"""Rows of one table as flat arrays: what a request brings, without the detour over a DataFrame."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features import clock
from features.clock import Micros
from features.flat import Flat, flat
from features.recorded import since_recorded
from features.tables import TABLES


@dataclass(frozen=True)
class Sheet:
    """Columns in the forms of `features.flat`, each with `n` entries.

    frame  makes the same rows as a DataFrame in the contract's form, for whoever asks for one
    """

    table: str
    n: int
    columns: Mapping[str, Flat]
    frame: Callable[[], pd.DataFrame]

    @classmethod
    def of(cls, table: str, frame: pd.DataFrame, zone: str) -> "Sheet":
        """The rows of a DataFrame that has the contract's form."""
        return cls(table, len(frame), {str(name): flat(frame[name], zone) for name in frame}, lambda: frame)

    def __len__(self) -> int:
        return self.n

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def texts(self, name: str) -> Flat:
        """A column of text; None everywhere where there is no such column."""
        return self.columns[name] if name in self.columns else np.full(self.n, None, dtype=object)

    def times(self, name: str) -> Micros:
        """A column of instants; `UNKNOWN` everywhere where there is no such column."""
        return self.columns[name] if name in self.columns else clock.repeated(clock.UNKNOWN, self.n)

    def recorded(self) -> Micros:
        """When each row came on record."""
        time = TABLES[self.table].time
        told = self.times("recorded_at") if "recorded_at" in self else None
        return since_recorded(self.times(time) if time else clock.repeated(clock.UNKNOWN, self.n), told)

    def without_empty(self, keep: Callable[[str], bool]) -> "Sheet":
        """Without those columns that hold nothing, unless they are to be kept."""
        left = {name: values for name, values in self.columns.items() if keep(name) or not _missing(values).all()}
        return self if len(left) == len(self.columns) else Sheet(self.table, self.n, left, lambda: self.frame()[list(left)])


def _missing(values: Flat) -> Flat:
    return values == clock.UNKNOWN if values.dtype == np.int64 else np.asarray(pd.isna(values))
