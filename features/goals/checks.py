"""Whether goals are goals: specific, measurable, attainable, relevant, time-bound, and not at odds with each other.

Every finding names the goals, says what is wrong with its numbers, and what to do. An **error** makes a goal useless: nobody can
ever tell whether it was reached. A **warning** is for people to judge: a team whose plan is 500,000 while its members' plans add
up to 460,000 may hold a reserve on purpose, or may have forgotten somebody.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from features import clock
from features.goals.findings import Finding, finding
from features.goals.goal import TEAM, USER, Goal
from features.goals.progress import Best, Progress
from features.kpis.value import COMPANY, LESS, Kpi

TOLERANCE: Final = 0.005
"""Sums that differ by less than this share are equal: rounded plans are no contradiction."""

_UNBOUNDED: Final = frozenset({"attainment", "growth", "nrr", "lead_conversion"})
"""Shares that may be above 1."""


@dataclass(frozen=True)
class Known:
    """What goals may refer to.

    kpis     name -> definition
    measured   KPIs that are measured elsewhere (the `actuals` table)
    people   user ids of those who are there
    teams    team -> its members, the whole subtree
    """

    kpis: Mapping[str, Kpi]
    measured: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    teams: Mapping[str, frozenset[str]] = field(default_factory=dict)


def check_goals(
    goals: Sequence[Goal], known: Known, standing: Sequence[Progress] = (), past: Sequence[Best | None] = ()
) -> tuple[Finding, ...]:
    """Everything that is wrong, goal by goal, then what contradicts each other.

    `goals` are in the organisation's currency (`in_own_money`). `standing` is the progress of each in the same order, where it is
    known: without it, nothing is said of targets met. `past` is the best of each one's comparable periods: without it, nothing
    is said of targets that were never reached.
    """
    found = [each for position, goal in enumerate(goals) for each in _of_one(position, goal, known)]
    found += [each for position, stands in enumerate(standing) for each in _of_progress(position, stands)]
    found += [each for position, best in enumerate(past) for each in _of_past(position, goals[position], known, best)]
    return (*found, *_two_targets(goals), *_sums(goals, known))


def _of_one(position: int, goal: Goal, known: Known) -> Iterator[Finding]:
    kpi = known.kpis.get(goal.kpi)
    if kpi is None and goal.kpi not in known.measured:
        yield finding("not_measurable", [position], kpi=goal.kpi)
    if goal.target is None and goal.currency:
        yield finding("no_rate", [position], currency=goal.currency)
    elif goal.target is None:
        yield finding("no_target", [position])
    elif kpi is not None and kpi.unit == "share" and goal.target > 1 and kpi.name not in _UNBOUNDED:
        yield finding("impossible_share", [position], target=goal.target, kpi=goal.kpi)
    yield from _of_time(position, goal)
    yield from _of_people(position, goal, known)


def _of_time(position: int, goal: Goal) -> Iterator[Finding]:
    if goal.end is None:
        yield finding("no_deadline", [position])
        return
    if goal.start is None or goal.years is None:
        yield finding("no_start", [position])
        return
    years = f"{goal.years:.1f}"
    if goal.horizon is None:
        yield finding("too_long", [position], years=years)
    elif goal.stated is not None and goal.stated != goal.horizon:
        yield finding("other_horizon", [position], years=years, stated=goal.stated, horizon=goal.horizon)


def _of_people(position: int, goal: Goal, known: Known) -> Iterator[Finding]:
    there: Mapping[str, Callable[[str], bool]] = {TEAM: known.teams.__contains__, USER: known.people.__contains__}
    if goal.scope in there and not there[goal.scope](goal.scope_id or ""):
        yield finding("unknown_scope", [position], scope=goal.scope, scope_id=goal.scope_id or "")
    if goal.owner is None and goal.source == "file":
        yield finding("no_owner", [position])
    elif goal.owner is not None and goal.owner not in known.people and goal.scope != USER:
        yield finding("unknown_owner", [position], owner=goal.owner)


def _of_progress(position: int, stands: Progress) -> Iterator[Finding]:
    goal = stands.goal
    if stands.over and goal.end is not None:
        yield finding("over", [position], end=f"{goal.end:%Y-%m-%d}")
    elif stands.met and goal.target is not None and stands.value is not None:
        days = f"{stands.days_left or 0:.0f}"
        yield finding("already_met", [position], target=goal.target, value=stands.value, days_left=days)


def _of_past(position: int, goal: Goal, known: Known, best: Best | None) -> Iterator[Finding]:
    kpi = known.kpis.get(goal.kpi)
    if best is None or kpi is None or goal.target is None:
        return
    ahead = best.value - goal.target if kpi.direction == LESS else goal.target - best.value
    if ahead > TOLERANCE * max(abs(best.value), abs(goal.target)):
        yield finding("beyond_best", [position], n=best.n, period=best.period, target=goal.target, best=best.value)


def _two_targets(goals: Sequence[Goal]) -> Iterator[Finding]:
    same: dict[object, list[int]] = {}
    for position, goal in enumerate(goals):
        same.setdefault((goal.kpi, goal.place, _period(goal)), []).append(position)
    for rows in same.values():
        targets = sorted({target for row in rows if (target := goals[row].target) is not None})
        if len(targets) > 1:
            yield finding("two_targets", rows, targets=tuple(targets))


def _sums(goals: Sequence[Goal], known: Known) -> Iterator[Finding]:
    """Teams against their members, the company against its teams, or against its people where teams overlap."""
    at: dict[tuple[str, object], dict[tuple[str, str], int]] = {}
    for position, goal in enumerate(goals):
        kpi = known.kpis.get(goal.kpi)
        if goal.target is not None and kpi is not None and kpi.additive:
            at.setdefault((goal.kpi, _period(goal)), {}).setdefault(goal.place, position)
    for planned in at.values():
        for (scope, scope_id), position in planned.items():
            parts, missing = _parts(scope, scope_id, planned, known)
            if parts:
                yield from _sum(goals, position, parts, missing)


def _parts(scope: str, scope_id: str, planned: Mapping[tuple[str, str], int], known: Known) -> tuple[list[int], list[str]]:
    """Positions of the goals that should add up to this one, and who has none beside others who do."""
    own = {scope_id for of, scope_id in planned if of == TEAM}
    if scope == TEAM:
        wanted = {(USER, person) for person in known.teams.get(scope_id, frozenset())}
    elif scope == COMPANY:
        members = [person for team in own for person in known.teams.get(team, frozenset())]
        apart = bool(own) and len(members) == len(set(members))
        wanted = {(TEAM, team) for team in own} if apart else {(USER, person) for person in known.people}
    else:
        return [], []
    there = sorted(wanted & planned.keys())
    return [planned[place] for place in there], sorted(each for _, each in wanted - planned.keys())


def _sum(goals: Sequence[Goal], position: int, parts: list[int], missing: list[str]) -> Iterator[Finding]:
    target, total = goals[position].target or 0.0, sum(goals[part].target or 0.0 for part in parts)
    if abs(total - target) <= TOLERANCE * max(abs(target), abs(total)):
        return
    yield finding("sum_of_members", [position, *parts], target=target, total=total, gap=total - target)
    if missing and goals[position].scope == TEAM and total < target:
        yield finding("members_without_plan", [position], missing=", ".join(missing))


def _period(goal: Goal) -> tuple[int, int]:
    start, end = (clock.UNKNOWN if each is None else clock.micros(each) for each in (goal.start, goal.end))
    return start, end
