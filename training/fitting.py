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
from typing import Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from features import clock
from features.calendar import FiscalCalendar
from features.clock import Floats
from features.history import Rows
from training.boosting import Parameters, Prepared, boost, boost_until
from training.calibrate import Pairs, joined, learn_calibration
from training.encoding import bucket_table, in_buckets
from training.examples import Examples
from training.hazard import BG_NBD, HazardModel, Spec
from training.level import incidence_overshot, months_overshot
from training.numbered import Numbered, numbered
from training.order_fitting import fit_from_bg_nbd
from training.person_periods import PersonPeriods, person_periods
from training.splits import Slices
from training.starting import bare, learn_start, out_of_fold, started

WEIGHED_PAIRS: Final = 20_000
"""Person-periods, evenly spaced, that tell how much the answers lean on the life table."""
LEVEL_PAIRS: Final = 500_000
"""Person-periods, evenly spaced, that tell where the trees overshot the level."""


@dataclass(frozen=True)
class Fold:
    """Rows to learn from, rows of later time to be judged on, and a start that has seen the former alone."""

    start: HazardModel
    taught: Numbered
    judged: Numbered


def fit_hazard(
    train: Examples, slices: Slices, spec: Spec, calendar: FiscalCalendar, parameters: Parameters | None = None
) -> HazardModel:
    """Fit on rows watched until the training's as_of."""
    settings = parameters or Parameters()
    model = bare(train, spec, calendar, settings)
    if spec.start == BG_NBD:
        return fit_from_bg_nbd(model, train, slices, settings)
    start, rows = learn_start(model, numbered(train, model.life_table.cells, model.risk, model.encoding))
    middle, last = _temporal_folds(start, rows, slices)
    stopped, logits = _stopped(last, settings)
    pairs = [_foretold(stopped, last.judged, logits, slices)]
    before = _grown(middle.start, middle.taught, settings, stopped.rounds)
    judged = _prepare(before, middle.judged, _started_by_row(before, middle.judged))
    pairs.append(_foretold(before, middle.judged, before.logits(judged.matrix, judged.offset), slices))
    grown = _grown(start, rows, settings, stopped.rounds)
    calibration = learn_calibration(joined(pairs), start.life_table.n_watched, settings.threads)
    return replace(grown, because=stopped.because, calibration=calibration)


def weight_of_start(start: Floats, logits: Floats) -> float:
    """How much the answers lean on where boosting began, 0 to 1.

    V0 / (V0 + V1), where V0 is the variance of the start's hazard logits (each cause against staying) over the person-periods,
    and V1 the mean square of what the trees added to them. 1: the trees added nothing; 1/2: they moved the logits as far from
    the start as the start itself lies from one rate for all.
    """
    own, whole = (values[:, 1:] - values[:, :1] for values in (start, logits))
    of_start, of_trees = float(own.var(axis=0).mean()), float(((whole - own) ** 2).mean())
    return of_start / (of_start + of_trees) if of_trees > 0 else 1.0


def _temporal_folds(start: HazardModel, rows: Numbered, slices: Slices) -> tuple[Fold, Fold]:
    """The middle and the last fold."""
    early, later = rows.before(slices.middle_from)
    middle = later.take(clock.known(later.as_of, slices.last_from))
    return _fold(start, early, middle), _fold(start, *rows.before(slices.last_from))


def _fold(start: HazardModel, taught: Numbered, judged: Numbered) -> Fold:
    return Fold(*learn_start(start, taught), judged)


def _stopped(fold: Fold, settings: Parameters) -> tuple[HazardModel, Floats]:
    """As many rounds as gain on later time, or why there are none; and the logits of the pairs that it was judged on."""
    start = fold.start
    judged = _prepare(start, fold.judged, _started_by_row(start, fold.judged))
    if not judged.ended.any() or not _periods(start, fold.taught).ended.any():
        why = "no events in the later or the earlier part of the history: nothing to judge boosting by"
        return replace(start, because=why), judged.offset
    hazards = out_of_fold(start, fold.taught)
    booster = _boosted_until(fold, _prepare(start, fold.taught, hazards), judged, settings)
    stopped = _levelled(replace(start, booster=booster, because=""), fold.taught, hazards)
    boosted = stopped.logits(judged.matrix, stopped.less_gained(judged.offset, judged.bucket))
    before, after = (float(judged.losses(each).mean()) for each in (judged.offset, boosted))
    if after < before:
        return stopped, boosted
    why = f"boosting does not beat the life table on later time ({after:.4f} against {before:.4f})"
    return replace(start, because=why), judged.offset


def _boosted_until(fold: Fold, taught: Prepared, judged: Prepared, settings: Parameters) -> lgb.Booster:
    months = [_of_months(fold.start, *part) for part in ((fold.taught, taught), (fold.judged, judged))]
    return boost_until(fold.start.encoding, months[0], months[1], settings, fold.start.spec.kind_signal)


def _grown(start: HazardModel, rows: Numbered, settings: Parameters, rounds: int) -> HazardModel:
    """That many rounds on these rows."""
    if rounds == 0 or not _periods(start, rows).ended.any():
        return start
    hazards = out_of_fold(start, rows)
    prepared = _prepare(start, rows, hazards)
    booster = boost(start.encoding, _of_months(start, rows, prepared), settings, rounds, start.spec.kind_signal)
    model = _levelled(replace(start, booster=booster), rows, hazards)
    some = prepared.some(WEIGHED_PAIRS)
    logits = model.logits(some.matrix, model.less_gained(some.offset, some.bucket))
    return replace(model, life_table_weight=weight_of_start(some.offset, logits))


def _levelled(model: HazardModel, rows: Numbered, hazards: Floats) -> HazardModel:
    """The same trees, and in each bucket as many ends expected as the rows that taught them had; `hazards`: where each began."""
    watched = model.life_table.n_watched
    keep = rows.evenly(LEVEL_PAIRS // watched)
    some, seen = rows.take(keep), rows.outcomes.take(keep)
    bucket = np.searchsorted(model.edges, seen.days, side="right") - 1
    n_seen = np.searchsorted(model.edges[1 : watched + 1], seen.follow_up, side="right")
    logits = np.log(hazards[keep][:, :watched])
    # Trees are asked about watched buckets alone: the others do not count.
    of_row, of_bucket = np.nonzero(np.arange(watched) < n_seen[:, None])
    logits[of_row, of_bucket] = model.logits(_matrix(model, some, of_row, of_bucket), logits[of_row, of_bucket])
    over = incidence_overshot(logits, seen.cause.astype(np.int64), bucket, n_seen, some.mean_weight)
    return replace(model, gained=tuple(tuple(each) for each in over.tolist()))


def _of_months(model: HazardModel, rows: Numbered, prepared: Prepared) -> Prepared:
    """The same pairs with each month at its own level: what is learned from them is who ends, not when many did."""
    if not model.spec.paced:
        return prepared
    periods, middles = _periods(model, rows), (model.edges[:-1] + model.edges[1:]) / 2
    days = (rows.as_of / clock.MICROS_PER_DAY)[periods.row] + middles[periods.bucket]
    over = months_overshot(prepared.offset, prepared.ended, days, rows.mean_weight)
    return replace(prepared, offset=np.concatenate([prepared.offset[:, :1], prepared.offset[:, 1:] - over], axis=1))


def _foretold(model: HazardModel, rows: Numbered, logits: Floats, slices: Slices) -> Pairs:
    """What a model said, uncorrected, of each person-period of rows it had not seen, and what happened."""
    periods = _periods(model, rows)
    as_of = ((rows.as_of - slices.middle_from) / clock.MICROS_PER_DAY)[periods.row]
    over = as_of + model.edges[periods.bucket + 1]
    return Pairs(logits, periods.bucket, periods.ended, rows.unit[periods.row], as_of, over)


def _periods(model: HazardModel, rows: Numbered) -> PersonPeriods:
    watched = model.edges[: model.life_table.n_watched + 1]
    return person_periods(rows.outcomes, watched, len(model.spec.causes) + 1)


def _started_by_row(model: HazardModel, rows: Numbered) -> Floats:
    """(rows, buckets, 1 + causes) where boosting starts."""
    return started(model, rows)[rows.spots.of]


def _prepare(model: HazardModel, rows: Numbered, hazards: Floats) -> Prepared:
    periods = _periods(model, rows)
    offset = model.less_gained(np.log(hazards[periods.row, periods.bucket]), periods.bucket)
    return Prepared(_matrix(model, rows, periods.row, periods.bucket), periods.ended, offset, periods.bucket)


def _matrix(model: HazardModel, rows: Numbered, row: Rows, bucket: Rows) -> npt.NDArray[np.float32]:
    """(pairs, columns) rows at one bucket each."""
    table = bucket_table(model.encoding, rows.moments, model.edges, model.calendar)
    return in_buckets(rows.matrix, rows.row[row], table, rows.moment[row], bucket, model.threads)
