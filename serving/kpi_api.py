"""`/v1/kpis`, `/v1/funnel`, `/v1/team` and `/v1/goals`: thin routes over the answers about KPIs.

They need no model, so they answer from the data before there is a champion; only P(goal) waits for one. They compute, so they are
plain functions, which the server runs in its thread pool. With `format=csv` the KPIs come as a table in
which no cell is a formula to a spreadsheet.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from features.dataset import Dataset
from serving import auth, current, forecast_api, goal_answers, kpi_answers, kpi_tables, team_answers
from serving.auth import Scope, needs
from serving.errors import declared
from serving.goal_chances import chances
from serving.kpi_queries import FunnelQuery, GoalsQuery, KpisQuery, TeamQuery
from serving.kpi_schemas import FunnelAnswer, GoalsAnswer, KpisAnswer, TeamAnswer
from serving.runtime import Served
from serving.strict import StrictRoute

CSV = "text/csv"


class KpisFormat(KpisQuery):
    """KPIs, as JSON or as a table."""

    format: Literal["json", "csv"] = Field(default="json", description="json, or csv: one row a value.")


def get_chances(request: Request, loaded: current.Known) -> goal_answers.Chances:
    """What goals are asked about: the forecast, and nothing where there is no champion to make one."""
    if not isinstance(loaded, Served):
        return goal_answers.no_chances
    return partial(chances, forecast_api.forecaster_of(request, loaded))


def get_dataset(loaded: current.Known) -> Dataset:
    return loaded.dataset


Known = Annotated[Dataset, Depends(get_dataset)]

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
def list_kpis(dataset: Known, query: Annotated[KpisFormat, Query()]) -> KpisAnswer | Response:
    """KPIs by period and slice, each with numerator, denominator, interval, and the reason where there is no value."""
    answer = kpi_answers.kpis(dataset, query)
    if query.format == "json":
        return answer
    return csv_file("kpis.csv", answer.values)


def csv_file(name: str, items: Sequence[BaseModel]) -> Response:
    """A table to be kept as a file."""
    return Response(kpi_tables.csv(items), media_type=CSV, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@router.get("/funnel", operation_id="get_funnel")
def get_funnel(dataset: Known, query: Annotated[FunnelQuery, Query()]) -> FunnelAnswer:
    """What became of the leads and deals that began in a period, and where a better step would pay most."""
    return team_answers.funnel(dataset, query)


@router.get("/team", operation_id="get_team")
def get_team(dataset: Known, query: Annotated[TeamQuery, Query()]) -> TeamAnswer:
    """What the people of a team did in a period, and which of them the data can tell apart."""
    return team_answers.team(dataset, query)


@router.get("/goals", operation_id="list_goals")
def list_goals(
    request: Request,
    dataset: Known,
    asking: Annotated[goal_answers.Chances, Depends(get_chances)],
    query: Annotated[GoalsQuery, Query()],
) -> GoalsAnswer:
    """Goals with their progress, and what is wrong with them."""
    return goal_answers.goals(dataset, query, auth.settings_of(request).goals_file, asking)
