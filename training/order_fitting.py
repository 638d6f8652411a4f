"""How the hazard of the next order is learned: BG/NBD first, then trees that rank better from there.

BG/NBD is fitted on the newest row of each client. It is the best simple model there is: a classifier that knows forty signals
loses to its three. What is left for the trees is what distinguishes clients of the same recency and frequency: rhythm, trend,
amounts. Level and season are none of their business (`training.level`), and no correction of the level is learned on later time
either: a slice of some months cannot tell a season from a trend (docs/decisions/0011).

The earlier part of the rows tries trees, the later part tells after how many rounds to stop, and whether the gain is more than
its standard error over clients. Then BG/NBD and that many rounds are fitted on all rows; where there is no such gain, BG/NBD
answers.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from features import clock
from features.clock import Floats, Micros
from training.bg_nbd import BgNbdStart, fit_bg_nbd, newest
from training.boosting import Parameters, Prepared, boost, boost_until
from training.curves import softmax
from training.encoding import with_buckets
from training.examples import Examples
from training.hazard import HazardModel
from training.level import level_gained, weekly_levels
from training.person_periods import PersonPeriods, person_periods
from training.splits import Slices

MIN_CLIENTS: Final = 20
"""Of fewer clients a standard error says nothing, and BG/NBD answers alone."""
NEWEST_DAYS: Final = 30.0
"""The mean hazards of the rows of the last so many days are kept where the start has them."""


def fit_from_bg_nbd(bare: HazardModel, train: Examples, slices: Slices, settings: Parameters) -> HazardModel:
    """`bare` has its buckets and columns; the rows were watched until the training's as_of."""
    rounds, because = _choose_rounds(bare, train, slices, settings)
    start = started(bare, train)
    if rounds == 0:
        return replace(start, because=because)
    prepared = _prepare(start, train)
    model = replace(start, booster=boost(start.encoding, prepared, settings, rounds), because="")
    return _level_kept(model, train)


def started(bare: HazardModel, rows: Examples) -> HazardModel:
    """BG/NBD fitted on these rows, and nothing boosted."""
    return replace(bare, bg_nbd=BgNbdStart(fit_bg_nbd(newest(rows.signals, rows.outcomes)), bare.edges))


def _choose_rounds(bare: HazardModel, train: Examples, slices: Slices, settings: Parameters) -> tuple[int, str]:
    taught, judged = train.before(slices.last_from)
    if judged.signals.index.nunique() < MIN_CLIENTS:
        return 0, f"fewer than {MIN_CLIENTS} clients in the later part of the history: too few to judge boosting by"
    if not _periods(bare, taught).ended.any() or not _periods(bare, judged).ended.any():
        return 0, "no orders in the later or the earlier part of the history: nothing to judge boosting by"
    start = started(bare, taught)
    later = _prepare(start, judged)
    booster = boost_until(start.encoding, _prepare(start, taught), later, settings)
    gain, error = _gain(replace(start, booster=booster), judged, later)
    if gain <= error:
        return 0, f"boosting does not surely beat BG/NBD on later time (gain {gain:.1f} nats, standard error {error:.1f})"
    return int(booster.current_iteration()), ""


def _gain(model: HazardModel, judged: Examples, later: Prepared) -> tuple[float, float]:
    """What the trees gain in log likelihood over the rows judged, and its standard error over clients, who come in many rows."""
    pair, boosted = np.arange(len(later.ended)), model.logits(later.matrix, later.offset)
    gain = np.log(softmax(boosted)[pair, later.ended]) - np.log(softmax(later.offset)[pair, later.ended])
    _, unit = np.unique(judged.signals.index.to_numpy(dtype=object), return_inverse=True)
    by_unit = np.bincount(unit[_periods(model, judged).row], gain, minlength=len(np.unique(unit)))
    return float(gain.sum()), float(by_unit.std() * np.sqrt(len(by_unit)))


def _prepare(start: HazardModel, rows: Examples) -> Prepared:
    """Person-periods with the start's log hazards, each week at its own level. Four parameters know no row's own outcome."""
    periods = _periods(start, rows)
    matrix = with_buckets(start.encoding, rows.signals, rows.as_of, start.edges, periods.row, periods.bucket, start.calendar)
    offset = start.offset(rows.signals, rows.as_of, start.life_table.n_watched)[periods.row, periods.bucket]
    levels = weekly_levels(offset[:, 1] - offset[:, 0], periods.ended, _middles(start, rows.as_of, periods))
    return Prepared(matrix, periods.ended, offset + np.stack([np.zeros(len(levels)), levels], axis=1), periods.bucket)


def _middles(start: HazardModel, as_of: Micros, periods: PersonPeriods) -> Floats:
    """The middle of each pair's bucket, in days since 1970."""
    middle = (start.edges[:-1] + start.edges[1:]) / 2.0
    return np.asarray(as_of[periods.row] / clock.MICROS_PER_DAY + middle[periods.bucket])


def _level_kept(model: HazardModel, train: Examples) -> HazardModel:
    until = int(train.as_of.max())
    recent = train.take(clock.within(train.as_of, clock.after_days(until, -NEWEST_DAYS), until + 1))
    n = model.life_table.n_watched
    offset = model.offset(recent.signals, recent.as_of, n)
    moved = model.logits(model.matrix(recent.signals, recent.as_of, n), offset)
    start, after = offset[..., 1] - offset[..., 0], moved[..., 1] - moved[..., 0]
    gained = level_gained(start, after)
    own, added = float(start.var()), float(((after - gained - start) ** 2).mean())
    weight = own / (own + added) if added > 0 else 1.0
    return replace(model, gained=tuple((each,) for each in gained.tolist()), life_table_weight=weight)


def _periods(model: HazardModel, rows: Examples) -> PersonPeriods:
    return person_periods(rows.outcomes, model.edges[: model.life_table.n_watched + 1], len(model.spec.causes) + 1)
