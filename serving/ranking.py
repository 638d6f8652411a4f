"""A ranked table, kept for reading: best first, filtered and paged by key.

The columns are turned into plain Python values once, when data or champion change. A request then picks its rows and touches no
DataFrame. Pages are keyset pages: the cursor holds the last row's rank value and id, not a position, so that a deal that closes
between two requests makes no other deal appear twice or never.

Example: ranked by expected value and then by P(won): A (900, 0.2), B (500, 0.6), C (500, 0.4), D without any. With limit 2 the
first page is A, B and its cursor (500, 0.6, B); the second starts with the first row after that, which is C, even if A is gone.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.clock import Floats
from features.errors import UsageError

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class RankedPage:
    """Some rows of a ranking, how many match in all, and the cursor of the next page (None on the last)."""

    rows: list[dict[str, Any]]
    n_total: int
    next_cursor: str | None


@dataclass(frozen=True)
class Ranking:
    """Columns of plain values, sorted by two numbers downwards and then by id upwards.

    value   the number it is ranked by; -inf where there is none, which puts such rows last
    second  the number that ranks rows of equal value, likewise
    ids     the key of each row
    """

    columns: Mapping[str, list[Any]]
    value: Floats
    second: Floats
    ids: npt.NDArray[np.str_]
    _codes: dict[str, tuple[Mapping[Any, int], Rows]] = field(default_factory=dict, repr=False, compare=False)
    _numbers: dict[str, Floats] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, frame: pd.DataFrame, *, by: tuple[str, str], key: str) -> "Ranking":
        """Rank the rows of a frame by the first column of `by`, ties by the second, then by the column `key`."""
        value, second = (np.nan_to_num(frame[name].to_numpy(dtype=np.float64), nan=-np.inf) for name in by)
        ids = frame[key].to_numpy(dtype=object).astype(str)
        order = np.lexsort((ids, -second, -value))
        ranked = frame.iloc[order]
        return cls({str(name): plain(ranked[name]) for name in ranked}, value[order], second[order], ids[order])

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, at: int) -> dict[str, Any]:
        return {name: values[at] for name, values in self.columns.items()}

    def find(self, key: str) -> dict[str, Any] | None:
        """The row with this id, None where there is none."""
        at = self._positions.get(key)
        return None if at is None else self.row(at)

    def matching(self, filters: Mapping[str, str | None]) -> Rows:
        """Positions of the rows that match every filter that is given, in rank order."""
        keep = np.ones(len(self), dtype=bool)
        for name, wanted in filters.items():
            if wanted is not None:
                labels, codes = self._coded(name, self.columns[name])
                keep &= codes == labels.get(wanted, -1)
        return np.flatnonzero(keep)

    def options(self, name: str) -> list[str]:
        """The different values of a column, sorted."""
        return sorted(value for value in self._coded(name, self.columns[name])[0] if value is not None)

    def numbers(self, name: str) -> Floats:
        """A numeric column, NaN where empty."""
        if name not in self._numbers:
            self._numbers[name] = np.array(self.columns[name], dtype=np.float64)
        return self._numbers[name]

    def page(self, filters: Mapping[str, str | None], limit: int, cursor: str | None = None) -> RankedPage:
        """The first `limit` matching rows after the cursor. Raises UsageError for a cursor that was not handed out."""
        matching = self.matching(filters)
        start = 0 if cursor is None else self._position(matching, *decode(cursor))
        shown = matching[start : start + limit]
        more = start + limit < len(matching)
        following = self._cursor(shown[-1]) if more else None
        return RankedPage([self.row(int(at)) for at in shown], len(matching), following)

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        return {key: at for at, key in enumerate(self.ids.tolist())}

    def _cursor(self, at: np.intp) -> str:
        return encode(float(self.value[at]), float(self.second[at]), str(self.ids[at]))

    def _position(self, matching: Rows, value: float, second: float, key: str) -> int:
        """The first matching row that ranks after these values."""
        values, seconds, ids = self.value[matching], self.second[matching], self.ids[matching]
        after = (values < value) | ((values == value) & ((seconds < second) | ((seconds == second) & (ids > key))))
        return int(np.argmax(after)) if after.any() else len(matching)

    def _coded(self, name: str, values: list[Any]) -> tuple[Mapping[Any, int], Rows]:
        """A column as integer codes, made at the first use."""
        if name not in self._codes:
            labels = {label: code for code, label in enumerate(dict.fromkeys(values))}
            self._codes[name] = (labels, np.array([labels[value] for value in values], dtype=np.intp))
        return self._codes[name]


def plain(values: pd.Series) -> list[Any]:
    """A column as Python values; every kind of missing is None, and a time at midnight without a zone is a date."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "M":
        return [None if pd.isna(each) else each.date() for each in values]
    return [None if missing else each for each, missing in zip(values.astype(object), values.isna(), strict=True)]


def encode(value: float, second: float, key: str) -> str:
    """A cursor: opaque to the client, safe in a URL."""
    text = json.dumps([*(None if np.isneginf(number) else number for number in (value, second)), key], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode(cursor: str) -> tuple[float, float, str]:
    """What a cursor holds. Raises UsageError for anything that `encode` did not make."""
    try:
        value, second, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
        return _number(value), _number(second), _text(key)
    except (ValueError, TypeError, binascii.Error, OverflowError, RecursionError):
        raise UsageError("The cursor was not handed out by this list; ask for the first page without one.") from None


def _number(value: Any) -> float:
    return -np.inf if value is None else float(value)


def _text(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError
    return key
