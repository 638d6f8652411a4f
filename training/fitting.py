"""How a hazard model is learned: start, rounds, correction, and then everything once more on all that is known.

Boosting starts from the life table's log hazards and stops as soon as later time no longer gains by it: with 30 deals the answer
is the life table or nearly so, with 30,000 it is the boosted model, and no threshold switches between them.

Twice (`training.splits`) the past is asked what it would have said of its future. In each fold trees are grown on the rows before
a boundary, watched only until it, and judged on the rows after it:

    fold     trees grown on              judged on
    last     all but the last fifth      the last fifth      tells after how many rounds to stop
    middle   the first three fifths      the fourth fifth    with that number of rounds

What both folds foretold, against what came, decides whether and how the hazards are corrected (`training.calibrate`). Then the
trees are grown again on everything known, and the correction is carried over.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import lightgbm as lgb
import numpy as np
import pandas as pd

from features import clock
from features.calendar import FiscalCalendar
from features.clock import Floats, Mask
from features.history import Rows
from training.boosting import Parameters, Prepared, boost, boost_until
from training.calibrate import Pairs, joined, learn_calibration
from training.curves import intensities
from training.encoding import learn_encoding, with_buckets
from training.examples import Examples
from training.hazard import BG_NBD, HazardModel, Spec
from training.level import incidence_overshot, months_overshot
from training.life_table import Cells, LifeTable, fit_life_table, fold_of, learn_cells
from training.order_fitting import fit_from_bg_nbd
from training.pace import Pace, fit_pace_of_rows, in_ordinary_days
from training.person_periods import PersonPeriods, choose_edges, person_periods
from training.relative_risk import learn_bins
from training.speed import fit_speeds
from training.splits import Slices

N_FOLDS: Final = 5
BACKFITS: Final = 3
"""Times that the plain signals' factors and their means by bucket are learned, each given the other."""
TIMED_ROWS: Final = 20_000
"""Rows, evenly spaced, that tell the speeds."""
WEIGHED_PAIRS: Final = 20_000
"""Person-periods, evenly spaced, that tell how much the answers lean on the life table."""
LEVEL_PAIRS: Final = 500_000
"""Person-periods, evenly spaced, that tell where the trees overshot the level."""


@dataclass(frozen=True)
class Fold:
    """Rows to learn from, rows of later time to be judged on, and a start that has seen the former alone."""

    start: HazardModel
    taught: Examples
    judged: Examples


def fit_hazard(
    train: Examples, slices: Slices, spec: Spec, calendar: FiscalCalendar, parameters: Parameters | None = None
) -> HazardModel:
    """Fit on rows watched until the training's as_of."""
    settings = parameters or Parameters()
    start = _unboosted(train, spec, calendar, settings)
    if spec.start == BG_NBD:
        return fit_from_bg_nbd(start, train, slices, settings)
    middle, last = temporal_folds(start, train, slices)
    stopped = _stopped(last, settings)
    tried = [(stopped, last), (_grown(middle.start, middle.taught, settings, stopped.rounds), middle)]
    pairs = joined([foretold(model, fold.judged, slices.middle_from) for model, fold in tried])
    grown = _grown(start, train, settings, stopped.rounds)
    calibration = learn_calibration(pairs, start.life_table.n_watched, settings.threads)
    return replace(grown, because=stopped.because, calibration=calibration)


def temporal_folds(start: HazardModel, train: Examples, slices: Slices) -> tuple[Fold, Fold]:
    """The middle and the last fold."""
    early, later = train.before(slices.middle_from)
    middle = later.take(clock.known(later.as_of, slices.last_from))
    return _fold(start, early, middle), _fold(start, *train.before(slices.last_from))


def foretold(model: HazardModel, rows: Examples, since: int) -> Pairs:
    """What a model says, uncorrected, of each person-period of rows it has not seen, and what happened.

    `since` (microseconds) is where the days of the pairs begin to count.
    """
    periods = _periods(model, rows)
    prepared = _prepare(model, rows, model.started(rows.signals, rows.as_of))
    as_of = ((rows.as_of - since) / clock.MICROS_PER_DAY)[periods.row]
    unit = pd.util.hash_array(rows.signals.index.to_numpy(dtype=object)).astype(np.int64)[periods.row]
    logits = model.logits(prepared.matrix, prepared.offset)
    return Pairs(logits, periods.bucket, periods.ended, unit, as_of, as_of + model.edges[periods.bucket + 1])


def weight_of_start(start: Floats, logits: Floats) -> float:
    """How much the answers lean on where boosting began, 0 to 1.

    V0 / (V0 + V1), where V0 is the variance of the start's hazard logits (each cause against staying) over the person-periods,
    and V1 the mean square of what the trees added to them. 1: the trees added nothing; 1/2: they moved the logits as far from
    the start as the start itself lies from one rate for all.
    """
    own, whole = (values[:, 1:] - values[:, :1] for values in (start, logits))
    of_start, of_trees = float(own.var(axis=0).mean()), float(((whole - own) ** 2).mean())
    return of_start / (of_start + of_trees) if of_trees > 0 else 1.0


def _unboosted(train: Examples, spec: Spec, calendar: FiscalCalendar, settings: Parameters) -> HazardModel:
    """Buckets, columns and the life table; no trees yet."""
    edges, n_watched = choose_edges(train.outcomes)
    encoding = learn_encoding(train.signals, train.as_of, calendar, paced=spec.paced)
    age = next((name for name in spec.ages if name in encoding.numbers), None)
    cells = learn_cells(train.signals, spec.kind_signal, age)
    pace = _pace(spec, train, calendar)
    table = _life_table(cells, train, edges, n_watched, pace, None)
    bare = HazardModel(spec, calendar, edges, table, pace, encoding, None, "not boosted", threads=settings.threads)
    if not spec.plain:
        return bare
    risk = learn_bins(encoding, train.signals, spec.plain, len(spec.causes))
    return _with_risk(_with_speeds(replace(bare, risk=risk), train), train)


def _with_speeds(model: HazardModel, rows: Examples) -> HazardModel:
    """The life table and the speeds at which its days pass, learned in turn."""
    if model.risk is None or not model.risk.signals or not len(rows):
        return model
    some, now = rows.take(_evenly(rows, TIMED_ROWS)), model
    periods = _periods(model, some)
    for _ in range(BACKFITS):
        paced = partial(model.pace.paced, now.start.hazards(some.signals), some.as_of, model.edges)
        speeds = fit_speeds(model.risk, some.signals, periods, paced)
        now = _recounted(replace(now, risk=replace(model.risk, speeds=speeds)), rows, risk=False)
    return now


def _evenly(rows: Examples, n: int) -> Mask:
    """About n rows, evenly spaced."""
    return np.asarray(np.arange(len(rows)) % max(1, -(-len(rows) // n)) == 0)


def _with_risk(model: HazardModel, rows: Examples) -> HazardModel:
    """The plain signals' factors, relative to what the model's life table and pace expect of these rows.

    In a far bucket the slow ones are left, of whom no more is expected than stage and age say: so the factors are learned again
    with the mean factor of each bucket taken out, a few times.
    """
    if model.risk is None:
        return model
    periods, n_causes = _periods(model, rows), len(model.spec.causes)
    alone = replace(model, risk=model.risk.even())
    each = intensities(alone.started(rows.signals, rows.as_of)[periods.row, periods.bucket])
    # Who ended was at risk for half of the bucket, on average.
    each = each * np.where(periods.ended > 0, 0.5, 1.0)[:, None]
    ended = np.stack([np.bincount(periods.row, periods.ended == 1 + k, len(rows)) for k in range(n_causes)], axis=1)
    risk = model.risk
    usual = np.ones((len(model.edges) - 1, n_causes))
    for _ in range(BACKFITS):
        expected = _sums(each / usual[periods.bucket], periods.row, len(rows))
        risk = risk.fitted(rows.signals, ended.astype(np.float64), expected)
        with_factors = _sums(each * risk.factors(rows.signals)[periods.row], periods.bucket, len(usual))
        without = _sums(each, periods.bucket, len(usual))
        usual = np.divide(with_factors, without, out=np.ones_like(usual), where=without > 0)
    return replace(model, risk=replace(risk, usual=usual))


def _sums(values: Floats, group: Rows, n_groups: int) -> Floats:
    """(groups, columns) sums of (pairs, columns)."""
    return np.stack([np.bincount(group, column, n_groups) for column in values.T], axis=1).astype(np.float64)


def _pace(spec: Spec, rows: Examples, calendar: FiscalCalendar) -> Pace:
    n_causes = len(spec.causes)
    return fit_pace_of_rows(rows, calendar, n_causes) if spec.paced else Pace.even(calendar, n_causes)


def _life_table(cells: Cells, rows: Examples, edges: Floats, n_watched: int, pace: Pace, speed: Floats | None) -> LifeTable:
    """Count these rows, each cause in days of its ordinary pace."""
    watched, n_classes = edges[: n_watched + 1], len(pace.weights) + 1
    if speed is None and not pace.weights.any():
        return fit_life_table(cells, rows.signals, person_periods(rows.outcomes, watched, n_classes), edges, n_watched)
    own = [person_periods(outcomes, watched, n_classes) for outcomes in in_ordinary_days(rows, pace, speed)]
    return fit_life_table(cells, rows.signals, own, edges, n_watched)


def _fold(start: HazardModel, taught: Examples, judged: Examples) -> Fold:
    own = _recounted(replace(start, pace=_pace(start.spec, taught, start.calendar)), taught, risk=False)
    return Fold(_with_risk(_with_speeds(own, taught), taught), taught, judged)


def _stopped(fold: Fold, settings: Parameters) -> HazardModel:
    """As many rounds as gain on later time; why there are none, where there are none."""
    start = fold.start
    if not _n_ends(start, fold.judged) or not _n_ends(start, fold.taught):
        return replace(start, because="no events in the later or the earlier part of the history: nothing to judge boosting by")
    hazards = _out_of_fold(start, fold.taught)
    taught = _prepare(start, fold.taught, hazards)
    judged = _prepare(start, fold.judged, start.started(fold.judged.signals, fold.judged.as_of))
    stopped = _levelled(replace(start, booster=_boosted_until(fold, taught, judged, settings), because=""), fold.taught, hazards)
    boosted = stopped.logits(judged.matrix, stopped.less_gained(judged.offset, judged.bucket))
    periods = _periods(start, fold.judged)
    alone = np.log(start.started(fold.judged.signals, fold.judged.as_of)[periods.row, periods.bucket])
    before, after = (float(judged.losses(each).mean()) for each in (alone, boosted))
    if after >= before:
        return replace(start, because=f"boosting does not beat the life table on later time ({after:.4f} against {before:.4f})")
    return stopped


def _boosted_until(fold: Fold, taught: Prepared, judged: Prepared, settings: Parameters) -> lgb.Booster:
    months = [_of_months(fold.start, *part) for part in ((fold.taught, taught), (fold.judged, judged))]
    return boost_until(fold.start.encoding, months[0], months[1], settings, fold.start.spec.kind_signal)


def _grown(start: HazardModel, rows: Examples, settings: Parameters, rounds: int) -> HazardModel:
    """That many rounds on these rows."""
    if rounds == 0 or not _n_ends(start, rows):
        return start
    hazards = _out_of_fold(start, rows)
    prepared = _prepare(start, rows, hazards)
    booster = boost(start.encoding, _of_months(start, rows, prepared), settings, rounds, start.spec.kind_signal)
    model = _levelled(replace(start, booster=booster), rows, hazards)
    some = prepared.some(WEIGHED_PAIRS)
    logits = model.logits(some.matrix, model.less_gained(some.offset, some.bucket))
    return replace(model, life_table_weight=weight_of_start(some.offset, logits))


def _levelled(model: HazardModel, rows: Examples, hazards: Floats) -> HazardModel:
    """The same trees, and in each bucket as many ends expected as the rows that taught them had; `hazards`: where each began."""
    watched = model.life_table.n_watched
    keep = _evenly(rows, LEVEL_PAIRS // watched)
    some, seen = rows.take(keep), rows.take(keep).outcomes
    logits = model.logits(model.matrix(some.signals, some.as_of, watched), np.log(hazards[keep][:, :watched]))
    bucket = np.searchsorted(model.edges, seen.days, side="right") - 1
    n_seen = np.searchsorted(model.edges[1 : watched + 1], seen.follow_up, side="right")
    over = incidence_overshot(logits, seen.cause.astype(np.int64), bucket, n_seen, _weight(some))
    return replace(model, gained=tuple(tuple(each) for each in over.tolist()))


def _of_months(model: HazardModel, rows: Examples, prepared: Prepared) -> Prepared:
    """The same pairs with each month at its own level: what is learned from them is who ends, not when many did."""
    if not model.spec.paced:
        return prepared
    periods, middles = _periods(model, rows), (model.edges[:-1] + model.edges[1:]) / 2
    days = rows.as_of[periods.row] / clock.MICROS_PER_DAY + middles[periods.bucket]
    over = months_overshot(prepared.offset, prepared.ended, days, _weight(rows))
    return replace(prepared, offset=np.concatenate([prepared.offset[:, :1], prepared.offset[:, 1:] - over], axis=1))


def _weight(rows: Examples) -> float:
    """What a row counts for: a deal that stands at ten dates is not ten deals."""
    return rows.signals.index.nunique() / max(1, len(rows))


def _n_ends(model: HazardModel, rows: Examples) -> int:
    return int(np.count_nonzero(_periods(model, rows).ended))


def _periods(model: HazardModel, rows: Examples) -> PersonPeriods:
    watched = model.edges[: model.life_table.n_watched + 1]
    return person_periods(rows.outcomes, watched, len(model.spec.causes) + 1)


def _recounted(model: HazardModel, rows: Examples, *, risk: bool = True) -> HazardModel:
    """The same model with the life table of these rows, and their factors on it; speeds stay."""
    old, speed = model.life_table, None if model.risk is None else model.risk.speed(rows.signals)
    table = _life_table(old.cells, rows, model.edges, old.n_watched, model.pace, speed)
    counted = replace(model, life_table=table)
    return _with_risk(counted, rows) if risk else counted


def _out_of_fold(model: HazardModel, rows: Examples) -> Floats:
    """Where each row starts by the other folds' units, so that no row starts from its own outcome."""
    folds = fold_of(rows.signals.index, N_FOLDS)
    hazards = model.started(rows.signals, rows.as_of).copy()
    for fold in range(N_FOLDS):
        inside, rest = folds == fold, rows.take(folds != fold)
        if inside.any() and len(rest):
            hazards[inside] = _recounted(model, rest).started(rows.signals[inside], rows.as_of[inside])
    return hazards


def _prepare(model: HazardModel, rows: Examples, hazards: Floats) -> Prepared:
    periods = _periods(model, rows)
    where = (model.edges, periods.row, periods.bucket, model.calendar)
    matrix = with_buckets(model.encoding, rows.signals, rows.as_of, *where)
    offset = model.less_gained(np.log(hazards[periods.row, periods.bucket]), periods.bucket)
    return Prepared(matrix, periods.ended, offset, periods.bucket)
