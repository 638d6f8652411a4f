"""A ranked table, kept for reading: best first, filtered, sorted and paged by key.

A request picks its rows out of flat arrays and makes Python values of those rows alone. Pages are keyset pages: the cursor holds
the sort with the last row's values and id, not a position, so that a deal that closes between two requests makes no other deal
appear twice or never.

Example: sorted by expected value and then by P(won): A (900, 0.2), B (500, 0.6), C (500, 0.4), D without any. With limit 2 the
first page is A, B and its cursor (500, 0.6, B); the second starts with the first row after that, which is C, even if A is gone.
"""

import base64
import binascii
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.clock import Floats, Mask
from features.errors import UsageError
from serving.served.columns import Column, Days, Numbers, Rows, Texts, Whole, column


class Filter(Protocol):
    """What a list is narrowed by; see `serving.lists.filters`."""

    def keeps(self, ranking: "Ranking") -> Mask:
        """Which rows to keep."""
        ...


@dataclass(frozen=True)
class Sort:
    """An order of rows: by these columns, then by id upwards. Rows without a value come last, whichever the direction."""

    columns: tuple[str, ...]
    descending: bool = True

    @property
    def name(self) -> str:
        return f"{'-' if self.descending else ''}{','.join(self.columns)}"


@dataclass(frozen=True)
class RankedPage:
    """Some rows of a ranking, how many match in all, and the cursor of the next page (None on the last)."""

    rows: list[dict[str, Any]]
    n_total: int
    next_cursor: str | None


@dataclass(frozen=True)
class Ranking:
    """Rows in the order of `sort`.

    columns  what is known of each row
    ids      the key of each row
    sort     the order of the rows, and of pages that ask for no other
    """

    columns: Mapping[str, Column]
    ids: npt.NDArray[np.object_]
    sort: Sort
    _orders: dict[Sort, Rows] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, frame: pd.DataFrame, *, by: tuple[str, ...], key: str) -> "Ranking":
        """Rank the rows of a frame by the columns `by` downwards, and then by the column `key`."""
        columns = {str(name): column(frame[name]) for name in frame}
        ids = np.array(columns[key].plain(), dtype=object)
        loose = cls(columns, ids, Sort(by))
        return loose.only(loose._sorted(loose.sort))

    def only(self, rows: Rows) -> "Ranking":
        """The ranking of these rows alone; they have to be in rank order."""
        return Ranking({name: each.taken(rows) for name, each in self.columns.items()}, self.ids[rows], self.sort)

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, at: Rows) -> list[dict[str, Any]]:
        """Some rows as plain values."""
        taken = {name: each.taken(at).plain() for name, each in self.columns.items()}
        return [dict(zip(taken, values, strict=True)) for values in zip(*taken.values(), strict=True)]

    def row(self, at: int) -> dict[str, Any]:
        return self.rows(np.array([at]))[0]

    def find(self, key: str) -> dict[str, Any] | None:
        """The row with this id, None where there is none."""
        at = self.position(key)
        return None if at is None else self.row(at)

    def position(self, key: str) -> int | None:
        """Where the row with this id stands, None where there is none."""
        place = bisect_left(self._ascending, key)
        return int(self._by_id[place]) if place < len(self) and self._ascending[place] == key else None

    def matching(self, filters: Iterable[Filter]) -> Rows:
        """Positions of the rows that pass every filter, in rank order."""
        return np.flatnonzero(self._kept(filters))

    def options(self, name: str) -> list[str]:
        """The different values of a column of texts, sorted."""
        return self.texts(name).used

    def texts(self, name: str) -> Texts:
        found = self.columns[name]
        assert isinstance(found, Texts)
        return found

    def numbers(self, name: str) -> Floats:
        """A column of numbers, NaN where empty; dates as days since 1970."""
        found = self.columns[name]
        if isinstance(found, Days):
            return np.where(np.isnat(found.values), np.nan, found.values.astype(np.int64))
        assert isinstance(found, Numbers | Whole)
        return found.values.astype(np.float64, copy=False)

    def page(self, filters: Iterable[Filter], limit: int, cursor: str | None = None, sort: Sort | None = None) -> RankedPage:
        """The first `limit` matching rows after the cursor. Raises UsageError for a cursor that this list did not hand out."""
        sort = sort or self.sort
        keep, order = self._kept(filters), self._order(sort)
        ahead = keep if cursor is None else keep & self._after(sort, cursor)
        following = order[ahead[order]]
        shown = following[:limit]
        more = len(following) > limit
        return RankedPage(self.rows(shown), int(keep.sum()), self._cursor(sort, shown[-1]) if more else None)

    @cached_property
    def _by_id(self) -> Rows:
        """Positions in the order of the ids: by code points, as Python compares."""
        return np.asarray(pc.sort_indices(pa.array(self.ids, type=pa.large_string())), dtype=np.intp)

    @cached_property
    def _ascending(self) -> npt.NDArray[np.object_]:
        return self.ids[self._by_id]

    @cached_property
    def _id_rank(self) -> Rows:
        rank = np.empty(len(self), dtype=np.intp)
        rank[self._by_id] = np.arange(len(self))
        return rank

    def _kept(self, filters: Iterable[Filter]) -> Mask:
        keep = np.ones(len(self), dtype=bool)
        for each in filters:
            keep &= each.keeps(self)
        return keep

    def _order(self, sort: Sort) -> Rows:
        """Positions in the order of a sort, kept from the first use on."""
        if sort == self.sort:
            return np.arange(len(self))
        if sort not in self._orders:
            self._orders[sort] = self._sorted(sort)
        return self._orders[sort]

    def _sorted(self, sort: Sort) -> Rows:
        return np.lexsort((self._id_rank, *reversed(self._keys(sort))))

    def _keys(self, sort: Sort) -> list[Floats]:
        """Columns to sort upwards by: turned round where it goes down, +inf where there is no value."""
        sign = -1.0 if sort.descending else 1.0
        keys = (sign * self.numbers(name) for name in sort.columns)
        return [np.where(np.isnan(key), np.inf, key) for key in keys]

    def _cursor(self, sort: Sort, at: np.intp) -> str:
        return encode(sort, [float(self.numbers(name)[at]) for name in sort.columns], str(self.ids[at]))

    def _after(self, sort: Sort, cursor: str) -> Mask:
        """Which rows come after the one that the cursor names."""
        values, last = decode(sort, cursor)
        sign = -1.0 if sort.descending else 1.0
        after = self._id_rank >= bisect_right(self._ascending, last)
        for key, value in reversed(list(zip(self._keys(sort), values, strict=True))):
            mark = np.inf if value is None else sign * value
            after = (key > mark) | ((key == mark) & after)
        return after


def plain(values: pd.Series) -> list[Any]:
    """A column as Python values; every kind of missing is None, and a time at midnight without a zone is a date."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "M":
        return [None if pd.isna(each) else each.date() for each in values]
    return [None if missing else each for each, missing in zip(values.astype(object), values.isna(), strict=True)]


def encode(sort: Sort, values: Iterable[float], key: str) -> str:
    """A cursor: opaque to the client, safe in a URL."""
    numbers = [value if np.isfinite(value) else None for value in values]
    text = json.dumps([sort.name, *numbers, key], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode(sort: Sort, cursor: str) -> tuple[list[float | None], str]:
    """What a cursor holds. Raises UsageError for anything that `encode` did not make for this sort."""
    try:
        name, *values, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
        numbers = [None if value is None else float(value) for value in values]
        key.encode()
    except (ValueError, TypeError, AttributeError, binascii.Error, OverflowError, RecursionError):
        name, numbers, key = None, [], ""
    if name != sort.name or len(numbers) != len(sort.columns):
        raise UsageError("The cursor was not handed out by this list in this order; ask for the first page without one.")
    return numbers, str(key)
