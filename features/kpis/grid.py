"""The grid that all KPIs of a scorecard are counted on: short intervals of time x leaves, rolled up to windows x nodes.

The ends of all windows cut time into intervals, so that a window is a run of them whether or not windows overlap. A record is
coded once, to its interval and its leaf; a figure is then one `bincount` over the cells and two matrix products:

    windows  2026Q3, 2026Q4, and the year 2026          intervals  [Q1-Q2) [Q3) [Q4)
    total    spans (windows, intervals) @ cells (intervals, leaves) @ members' (leaves, nodes)

Medians do not add up: there each record is repeated for its windows and nodes, in the order of its value, and sorted once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from features import clock
from features.clock import Floats, Mask, Micros
from features.history import Rows
from features.kpis.slices import Slicing
from features.kpis.value import Window


@dataclass(frozen=True)
class Grid:
    """Windows by nodes.

    edges  ends of the intervals, ascending
    spans  (windows, intervals) 1 where an interval lies in a window
    """

    windows: tuple[Window, ...]
    slicing: Slicing
    edges: Micros
    spans: Floats

    @classmethod
    def of(cls, windows: Sequence[Window], slicing: Slicing) -> "Grid":
        starts = np.array([clock.micros(each.start) for each in windows], dtype=np.int64)
        ends = np.array([clock.micros(each.end) for each in windows], dtype=np.int64)
        edges = np.unique(np.concatenate([starts, ends]))
        limits = zip(starts.tolist(), ends.tolist(), strict=True)
        spans = np.stack([clock.within(edges[:-1], *each) for each in limits]).astype(np.float64)
        return cls(tuple(windows), slicing, edges, spans)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.windows), len(self.slicing.nodes)

    @cached_property
    def starts(self) -> Micros:
        return np.array([clock.micros(each.start) for each in self.windows], dtype=np.int64)

    @cached_property
    def ends(self) -> Micros:
        return np.array([clock.micros(each.end) for each in self.windows], dtype=np.int64)

    @property
    def limits(self) -> list[tuple[int, int]]:
        """Start and end of each window."""
        return list(zip(self.starts.tolist(), self.ends.tolist(), strict=True))

    def coded(self, times: Micros, leaf: Rows | None, keep: Mask) -> "Coded":
        """The kept records that lie in any window, by their time; without leaves they belong to the company alone."""
        interval = clock.interval_of(times, self.edges)
        rows = np.flatnonzero(keep & (interval >= 0) & (True if leaf is None else leaf >= 0))
        return Coded(self, rows, interval[rows], None if leaf is None else leaf[rows])

    def folded(self, by_leaf: Floats) -> Floats:
        """(windows, leaves) -> (windows, nodes)."""
        return np.asarray((self.slicing.members @ by_leaf.T).T, dtype=np.float64)

    def at_moments(self, leaf: Rows | None, weights: Floats) -> Floats:
        """(windows, records) -> (windows, nodes): sums of the weights that each record has in each window."""
        if leaf is None:
            everybody = np.zeros(weights.shape[1], dtype=np.int64)
            return self.company_only(np.array([self._by_leaf(everybody, each)[0] for each in weights]))
        return self.folded(np.stack([self._by_leaf(leaf, each) for each in weights]))

    def company_only(self, totals: Floats) -> Floats:
        """One number a window as that of the company, NaN for every other node."""
        figures = np.full(self.shape, np.nan)
        figures[:, 0] = totals
        return figures

    def by_window(self, figures: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """One number a window for every node."""
        return np.broadcast_to(figures[:, None], self.shape)

    def nodes_of(self, leaf: Rows) -> tuple[Rows, Rows]:
        """Each record once for each node that it counts in: the nodes, and the positions of the records."""
        record, node = _spread(self._of_leaves, leaf)
        return node, record

    @cached_property
    def _of_leaves(self) -> Any:
        return self.slicing.members.T.tocsr()

    def _by_leaf(self, leaf: Rows, weights: Floats) -> Floats:
        """One after the other, and nothings left out: numpy's own sums add in pairs, which records of a later day would shift."""
        there = np.flatnonzero((weights != 0) & (leaf >= 0))
        return np.bincount(leaf[there], weights[there], minlength=self.slicing.n_leaves).astype(np.float64)


@dataclass(frozen=True)
class Coded:
    """Records with their place in the grid.

    rows      which records of the table they are; masks and values given to the methods are of the whole table
    leaf      None where the records cannot be cut by the grid's dimension: then only the company has figures
    """

    grid: Grid
    rows: Rows
    interval: Rows
    leaf: Rows | None

    def count(self, keep: Mask | None = None) -> Floats:
        """How many records each window and node has."""
        return self._rolled(np.ones(len(self.rows)), keep)

    def total(self, values: Floats, keep: Mask | None = None) -> Floats:
        """The sum of the values; one that is missing adds nothing."""
        return self._rolled(np.nan_to_num(values[self.rows]), keep)

    def median(self, values: Floats, keep: Mask | None = None) -> Floats:
        """The median of the values that are there, NaN where none is."""
        own = values[self.rows]
        there = np.flatnonzero(~np.isnan(own) & (True if keep is None else keep[self.rows]))
        there = there[np.argsort(own[there], kind="stable")]
        record, cell = self.cells(there)
        order = np.argsort(cell, kind="stable")
        return _middles(own[record[order]], cell[order], self.grid.shape)

    def _rolled(self, weights: Floats, keep: Mask | None) -> Floats:
        grid = self.grid
        n_intervals, n_leaves = grid.spans.shape[1], 1 if self.leaf is None else grid.slicing.n_leaves
        cell = self.interval * n_leaves + (0 if self.leaf is None else self.leaf)
        if keep is not None:
            chosen = keep[self.rows]
            cell, weights = cell[chosen], weights[chosen]
        cells = np.bincount(cell, weights, minlength=n_intervals * n_leaves).reshape(n_intervals, n_leaves)
        by_leaf = grid.spans @ cells
        return grid.company_only(by_leaf[:, 0]) if self.leaf is None else grid.folded(by_leaf)

    def cells(self, there: Rows | None = None) -> tuple[Rows, Rows]:
        """Each record once for each window and node that it counts in, with the number of that cell; order is kept.

        Records are given and returned as positions in `rows`; all of them where none are given. Cells are numbered window by
        window, as in the flattened (windows, nodes).
        """
        grid = self.grid
        there = np.arange(len(self.rows)) if there is None else there
        place, window = _spread(sparse.csr_array(grid.spans.T), self.interval[there])
        record = there[place]
        if self.leaf is None:
            return record, window * grid.shape[1]
        node, again = grid.nodes_of(self.leaf[record])
        return record[again], window[again] * grid.shape[1] + node


def _spread(matrix: Any, rows: Rows) -> tuple[Rows, Rows]:
    """For each entry of `rows` the columns that its row of the sparse matrix has: position in `rows`, and column."""
    size = np.diff(matrix.indptr)[rows]
    place = np.repeat(np.arange(len(rows)), size)
    within = np.arange(len(place)) - np.repeat(np.cumsum(size) - size, size)
    return place, matrix.indices[matrix.indptr[rows][place] + within].astype(np.int64)


def _middles(ordered: Floats, cell: Rows, shape: tuple[int, int]) -> Floats:
    """The median of each cell; values are sorted by cell, then by size."""
    size = np.bincount(cell, minlength=shape[0] * shape[1])
    start = np.cumsum(size) - size
    padded = np.append(ordered, np.nan)
    low, high = (np.where(size > 0, start + half, len(ordered)) for half in ((size - 1) // 2, size // 2))
    return np.asarray((padded[low] + padded[high]) / 2, dtype=np.float64).reshape(shape)
