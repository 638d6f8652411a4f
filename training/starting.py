"""Where boosting starts, learned: the life table at the calendar's pace, and what plain signals say of speed and chances.

Each of them is learned given the others, so the same rows are counted again and again: once more for each fold of units that is
left out, too. All of it is arithmetic on `training.numbered`, spot by spot and group by group.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from features.calendar import FiscalCalendar
from features.clock import Floats
from features.history import Rows
from training.boosting import Parameters
from training.curves import faster, intensities
from training.encoding import learn_encoding
from training.examples import Examples
from training.hazard import HazardModel, Spec
from training.life_table import count_life_table, fit_life_table, learn_cells
from training.numbered import N_FOLDS, Numbered
from training.pace import Pace, fit_pace_of_rows, in_ordinary_days
from training.person_periods import Spells, choose_edges, spells
from training.relative_risk import learn_bins
from training.speed import GRID, fit_speeds

BACKFITS: Final = 3
"""Times that speeds and the life table, and factors and their means by bucket, are learned, each given the other."""
TIMED_ROWS: Final = 20_000
"""Rows, evenly spaced, that tell the speeds."""


def bare(train: Examples, spec: Spec, calendar: FiscalCalendar, settings: Parameters) -> HazardModel:
    """Buckets, columns, cells and bins, and a life table that knows no calendar."""
    edges, n_watched = choose_edges(train.outcomes)
    n_causes = len(spec.causes)
    encoding = learn_encoding(train.signals, train.as_of, calendar, paced=spec.paced)
    cells = learn_cells(train.signals, spec.kind_signal, next((name for name in spec.ages if name in encoding.numbers), None))
    watched = spells(train.outcomes, edges[: n_watched + 1], n_causes + 1)
    table = fit_life_table(cells, train.signals, watched, edges, n_watched)
    even, threads = Pace.even(calendar, n_causes), settings.threads
    risk = learn_bins(encoding, train.signals, spec.plain, n_causes) if spec.plain else None
    return HazardModel(spec, calendar, edges, table, even, encoding, None, "not boosted", threads=threads, risk=risk)


def learn_start(model: HazardModel, rows: Numbered) -> tuple[HazardModel, Numbered]:
    """Pace, life table, speeds and factors of these rows; and the rows with their days at that pace."""
    own = replace(model, pace=_pace(model, rows))
    rows = replace(rows, own=tuple(in_ordinary_days(rows.as_of, rows.outcomes, own.pace)) if len(rows) else ())
    return _with_risk(_with_speeds(_recounted(own, rows), rows), rows), rows


def started(model: HazardModel, rows: Numbered) -> Floats:
    """What `HazardModel.started` says, to the bit, at each of the rows' spots: (spots, buckets, 1 + causes)."""
    risk, paced = model.risk, _paced(model, rows)
    if risk is None or not risk.signals or not len(rows):
        return paced
    return faster(paced, risk.factors_of(rows.bins)[rows.spots.group][:, None] / risk.usual)


def out_of_fold(model: HazardModel, rows: Numbered) -> Floats:
    """Where each row starts by the other folds' units, so that no row starts from its own outcome."""
    hazards = np.empty((len(rows), len(model.edges) - 1, len(model.spec.causes) + 1))
    for fold in range(N_FOLDS):
        inside = rows.fold == fold
        asked, rest = rows.take(inside), rows.take(~inside)
        teacher = _with_risk(_recounted(model, rest), rest) if len(rest) else model
        hazards[inside] = started(teacher, asked)[asked.spots.of]
    return hazards


def _pace(model: HazardModel, rows: Numbered) -> Pace:
    n_causes = len(model.spec.causes)
    if not model.spec.paced:
        return Pace.even(model.calendar, n_causes)
    return fit_pace_of_rows(rows.unit, rows.as_of, rows.outcomes, model.calendar, n_causes)


def _recounted(model: HazardModel, rows: Numbered) -> HazardModel:
    """The same model with the life table of these rows, each cause in days of its ordinary pace; speeds stay."""
    old, n_classes = model.life_table, len(model.spec.causes) + 1
    watched = model.edges[: old.n_watched + 1]
    speed = None if model.risk is None else model.risk.speed_of(rows.bins)
    paced = rows.own if len(rows) and (speed is not None or model.pace.weights.any()) else (rows.outcomes,)
    each = paced if speed is None else [outcomes.faster(speed[rows.group]) for outcomes in paced]
    own = [spells(outcomes, watched, n_classes) for outcomes in each]
    return replace(model, life_table=count_life_table(old.cells, rows.cell, rows.unit, own, model.edges, old.n_watched))


def _with_speeds(model: HazardModel, rows: Numbered) -> HazardModel:
    """The life table and the speeds at which its days pass, learned in turn."""
    if model.risk is None or not model.risk.signals or not len(rows):
        return model
    some, now = rows.take(rows.evenly(TIMED_ROWS)), model
    spots, periods = some.alike.spots, _watched(model, some).pairs()
    for _ in range(BACKFITS):
        by_cell = now.life_table.by_cell
        at = [now.pace.paced(by_cell, spots.as_of, now.edges, np.full(len(spots), speed), spots.cell) for speed in np.exp(GRID)]
        speeds = fit_speeds(model.risk.columns(rows.bins), some, periods, at, spots.of)
        now = _recounted(replace(now, risk=replace(model.risk, speeds=speeds)), rows)
    return now


def _with_risk(model: HazardModel, rows: Numbered) -> HazardModel:
    """The plain signals' factors, relative to what the model's life table and pace expect of these rows.

    In a far bucket the slow ones are left, of whom no more is expected than stage and age say: so the factors are learned again
    with the mean factor of each bucket taken out, a few times.
    """
    if model.risk is None:
        return model
    watched, risk = _watched(model, rows), model.risk
    n, group = model.life_table.n_watched, rows.spots.group
    each, n_groups = intensities(_paced(model, rows)[:, :n]), len(rows.bins)
    expected, there = (
        _summed(_at_risk(watched, rows.spots.of, weight, len(rows.spots), n)[:, :, None] * each, group, n_groups)
        for weight in (rows.weight, np.ones(len(rows)))
    )
    ended = _ended(watched, rows, n_groups)
    usual, without = np.ones((len(model.edges) - 1, ended.shape[1])), there.sum(axis=0)
    for _ in range(BACKFITS):
        risk = risk.fitted(rows.bins, ended, (expected / usual[:n]).sum(axis=1))
        with_factors = (there * risk.factors_of(rows.bins)[:, None]).sum(axis=0)
        usual[:n] = np.divide(with_factors, without, out=np.ones_like(without), where=without > 0)
    return replace(model, risk=replace(risk, usual=usual))


def _paced(model: HazardModel, rows: Numbered) -> Floats:
    """(spots, buckets, 1 + causes) the life table's hazards at the pace of each spot's days."""
    spots, speed = rows.spots, None if model.risk is None else model.risk.speed_of(rows.bins)
    own = None if speed is None else speed[spots.group]
    return model.pace.paced(model.life_table.by_cell, spots.as_of, model.edges, own, spots.cell)


def _watched(model: HazardModel, rows: Numbered) -> Spells:
    return spells(rows.outcomes, model.edges[: model.life_table.n_watched + 1], len(model.spec.causes) + 1)


def _at_risk(watched: Spells, spot: Rows, weight: Floats, n_spots: int, n_buckets: int) -> Floats:
    """(spots, buckets) weight of the rows at risk; who ended was so for half of the bucket, on average."""
    runs = np.bincount(spot * (n_buckets + 1) + watched.n, weight, n_spots * (n_buckets + 1)).reshape(n_spots, n_buckets + 1)
    begun = np.cumsum(runs[:, :0:-1], axis=1)[:, ::-1]
    over = watched.ended > 0
    last = (spot * n_buckets + watched.n - 1)[over]
    return np.asarray(begun - np.bincount(last, 0.5 * weight[over], n_spots * n_buckets).reshape(n_spots, n_buckets))


def _summed(values: Floats, group: Rows, n_groups: int) -> Floats:
    """(groups, …) sums of (spots, …), whose groups ascend."""
    sums = np.zeros((n_groups, *values.shape[1:]))
    present, first = np.unique(group, return_index=True)
    if len(present):
        sums[present] = np.add.reduceat(values, first, axis=0)
    return sums


def _ended(watched: Spells, rows: Numbered, n_groups: int) -> Floats:
    """(groups, causes) weight of the rows that ended."""
    by_class = np.bincount(rows.group * watched.n_classes + watched.ended, rows.weight, n_groups * watched.n_classes)
    return by_class.reshape(n_groups, watched.n_classes)[:, 1:].astype(np.float64)
