"""`/v1/forecast`, `/v1/forecast/what-if` and `/v1/bridge`: thin routes over the answers about forecasts.

They compute, so they are plain functions, which the server runs in its thread pool; each period is drawn once for each state of
the data.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from serving.access.auth import Scope, needs
from serving.errors import declared
from serving.forecast import answers, bridge_answers
from serving.forecast.forecaster import Forecaster, Forecasts
from serving.forecast.issued import issue
from serving.forecast.schemas import BridgeAnswer, BridgeQuery, ForecastAnswer, ForecastQuery, WhatIfAnswer, WhatIfRequest
from serving.served.current import Current, served_for
from serving.served.state import Served
from serving.strict import StrictRoute


def get_forecaster(request: Request) -> Forecaster:
    """What forecasts of the data that is served are made from. Raises NotReadyError before there is any."""
    return forecaster_of(request, served_for(request))


def forecaster_of(request: Request, served: Served) -> Forecaster:
    forecasts: Forecasts = request.app.state.forecasts
    return forecasts.of(served)


Known = Annotated[Forecaster, Depends(get_forecaster)]

router = APIRouter(
    prefix="/v1",
    tags=["forecast"],
    route_class=StrictRoute,
    dependencies=[needs(Scope.READ)],
    responses=declared(401, 403, 421, 422, 500, 503),
)


@router.get("/forecast", operation_id="get_forecast")
def get_forecast(served: Current, request: Request, query: Annotated[ForecastQuery, Query()]) -> ForecastAnswer:
    """The bookings of a period: won, open, new, their intervals, plan and P(plan), and how good such forecasts were."""
    forecaster = forecaster_of(request, served)
    found = answers.asked_outlook(forecaster, query)
    issue(request, served, found)
    return answers.forecast(forecaster, found)


@router.post("/forecast/what-if", operation_id="ask_what_if", responses=declared(400, 408, 413, 415))
def ask_what_if(forecaster: Known, request: WhatIfRequest) -> WhatIfAnswer:
    """The forecast if deals close, chances of a stage change, or people leave: the same draws, so the difference is no chance."""
    return answers.supposed(forecaster, request)


@router.get("/bridge", operation_id="get_bridge")
def get_bridge(forecaster: Known, query: Annotated[BridgeQuery, Query()]) -> BridgeAnswer:
    """What changed the expected bookings of a period between two dates, to the cent."""
    return bridge_answers.change(forecaster, query)
