"""Reasons for a probability: what each group of signals adds to it, in probability points, against a stated reference.

For an answer such as P(won within 30 days), the value v(S) of a coalition S of signal groups is the calibrated answer for a row
with the deal's values in the groups of S and the reference's in all others. A group's contribution is its Shapley value (Shapley
1953; Štrumbelj & Kononenko 2014, Explaining prediction models and individual predictions with feature contributions): the mean of
what it adds over all orders in which the groups can join. Reference + contributions = score, exactly: every coalition is
evaluated, none is sampled, and nothing is linearised. A group in which deal and reference agree gets 0.

* The reference is a row that was really seen: the medoid of the deal's stage (`training.typical`).
* Stage and age choose the cell of the life table from which boosting starts, and so does whatever else a start reads. A coalition
  that takes the deal's age starts from the cell of that age.
* Buckets after the horizon do not matter to the answer and are left out. The bucket and its calendar, such as whether a quarter
  ends in it, belong to the question: they are those of the deal's as_of, in the reference as well.

Example: the typical deal at "Proposal" is won within 30 days with 20 %, this one with 12 %. Contact -11 points, pace -2, size +5:
20 - 11 - 2 + 5 = 12.

Inside a group single signals are only ranked, by what changes when one of them alone takes the other row's value, as the mean of
deal to reference and reference to deal. Those figures do not add up and are not shown.
"""

from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import clock
from features.calendar import bucket_calendar
from features.clock import Floats, Mask
from features.custom import signal_of
from features.history import Rows
from training.coalitions import Paths
from training.curves import Curves
from training.encoded import Encoded, encode
from training.hazard import HazardModel
from training.trees import read_trees
from training.typical import Typical

LARGEST_CELLS: Final = 1_000_000
"""How many numbers are folded at a time: more would leave the processor's cache, fewer would be lost in overhead."""


@dataclass(frozen=True)
class Question:
    """What is asked: P(ended by `cause` within `days`), or, for cause 0, P(still there after them)."""

    days: float
    cause: int

    def answer(self, curves: Curves) -> Floats:
        """The answer for each row of the curves, 0 to 1."""
        return curves.by(self.days, self.cause) if self.cause else curves.still(self.days)


@dataclass(frozen=True)
class Explained:
    """Reasons of some rows.

    groups         names of the groups, in the order of the catalog
    contributions  (rows, groups) in probability, -1 to 1; with `reference` they add up to `score`
    reference      (rows,) the answer for the reference of each row
    score          (rows,) the answer for the row
    signals        names of the signals; `group_of` is the number of the group of each
    effects        (rows, signals): what each signal alone is worth, in probability; for ranking inside a group
    """

    groups: tuple[str, ...]
    contributions: Floats
    reference: Floats
    score: Floats
    signals: tuple[str, ...]
    group_of: Rows
    effects: Floats


@dataclass(frozen=True)
class _Asked:
    """A question to one model as of one moment: which buckets it needs, and what the calendar says of them.

    at            as_of in microseconds: the pace of the days is part of the question, as the calendar is
    n, n_watched  buckets up to the horizon, and those of them in which the trees have a say
    calendar      (n_watched, bucket columns)
    """

    model: HazardModel
    question: Question
    at: int
    n: int
    n_watched: int
    calendar: npt.NDArray[np.float32]

    @classmethod
    def of(cls, model: HazardModel, as_of: pd.Timestamp, question: Question) -> "_Asked":
        n = int(np.clip(np.searchsorted(model.edges, question.days), 1, len(model.edges) - 1))
        n_watched = min(n, model.life_table.n_watched)
        at = clock.micros(as_of)
        table = bucket_calendar(at, model.edges, model.calendar)
        return cls(model, question, at, n, n_watched, table[:n_watched, : len(model.encoding.bucket)].astype(np.float32))

    def starts(self, own: Encoded, other: Encoded, from_other: Mask) -> tuple[Floats, Floats]:
        """Where mixed rows start: hazards (rows, mixtures, n, classes) and log hazards in the watched buckets.

        `from_other` is (mixtures, start's signals): which of them each mixture takes from the other rows.
        """
        mixed = pd.concat([own.mixed(other, taken) for taken in from_other])
        shape = (len(from_other), len(own))
        hazards = self.model.started(mixed, np.full(len(mixed), self.at, dtype=np.int64))[:, : self.n]
        offset = self.model.less_gained(np.log(hazards[:, : self.n_watched]))
        return (
            hazards.reshape(*shape, *hazards.shape[1:]).swapaxes(0, 1),
            offset.reshape(*shape, *offset.shape[1:]).swapaxes(0, 1),
        )

    def answer(self, hazards: Floats, offset: Floats, raw: Floats) -> Floats:
        """The answers for rows (…) with these starts and raw scores (…, n_watched, classes)."""
        flat = hazards.reshape(-1, *hazards.shape[-2:]).copy()
        logits = (offset + raw).reshape(-1, *raw.shape[-2:])
        flat[:, : self.n_watched] = self.model.of_logits(logits)
        passing = self.model.passing(np.full(len(flat), self.at, dtype=np.int64))
        curves = Curves(self.model.edges[: self.n + 1], flat, np.inf, passing)
        return self.question.answer(curves).reshape(hazards.shape[:-2])


class Explainer:
    """Explains the answers of one model; reads its trees at the first question."""

    def __init__(self, model: HazardModel, typical: Typical) -> None:
        self.model = model
        self.typical = typical
        self.signals = tuple(model.encoding.signal_names)
        self._group = {name: signal_of(name).group for name in (*self.signals, *model.start_signals)}
        self.groups = tuple(dict.fromkeys(self._group.values()))
        self._group_of = np.array([self.groups.index(self._group[name]) for name in self.signals], dtype=np.int64)

    def explain(self, signals: pd.DataFrame, as_of: pd.Timestamp, question: Question) -> Explained:
        """Reasons for the answer about each row, as of one moment. Raises UsageError where a signal is absent."""
        own = encode(self.model, signals)
        other = self.typical.reference_of(own.kind)
        asked = _Asked.of(self.model, as_of, question)
        at_once = max(1, LARGEST_CELLS // (3 ** len(self.groups) * asked.n * self._n_classes))
        values, effects = np.empty((len(own), 2 ** len(self.groups))), np.empty((len(own), len(self.signals)))
        for start in range(0, len(own), at_once):
            part = slice(start, start + at_once)
            values[part], effects[part] = self._explained(own.take(part), other.take(part), asked)
        return Explained(self.groups, shapley(values), values[:, 0], values[:, -1], self.signals, self._group_of, effects)

    def answers(self, rows: Encoded, as_of: pd.Timestamp, question: Question) -> Floats:
        """The answer for encoded rows as they are, (rows,)."""
        asked = _Asked.of(self.model, as_of, question)
        raw = self._paths.alone(self._paths.meets(rows.matrix), self._paths.weights(asked.calendar))
        hazards, offset = asked.starts(rows, rows, np.zeros((1, len(self.model.start_signals)), dtype=bool))
        return asked.answer(hazards[:, 0], offset[:, 0], raw)

    @cached_property
    def _paths(self) -> Paths:
        return Paths(read_trees(self.model.booster), self._group_of, len(self.groups), self._n_classes)

    @property
    def _n_classes(self) -> int:
        return len(self.model.spec.causes) + 1

    def _explained(self, own: Encoded, other: Encoded, asked: _Asked) -> tuple[Floats, Floats]:
        """The values of all coalitions, (rows, 2^groups), and the effects of single signals, (rows, signals)."""
        weights = self._paths.weights(asked.calendar)
        mine, theirs = self._paths.meets(own.matrix), self._paths.meets(other.matrix)
        raw = self._paths.coalitions(mine, theirs, weights)
        without, which = np.unique(~self._coalitions, axis=0, return_inverse=True)
        hazards, offset = asked.starts(own, other, without)
        values = asked.answer(hazards[:, which], offset[:, which], raw)
        own_side, other_side = _Side(own, mine, raw[:, -1]), _Side(other, theirs, raw[:, 0])
        there = values[:, -1:] - self._swapped(own_side, other_side, weights, asked)
        back = self._swapped(other_side, own_side, weights, asked) - values[:, :1]
        return values, (there + back) / 2

    @cached_property
    def _coalitions(self) -> Mask:
        """Which of the start's signals each coalition has, (2^groups, start's signals)."""
        coalition = np.arange(2 ** len(self.groups))[:, None]
        group = np.array([self.groups.index(self._group[name]) for name in self.model.start_signals], dtype=np.int64)
        return np.asarray((coalition >> (len(self.groups) - 1 - group)) & 1, dtype=bool)

    def _swapped(self, side: "_Side", other: "_Side", weights: Floats, asked: _Asked) -> Floats:
        """The answers when one signal alone takes the other side's value, (rows, signals)."""
        raw = side.raw[:, None] + self._paths.swapped(side.met, other.met, weights)
        taken = np.array([[name == each for each in self.model.start_signals] for name in self.signals], dtype=bool)
        mixtures, which = np.unique(taken.reshape(len(self.signals), -1), axis=0, return_inverse=True)
        hazards, offset = asked.starts(side.rows, other.rows, mixtures)
        return asked.answer(hazards[:, which], offset[:, which], raw)


@dataclass(frozen=True)
class _Side:
    """Rows, what the trees' conditions say of them, and their raw scores, (rows, buckets, classes)."""

    rows: Encoded
    met: Mask
    raw: Floats


def shapley(values: Floats) -> Floats:
    """Shapley values from the values of all coalitions, (rows, 2^n) -> (rows, n).

    Bit g of a coalition's number, from the highest, says whether player g is in. Player g gets the mean of v(S + g) - v(S) over
    the other players' coalitions S, one of size s weighing s! (n - 1 - s)! / n!; one that never changes anything gets 0, to the
    bit.
    """
    n = int(np.log2(values.shape[1]))
    size = np.array([bin(coalition).count("1") for coalition in range(2**n // 2)])
    weight = np.array([1 / (n * comb(n - 1, each)) for each in range(n)])[size] if n else np.empty(0)
    joined = [values.reshape(len(values), 2**player, 2, 2 ** (n - 1 - player)) for player in range(n)]
    gains = [(each[:, :, 1] - each[:, :, 0]).reshape(len(values), 2**n // 2) for each in joined]
    # Not a product of matrices: a row has the same bytes alone and among others.
    return np.stack([(gain * weight).sum(axis=1) for gain in gains], axis=1) if n else np.empty((len(values), 0))
