"""How goals stand: each measured by the KPIs in its own period and scope, as of a Snapshot's moment.

All goals of one kind of scope are answered by one scorecard. What does not add up (a win rate) is measured in the part of the
period that has gone by, and its value before is that of the same part of the period before.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from features.goals.checks import Known
from features.goals.goal import TEAM, USER, Goal
from features.goals.progress import Progress, progress
from features.kpis.card import PREVIOUS, Scorecard
from features.kpis.catalog import KPIS, outside
from features.kpis.measures.outside import names
from features.kpis.options import TODAY
from features.kpis.scorecard import scorecard
from features.kpis.slices import slicing
from features.kpis.value import COMPANY, Kpi, Value, Window
from features.snapshot import Snapshot

DIMENSIONS: Final[Mapping[str, str]] = {COMPANY: COMPANY, TEAM: TEAM, USER: "owner"}
"""What each scope of a goal is called by the KPIs."""


def known(snapshot: Snapshot) -> Known:
    """What goals may refer to: the KPIs, what is measured elsewhere, the people who are there, and the teams of today."""
    measured = frozenset(names(snapshot.frame("actuals"))) if snapshot.has("actuals") else frozenset[str]()
    return Known(KPIS, measured, _people(snapshot), _teams(snapshot))


def _people(snapshot: Snapshot) -> frozenset[str]:
    if not snapshot.has("users"):
        return frozenset()
    users = snapshot.frame("users")
    there = users[users["left_at"].isna()] if "left_at" in users else users
    return frozenset(there["user_id"])


def _teams(snapshot: Snapshot) -> dict[str, frozenset[str]]:
    """Each team with all people of its subtree."""
    sliced = slicing(snapshot, TEAM, TODAY)
    people = np.array([*sliced.leaves, None], dtype=object)
    members = sliced.members.toarray() > 0
    teams = [(node.id, people[members[row]]) for row, node in enumerate(sliced.nodes)]
    return {name: frozenset(each for each in own if each is not None) for name, own in teams if name}


def standing(snapshot: Snapshot, goals: Sequence[Goal], probabilities: Mapping[int, float] | None = None) -> tuple[Progress, ...]:
    """The progress of each goal. `probabilities` gives those that the forecast has answered, by the goal's position."""
    cards = {scope: _card(snapshot, goals, scope) for scope in {goal.scope for goal in goals}}
    chances = probabilities or {}
    return tuple(_stands(snapshot, goal, cards[goal.scope], chances.get(position)) for position, goal in enumerate(goals))


def _stands(snapshot: Snapshot, goal: Goal, card: Scorecard | None, probability: float | None) -> Progress:
    value = _value(card, goal) if card else None
    before = None if value is None else value.against[PREVIOUS]
    return progress(goal, _kpi(goal.kpi), value, snapshot.at, before=before, probability=probability)


def _kpi(name: str) -> Kpi:
    return KPIS.get(name) or outside(name)


def _card(snapshot: Snapshot, goals: Sequence[Goal], scope: str) -> Scorecard | None:
    """One scorecard for all goals of a scope, None where none of them can be measured."""
    there = {kpi for kpi in {goal.kpi for goal in goals} if measurable(snapshot, kpi)}
    asked = [goal for goal in goals if goal.scope == scope and _window(goal) and goal.kpi in there]
    windows = list(dict.fromkeys(window for goal in asked if (window := _window(goal))))
    kpis = list(dict.fromkeys(goal.kpi for goal in asked))
    return scorecard(snapshot, kpis, windows, DIMENSIONS[scope], compare=[PREVIOUS]) if windows else None


def node_of(goal: Goal) -> str | None:
    """The id of the scorecard's node that a goal is about."""
    return "" if goal.scope == COMPANY else goal.scope_id


def measurable(snapshot: Snapshot, kpi: str) -> bool:
    """Whether there is a KPI of that name, here or in the actuals."""
    return kpi in KPIS or (snapshot.has("actuals") and kpi in names(snapshot.frame("actuals")))


def _window(goal: Goal) -> Window | None:
    if goal.start is None or goal.end is None:
        return None
    return Window(f"{goal.start.isoformat()}..{goal.end.isoformat()}", goal.start, goal.end)


def _value(card: Scorecard, goal: Goal) -> Value | None:
    """The goal's value, None where its KPI or its scope is not known."""
    window = _window(goal)
    node = node_of(goal)
    asked = card.windows[: card.n_asked]
    if window not in asked or goal.kpi not in {kpi for kpi, _ in card.answers} or node not in {each.id for each in card.nodes}:
        return None
    return card.value(goal.kpi, node=node, window=asked.index(window))
