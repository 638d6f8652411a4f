"""Rows of one table as flat arrays: what a request brings, without the detour over a DataFrame."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from features import clock
from features.clock import Micros
from features.flat import Flat, Texts, factored, flat, is_text, picked
from features.history import Rows
from features.recorded import since_recorded
from features.tables import TABLES


@dataclass(frozen=True)
class Sheet:
    """Columns in the forms of `features.flat`, each with `n` entries.

    frame  makes the same rows as a DataFrame in the contract's form, for whoever asks for one
    coded  columns of text as codes and names, where they came so; a million rows are not looked at again for a few names
    """

    table: str
    n: int
    columns: Mapping[str, Flat]
    frame: Callable[[], pd.DataFrame]
    coded: Mapping[str, tuple[Rows, Texts]] = field(default_factory=dict)

    @classmethod
    def of(cls, table: str, frame: pd.DataFrame, zone: str) -> "Sheet":
        """The rows of a DataFrame that has the contract's form."""
        coded = {str(name): factored(frame[name]) for name in frame if is_text(frame[name])}
        columns = {str(name): picked(*coded[name][::-1]) if name in coded else flat(frame[name], zone) for name in frame}
        return cls(table, len(frame), columns, lambda: frame, coded)

    def __len__(self) -> int:
        return self.n

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def texts(self, name: str) -> Flat:
        """A column of text; None everywhere where there is no such column."""
        return self.columns[name] if name in self.columns else np.full(self.n, None, dtype=object)

    def codes(self, name: str) -> tuple[Rows, Texts]:
        """A column of text as codes, -1 where it is empty, and their names."""
        return self.coded[name] if name in self.coded else factored(self.texts(name))

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
