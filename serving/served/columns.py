"""Columns of a ranked table as flat arrays: small in memory, filtered as a whole, read a few rows at a time.

Texts are codes into their different values, so that an owner's name stands in memory once however many deals are theirs. A
hundred thousand deals of thirty columns take 35 MB; as Python values they took 190.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.clock import Floats, Mask

Rows = npt.NDArray[np.intp]


class Column(Sequence[Any]):
    """Values of one kind, None where missing; as a sequence, plain Python values."""

    def taken(self, rows: Rows) -> "Column":
        """The column of these rows."""
        raise NotImplementedError

    def plain(self) -> list[Any]:
        """All values as Python values."""
        raise NotImplementedError

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> list[Any]: ...
    def __getitem__(self, at: int | slice) -> Any:
        rows = np.arange(len(self))[at]
        return self.taken(np.atleast_1d(rows)).plain()[0] if isinstance(at, int) else self.taken(rows).plain()


@dataclass(frozen=True, eq=False)
class Numbers(Column):
    """Numbers, NaN where missing."""

    values: Floats

    def __len__(self) -> int:
        return len(self.values)

    def taken(self, rows: Rows) -> "Numbers":
        return Numbers(self.values[rows])

    def plain(self) -> list[Any]:
        return [None if value != value else value for value in self.values.tolist()]


@dataclass(frozen=True, eq=False)
class Whole(Column):
    """Flags and whole numbers; none is missing."""

    values: npt.NDArray[Any]

    def __len__(self) -> int:
        return len(self.values)

    def taken(self, rows: Rows) -> "Whole":
        return Whole(self.values[rows])

    def plain(self) -> list[Any]:
        return list(self.values.tolist())


@dataclass(frozen=True, eq=False)
class Days(Column):
    """Dates as datetime64[D], NaT where missing."""

    values: npt.NDArray[np.datetime64]

    def __len__(self) -> int:
        return len(self.values)

    def taken(self, rows: Rows) -> "Days":
        return Days(self.values[rows])

    def plain(self) -> list[Any]:
        return list(self.values.tolist())


@dataclass(frozen=True, eq=False)
class Texts(Column):
    """Texts: codes into `labels`, all of them different; -1 where missing."""

    codes: npt.NDArray[np.int32]
    labels: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.codes)

    def taken(self, rows: Rows) -> "Texts":
        return Texts(self.codes[rows], self.labels)

    def plain(self) -> list[Any]:
        return [self.labels[code] if code >= 0 else None for code in self.codes.tolist()]

    def one_of(self, wanted: frozenset[str]) -> Mask:
        """Which rows hold one of these."""
        hit = np.zeros(len(self.labels) + 1, dtype=bool)
        hit[[self._code[label] for label in wanted if label in self._code]] = True
        return hit[self.codes]

    def containing(self, text: str) -> Mask:
        """Which rows contain a text, whatever the case of its letters."""
        sought = pc.utf8_lower(pa.scalar(text)).as_py()
        hit = pc.match_substring(self._lower, sought).to_numpy(zero_copy_only=False)
        return np.append(hit, False)[self.codes]

    @property
    def used(self) -> list[str]:
        """The different values of these rows, sorted."""
        codes = np.unique(self.codes)
        return sorted(self.labels[codes[codes >= 0]])

    @cached_property
    def _code(self) -> dict[str, int]:
        return {label: code for code, label in enumerate(self.labels)}

    @cached_property
    def _lower(self) -> Any:
        return pc.utf8_lower(pa.array(self.labels, type=pa.large_string()))


def column(values: pd.Series) -> Column:
    """A column of a frame; a time without a zone is a date."""
    kind = values.dtype.kind if isinstance(values.dtype, np.dtype) else "O"
    if kind == "f":
        return Numbers(values.to_numpy(dtype=np.float64))
    if kind in "bi":
        return Whole(values.to_numpy())
    if kind == "M":
        return Days(values.to_numpy().astype("datetime64[D]"))
    codes, labels = pd.factorize(values)
    return Texts(codes.astype(np.int32), np.asarray(labels, dtype=object))
