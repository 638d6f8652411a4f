"""Two models on the same rows: by how much the one is better, and whether that could be chance.

The difference is taken row by row before anything is averaged, so what makes a row hard for both cancels out, and whole accounts
are drawn. It is measured in two proper scores: **curve**, the log loss of the state (open, won, lost) at every horizon that a row
was watched for, and **outcome**, the log loss of won against lost among the rows whose outcome is known. A curve alone can be
good because it knows how long deals take; only the second says whether it knows who wins.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.clock import Floats
from training import weighted
from training.metrics import Flags, surprise
from training.questions import AT_ALL
from training.resampling import Clusters, Interval, Statistic, intervals
from training.trial import BASE_RATE, CHAMPION, LIFE_TABLE, MODEL, Trial

REPLICATES: Final = 2000
"""More than for a table: a decision hangs on the ends of the interval."""
LEAST_GAIN: Final = 0.01
"""A gain under one percent of the log loss changes nothing that is done, however sure it is."""
PAIRS: Final = (
    (MODEL, LIFE_TABLE),
    (MODEL, BASE_RATE),
    (LIFE_TABLE, BASE_RATE),
    (MODEL, CHAMPION),
    (LIFE_TABLE, CHAMPION),
    (BASE_RATE, CHAMPION),
)


@dataclass(frozen=True)
class Margin:
    """The mean difference of two log losses, in nats, below 0 where the challenger is better; and the incumbent's own."""

    gap: Interval
    of_incumbent: float

    @property
    def better(self) -> bool:
        """Whether the challenger is better by more than chance, and by enough to matter."""
        return self.gap.below_zero and -self.gap.value >= LEAST_GAIN * self.of_incumbent

    @property
    def worse(self) -> bool:
        """Whether the challenger is worse by more than chance."""
        return self.gap.above_zero


@dataclass(frozen=True)
class Contest:
    """One model against another on the same rows.

    curve       margin in the curve's log loss
    outcome     margin in won against lost; None where a regime has one way to end, or no row's outcome is known
    n_clusters  accounts, or deals, among the rows of both
    n_ended     units that ended among them
    """

    challenger: str
    incumbent: str
    curve: Margin
    outcome: Margin | None
    n_rows: int
    n_clusters: int
    n_ended: int


def contests(trial: Trial, seed: int) -> tuple[Contest, ...]:
    """Every pair of the trial's contestants that has rows in common."""
    there = [pair for pair in PAIRS if all(name in trial.contestants for name in pair)]
    return tuple(contest(trial, one, other, seed) for one, other in there)


def contest(trial: Trial, challenger: str, incumbent: str, seed: int) -> Contest:
    """Compare two contestants of a trial."""
    one, other = trial.contestants[challenger], trial.contestants[incumbent]
    both = ~np.isnan(one.curve) & ~np.isnan(other.curve)
    clusters = trial.clusters.take(both)
    gap = weighted.ratio((one.curve - other.curve)[both], trial.counted[both])
    own = float(other.curve[both].sum() / max(1.0, trial.counted[both].sum()))
    units = trial.rows.signals.index[both & (trial.rows.outcomes.cause > 0)]
    return Contest(
        challenger,
        incumbent,
        Margin(_interval(gap, clusters, seed), own),
        _outcome(trial, challenger, incumbent, seed),
        int(both.sum()),
        clusters.n_present,
        int(units.nunique()),
    )


def loss_margin(trial: Trial, challenger: str, incumbent: str, key: str, seed: int) -> tuple[Margin, int] | None:
    """The margin in one question, and on how many rows; None where the two have none in common."""
    (question,) = (each for each in trial.questions if each.key == key)
    one, other = trial.contestants[challenger].of[key], trial.contestants[incumbent].of[key]
    rows = question.eligible(trial.rows.outcomes) & ~np.isnan(one) & ~np.isnan(other)
    if not rows.any():
        return None
    happened = question.happened(trial.rows.outcomes)
    own = _surprise(other, happened)[rows]
    gap = _interval(weighted.mean(_surprise(one, happened)[rows] - own), trial.clusters.take(rows), seed)
    return Margin(gap, float(own.mean())), int(rows.sum())


def _outcome(trial: Trial, challenger: str, incumbent: str, seed: int) -> Margin | None:
    keys = [question.key for question in trial.questions if question.key.endswith(AT_ALL)]
    found = loss_margin(trial, challenger, incumbent, keys[0], seed) if keys else None
    return None if found is None else found[0]


def _surprise(said: Floats, happened: Flags) -> Floats:
    return surprise(np.where(happened, said, 1.0 - said))


def _interval(statistic: Statistic, clusters: Clusters, seed: int) -> Interval:
    if not len(clusters):
        return Interval(float("nan"))
    return intervals({"gap": statistic}, clusters, seed, replicates=REPLICATES)["gap"][0]
