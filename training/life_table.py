"""Base rates of ending, by kind of row, age and bucket: the baseline, and where boosting starts.

A life table counts, for each cell, who was at risk and who ended, and by which cause. Small cells lean on larger ones: a cell of
(kind, age, bucket) on (kind, bucket), that on the bucket, and the bucket on a Jeffreys prior, so that no rate is ever 0. A cell
weighs as much as its parent when it has seen so many different deals or clients as the cells themselves tell (empirical Bayes): a
stage from which nothing is won within a month is not to lean on those before a signature, the ages within it may well do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import gammaln

from features.clock import Floats
from features.history import Rows
from training.person_periods import Spells
from training.text_codes import TextCodes

PRIOR_UNITS: Final = 20.0
"""A parent counts in a cell as so many units, give or take a factor of e (log-normal), before the cells are seen."""
WEIGHTS: Final = np.array([1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0])
AGE_BINS: Final = 6
JEFFREYS: Final = 0.5


@dataclass(frozen=True)
class Cells:
    """How a row finds its cell: the signal that names its kind and the one that is its age, either may be absent (None).

    kinds     labels in order; a row with another one, or none, has the number len(kinds)
    age_cuts  ascending; age bin i holds ages in [cut i-1, cut i); a row without an age has the bin len(age_cuts) + 1
    """

    kind_signal: str | None
    age_signal: str | None
    kinds: tuple[str, ...]
    age_cuts: tuple[float, ...]

    @cached_property
    def _codes(self) -> TextCodes:
        return TextCodes(self.kinds)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.kinds) + 1, len(self.age_cuts) + 2

    def to_json(self) -> dict[str, Any]:
        return {
            "kind_signal": self.kind_signal,
            "age_signal": self.age_signal,
            "kinds": list(self.kinds),
            "age_cuts": list(self.age_cuts),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Cells":
        return cls(data["kind_signal"], data["age_signal"], tuple(data["kinds"]), tuple(data["age_cuts"]))

    def of(self, signals: pd.DataFrame) -> tuple[Rows, Rows]:
        """The kind and the age bin of each row."""
        age_bin = np.full(len(signals), len(self.age_cuts) + 1, dtype=np.int64)
        if self.age_signal in signals:
            age = signals[self.age_signal].to_numpy(dtype=np.float64)
            age_bin = np.where(np.isnan(age), age_bin, np.searchsorted(self.age_cuts, age, side="right"))
        return self.kind_of(signals), age_bin

    def kind_of(self, signals: pd.DataFrame) -> Rows:
        """The kind of each row."""
        if self.kind_signal not in signals:
            return np.full(len(signals), len(self.kinds), dtype=np.int64)
        return np.minimum(self._codes.of(signals[self.kind_signal].to_numpy(dtype=object)), self._codes.other)


def learn_cells(signals: pd.DataFrame, kind_signal: str | None, age_signal: str | None) -> Cells:
    """The kinds in use, and age cuts at the quantiles of the rows."""
    kinds: tuple[str, ...] = ()
    if kind_signal in signals:
        kinds = tuple(sorted(signals[kind_signal].dropna().unique()))
    cuts: tuple[float, ...] = ()
    if age_signal in signals and signals[age_signal].notna().any():
        ages = signals[age_signal].dropna().to_numpy(dtype=np.float64)
        cuts = tuple(np.unique(np.quantile(ages, np.arange(1, AGE_BINS) / AGE_BINS)).tolist())
    return Cells(kind_signal, age_signal, kinds, cuts)


@dataclass(frozen=True)
class LifeTable:
    """Hazards by cell: `rates` is (kinds + 1, ages + 2, buckets, 1 + causes), each P(stay), P(cause 1), … in the bucket.

    Buckets from `n_watched` on were never watched; they carry on with the daily rates of the later half of those that were.
    """

    cells: Cells
    rates: Floats
    n_watched: int

    @property
    def by_cell(self) -> Floats:
        """(cells, buckets, 1 + causes), the cells of (kind, age) one after the other."""
        return self.rates.reshape(-1, *self.rates.shape[2:])

    def hazards(self, signals: pd.DataFrame) -> Floats:
        """(rows, buckets, 1 + causes)."""
        kind, age = self.cells.of(signals)
        return self.rates[kind, age]

    def to_json(self) -> dict[str, Any]:
        return {
            "cells": self.cells.to_json(),
            "n_watched": self.n_watched,
            "shape": list(self.rates.shape),
            "rates": self.rates.ravel().tolist(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "LifeTable":
        return cls(
            Cells.from_json(data["cells"]),
            np.array(data["rates"], dtype=np.float64).reshape(data["shape"]),
            int(data["n_watched"]),
        )


def fit_life_table(cells: Cells, signals: pd.DataFrame, watched: Spells, edges: Floats, n_watched: int) -> LifeTable:
    """Count the person-periods of the rows, cell by cell, and shrink."""
    kind, age = cells.of(signals)
    unit = pd.factorize(signals.index)[0].astype(np.int64)
    return count_life_table(cells, kind * cells.shape[1] + age, unit, [watched], edges, n_watched)


def count_life_table(cells: Cells, cell: Rows, unit: Rows, watched: Sequence[Spells], edges: Floats, n_watched: int) -> LifeTable:
    """The same from the number of each row's cell (kind x ages + age) and of its deal or client.

    Where each cause has a time of its own (`training.pace`), `watched` are the spells of each: its rates are counted in its own.
    """
    (n_kinds, n_ages), n_buckets, n_classes = cells.shape, len(edges) - 1, watched[0].n_classes
    counted = [_counted(cell, own, n_kinds * n_ages, n_buckets).reshape(n_kinds, n_ages, n_buckets, -1) for own in watched]
    counts = counted[0] if len(counted) == 1 else _joined(counted)
    overall = _shrink(counts.sum(axis=(0, 1)), np.full((n_buckets, n_classes), 1.0 / n_classes), JEFFREYS * n_classes)
    of_kind = counts.sum(axis=1) / _rows_a_unit(cell // n_ages, unit, n_kinds)[:, None, None]
    own = counts / _rows_a_unit(cell, unit, n_kinds * n_ages).reshape(n_kinds, n_ages, 1, 1)
    by_kind = _shrink(of_kind, overall, _weight(of_kind, overall))
    rates = _shrink(own, by_kind[:, None], _weight(own, by_kind[:, None]))
    return LifeTable(cells, _extended(rates, of_kind, edges, n_watched), n_watched)


def _rows_a_unit(cell: Rows, unit: Rows, n_cells: int) -> Floats:
    """(cells,) at how many dates a deal or client stands in a cell, on average over those that do; 1 where none does.

    Who hurries through a stage stands in it at one date, who waits at ten: a cell knows as much as it has seen units.
    """
    rows, n_units = np.bincount(cell, minlength=n_cells), 1 + unit.max(initial=0)
    different = np.unique(cell * n_units + unit) // n_units
    return np.asarray(np.maximum(1.0, rows / np.maximum(1, np.bincount(different, minlength=n_cells))))


def _weight(counts: Floats, parent: Floats) -> float:
    """As how many units the parent counts in each cell: the most probable of WEIGHTS, given how far the cells differ from it.

    The cells' counts are Dirichlet-multinomial around the parent's rates (Gelman et al. 2013, Bayesian Data Analysis, 5.3).
    """
    total = counts.sum(axis=-1)
    seen = [
        float((gammaln(each) - gammaln(each + total)).sum() + (gammaln(each * parent + counts) - gammaln(each * parent)).sum())
        for each in WEIGHTS
    ]
    return float(WEIGHTS[int(np.argmax(seen - 0.5 * np.log(WEIGHTS / PRIOR_UNITS) ** 2))])


def _counted(cell: Rows, watched: Spells, n_cells: int, n_buckets: int) -> Floats:
    """(cells, buckets, classes) person-periods."""
    runs = np.bincount(cell * (n_buckets + 1) + watched.n, minlength=n_cells * (n_buckets + 1)).reshape(n_cells, -1)
    at_risk = np.cumsum(runs[:, :0:-1], axis=1)[:, ::-1]
    over, shape = watched.ended > 0, (n_cells, n_buckets, watched.n_classes)
    place = np.ravel_multi_index((cell[over], watched.n[over] - 1, watched.ended[over]), shape)
    counts = np.bincount(place, minlength=int(np.prod(shape))).astype(np.float64).reshape(shape)
    counts[..., 0] = at_risk - counts.sum(axis=-1)
    return counts


def _joined(counted: Sequence[Floats]) -> Floats:
    """One count of those at risk, the mean of all causes' own, with as many ends of each cause among them as in its own time."""
    at_risk = np.stack([counts.sum(axis=-1) for counts in counted], axis=-1)
    ended = np.stack([counts[..., cause] for cause, counts in enumerate(counted, start=1)], axis=-1)
    mean = at_risk.mean(axis=-1, keepdims=True)
    ended = mean * np.divide(ended, at_risk, out=np.zeros_like(ended), where=at_risk > 0)
    # In their own times the causes may together end more than there were: all of them, then.
    ended *= np.minimum(1.0, mean / np.maximum(ended.sum(axis=-1, keepdims=True), 1e-12))
    return np.concatenate([np.maximum(0.0, mean - ended.sum(axis=-1, keepdims=True)), ended], axis=-1)


def _shrink(counts: Floats, parent: Floats, weight: float) -> Floats:
    """(counts + weight x parent) / (n + weight): the parent counts as `weight` further observations."""
    return np.asarray((counts + weight * parent) / (counts.sum(axis=-1, keepdims=True) + weight))


def _extended(rates: Floats, counts: Floats, edges: Floats, n_watched: int) -> Floats:
    """Replace the buckets never watched by the daily rates of the later half of those that were, by kind."""
    if n_watched >= rates.shape[2]:
        return rates
    late = slice(n_watched // 2, n_watched)
    length = np.diff(edges)
    events = counts[:, late, 1:].sum(axis=1)
    days = (counts[:, late].sum(axis=-1) * length[late]).sum(axis=1)
    whole = (events.sum(axis=0) + JEFFREYS) / (days.sum() + length[:n_watched].sum())
    daily = (events + whole * PRIOR_UNITS * length[late].mean()) / (days + PRIOR_UNITS * length[late].mean())[:, None]
    total = daily.sum(axis=1)
    ended = -np.expm1(-total[:, None] * length[n_watched:])
    tail = np.concatenate([1.0 - ended[:, :, None], ended[:, :, None] * (daily / total[:, None])[:, None, :]], axis=2)
    extended = rates.copy()
    extended[:, :, n_watched:] = tail[:, None]
    return extended


def fold_of(units: "pd.Index[Any]", n_folds: int) -> npt.NDArray[np.int64]:
    """A fold for each row that depends on its unit's id alone."""
    hashed = pd.util.hash_array(units.to_numpy(dtype=object))
    return (hashed % np.uint64(n_folds)).astype(np.int64)
