"""Goals as answers: how each stands, and what is wrong with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from features import clock
from features.dataset import Dataset
from features.errors import UsageError
from features.funnel import texts
from features.goals.checks import check_goals
from features.goals.findings import Finding
from features.goals.goal import TEAM, USER, Goal, goals_of_plans, in_own_money, read_goals
from features.goals.past import best_past
from features.goals.progress import Progress
from features.goals.standing import DIMENSIONS, known, measurable, standing
from features.kpis import windows
from features.kpis.catalog import KPIS, outside
from features.kpis.options import TODAY
from features.kpis.slices import slicing
from features.snapshot import Snapshot
from serving.access.sight import Sight
from serving.kpis.answers import COMPANY, Question
from serving.kpis.goal_chances import NO_CHANCE, why_none
from serving.kpis.queries import GoalsQuery
from serving.kpis.schemas import GoalFinding, GoalItem, GoalsAnswer

Chances: TypeAlias = Callable[[Sequence[Goal], pd.Timestamp], Mapping[int, float]]


def no_chances(_: Sequence[Goal], __: pd.Timestamp) -> Mapping[int, float]:
    """Where there is no forecast to ask."""
    return {}


def goals(
    dataset: Dataset,
    asked: GoalsQuery,
    file: Path | None = None,
    chances: Chances = no_chances,
    sight: Sight | None = None,
) -> GoalsAnswer:
    """The goals of the plans and of a file. All of them are checked against each other, and then those asked for are shown.

    `chances` gives P(reached) by the goal's position, from the forecast; see `serving.kpis.goal_chances`. Of a person with a
    narrowed sight, goals of people and teams that they see are all that there is.
    Raises SourceError, DataError and UsageError for a file that cannot be read as goals, and UsageError for a KPI, a team or a
    person that there is not.
    """
    question = Question.of(dataset, asked)
    snapshot = question.snapshot
    read = in_own_money(snapshot, read_goals(file, dataset.organisation.calendar)) if file else ()
    there = (*read, *goals_of_plans(snapshot))
    there = there if sight is None else tuple(_narrowed(goal, sight) for goal in there if _is_seen(goal, sight))
    _check_named(snapshot, asked, there, sight)
    every = [goal for goal in there if asked.over or not _is_over(goal, snapshot.at)]
    likely = chances(every, snapshot.as_of)
    stand = standing(snapshot, every, likely)
    found = check_goals(every, known(snapshot), stand, best_past(snapshot, every))
    items = [
        _item(question, goal, stand[position], [each for each in found if position in each.goals[:1]], likely)
        for position, goal in enumerate(every)
        if _is_asked(goal, asked)
    ]
    return GoalsAnswer.model_validate({**question.stamp, "items": items})


def _check_named(snapshot: Snapshot, asked: GoalsQuery, there: Sequence[Goal], sight: Sight | None) -> None:
    """Raises UsageError where what the goals are narrowed to is neither in the data nor in a goal."""
    kpis = sorted({goal.kpi for goal in there})
    if asked.kpi is not None and asked.kpi not in kpis and not measurable(snapshot, asked.kpi):
        raise UsageError(f"there is no KPI of that name; goals are set for {', '.join(kpis) or 'none at all'}")
    if asked.scope_id is None:
        return
    ids = {
        scope: _ids(snapshot, scope, sight) | {goal.scope_id for goal in there if goal.scope == scope} for scope in (TEAM, USER)
    }
    if not any(asked.scope_id in own for scope, own in ids.items() if asked.scope in (None, scope)):
        teams = ", ".join(sorted(each for each in ids[TEAM] if each)) or "not in the data"
        raise UsageError(
            f"there is no {asked.scope or 'team or user'} with this id; the teams are {teams}, and users go by user_id"
        )


def _ids(snapshot: Snapshot, scope: str, sight: Sight | None) -> frozenset[str | None]:
    """The teams, or the people, that somebody sees; those who have left as well."""
    if sight is not None:
        return sight.teams if scope == TEAM else sight.people
    return frozenset(node.id for node in slicing(snapshot, DIMENSIONS[scope], TODAY).nodes if node.id)


def _is_over(goal: Goal, as_of: int) -> bool:
    return goal.end is not None and clock.is_known(clock.micros(goal.end), as_of + 1)


def _is_seen(goal: Goal, sight: Sight) -> bool:
    return goal.scope_id in {USER: sight.people, TEAM: sight.teams}.get(goal.scope, frozenset())


def _narrowed(goal: Goal, sight: Sight) -> Goal:
    """Who answers for a goal may be somebody whom one does not see."""
    return goal if goal.owner in sight.people else replace(goal, owner=None)


def _is_asked(goal: Goal, asked: GoalsQuery) -> bool:
    wanted = (("scope", asked.scope), ("scope_id", asked.scope_id), ("kpi", asked.kpi))
    return all(value is None or getattr(goal, name) == value for name, value in wanted)


def _whose(question: Question, goal: Goal) -> str:
    """A person by name, a team as it is called."""
    if goal.scope != USER or not question.snapshot.has("users"):
        return goal.scope_id or question.said(COMPANY)
    users = question.snapshot.dataset.tables["users"]
    names = users.loc[users["user_id"] == goal.scope_id, "name"].dropna()
    return str(names.iloc[0]) if len(names) else goal.scope_id or ""


def _period(question: Question, goal: Goal) -> str | None:
    if goal.start is None or goal.end is None:
        return None
    return windows.between(goal.start, goal.end, question.snapshot.dataset.organisation.calendar).label


def _item(question: Question, goal: Goal, stands: Progress, found: Sequence[Finding], likely: Mapping[int, float]) -> GoalItem:
    kpi = KPIS.get(goal.kpi) or outside(goal.kpi)
    told = {name: each for name, each in vars(stands).items() if name in GoalItem.model_fields}
    unknown = why_none(goal, question.snapshot.as_of, likely) if stands.probability is None else None
    plain = ("scope", "scope_id", "owner", "source", "horizon", "start", "end", "target")
    return GoalItem.model_validate(
        {
            **told,
            **{name: getattr(goal, name) for name in plain},
            "kpi": goal.kpi,
            "scope_title": _whose(question, goal),
            "period": _period(question, goal),
            "title": question.said(kpi.title),
            "unit": kpi.unit,
            "no_probability": unknown,
            "no_probability_text": None if unknown is None else question.worded(NO_CHANCE, unknown),
            "reason_text": None if stands.reason is None else question.worded(texts.REASONS, stands.reason),
            "findings": [GoalFinding(kind=each.kind, severity=each.severity, text=question.said(each.text)) for each in found],
        }
    )
