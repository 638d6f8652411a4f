"""Reasons of scores as values: per group what it adds, and the single signals that are named inside it.

The figures come from `training.explain`; this module chooses what is shown. Inside a group up to two signals are named: those
that alone move the answer in the same direction as the whole group, the strongest first. Beside each value stands what is usual
among the won deals of that stage, or the clients who stayed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features.clock import Floats, Mask
from features.history import Rows
from training.bundle import Bundle
from training.explain import Explained, Question
from training.typical import Typical, Value

NAMED: Final = 2
LEAST_EFFECT: Final = 0.0005
"""A signal that alone moves the answer by less than this, in probability, is not named: it would be shown as 0.0 points."""


@dataclass(frozen=True)
class NamedSignal:
    """One signal of a row with its value, and the usual value among the peers; None where there is none."""

    name: str
    value: Value
    usual: Value


@dataclass(frozen=True)
class Reason:
    """What a group of signals adds to the answer, in probability, -1 to 1; and signals of it that are worth naming."""

    group: str
    contribution: float
    signals: tuple[NamedSignal, ...]


@dataclass(frozen=True)
class Reasons:
    """Why one answer differs from that for the typical row: reference + contributions = score.

    regime         deals, contracts or orders
    days           the horizon, infinite for "at all"
    own_reference  whether the reference is of this stage or order band, not of the whole cohort
    own_peers      whether what is usual is, too
    items          the largest contribution first
    """

    regime: str
    days: float
    score: float
    reference: float
    own_reference: bool
    own_peers: bool
    items: tuple[Reason, ...]


def reasons_of(bundle: Bundle, regime: str, signals: pd.DataFrame, as_of: pd.Timestamp, question: Question) -> list[Reasons]:
    """Reasons for the answer about each row of the signals, in their order."""
    explainer = bundle.explainers[regime]
    found = explainer.explain(signals, as_of, question)
    kind = explainer.model.life_table.cells.kind_of(signals)
    typical = explainer.typical
    return [
        Reasons(
            regime,
            question.days,
            float(found.score[row]),
            float(found.reference[row]),
            bool(typical.own_medoid[kind[row]]),
            bool(typical.own_peers[kind[row]]),
            tuple(_reason(found, row, group, signals, typical, int(kind[row])) for group in _by_size(found.contributions[row])),
        )
        for row in range(len(signals))
    ]


def _by_size(contributions: Floats) -> Rows:
    return np.argsort(-np.abs(contributions), kind="stable")


def _reason(found: Explained, row: int, group: int, signals: pd.DataFrame, typical: Typical, kind: int) -> Reason:
    contribution = float(found.contributions[row, group])
    names = [found.signals[at] for at in _strongest(found.effects[row], found.group_of == group, contribution)]
    named = tuple(NamedSignal(name, _value(signals[name].iloc[row]), typical.usual_of(name, kind)) for name in names)
    return Reason(found.groups[group], contribution, named)


def _strongest(effects: Floats, inside: Mask, contribution: float) -> Rows:
    """Up to `NAMED` signals of a group that alone move the answer the way the group does; none where the group adds nothing."""
    along = np.where(inside, effects * np.sign(contribution), 0.0)
    order = np.argsort(-along, kind="stable")[:NAMED]
    return order[along[order] >= LEAST_EFFECT]


def _value(value: object) -> Value:
    return value if isinstance(value, str) else None if pd.isna(value) else float(value)  # type: ignore[call-overload, arg-type]
