"""What-if questions, answered from the same draws: the difference is the change's and not the dice's.

    close   these deals are won inside the period, for the amount that stands
    rate    the chance of each deal at a stage to be won inside the period rises (or falls) by so many points
    leaves  a person leaves: of the chance of their open deals, a share remains (those who take over), and of deals yet to be
            created in their name the same share comes

How much of a leaver's business remains is the asker's assumption; where they give none it is KEPT_SHARE, and the answer says so.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from features.clock import Floats, Mask
from features.errors import UsageError
from features.history import Rows
from features.snapshot import Snapshot
from training.births import Expected
from training.draws import Births, OpenDeals, draw
from training.rollup import PeriodForecast

KEPT_SHARE: Final = 0.5


@dataclass(frozen=True)
class Change:
    """What is supposed to happen; any of it may be left out.

    close   ids of open deals
    rate    stage -> points, between -100 and 100
    leaves  ids of people
    kept    share (0 to 1) of a leaver's business that remains
    """

    close: tuple[str, ...] = ()
    rate: dict[str, float] = field(default_factory=dict)
    leaves: tuple[str, ...] = ()
    kept: float = KEPT_SHARE


def what_if(made: PeriodForecast, snapshot: Snapshot, change: Change, *, seed: int = 7, threads: int = 2) -> PeriodForecast:
    """The same forecast under the change; compare it with the one given.

    Raises UsageError for deals that are not open, stages and people that nothing is at, and shares or points out of range.
    """
    _check(made, snapshot, change)
    opened, births = _changed(made, snapshot, change), _without(made, change)
    drawn = draw(opened, births, made.shock, len(made.places), n_draws=len(made.draws.total), seed=seed, threads=threads)
    return replace(made, open=opened, births=births, draws=drawn)


def _changed(made: PeriodForecast, snapshot: Snapshot, change: Change) -> OpenDeals:
    by_start, by_end = made.open.by_start.copy(), made.open.by_end.copy()
    stages = snapshot.texts("stage", made.deals)
    for stage, points in change.rate.items():
        here = stages == stage
        by_end[here] = np.clip(by_end[here] + points / 100, by_start[here], 1.0)
    theirs = np.isin(snapshot.texts("owner_id", made.deals).astype(str), change.leaves)
    by_start[theirs], by_end[theirs] = change.kept * by_start[theirs], change.kept * by_end[theirs]
    closing = np.isin(_ids(made, snapshot), change.close)
    by_start[closing], by_end[closing] = 0.0, 1.0
    return replace(made.open, by_start=by_start, by_end=by_end)


def _without(made: PeriodForecast, change: Change) -> Births:
    """Births of a segment fall with the share of its past wins that were a leaver's; the others' stay where they were."""
    if not change.leaves:
        return made.births
    leaves = made.places.slicings["owner"].leaf(list(change.leaves))
    gone = np.isin(made.places.cells[:, 0], leaves)
    factors = np.array([_remaining(cells, gone, change.kept) for cells in made.births.cells])
    cells = tuple(_thinned(each, gone, change.kept) for each in made.births.cells)
    expected = made.births.expected
    return Births(_scaled(expected, factors), cells)


def _remaining(cells: Rows, gone: Mask, kept: float) -> float:
    return 1.0 - (1.0 - kept) * float(gone[cells].mean()) if len(cells) else 1.0


def _thinned(cells: Rows, gone: Mask, kept: float) -> Rows:
    """The cells that new wins fall into, a leaver's with the remaining weight: all others stand `n` times, theirs `kept x n`."""
    if not len(cells) or not gone[cells].any():
        return cells
    times = 20
    return np.concatenate([np.repeat(cells[~gone[cells]], times), np.repeat(cells[gone[cells]], round(kept * times))])


def _scaled(expected: Expected, factors: Floats) -> Expected:
    return replace(expected, number=expected.number * factors[:, None])


def _ids(made: PeriodForecast, snapshot: Snapshot) -> Floats:
    return np.asarray(snapshot.dataset.deals["deal_id"].to_numpy(dtype=object)[made.deals].astype(str))


def _check(made: PeriodForecast, snapshot: Snapshot, change: Change) -> None:
    known = {
        "open deal": (change.close, set(_ids(made, snapshot))),
        "stage with open deals": (tuple(change.rate), set(snapshot.texts("stage", made.deals))),
        "person with open deals": (change.leaves, set(snapshot.texts("owner_id", made.deals))),
    }
    for what, (asked, there) in known.items():
        unknown = sorted(set(asked) - there)
        if unknown:
            raise UsageError(f"{', '.join(unknown[:5])}: no {what} by that name as of {made.as_of:%Y-%m-%d}")
    if not all(-100 <= points <= 100 for points in change.rate.values()) or not 0 <= change.kept <= 1:
        raise UsageError("points must lie between -100 and 100, and the share that remains between 0 and 1")
