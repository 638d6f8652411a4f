"""The scorecard page: the four perspectives of the company, a team or a person, with the funnel, the people and the goals.

Made on the server like the other pages: tables are tables, the course of a figure is an SVG with its text. What an address asks
for and the data does not have (a team of last year) falls back to the company and the running quarter.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.responses import Response

from features import clock
from features.balance import balanced
from features.errors import UsageError
from features.kpis import windows
from features.kpis.card import LAST_YEAR, PLAN, PREVIOUS
from features.kpis.options import TODAY
from features.kpis.scorecard import all_kpis, scorecard
from features.kpis.slices import slicing
from features.kpis.value import COMPANY, Node, Window
from serving.access.auth import Scope, needs_login
from serving.access.sight import Sight
from serving.figures import figure, percentage
from serving.kpis import answers, goal_answers, team_answers
from serving.kpis.answers import Question
from serving.kpis.api import Desk, csv_file, desk_of
from serving.kpis.predictions import Foresight
from serving.kpis.queries import FunnelQuery, GoalsQuery, KpisQuery, TeamQuery
from serving.kpis.schemas import FunnelAnswer, GoalsAnswer, TeamAnswer
from serving.kpis.tables import funnel_sentence, horizon, pace
from serving.kpis.team_words import about, at_stages, comparisons
from serving.language import Tongue
from serving.pages.scorecard_rows import Row, rows
from serving.pages.sparkline import HEIGHT, WIDTH
from serving.pages.view import KnownView, known_view

PERIODS: Final = 8
SCOPES: Final = {COMPANY: "company", "team": "team", "owner": "user"}
"""What a goal's scope is called for each dimension that can be chosen."""

pages = APIRouter(include_in_schema=False, dependencies=[needs_login(Scope.READ)])
Full = Annotated[KnownView, Depends(known_view)]


@dataclass(frozen=True)
class Chosen:
    """What the page is about: whose figures of which periods (the last is asked about), beside which others."""

    question: Question
    node: Node
    periods: tuple[Window, ...]
    before: str

    @property
    def window(self) -> Window:
        return self.periods[-1]

    @property
    def is_running(self) -> bool:
        """Whether the period has begun and is not over."""
        at = self.question.snapshot.at
        return clock.is_known(clock.micros(self.window.start), at) and clock.is_known(at, clock.micros(self.window.end))

    @property
    def moment(self) -> dict[str, Any]:
        """Moment and language, as questions have them."""
        return {"as_of": self.question.snapshot.as_of.isoformat(), "language": self.question.language}


@pages.get("/scorecard")
def scorecard_page(view: Full) -> Response:
    """The scorecard of who and when the address says."""
    chosen, tongue = _chosen(view), view.tongue
    currency = view.served.dataset.organisation.currency
    desk = desk_of(view.request, view.served)
    key = ("scorecard", chosen.node, chosen.window, chosen.before, tongue.language)
    return view.render(
        "scorecard.html",
        chosen=chosen,
        **desk.remembered(key, lambda: _content(tongue, chosen, desk)),
        comparisons=(PREVIOUS, LAST_YEAR),
        size=(WIDTH, HEIGHT),
        figure=lambda value, unit: figure(tongue, value, unit, currency),
        percentage=lambda value: percentage(tongue, value),
        pace=pace,
        horizon=horizon,
        age_days=view.served.age_days,
    )


def _content(tongue: Tongue, chosen: Chosen, desk: Desk) -> dict[str, Any]:
    """All that is computed for the page."""
    funnel, perspectives = _funnel(desk, chosen), _perspectives(tongue, chosen, desk.foresight)
    return {
        "who": answers.named(chosen.question, chosen.node).title,
        "period": _named(tongue, chosen.window.label),
        "running": chosen.is_running,
        "periods": [(label, _named(tongue, label)) for label in _offered(chosen)],
        "people": _people(chosen.question, desk.loaded.sight),
        "everything": desk.loaded.sight.name if desk.loaded.sight else tongue.text("scorecard.company"),
        "perspectives": perspectives,
        "predicted": any(row.predicted for _, rows in perspectives for row in rows),
        "funnel": funnel,
        "bottleneck": funnel_sentence(funnel, tongue),
        **_of_team(tongue, _team(desk, chosen)),
        "goals": _goals(desk, chosen),
    }


def _of_team(tongue: Tongue, team: TeamAnswer | None) -> dict[str, Any]:
    """The team, and what is said of it."""
    if team is None:
        return {"team": None}
    stages = [(tongue.text("team.stages"), told)] if (told := at_stages(team, tongue)) else []
    more = {each.person: about(each, tongue) for each in team.members}
    return {"team": team, "team_said": [*comparisons(team, tongue), *stages], "about": more}


@pages.get("/scorecard.csv")
def scorecard_file(view: Full) -> Response:
    """The values of the page, with all that they carry, as a table for spreadsheets."""
    chosen = _chosen(view)
    given = {"by": chosen.node.dimension, "period": chosen.window.label, "compare": [PLAN, chosen.before], "predict": True}
    desk = desk_of(view.request, view.served)
    answer = answers.kpis(desk.dataset, KpisQuery.model_validate({**given, **chosen.moment}), desk.foresight, view.sight)
    whose = (chosen.node.dimension, chosen.node.id)
    own = [each for each in answer.values if (each.node.dimension, each.node.id) == whose]
    return csv_file(view.request, "scorecard.csv", own)


def _chosen(view: KnownView) -> Chosen:
    """Who, when, and beside what, as far as there is such a thing."""
    query = view.request.query_params
    asked = KpisQuery(as_of=view.served.as_of.isoformat(), language=view.tongue.language, periods=PERIODS)
    question = Question.of(view.served.dataset, asked)
    before = LAST_YEAR if query.get("compare") == LAST_YEAR else PREVIOUS
    node = _node(question, query.get("who", ""), view.sight)
    return Chosen(question, node, _periods(question, query.get("period")), before)


def _node(question: Question, who: str, sight: Sight | None) -> Node:
    dimension, _, name = who.partition(":")
    nodes = slicing(question.snapshot, dimension, TODAY).nodes if dimension in SCOPES else ()
    usual = Node(COMPANY, "", COMPANY) if sight is None else sight.top
    seen = (node for node in nodes if sight is None or sight.shows(node))
    return next((node for node in seen if node.dimension == dimension and node.id == name), usual)


def _periods(question: Question, period: str | None) -> tuple[Window, ...]:
    try:
        return question.windows(KpisQuery(period=period or None), PERIODS)
    except (ValueError, UsageError):
        return question.windows(KpisQuery(), PERIODS)


def _perspectives(tongue: Tongue, chosen: Chosen, foresight: Foresight) -> list[tuple[str, list[Row]]]:
    snapshot, by = chosen.question.snapshot, chosen.node.dimension
    told = foresight.past_forecasts(snapshot.dataset, chosen.window, snapshot.as_of)
    card = scorecard(snapshot, all_kpis(snapshot), chosen.periods, by, [PLAN, chosen.before], forecasts=told)
    predicted = foresight.predictions(snapshot, chosen.window, by).get(chosen.node.id)
    found = balanced(card, predicted, node=chosen.node.id, before=chosen.before)
    lines = ((each.title, list(rows(tongue, chosen.question, each.lines, chosen.periods))) for each in found.perspectives)
    return [(chosen.question.said(title), told) for title, told in lines if told]


def _funnel(desk: Desk, chosen: Chosen) -> FunnelAnswer:
    whose = {"team": "team", "owner": "owner_id"}.get(chosen.node.dimension)
    narrowed = {whose: chosen.node.id} if whose else {}
    asked = FunnelQuery.model_validate({"period": chosen.window.label, **narrowed, **chosen.moment})
    return team_answers.funnel(desk.dataset, asked, desk.loaded.sight)


def _team(desk: Desk, chosen: Chosen) -> TeamAnswer | None:
    """The people of the team or company; None for one person, and for more people than can be compared."""
    if chosen.node.dimension == "owner":
        return None
    team = chosen.node.id if chosen.node.dimension == "team" else None
    try:
        asked = TeamQuery.model_validate({"period": chosen.window.label, "team": team, **chosen.moment})
        return team_answers.team(desk.dataset, asked, desk.loaded.sight)
    except UsageError:
        return None


def _goals(desk: Desk, chosen: Chosen) -> GoalsAnswer:
    scope = SCOPES.get(chosen.node.dimension)  # a manager's goals are those of everybody below
    asked = GoalsQuery.model_validate({"scope": scope, "scope_id": chosen.node.id or None if scope else None, **chosen.moment})
    return goal_answers.goals(desk.dataset, asked, desk.goals_file, desk.chances, desk.loaded.sight)


def _offered(chosen: Chosen) -> list[str]:
    """The periods that can be chosen: the next and the running quarter, the last quarters and years, and the one shown."""
    snapshot = chosen.question.snapshot
    calendar, newest = snapshot.dataset.organisation.calendar, clock.instant(snapshot.at - 1)
    running = windows.quarter(snapshot.as_of, calendar)
    ahead = (windows.quarter(running.end, calendar), running)
    quarters = windows.series(windows.quarter(newest, calendar), PERIODS, calendar)[::-1]
    years = windows.series(windows.year(newest, calendar), 2, calendar)[::-1]
    return list(dict.fromkeys(each.label for each in (*ahead, *quarters, *years, chosen.window)))


def _named(tongue: Tongue, label: str) -> str:
    year, quarter, number = label.partition("Q")
    return tongue.quarter(label) if quarter and year.isdecimal() and number.isdecimal() else label


def _people(question: Question, sight: Sight | None) -> list[tuple[str, list[tuple[str, str]]]]:
    """Whom the page can be about: (kind, [(address, name)])."""
    found = []
    for dimension in ("team", "owner"):
        every = slicing(question.snapshot, dimension, TODAY).nodes
        nodes = [node for node in every if node.dimension == dimension and node.id and (sight is None or sight.shows(node))]
        found.append((dimension, [(f"{dimension}:{node.id}", node.title) for node in sorted(nodes, key=lambda node: node.title)]))
    return [(dimension, names) for dimension, names in found if names]
