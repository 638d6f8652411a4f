"""Rows of a log in groups that lie side by side: counted, and their first and last found, without sorting or hashing.

Three deals with 2, 0 and 3 rows begin at 0, 2 and 2, and the last one ends at 5:

>>> groups = Groups(np.array([0, 0, 2, 2, 2]), np.array([0, 2, 2, 5]))
>>> groups.count(np.array([True, False, True, True, False])).tolist()
[1.0, 0.0, 2.0]
>>> groups.last(np.array([True, True, False, True, False])).tolist()
[1, -1, 3]
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.clock import Floats, Mask
from features.history import Rows


@dataclass(frozen=True)
class Groups:
    """The number of each row's group, ascending from 0, and where each group's rows begin; at last where all of them end."""

    of: Rows
    starts: Rows

    @property
    def n(self) -> int:
        return len(self.starts) - 1

    @property
    def sizes(self) -> Floats:
        """How many rows each group has."""
        return np.diff(self.starts).astype(np.float64)

    @cached_property
    def begins(self) -> Rows:
        """The first row of each group, -1 where it has none."""
        return np.where(self.starts[1:] > self.starts[:-1], self.starts[:-1], -1)

    @cached_property
    def ends(self) -> Rows:
        """The last row of each group, -1 where it has none."""
        return np.where(self.starts[1:] > self.starts[:-1], self.starts[1:] - 1, -1)

    @cached_property
    def is_last(self) -> Mask:
        """Which rows are the last of their group."""
        last = np.zeros(len(self.of), dtype=bool)
        last[self.ends[self.ends >= 0]] = True
        return last

    def count(self, keep: Mask) -> Floats:
        """How many rows of each group are kept."""
        before = np.zeros(len(keep) + 1, dtype=np.int32)
        np.cumsum(keep, dtype=np.int32, out=before[1:])
        reached = before[self.starts]
        return (reached[1:] - reached[:-1]).astype(np.float64)

    def count_rows(self, rows: Rows) -> Floats:
        """How many of these rows each group has: less work than `count` where they are few."""
        return np.bincount(self.of[rows], minlength=self.n).astype(np.float64)

    def last(self, keep: Mask) -> Rows:
        """The last kept row of each group, -1 where none is."""
        return self.last_of(np.flatnonzero(keep))

    def last_of(self, rows: Rows) -> Rows:
        """The last of these ascending rows in each group, -1 where there is none."""
        last = np.full(self.n, -1, dtype=np.int64)
        last[self.of[rows]] = rows
        return last

    def first(self, keep: Mask) -> Rows:
        """The first kept row of each group, -1 where none is."""
        return self.first_of(np.flatnonzero(keep))

    def first_of(self, rows: Rows) -> Rows:
        """The first of these ascending rows in each group, -1 where there is none."""
        first = np.full(self.n, -1, dtype=np.int64)
        first[self.of[rows[::-1]]] = rows[::-1]
        return first

    @cached_property
    def continues(self) -> Mask:
        """Which rows follow another of their group."""
        follows = np.ones(len(self.of), dtype=bool)
        follows[self.begins[self.begins >= 0]] = False
        return follows


def starts_of(group: Rows, n: int) -> Rows:
    """Where the rows of each of n groups begin in an ascending column of groups (-1: none), and where the last one ends."""
    return np.searchsorted(group, np.arange(n + 1))


def stretches(starts: Rows, ends: Rows) -> Rows:
    """The integers of `[start, end)` for each pair, one after the other."""
    length = ends - starts
    before = np.cumsum(length) - length
    return np.asarray(np.arange(length.sum()) + np.repeat(starts - before, length), dtype=np.int64)


def rows_of(starts: Rows, asked: Rows) -> tuple[Rows, Rows]:
    """The rows of the asked groups one after another, and for each row which of the asked groups it belongs to."""
    begins, ends = starts[asked], starts[asked + 1]
    return stretches(begins, ends), np.repeat(np.arange(len(asked)), ends - begins)


def gathered(position: Rows, n: int) -> Groups:
    """Groups of rows that are in order of their group already."""
    return Groups(position, np.append(0, np.cumsum(np.bincount(position, minlength=n))))
