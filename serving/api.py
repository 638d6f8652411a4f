"""The HTTP API: thin routes over what the runtime holds.

Lists come straight from the ranking; only `POST /v1/score`, a single deal and reasons compute. Those routes are plain functions,
which the server runs in its thread pool; the others are coroutines and never wait.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request

from features import clock
from features.errors import NotReadyError
from features.store import connect
from serving import auth, errors, forecast_api, forecast_page, kpi_api, limits, posted, runtime, schemas, score, scorecard, web
from serving.answers import clients_of, curve_of, find_deal, records, stamp
from serving.database import Database
from serving.errors import declared
from serving.explained import deal_in_full, quarter_days, reasons_of_clients
from serving.forecaster import Forecasts
from serving.posted_tables import tables_of
from serving.runtime import Runtime, Served
from serving.settings import Settings
from serving.strict import StrictRoute

DESCRIPTION = """Win-by-date curves of open deals and the clients at risk, from a CRM's history.

Probabilities lie in [0, 1], durations are days, instants carry an offset. Every answer names the model's version and the instant
as of which it was given. Every error is RFC 9457 `application/problem+json` with a stable `code`."""


log = logging.getLogger("dealcast")


def get_runtime(request: Request) -> Runtime:
    held: Runtime = request.app.state.runtime
    return held


def get_served(request: Request) -> Served:
    return get_runtime(request).served()


Current = Annotated[Served, Depends(get_served)]

data = APIRouter(
    prefix="/v1", route_class=StrictRoute, dependencies=[Depends(auth.require_key)], responses=declared(401, 421, 422, 500, 503)
)
probes = APIRouter(tags=["health"])


@data.get("/deals", operation_id="list_deals", tags=["deals"])
async def list_deals(served: Current, query: Annotated[schemas.DealsQuery, Query()]) -> schemas.DealsAnswer:
    """The open deals, ranked by expected value this quarter (value x P(won this quarter))."""
    filters = {"owner_id": query.owner_id, "team": query.team, "stage": query.stage}
    page = served.deals.page(filters, query.limit, query.cursor)
    return schemas.DealsAnswer.model_validate(
        {**stamp(served, "deals"), "items": page.rows, "n_total": page.n_total, "next_cursor": page.next_cursor}
    )


@data.get("/deals/{deal_id:path}", operation_id="get_deal", tags=["deals"], responses=declared(404))
def get_deal(
    served: Current,
    deal_id: Annotated[schemas.Label, Path(description="The CRM's id of the deal.")],
    query: Annotated[schemas.DealQuery, Query()],
) -> schemas.DealAnswer:
    """One open deal: its scores, its curve, the reasons, warnings, and what became of similar deals."""
    deal = find_deal(served, deal_id)
    found = {"deal": deal, "curve": curve_of(served, deal), "warnings": json.loads(deal["warnings"])}
    if not deal["reason"]:
        found |= deal_in_full(served, deal_id, query.horizon_days or quarter_days(served))
    return schemas.DealAnswer.model_validate({**stamp(served, "deals"), **found})


@data.post("/score", operation_id="score_deals", tags=["deals"], responses=declared(400, 408, 413, 415))
def score_deals(served: Current, request: posted.ScoreRequest) -> schemas.ScoreAnswer:
    """Score deals that the CRM posts with their history; nothing of it is stored."""
    as_of = pd.Timestamp(request.as_of).tz_convert("UTC").as_unit("us") if request.as_of else clock.now(served.dataset.ends_at)
    tables, champion = tables_of(request.deals, served.dataset.custom), served.bundles["deals"]
    scored = score.score_checked(served.dataset, champion, tables, as_of, request.horizons, reasons=request.wants_reasons)
    rows = {row["deal_id"]: row for row in records(scored)}
    results = [_result(deal.deal_id, rows.get(deal.deal_id), request.horizons) for deal in request.deals]
    return schemas.ScoreAnswer.model_validate({**stamp(served, "deals"), "as_of": as_of, "results": results})


@data.get("/clients", operation_id="list_clients", tags=["clients"])
def list_clients(served: Current, query: Annotated[schemas.ClientsQuery, Query()]) -> schemas.ClientsAnswer:
    """The active clients, ranked by value at risk; with their reasons where they are asked for."""
    page = clients_of(served).page({}, query.limit, query.cursor)
    reasons = reasons_of_clients(served, [row["account_id"] for row in page.rows]) if query.reasons else {}
    return schemas.ClientsAnswer.model_validate(
        {
            **stamp(served, "clients"),
            "horizon_days": served.dataset.organisation.client_horizon_days,
            "value_days": int(score.YEAR.days),
            "items": [{**row, "reasons": reasons.get(row["account_id"])} for row in page.rows],
            "n_total": page.n_total,
            "next_cursor": page.next_cursor,
        }
    )


@probes.get("/healthz", operation_id="get_health")
async def get_health() -> schemas.Health:
    """The process answers. It may still be without data: see /readyz."""
    return schemas.Health(status="alive")


@probes.get("/readyz", operation_id="get_readiness", responses=declared(503))
async def get_readiness(held: Annotated[Runtime, Depends(get_runtime)]) -> schemas.Ready:
    """Data and champion are loaded; if not, 503 and what to do about it."""
    served = held.served()
    return schemas.Ready.model_validate(
        {**stamp(served, "deals"), "status": "ready", "registry": held.registry, "n_deals": len(served.deals)}
    )


def _result(deal_id: str, row: Mapping[str, Any] | None, horizons: list[float]) -> dict[str, Any]:
    if row is None:
        row = {"deal_id": deal_id, "reason": "not_open_at_as_of"}
    at = [{"days": days, "p_won": row.get(f"p_won_{days:g}d"), "p_lost": row.get(f"p_lost_{days:g}d")} for days in horizons]
    blank = dict.fromkeys(schemas.Score.model_fields)
    reasons, warnings = (json.loads(row.get(name) or "null") for name in ("reasons", "warnings"))
    return {**blank, **row, "horizons": [] if row["reason"] else at, "reasons": reasons, "warnings": warnings or []}


def create_app(held: Runtime, settings: Settings, *, watching: bool = True) -> FastAPI:
    """The application. `watching` keeps data and champions up to date in the background while it runs."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(_bring_up_to_date, app.state.database)
        jobs = [runtime.watch(held, settings), runtime.watch_registry(held, settings)] if watching else []
        tasks = [asyncio.create_task(job) for job in jobs]
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        app.state.database.close()

    app = FastAPI(
        title="Dealcast", version=version("dealcast"), description=DESCRIPTION, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    app.state.runtime, app.state.settings = held, settings
    app.state.database = Database(connect(settings.store_url))
    app.state.forecasts = Forecasts(settings.home, settings.threads)
    app.include_router(probes)
    app.include_router(data)
    app.include_router(kpi_api.router)
    app.include_router(scorecard.pages)
    app.include_router(forecast_api.router)
    app.include_router(forecast_page.pages)
    web.install(app)
    errors.install(app)
    app.openapi_schema = errors.describe(app.openapi())
    app.add_middleware(limits.BodyLimit)
    app.add_middleware(limits.StrictHeaders)
    return app


def _bring_up_to_date(database: Database) -> None:
    """A server whose database is down starts all the same: scoring needs none."""
    try:
        database.upgrade()
    except NotReadyError as error:
        log.warning("%s", error)
