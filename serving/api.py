"""The HTTP API: the application put together from its routers, each in a module of its own.

Lists come straight from the ranking; what computes (a single deal, reasons, forecasts, KPIs) is a plain function, which the
server runs in its thread pool. Posted records go to a thread that scores. The others are coroutines and never wait.
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
from serving import background, errors, metrics_api, openapi, probes_api
from serving.access import keys_api
from serving.access.attempts import Attempts
from serving.access.auth import guarded
from serving.access.cookies import Cookies
from serving.access.gate import KeyGate
from serving.access.identity import KeyHolders
from serving.access.keyring import KeyRing
from serving.access.sessions import Sessions
from serving.calls import api as calls_api
from serving.database import Database
from serving.forecast import api as forecast_api
from serving.forecast.forecaster import Forecasts
from serving.forecast.recorded import from_journal
from serving.journal import api as journal_api
from serving.journal import history_api, recorder
from serving.journal.issued import Issued
from serving.journal.journal import open_journal
from serving.kpis import api as kpi_api
from serving.lists import clients_api, deals_api, write_back_api
from serving.models import api as models_api
from serving.models import promotions_api
from serving.operations import limits
from serving.operations.buckets import Buckets
from serving.operations.observe import Observed
from serving.operations.overload import RateLimit, Shedding
from serving.operations.traces import Traced
from serving.pages import calls as calls_page
from serving.pages import forecast as forecast_page
from serving.pages import routes as pages
from serving.pages import scorecard
from serving.pages.error_pages import ErrorPages
from serving.posted import api as score_api
from serving.posted import client_batch, deal_batch
from serving.posted.batching import Batcher
from serving.records import api as records_api
from serving.served import watching
from serving.served.newest import Answers
from serving.served.runtime import Runtime
from serving.settings import Settings

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
    calls_page.pages,
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
    issued = partial(from_journal, app.state.database)
    app.state.forecasts = Forecasts(settings.home, settings.threads, held.earlier.known_at, issued)
    app.state.answers = Answers()
    app.state.promoting = promotions_api.in_a_process
    for router in ROUTERS:
        app.include_router(guarded(router))
    pages.install(app)
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
    app.add_middleware(ErrorPages)
    app.add_middleware(limits.StrictHeaders)
    return app


def _jobs(app: FastAPI, held: Runtime, settings: Settings) -> tuple[Coroutine[Any, Any, None], ...]:
    """What keeps data and champions up to date, and records what is served."""
    watched = watching.watch(held, settings), watching.watch_settling(held), watching.watch_registry(held, settings)
    return *watched, recorder.watch(held, app.state.recorder)


def _bring_up_to_date(database: Database) -> None:
    """A server whose database is down starts all the same: scoring needs none."""
    try:
        database.upgrade()
    except NotReadyError as error:
        log.warning("%s", error)
