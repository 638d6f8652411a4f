"""How likely goals of bookings are to be reached, from the draws of the forecast of each goal's own period.

Goals of the company, a team or a person whose period runs now or soon have an answer. Those of another KPI, without a period
or a target, of a period that is over (then it is known) or too far ahead have none, and neither has a node that no deal is of.

    standing(snapshot, goals, chances(forecaster, goals))
"""

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from features import clock
from features.errors import UsageError
from features.goals.goal import Goal
from features.goals.standing import DIMENSIONS, node_of
from features.kpis import windows
from features.kpis.value import Text, Window
from serving.forecast.forecaster import FARTHEST_DAYS, Forecaster, is_later

BOOKINGS: Final = "bookings"
NO_CHANCE: Final[Mapping[str, Text]] = {
    "not_forecast": Text("only bookings are forecast", "прогнозируются только продажи"),
    "no_target": Text("the goal has no target", "у цели нет целевого значения"),
    "no_deadline": Text("the goal has no period", "у цели нет периода"),
    "over": Text("the period is over", "период закончился"),
    "too_far": Text("it ends more than three years ahead", "до конца больше трёх лет"),
    "no_forecast": Text("no model may answer as of this date", "на эту дату нет модели, которая могла бы ответить"),
    "nobody": Text("no deal is of theirs", "за ними нет сделок"),
}
"""Why a goal has no chance that can be told."""


def chances(forecaster: Forecaster, goals: Sequence[Goal], as_of: pd.Timestamp | None = None) -> dict[int, float]:
    """P(reached), 0 to 1, by the goal's position; goals that the forecast cannot answer are left out.

    None has a chance as of a moment before the model's own: it would look ahead.
    """
    at = as_of or forecaster.as_of
    if is_later(forecaster.bundles["deals"], at):
        return {}
    found = {position: _chance(forecaster, goal, at) for position, goal in enumerate(goals)}
    return {position: chance for position, chance in found.items() if chance is not None}


def why_none(goal: Goal, at: pd.Timestamp, found: Mapping[int, float]) -> str:
    """The code of why a goal has no chance; `found` are the chances of all goals at that moment."""
    if goal.kpi != BOOKINGS:
        return "not_forecast"
    if goal.target is None:
        return "no_target"
    if goal.start is None or goal.end is None:
        return "no_deadline"
    days = float(clock.days_between(clock.micros(at), clock.micros(goal.end)))
    if days <= 0:
        return "over"
    if days > FARTHEST_DAYS:
        return "too_far"
    return "nobody" if found else "no_forecast"


def _chance(forecaster: Forecaster, goal: Goal, at: pd.Timestamp) -> float | None:
    window = _window(forecaster, goal, at)
    if window is None or goal.target is None:
        return None
    made = forecaster.made(window, at).forecast
    dimension, wanted = DIMENSIONS[goal.scope], node_of(goal)
    node = next((column for column, each in enumerate(made.places.nodes(dimension)) if each.id == wanted), None)
    return None if node is None or wanted is None else made.p_at_least(goal.target, dimension, node)


def _window(forecaster: Forecaster, goal: Goal, at: pd.Timestamp) -> Window | None:
    """The period of a goal that the forecast covers."""
    if goal.kpi != BOOKINGS or goal.start is None or goal.end is None:
        return None
    if clock.days_between(clock.micros(at), clock.micros(goal.end)) <= 0:
        return None
    window = windows.between(goal.start, goal.end, forecaster.dataset.organisation.calendar)
    try:
        return forecaster.near(window, at)
    except UsageError:
        return None
