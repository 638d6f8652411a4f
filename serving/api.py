"""The HTTP API: the application put together from its routers, each in a module of its own.

Lists come straight from the ranking; what computes (a single deal, reasons, forecasts, KPIs) is a plain function, which the
server runs in its thread pool. Posted records go to a thread that scores (`batching`). The others are coroutines and never
wait.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, FastAPI

from features.engine import connect
from features.errors import NotReadyError
from serving import (
    background,
    call_page,
    calls_api,
    client_batch,
    clients_api,
    deal_batch,
    deals_api,
    errors,
    forecast_api,
    forecast_page,
    history_api,
    journal_api,
    keys_api,
    kpi_api,
    limits,
    metrics_api,
    models_api,
    openapi,
    probes_api,
    promotions_api,
    recorder,
    records_api,
    runtime,
    score_api,
    scorecard,
    web,
    write_back_api,
)
from serving.attempts import Attempts
from serving.auth import guarded
from serving.batching import Batcher
from serving.buckets import Buckets
from serving.cookies import Cookies
from serving.database import Database
from serving.forecaster import Forecasts
from serving.gate import KeyGate
from serving.identity import KeyHolders
from serving.issued import Issued
from serving.journal import open_journal
from serving.keyring import KeyRing
from serving.newest import Answers
from serving.observe import Observed
from serving.overload import RateLimit, Shedding
from serving.runtime import Runtime
from serving.sessions import Sessions
from serving.settings import Settings
from serving.traces import Traced

DESCRIPTION = """Win-by-date curves of open deals and the clients at risk, from a CRM's history.

Probabilities lie in [0, 1], durations are days, instants carry an offset. Every answer names the model's version and the instant
as of which it was given. Every error is RFC 9457 `application/problem+json` with a stable `code`."""

UPGRADE_SECONDS: Final = 5.0
"""How long a start waits for the database; the journal tries again until it is there."""

log = logging.getLogger("dealcast")

ROUTERS: Final[tuple[APIRouter, ...]] = (
    probes_api.router,
    metrics_api.router,
    deals_api.router,
    score_api.router,
    clients_api.router,
    models_api.router,
    write_back_api.router,
    kpi_api.router,
    scorecard.pages,
    forecast_api.router,
    forecast_page.pages,
    calls_api.router,
    calls_api.making,
    call_page.pages,
    keys_api.router,
    records_api.router,
    promotions_api.router,
    history_api.router,
    journal_api.router,
)


def create_app(held: Runtime, settings: Settings, *, watching: bool = True) -> FastAPI:
    """The application. `watching` keeps data and champions up to date in the background while it runs."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        upgrade = background.start(partial(_bring_up_to_date, app.state.database))
        await asyncio.wait([asyncio.wrap_future(upgrade)], timeout=UPGRADE_SECONDS)
        app.state.journal.start()
        tasks = [asyncio.create_task(job) for job in (_jobs(app, held, settings) if watching else ())]
        yield
        for batcher in (app.state.deal_scores, app.state.client_scores):
            await asyncio.to_thread(batcher.close)
        app.state.recorder.stop()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        app.state.journal.close()
        app.state.database.close()

    app = FastAPI(
        title="Dealcast",
        version=version("dealcast"),
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.runtime, app.state.settings = held, settings
    app.state.deal_scores, app.state.client_scores = Batcher(*deal_batch.stages()), Batcher(client_batch.stage())
    app.state.database = Database(connect(settings.store_url))
    app.state.journal = open_journal(app.state.database, settings)
    app.state.issued = Issued(app.state.journal)
    ring = KeyRing(app.state.database, settings)
    app.state.keys, app.state.people, app.state.attempts = ring, KeyHolders(ring), Attempts()
    app.state.cookies = Cookies(Sessions(app.state.database, app.state.people))
    app.state.recorder = recorder.Recorder(app.state.database, settings.journal_step, settings.journal_days)
    app.state.forecasts, app.state.answers = Forecasts(settings.home, settings.threads), Answers()
    for router in ROUTERS:
        app.include_router(guarded(router))
    web.install(app)
    errors.install(app)
    openapi.install(app)
    # The last one added is the first to see a request.
    app.add_middleware(Shedding, at_once=settings.at_once, scoring_at_once=settings.scoring_at_once)
    app.add_middleware(limits.BodyLimit)
    app.add_middleware(KeyGate, settings=settings, ring=ring)
    if settings.rate_limit and not settings.keyless:
        app.add_middleware(RateLimit, buckets=Buckets(settings.rate_limit, settings.rate_burst, held.buckets))
    app.add_middleware(Traced)
    app.add_middleware(Observed)
    app.add_middleware(limits.StrictHeaders)
    return app


def _jobs(app: FastAPI, held: Runtime, settings: Settings) -> tuple[Coroutine[Any, Any, None], ...]:
    """What keeps data and champions up to date, and records what is served."""
    watched = runtime.watch(held, settings), runtime.watch_settling(held), runtime.watch_registry(held, settings)
    return *watched, recorder.watch(held, app.state.recorder)


def _bring_up_to_date(database: Database) -> None:
    """A server whose database is down starts all the same: scoring needs none."""
    try:
        database.upgrade()
    except NotReadyError as error:
        log.warning("%s", error)
