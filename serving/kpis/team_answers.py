"""The funnel and the team as answers: who is meant by a team, what became of a cohort, and what sets people apart."""

from typing import Final

import numpy as np

from features.clock import Mask
from features.dataset import Dataset
from features.errors import UsageError
from features.funnel.journeys import Journeys, journeys
from features.funnel.report import Step
from features.funnel.steps import funnel as followed
from features.goals.standing import known
from features.kpis.card import PLAN, Scorecard
from features.kpis.scorecard import scorecard
from features.kpis.value import Window
from features.snapshot import Snapshot
from features.team.apart import Apart
from features.team.view import Member as Person
from features.team.view import StageGap, TeamView, said, team_view
from serving.access.sight import Sight
from serving.kpis.answers import Question, limits, refuse_unknown, span
from serving.kpis.queries import FunnelQuery, TeamQuery
from serving.kpis.schemas import (
    BestQuarter,
    Compared,
    Estimate,
    FunnelAnswer,
    FunnelStep,
    Loss,
    Member,
    StageBehind,
    TeamAnswer,
)

MOST_PEOPLE: Final = 60


def funnel(dataset: Dataset, asked: FunnelQuery, sight: Sight | None = None) -> FunnelAnswer:
    """The funnel of the cohort asked about, of what a person may see. Raises UsageError."""
    question = Question.of(dataset, asked)
    for dimension, node in (("owner", asked.owner_id), ("source", asked.source)):
        if node is not None and sight is None:
            refuse_unknown(question.snapshot, dimension, node)
    gone_through = journeys(question.snapshot)
    kept = _kept(question.snapshot, gone_through, asked, sight)
    found = followed(gone_through, question.window(asked), dataset.organisation.calendar, kept)
    return FunnelAnswer.model_validate(
        {
            **question.stamp,
            "window": span(found.window),
            "steps": [_step(question, step) for step in found.steps],
            "exclusions": question.counted(found.excluded),
            **{name: getattr(found, name) for name in ("n_leads", "n_deals", "won_amount", "average", "expected", "bottleneck")},
        }
    )


def _kept(snapshot: Snapshot, gone_through: Journeys, asked: FunnelQuery, sight: Sight | None) -> Mask:
    keep = np.ones(len(gone_through.began), dtype=bool)
    if sight is not None:
        keep &= np.isin(gone_through.owner.astype(str), list(sight.people))
    if asked.owner_id is not None:
        keep &= gone_through.owner == asked.owner_id
    if asked.source is not None:
        keep &= gone_through.source == asked.source
    if asked.team is not None:
        keep &= np.isin(gone_through.owner.astype(str), list(members_of(snapshot, asked.team, sight)))
    return keep


def members_of(snapshot: Snapshot, team: str, sight: Sight | None = None) -> frozenset[str]:
    """Everybody below a team whom one sees. Raises UsageError where there is none of that name."""
    teams = known(snapshot).teams
    if sight is not None:
        teams = {name: seen for name, people in teams.items() if (seen := people & sight.people)}
    if team not in teams:
        raise UsageError(f"there is no team of that name; the teams are {', '.join(sorted(teams)) or 'not in the data'}")
    return teams[team]


def _step(question: Question, step: Step) -> FunnelStep:
    plain = (
        "name",
        "entered",
        "skipped",
        "moved_on",
        "lost",
        "still",
        "rate",
        "eventual",
        "days",
        "in_step",
        "expected",
        "leverage",
    )
    best = step.best and BestQuarter.model_validate(vars(step.best))
    return FunnelStep.model_validate(
        {
            **{name: getattr(step, name) for name in plain},
            "title": question.said(step.title),
            "interval": limits(step.interval),
            "losses": [Loss(reason=reason or None, n=n) for reason, n in step.losses.items()],
            "best": best,
        }
    )


def team(dataset: Dataset, asked: TeamQuery, sight: Sight | None = None) -> TeamAnswer:
    """The people of a team, or of the company, whom one may see. Raises UsageError for more than can be told apart."""
    question = Question.of(dataset, asked)
    snapshot, window = question.snapshot, question.window(asked)
    everybody = None if sight is None else sight.people
    inside = everybody if asked.team is None else members_of(snapshot, asked.team, sight)
    people, plans = _people(snapshot, window, inside)
    if len(people) > MOST_PEOPLE:
        raise UsageError(f"these are {len(people)} people, and {MOST_PEOPLE} is the most that can be compared; choose a team")
    view = team_view(snapshot, people, window, plans)
    return TeamAnswer.model_validate(
        {
            **question.stamp,
            "window": span(window),
            "elapsed": view.elapsed,
            "attainment": view.attainment,
            "win_rate": view.win_rate,
            "members": _members(view, people),
            "compared": list(_compared(question, view, people)),
            "stages": [_behind(gap, view) for gap in view.stages],
        }
    )


def _people(snapshot: Snapshot, window: Window, inside: frozenset[str] | None) -> tuple[dict[str, str], dict[str, float]]:
    """Who had something to do in the window (a plan, a decided deal, an open one): id -> name, and id -> plan."""
    card: Scorecard = scorecard(snapshot, ["bookings", "win_rate"], [window], "owner", [PLAN])
    loaded = set(snapshot.texts("owner_id", snapshot.open_deals)) - {None}
    people, plans = {}, {}
    for node in card.nodes:
        if not node.id or (inside is not None and node.id not in inside):
            continue
        plan = card.value("bookings", node=node.id).against[PLAN]
        if plan is not None:
            plans[node.id] = plan
        if plan or card.value("win_rate", node=node.id).n or node.id in loaded:
            people[node.id] = node.title
    return people, plans


def _members(view: TeamView, people: dict[str, str]) -> list[Member]:
    return [_member(person, row, view.win_rates, people) for row, person in enumerate(view.members)]


def _member(person: Person, row: int, rates: Apart | None, people: dict[str, str]) -> Member:
    plain = {name: each for name, each in vars(person).items() if name != "interval"}
    return Member.model_validate(
        {
            **plain,
            "name": people[person.person],
            "interval": limits(person.interval),
            "win_rate_estimate": None if rates is None else _estimate(rates, row),
        }
    )


def _compared(question: Question, view: TeamView, people: dict[str, str]) -> list[Compared]:
    everybody = tuple(range(len(view.members)))
    figures = (
        ("attainment", view.attainments, view.planned),
        ("win_rate", view.win_rates, everybody),
        ("pace", view.paces, everybody),
    )
    ids = [member.person for member in view.members]
    return [
        Compared(
            figure=figure,
            text=question.said(said(apart, [people[ids[row]] for row in rows])),
            groups=[] if apart is None else [[ids[rows[place]] for place in group] for group in apart.groups],
        )
        for figure, apart, rows in figures
    ]


def _behind(gap: StageGap, view: TeamView) -> StageBehind:
    ids = [member.person for member in view.members]
    return StageBehind(
        stage=gap.stage, best=ids[gap.best], estimate=_estimate(gap.apart, gap.best), behind=[ids[row] for row in gap.behind]
    )


def _estimate(apart: Apart, row: int) -> Estimate:
    return Estimate(value=float(apart.estimate[row]), low=float(apart.low[row]), high=float(apart.high[row]))
