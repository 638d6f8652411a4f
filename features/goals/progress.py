"""Progress of a goal: how far it has come, how much of its time is gone, and what has to be done a day from now on.

A goal of 300,000 in the fourth quarter stands at 100,000 on 31 October, a third of the way: 30 of 92 days are gone, so far 3,333
came in a day, and the 200,000 left ask for 3,226 in each of the 62 days left. It is on pace: at 3,333 a day it ends at 306,667.

What adds up (bookings, leads) has a run rate. What does not (a win rate, a median) has a distance: the value of now, that at the
start of the period where it is known, and how much a day it would have to change. Whether it will be reached is for the forecast
to say; its probability has a place here and is never computed from the pace.
"""

from dataclasses import dataclass, replace

import numpy as np

from features import clock
from features.goals.goal import Goal
from features.kpis.value import LESS, Kpi, Value


@dataclass(frozen=True)
class Progress:
    """How a goal stands at one moment; None where that cannot be said, and `reason` says why.

    value      of the KPI: within the period so far where it adds up, else of now
    share      of the target that is reached, 0 to 1 and beyond; for "less is better" None
    elapsed    share of the period that is gone, 0 to 1
    days_left  days of 24 hours to the deadline, 0 when it has passed
    remaining  what is missing to the target, 0 once it is met
    required_a_day   what each day left has to bring (or change), None without days or without anything left
    current_a_day    what each day so far brought (or changed), None before the start or without a value at the start
    projected  value at the deadline if the days left bring what the days so far did: an extrapolation and no forecast
    on_pace    whether that would do
    met        whether the target is met at this moment
    over       whether the period is over
    probability   that it will be reached, from the forecast; None: nobody has said
    reason     code of the KPI's reason, or `no_target`, `no_deadline`, `not_measured`
    """

    goal: Goal
    value: float | None = None
    share: float | None = None
    elapsed: float | None = None
    days_left: float | None = None
    remaining: float | None = None
    required_a_day: float | None = None
    current_a_day: float | None = None
    projected: float | None = None
    on_pace: bool | None = None
    met: bool | None = None
    over: bool = False
    probability: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Best:
    """The best of `n` comparable periods that are over: its label, and the value of the KPI in it."""

    period: str
    value: float
    n: int


def progress(
    goal: Goal, kpi: Kpi, value: Value | None, as_of: int, *, before: float | None = None, probability: float | None = None
) -> Progress:
    """How a goal stands.

    value        the KPI of the goal's scope, in the goal's period for what adds up
    before       the KPI at the start of the period, for what does not add up
    probability  0 to 1, from the forecast
    """
    if goal.target is None:
        return Progress(goal, reason="no_target", probability=probability)
    if goal.start is None or goal.end is None:
        number = None if value is None else value.value
        return Progress(goal, value=number, met=_is_met(number, goal.target, kpi), reason="no_deadline", probability=probability)
    start, end = clock.micros(goal.start), clock.micros(goal.end)
    whole = float(clock.days_between(start, end))
    gone = float(np.clip(clock.days_between(start, as_of), 0.0, whole))
    timed = Progress(goal, elapsed=gone / whole, days_left=whole - gone, over=gone >= whole, probability=probability)
    if value is None or value.value is None:
        return replace(timed, reason="not_measured" if value is None else value.reason)
    started_at = 0.0 if kpi.additive else before
    return _judged(timed, kpi, value.value, goal.target, started_at, gone)


def _judged(timed: Progress, kpi: Kpi, value: float, target: float, started_at: float | None, gone: float) -> Progress:
    met = bool(_is_met(value, target, kpi))
    missing = 0.0 if met else target - value
    left = timed.days_left or 0.0
    current = (value - started_at) / gone if started_at is not None and gone > 0 else None
    projected = value if timed.over else None if current is None else value + current * left
    return replace(
        timed,
        value=value,
        share=value / target if target > 0 and kpi.direction != LESS else None,
        remaining=missing,
        required_a_day=missing / left if left > 0 and not met else None,
        current_a_day=current,
        projected=projected,
        on_pace=met if timed.over else _is_met(projected, target, kpi),
        met=met,
    )


def _is_met(value: float | None, target: float, kpi: Kpi) -> bool | None:
    if value is None:
        return None
    return value <= target if kpi.direction == LESS else value >= target
