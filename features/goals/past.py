"""What comparable past periods reached: whether a goal is attainable is first of all whether anything like it was ever attained.

Comparable are the periods of the same length right before the goal's own, of the same scope: for a goal of the fourth quarter the
eight quarters before it that are over. A quarter that begins before the data, or before the person was hired, is none of them.
Where there are fewer than three, nothing is said.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final, TypeAlias

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats
from features.goals.goal import USER, Goal
from features.goals.progress import Best
from features.goals.standing import DIMENSIONS, measurable, node_of
from features.kpis import windows
from features.kpis.card import Scorecard
from features.kpis.catalog import KPIS
from features.kpis.facts import instants
from features.kpis.scorecard import scorecard
from features.kpis.value import LESS, NEITHER, Window
from features.snapshot import Snapshot

Back: TypeAlias = Callable[[pd.Timestamp, pd.Timestamp], tuple[Window, ...]]
"""The periods of the same length before one, from its start and end."""

PERIODS: Final = 8
FEWEST: Final = 3
FARTHEST: Final = 40
"""Periods that are looked back over: a goal of a month in three years' time still finds those that are over."""


def best_past(snapshot: Snapshot, goals: Sequence[Goal]) -> tuple[Best | None, ...]:
    """For each goal the best of its comparable periods; None where there are too few, or no direction is better."""
    calendar = snapshot.dataset.organisation.calendar
    # Most goals of a plan have the same few periods.
    back = cache(lambda start, end: windows.series(windows.between(start, end, calendar), FARTHEST, calendar)[:-1])
    before = [_before(goal, back, snapshot.at) for goal in goals]
    cards = {scope: _card(snapshot, goals, before, scope) for scope in {goal.scope for goal in goals}}
    since = _hired(snapshot)
    return tuple(
        _best(goal, _employed(goal, periods, since), cards[goal.scope]) for goal, periods in zip(goals, before, strict=True)
    )


def _hired(snapshot: Snapshot) -> dict[str, int]:
    if not snapshot.has("users"):
        return {}
    users = snapshot.frame("users")
    return dict(zip(users["user_id"], instants(users, "hired_at").tolist(), strict=True))


def _employed(goal: Goal, periods: tuple[Window, ...], since: Mapping[str, int]) -> tuple[Window, ...]:
    """The periods through which a goal's person was there."""
    if goal.scope != USER or not periods:
        return periods
    hired = since.get(goal.scope_id or "", clock.UNKNOWN)
    return tuple(each for each in periods if not clock.is_known(clock.micros(each.start), hired))


def _before(goal: Goal, back: Back, as_of: int) -> tuple[Window, ...]:
    """The last periods before a goal's own that were over, the oldest first; nothing for a goal that is over itself."""
    if goal.start is None or goal.end is None or goal.target is None or goal.kpi not in KPIS:
        return ()
    ends = clock.micros(goal.end)
    if not clock.is_known(as_of, ends):
        return ()
    over = [each for each in back(goal.start, goal.end) if clock.is_known(clock.micros(each.end), as_of + 1)]
    return tuple(over[-PERIODS:])


def _card(snapshot: Snapshot, goals: Sequence[Goal], before: Sequence[tuple[Window, ...]], scope: str) -> Scorecard | None:
    """One scorecard for all goals of a scope."""
    asked = [(goal, periods) for goal, periods in zip(goals, before, strict=True) if goal.scope == scope and periods]
    kpis = list(dict.fromkeys(goal.kpi for goal, _ in asked if measurable(snapshot, goal.kpi)))
    every = list(dict.fromkeys(window for _, periods in asked for window in periods))
    return scorecard(snapshot, kpis, every, DIMENSIONS[scope]) if kpis else None


def _best(goal: Goal, periods: tuple[Window, ...], card: Scorecard | None) -> Best | None:
    kpi = KPIS.get(goal.kpi)
    if card is None or kpi is None or kpi.direction == NEITHER or not periods:
        return None
    values = _values(card, goal)
    if values is None:
        return None
    rows = {window: row for row, window in enumerate(card.windows)}
    reached = values[[rows[window] for window in periods]]
    n = int((~np.isnan(reached)).sum())
    if n < FEWEST:
        return None
    place = int(np.nanargmin(reached) if kpi.direction == LESS else np.nanargmax(reached))
    return Best(periods[place].label, float(reached[place]), n)


def _values(card: Scorecard, goal: Goal) -> Floats | None:
    """The goal's KPI in all windows, NaN where it is null or the window begins before the data; None without such a node."""
    column = {node.id: number for number, node in enumerate(card.nodes)}.get(node_of(goal))
    answer = next((each for (kpi, _), each in card.answers.items() if kpi == goal.kpi), None)
    if column is None or answer is None:
        return None
    early = answer.cells.flags.get("partly_before_data")
    values = answer.cells.value[:, column]
    return values if early is None else np.where(early[:, column], np.nan, values)
