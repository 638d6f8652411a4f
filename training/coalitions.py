"""The raw scores of all mixtures of two rows at once, from the trees themselves.

A coalition S of signal groups stands for a row that has the deal's values in the groups of S and the reference's in the others.
For G groups there are 2^G of them, and LightGBM would have to be asked for each. But a leaf with conditions on groups g1, g2, …
is reached in S exactly when in each of these groups the row whose values S takes meets the conditions. For each group on its way
there are four cases:

    deal and reference meet them   the group does not matter to this leaf      digit 0
    the deal alone does            reached only in coalitions with the group   digit 1
    the reference alone does       only in coalitions without it               digit 2
    neither                        never reached

So the value of a leaf belongs to one ternary number of G digits, all leaves are added up by their numbers, and the sums of all
2^G coalitions follow by folding one digit after the other: with the group, digits 0 and 1; without it, digits 0 and 2. Nothing is
approximated, and what does not depend on a group comes out equal to the bit. What a leaf asks of the bucket is the same for all
rows, because the bucket and its calendar belong to the question and not to the deal.

Example: a tree asks "days_in_stage <= 20?" and then, of those, "stage in {0, 3}?". Both belong to the group pace. Its three
leaves each have one digit, and the tree costs three additions, however many groups there are.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from features.clock import Floats, Mask
from features.history import Rows
from training.trees import Trees

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Runs:
    """Consecutive entries that belong together: where each run starts, and what it belongs to (ascending)."""

    start: Rows
    owner: Rows

    @classmethod
    def of(cls, owner: Rows) -> "_Runs":
        start = np.flatnonzero(np.diff(owner, prepend=-1))
        return cls(start, owner[start])

    def all(self, holds: Mask) -> Mask:
        """Whether all entries of each run hold, (rows, runs)."""
        return np.asarray(np.logical_and.reduceat(holds, self.start, axis=1)) if len(self.start) else holds[:, :0]

    def sum(self, values: Rows | Mask, n: int) -> Rows:
        """The sum of each run by its owner, (rows, n), 0 where an owner has none."""
        sums = np.zeros((len(values), n), dtype=np.int64)
        if len(self.start):
            sums[:, self.owner] = np.add.reduceat(values, self.start, axis=1, dtype=np.int64)
        return sums


@dataclass(frozen=True)
class Paths:
    """Trees whose signals are dealt into groups.

    group_of   for each signal column its group; the columns from len(group_of) on are the bucket's
    n_groups   how many groups there are
    n_classes  classes of the raw score
    """

    trees: Trees
    group_of: Rows
    n_groups: int
    n_classes: int

    @cached_property
    def _asked(self) -> Rows:
        """The conditions on signals, sorted by leaf, group and column."""
        column = self.trees.column[self.trees.node]
        rows = np.flatnonzero(column < len(self.group_of))
        return rows[np.lexsort((column[rows], self.group_of[column[rows]], self.trees.leaf[rows]))]

    @cached_property
    def _column(self) -> Rows:
        return self.trees.column[self.trees.node[self._asked]]

    @cached_property
    def _by_column(self) -> _Runs:
        """Runs of conditions of one leaf on one signal; the owner is leaf x columns + column."""
        return _Runs.of(self.trees.leaf[self._asked] * len(self.group_of) + self._column)

    @cached_property
    def _by_group(self) -> _Runs:
        """Runs of those runs of one leaf in one group; the owner is leaf x groups + group."""
        leaf, column = np.divmod(self._by_column.owner, len(self.group_of))
        return _Runs.of(leaf * self.n_groups + self.group_of[column])

    @cached_property
    def _leaves_of_groups(self) -> _Runs:
        return _Runs.of(self._by_group.owner // self.n_groups)

    @cached_property
    def _leaves_of_columns(self) -> _Runs:
        return _Runs.of(self._by_column.owner // len(self.group_of))

    def weights(self, calendar: Matrix) -> Floats:
        """What each leaf is worth in each bucket, (buckets, leaves): its value where the bucket meets its conditions, else 0.

        `calendar` is (buckets, bucket columns).
        """
        trees = self.trees
        rows = np.flatnonzero(trees.column[trees.node] >= len(self.group_of))
        rows = rows[np.argsort(trees.leaf[rows], kind="stable")]
        empty = np.full((len(calendar), len(self.group_of)), np.nan, dtype=np.float32)
        left = trees.goes_left(np.concatenate([empty, calendar], axis=1))
        runs = _Runs.of(trees.leaf[rows])
        reached = np.ones((len(calendar), len(trees.value)), dtype=bool)
        reached[:, runs.owner] = runs.all(left[:, trees.node[rows]] == trees.left[rows])
        return np.where(reached, trees.value, 0.0)

    def meets(self, signals: Matrix) -> Mask:
        """(rows, runs by column): whether each row meets what a leaf asks of one signal; `signals` is (rows, signal columns)."""
        n_bucket = max(int(self.trees.column.max(initial=0)) + 1 - len(self.group_of), 0)
        padded = np.pad(signals, ((0, 0), (0, n_bucket)), constant_values=np.nan)
        left = self.trees.goes_left(padded)
        return self._by_column.all(left[:, self.trees.node[self._asked]] == self.trees.left[self._asked])

    def coalitions(self, own: Mask, other: Mask, weights: Floats) -> Floats:
        """Raw scores of all mixtures, (rows, 2^groups, buckets, classes).

        `own` and `other` are what `meets` says of the deals and of their references; bit g of a coalition's number, from the
        highest, says that group g is the deal's.
        """
        n, n_buckets, size = len(own), len(weights), 3**self.n_groups
        row, leaf, number = self._reached(own, other)
        # The digits come first, so that folding adds up long stretches.
        cells = self._added_up(number, row, leaf, weights[:, leaf], (size, n))
        for group in range(self.n_groups):
            digits = cells.reshape(2**group, 3, -1)
            cells = np.stack([digits[:, 0] + digits[:, 2], digits[:, 0] + digits[:, 1]], axis=1)
        return np.asarray(cells.reshape(-1, n_buckets, n, self.n_classes).transpose(2, 0, 1, 3))

    def _reached(self, own: Mask, other: Mask) -> tuple[Rows, Rows, Rows]:
        """For each (row, leaf) that some coalition reaches: row, leaf and the ternary number."""
        never = 3**self.n_groups
        power = 3 ** (self.n_groups - 1 - self._by_group.owner % self.n_groups)
        mine, theirs = self._by_group.all(own), self._by_group.all(other)
        digit = np.where(mine, np.where(theirs, 0, power), np.where(theirs, 2 * power, never))
        number = self._leaves_of_groups.sum(digit, len(self.trees.value))
        row, leaf = np.nonzero(number < never)
        return row, leaf, number[row, leaf]

    def alone(self, met: Mask, weights: Floats) -> Floats:
        """Raw scores of the rows as they are, (rows, buckets, classes)."""
        row, leaf = np.nonzero(self._failed(met) == 0)
        cells = self._added_up(np.zeros_like(row), row, leaf, weights[:, leaf], (1, len(met)))
        return np.asarray(cells.reshape(len(weights), len(met), self.n_classes).transpose(1, 0, 2))

    def swapped(self, met: Mask, other: Mask, weights: Floats) -> Floats:
        """How the raw scores change when one signal alone takes the other row's value, (rows, columns, buckets, classes)."""
        n_columns = len(self.group_of)
        of_leaf, column = np.divmod(self._by_column.owner, n_columns)
        failed = self._failed(met)[:, of_leaf]
        change = ((failed == ~met) & other).astype(np.int8) - (failed == 0)
        row, run = np.nonzero(change)
        leaf = of_leaf[run]
        cells = self._added_up(column[run], row, leaf, weights[:, leaf] * change[row, run], (n_columns, len(met)))
        return np.asarray(cells.reshape(n_columns, len(weights), len(met), self.n_classes).transpose(2, 0, 1, 3))

    def _failed(self, met: Mask) -> Rows:
        """On how many signals each leaf's conditions fail, (rows, leaves)."""
        return self._leaves_of_columns.sum(~met, len(self.trees.value))

    def _added_up(self, first: Rows, row: Rows, leaf: Rows, values: Floats, shape: tuple[int, int]) -> Floats:
        """Sums of values, (buckets, entries), over the leaves' classes: flat, in the order (first, bucket, row, class)."""
        (n_first, n_rows), n_buckets = shape, len(values)
        bucket = np.arange(n_buckets)[:, None]
        place = ((first * n_buckets + bucket) * n_rows + row) * self.n_classes + self.trees.of_class[leaf]
        size = n_first * n_buckets * n_rows * self.n_classes
        return np.bincount(place.ravel(), values.ravel(), size).astype(np.float64, copy=False)
