"""`/v1/kpis`, `/v1/funnel`, `/v1/team` and `/v1/goals`: thin routes over the answers about KPIs.

They need no model, so they answer from the data before there is a champion; only predictions and P(goal) wait for one. They
compute, so they are plain functions, which the server runs in its thread pool; each question is answered once for each state of
the data. With `format=csv` the KPIs come as a table in which no cell is a formula to a spreadsheet.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from features import clock
from features.dataset import Dataset
from serving.access import audit_log, auth
from serving.access.audit_log import Event
from serving.access.auth import Scope, needs
from serving.errors import declared
from serving.forecast import api
from serving.forecast.forecaster import KnownAt
from serving.kpis import answers, goal_answers, tables, team_answers
from serving.kpis.goal_chances import chances
from serving.kpis.predictions import Foresight
from serving.kpis.queries import Asked, FunnelQuery, GoalsQuery, KpisQuery, TeamQuery
from serving.kpis.schemas import FunnelAnswer, GoalsAnswer, KpisAnswer, TeamAnswer
from serving.served import current
from serving.served.newest import Newest
from serving.served.state import Loaded, Served
from serving.strict import StrictRoute

Question = TypeVar("Question", bound=Asked)
Answer = TypeVar("Answer")

CSV = "text/csv"


class KpisFormat(KpisQuery):
    """KPIs, as JSON or as a table."""

    format: Literal["json", "csv"] = Field(default="json", description="json, or csv: one row a value.")


@dataclass(frozen=True)
class Desk:
    """What questions about KPIs are answered from: one state of the data, what the models add, and what was answered already.

    chances  P(goal) from the forecast; nothing where there is no champion to make one
    """

    loaded: Loaded
    foresight: Foresight
    chances: goal_answers.Chances
    goals_file: Path | None
    kept: Newest
    earlier: KnownAt

    @property
    def dataset(self) -> Dataset:
        return self.loaded.dataset

    def known_at(self, asked: Asked) -> Dataset:
        """The data that a question is answered from, as it was at its date. Raises UsageError, and NotReadyError as `Earlier`."""
        if asked.as_of is None or asked.as_of == self.loaded.as_of.isoformat():
            return self.dataset
        return self.earlier(self.dataset, clock.parse_as_of(asked.as_of, self.dataset.organisation.timezone))

    def answer(self, query: Question, compute: Callable[[Question], Answer]) -> Answer:
        """The answer to a query, computed once; a query that names no moment is about that of the scores."""
        asked = query if query.as_of else query.model_copy(update={"as_of": self.loaded.as_of.isoformat()})
        key = type(asked).__name__, asked.model_dump_json()
        if not self.kept.holds(self._whole(key)):
            self.known_at(asked)  # who waits for a past date holds up nobody who waits for an answer
        return self.remembered(key, lambda: compute(asked))

    def remembered(self, key: Hashable, compute: Callable[[], Answer]) -> Answer:
        """What was computed from this state, and from the files that stand beside it: the backtests, and the goals."""
        found: Answer = self.kept.get(self._whole(key), compute)
        return found

    def _whole(self, key: Hashable) -> Hashable:
        return key, *map(_changed, (*self.foresight.files, self.goals_file))


def desk_of(request: Request, loaded: Loaded) -> Desk:
    """That of one request."""
    settings = auth.settings_of(request)
    forecaster = api.forecaster_of(request, loaded) if isinstance(loaded, Served) else None
    asking = goal_answers.no_chances if forecaster is None else partial(chances, forecaster)
    kept, earlier = request.app.state.answers.of(loaded), current.get_runtime(request).earlier
    return Desk(loaded, Foresight(forecaster, settings.home), asking, settings.goals_file, kept, earlier.known_at)


def get_desk(request: Request, loaded: current.Known) -> Desk:
    return desk_of(request, loaded)


def _changed(file: Path | None) -> int | None:
    """When a file last changed; None where there is none."""
    return file.stat().st_mtime_ns if file and file.exists() else None


Known = Annotated[Desk, Depends(get_desk)]

router = APIRouter(
    prefix="/v1",
    tags=["kpis"],
    route_class=StrictRoute,
    dependencies=[needs(Scope.READ)],
    responses=declared(401, 403, 421, 422, 500, 503),
)


@router.get(
    "/kpis",
    operation_id="list_kpis",
    response_model=KpisAnswer,
    responses={200: {"content": {CSV: {"schema": {"type": "string"}}}}},
)
def list_kpis(request: Request, desk: Known, query: Annotated[KpisFormat, Query()]) -> KpisAnswer | Response:
    """KPIs by period and slice, each with numerator, denominator, interval, and the reason where there is no value."""
    answer = desk.answer(query, lambda asked: answers.kpis(desk.known_at(asked), asked, desk.foresight, desk.loaded.sight))
    if query.format == "json":
        return answer
    return csv_file(request, "kpis.csv", answer.values)


def csv_file(request: Request, name: str, items: Sequence[BaseModel]) -> Response:
    """A table to be kept as a file. Who takes it is in the audit log, or it is not handed out. Raises NotReadyError."""
    audit_log.record(request.app.state.database, audit_log.asked_by(request), Event("export", name, {"rows": len(items)}))
    return Response(tables.csv(items), media_type=CSV, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@router.get("/funnel", operation_id="get_funnel")
def get_funnel(desk: Known, query: Annotated[FunnelQuery, Query()]) -> FunnelAnswer:
    """What became of the leads and deals that began in a period, and where a better step would pay most."""
    return desk.answer(query, lambda asked: team_answers.funnel(desk.known_at(asked), asked, desk.loaded.sight))


@router.get("/team", operation_id="get_team")
def get_team(desk: Known, query: Annotated[TeamQuery, Query()]) -> TeamAnswer:
    """What the people of a team did in a period, and which of them the data can tell apart."""
    return desk.answer(query, lambda asked: team_answers.team(desk.known_at(asked), asked, desk.loaded.sight))


@router.get("/goals", operation_id="list_goals")
def list_goals(desk: Known, query: Annotated[GoalsQuery, Query()]) -> GoalsAnswer:
    """Goals with their progress, how likely they are to be reached, and what is wrong with them."""
    return desk.answer(
        query, lambda asked: goal_answers.goals(desk.known_at(asked), asked, desk.goals_file, desk.chances, desk.loaded.sight)
    )
