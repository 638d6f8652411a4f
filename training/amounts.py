"""What a won deal will have been worth: the ratio of its amount when won to its amount now, as a distribution.

A deal of 10,000 in negotiation is rarely won at 10,000 to the euro. The ratio's quantiles come from past wins of the same kind
(stage) and age, shrunken: a cell's wins, those of its kind and those of all are mixed so that the parent counts as much as the
cell when the cell has seen `PRIOR_UNITS` deals, and all wins start from one deal that kept its amount. A mixture of samples has
one distribution function, so its quantiles never cross.

Four answers compete, from the plainest: the amount as it stands, one table for all, by stage, by stage and age. Each is learned
on the wins on record before a boundary and judged by pinball loss on the rows after it; the plainest whose loss lies within one
standard error (over deals) of the least is learned again on everything.

Example: of 100 wins from "Proposal" 70 kept their amount, 20 were won at 0.9 of it and 10 at 0.8. The ratio is 0.8 up to u = 0.1,
0.9 up to 0.3, and 1 from there on; its mean is 0.96.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats
from features.dataset import Dataset
from features.snapshot import Snapshot
from training.examples import Examples
from training.hazard import Spec
from training.labels import won_amounts
from training.life_table import Cells, learn_cells

PRIOR_UNITS: Final = 20.0
N_LEVELS: Final = 41
LEVELS: Final = (np.arange(N_LEVELS) + 0.5) / N_LEVELS
AS_IT_STANDS: Final = "as it stands"
WON: Final = 1


@dataclass(frozen=True)
class Ratios:
    """Past wins: signals of the row, the ratio of won to current amount, and what the row counts for (one deal counts for 1)."""

    signals: pd.DataFrame
    ratio: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.ratio)


@dataclass(frozen=True)
class AmountModel:
    """Quantiles of the ratio by cell: `quantiles` is (kinds + 1, ages + 2, N_LEVELS), ascending along the last axis.

    losses  mean pinball loss of each answer on later time, as far as there were wins to judge by
    """

    method: str
    cells: Cells
    quantiles: Floats
    losses: dict[str, float]

    def ratio(self, signals: pd.DataFrame, uniform: Floats) -> Floats:
        """Draws of the ratio: `uniform` in [0, 1] is (rows,) or (draws, rows), and so is the answer."""
        position = np.clip(uniform * N_LEVELS - 0.5, 0.0, N_LEVELS - 1.0)
        low = np.minimum(position.astype(np.int64), N_LEVELS - 2)
        table, row = self.of(signals), np.arange(len(signals))
        below, above = table[row, low], table[row, low + 1]
        return np.asarray(below + (position - low) * (above - below))

    def of(self, signals: pd.DataFrame) -> Floats:
        """The quantiles of each row at LEVELS, (rows, N_LEVELS)."""
        kind, age = self.cells.of(signals)
        return np.asarray(self.quantiles[kind, age])

    def mean(self, signals: pd.DataFrame) -> Floats:
        """The expected ratio of each row, given a win."""
        return np.asarray(self.of(signals).mean(axis=1))

    def to_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "cells": self.cells.to_json(),
            "quantiles": self.quantiles.tolist(),
            "losses": dict(self.losses),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "AmountModel":
        quantiles = np.array(data["quantiles"], dtype=np.float64)
        return cls(data["method"], Cells.from_json(data["cells"]), quantiles, dict(data["losses"]))


def fit_amounts(dataset: Dataset, rows: Examples, watched_until: pd.Timestamp, boundary: int, spec: Spec) -> AmountModel:
    """Choose an answer on the rows from `boundary` (microseconds) on, and learn it on all that was won before `watched_until`."""
    early, later = rows.before(boundary)
    taught, judged = won_ratios(dataset, early, clock.instant(boundary)), won_ratios(dataset, later, watched_until)
    candidates = _candidates(rows, spec)
    losses = {method: _losses(fit_table(method, cells, taught), judged) for method, cells in candidates.items()}
    method = _plainest(losses, judged)
    chosen = fit_table(method, candidates[method], won_ratios(dataset, rows, watched_until))
    means = {name: float(np.average(each, weights=judged.weight)) for name, each in losses.items() if len(judged)}
    return replace(chosen, losses=means)


def won_ratios(dataset: Dataset, rows: Examples, watched_until: pd.Timestamp) -> Ratios:
    """The rows whose deal was won before `watched_until` and has both amounts, above 0."""
    position = pd.Index(dataset.deals["deal_id"]).get_indexer(rows.signals.index)
    now = np.full(len(rows), np.nan)
    for moment in np.unique(rows.as_of):
        here = rows.as_of == moment
        now[here] = Snapshot(dataset, clock.instant(int(moment))).values("amount")[position[here]]
    then = np.where(rows.outcomes.cause == WON, won_amounts(dataset, watched_until)[position], np.nan)
    keep = (now > 0) & (then > 0)
    _, unit, count = np.unique(position[keep], return_inverse=True, return_counts=True)
    return Ratios(rows.signals[keep], then[keep] / now[keep], 1.0 / count[unit])


def fit_table(method: str, cells: Cells, wins: Ratios) -> AmountModel:
    """The shrunken empirical quantiles of each cell; all 1 for the amount as it stands."""
    shape = (*cells.shape, N_LEVELS)
    if method == AS_IT_STANDS or not len(wins):
        return AmountModel(method, cells, np.ones(shape), {})
    order = np.argsort(wins.ratio, kind="stable")
    ratio, weight = wins.ratio[order], wins.weight[order]
    kind, age = (codes[order] for codes in cells.of(wins.signals))
    # One more deal, which kept its amount, stands at its place in the order.
    place = int(np.searchsorted(ratio, 1.0))
    values = np.insert(ratio, place, 1.0)
    overall = np.insert(weight, place, 1.0) / (weight.sum() + 1.0)
    quantiles = np.empty(shape)
    for k in range(shape[0]):
        of_kind = _mixed(np.insert(weight * (kind == k), place, 0.0), overall)
        for a in range(shape[1]):
            shares = _mixed(np.insert(weight * ((kind == k) & (age == a)), place, 0.0), of_kind)
            quantiles[k, a] = values[np.searchsorted(np.cumsum(shares), LEVELS * (1 - 1e-12)).clip(max=len(values) - 1)]
    return AmountModel(method, cells, quantiles, {})


def pinball(actual: Floats, quantiles: Floats) -> Floats:
    """Mean pinball loss over LEVELS of each row, 0 (perfect) upward: `actual` (rows,), `quantiles` (rows, N_LEVELS).

    Half of it is an estimate of half the continuous ranked probability score (Gneiting & Raftery 2007, JASA 102, 4.2).
    """
    over = actual[:, None] - quantiles
    return np.asarray(np.maximum(LEVELS * over, (LEVELS - 1.0) * over).mean(axis=1))


def _candidates(rows: Examples, spec: Spec) -> dict[str, Cells]:
    age = next((name for name in spec.ages if name in rows.signals), None)
    none = Cells(None, None, (), ())
    by_kind = learn_cells(rows.signals, spec.kind_signal, None)
    by_both = learn_cells(rows.signals, spec.kind_signal, age)
    return {AS_IT_STANDS: none, "one for all": none, "by stage": by_kind, "by stage and age": by_both}


def _losses(model: AmountModel, judged: Ratios) -> Floats:
    return pinball(judged.ratio, model.of(judged.signals)) if len(judged) else np.empty(0)


def _plainest(losses: dict[str, Floats], judged: Ratios) -> str:
    """The first whose loss is not larger than the least by more than the standard error of the difference."""
    if not len(judged):
        return "one for all"
    means = {name: float(np.average(each, weights=judged.weight)) for name, each in losses.items()}
    best = min(means, key=lambda name: means[name])
    return next(name for name in losses if means[name] - means[best] <= standard_error(losses[name] - losses[best], judged))


def standard_error(gaps: Floats, judged: Ratios) -> float:
    """Standard error of the weighted mean of a gap in loss (wins,), over deals."""
    deal = np.unique(judged.signals.index.to_numpy(dtype=object), return_inverse=True)[1]
    centred = np.bincount(deal, judged.weight * (gaps - np.average(gaps, weights=judged.weight)))
    return float(np.sqrt((centred**2).sum()) / judged.weight.sum())


def _mixed(own: Floats, parent: Floats) -> Floats:
    """Shares of (own weights + PRIOR_UNITS x parent's shares)."""
    return np.asarray((own + PRIOR_UNITS * parent) / (own.sum() + PRIOR_UNITS))
