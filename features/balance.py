"""The balanced scorecard: finance, client, process, people, each with its KPIs, plan, trend, and prediction where there is one.

A pure arrangement of a `Scorecard` that was asked for plan and previous period: nothing is computed anew. A prediction comes from
the model by way of the caller, stands beside the value and is never mixed with it. The trend says "better" or "worse" by the
KPI's direction, and `clear` whether the value before lies outside of the value's interval: a win rate that went from 31 to 29 %
on 40 deals did not get worse. (Kaplan & Norton 1992, Harvard Business Review 70 (1), 71.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features.kpis.card import PLAN, PREVIOUS, Scorecard
from features.kpis.texts import PERSPECTIVES
from features.kpis.value import LESS, NEITHER, Kpi, Node, Text, Value, Window

BETTER: Final = "better"
WORSE: Final = "worse"
SAME: Final = "same"
CHANGED: Final = "changed"

TRENDS: Final[Mapping[str, Text]] = {
    BETTER: Text("better than before", "лучше, чем раньше"),
    WORSE: Text("worse than before", "хуже, чем раньше"),
    SAME: Text("as before", "без изменений"),
    CHANGED: Text("other than before", "изменилось"),
}


UNPREDICTED: Final[Mapping[str, Text]] = {
    "no_client_model": Text("there is no model of these clients yet", "модели для этих клиентов ещё нет"),
    "model_is_later": Text("the model knows days after this moment", "модель знает то, что было после этого момента"),
    "no_order_model": Text("the model in use does not count orders", "действующая модель не считает заказы"),
    "no_clients_now": Text("there are no such clients now", "таких клиентов сейчас нет"),
}
"""Why nothing is predicted where it might be."""


@dataclass(frozen=True)
class Prediction:
    """What the model says of a KPI at the end of the window, in the KPI's unit.

    value      the median of what may come; what is expected, where the model gives no distribution; None: `reason` says why
    low, high  80 % limits; None: not said
    p_plan     P(plan is reached); None: not said
    reason     a key of UNPREDICTED
    n          records that it is the mean of; None: no mean
    days       how many days ahead it reaches, where that is not the end of the window
    margin     the gross margin that was applied; None: none was, and money is revenue
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    p_plan: float | None = None
    reason: str | None = None
    n: int | None = None
    days: float | None = None
    margin: float | None = None


@dataclass(frozen=True)
class Line:
    """One KPI.

    plan         None where there is none
    of_plan      value over plan, None without a plan above 0, and where less is better
    trend        BETTER, WORSE, SAME or CHANGED (where no direction is good), None where one of the two is null
    clear        whether the value before lies outside of the interval; None where the KPI has no interval
    series       the values of all windows of the scorecard, in their order, None where null
    prediction   None where the model has said nothing
    """

    kpi: Kpi
    value: Value
    plan: float | None
    of_plan: float | None
    previous: float | None
    trend: str | None
    clear: bool | None
    series: tuple[float | None, ...]
    prediction: Prediction | None


@dataclass(frozen=True)
class Perspective:
    """One of the four, with its KPIs in the order of the scorecard."""

    name: str
    title: Text
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Balance:
    """All four perspectives, in the order of the book, those without a KPI included."""

    as_of: pd.Timestamp
    currency: str
    window: Window
    node: Node
    perspectives: tuple[Perspective, ...]


def balanced(
    card: Scorecard,
    predictions: Mapping[str, Prediction] | None = None,
    *,
    node: str | None = "",
    window: int = -1,
    before: str = PREVIOUS,
) -> Balance:
    """The balanced scorecard of one node (the company) in one window (the last).

    predictions  by name of the KPI, or by `name:variant`
    before       "previous" or "last_year": what the trend is against

    Raises KeyError for a node that is not in the scorecard.
    """
    place = window % card.n_asked
    lines = [_line(card, kpi, variant, node, place, before, predictions or {}) for kpi, variant in card.answers]
    perspectives = tuple(
        Perspective(name, title, tuple(line for line in lines if line.kpi.perspective == name))
        for name, title in PERSPECTIVES.items()
    )
    found = next(each for each in card.nodes if each.id == node)
    return Balance(card.as_of, card.currency, card.windows[place], found, perspectives)


def _line(
    card: Scorecard, kpi: str, variant: str, node: str | None, window: int, before: str, predictions: Mapping[str, Prediction]
) -> Line:
    value = card.value(kpi, node=node, window=window, variant=variant)
    series = card.series(kpi, node=node, variant=variant)
    known = tuple(None if np.isnan(each) else float(each) for each in series)
    predicted = predictions.get(f"{kpi}:{variant}", predictions.get(kpi))
    return judged(card.answers[kpi, variant].kpi, value, known, predicted, before)


def judged(
    kpi: Kpi, value: Value, series: tuple[float | None, ...], prediction: Prediction | None, before: str = PREVIOUS
) -> Line:
    """The line of one value: plan and trend as the value carries them."""
    plan, previous = value.against.get(PLAN), value.against.get(before)
    of_plan = value.value / plan if value.value is not None and plan and plan > 0 and kpi.direction != LESS else None
    return Line(
        kpi, value, plan, of_plan, previous, _trend(kpi, value.value, previous), _clear(value, previous), series, prediction
    )


def _trend(kpi: Kpi, value: float | None, previous: float | None) -> str | None:
    if value is None or previous is None:
        return None
    if value == previous:
        return SAME
    if kpi.direction == NEITHER:
        return CHANGED
    return WORSE if (value > previous) == (kpi.direction == LESS) else BETTER


def _clear(value: Value, previous: float | None) -> bool | None:
    if value.interval is None or previous is None:
        return None
    low, high = value.interval
    return not low <= previous <= high
