"""`/v1/journal`: everything that was answered, as a file for analysts."""

from itertools import chain
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import StreamingResponse

from features import clock
from serving.access import audit_log
from serving.access.audit_log import Event
from serving.access.auth import Scope, needs
from serving.errors import declared
from serving.journal import export, reading
from serving.journal.history_api import Journaled
from serving.journal.reading import Wanted
from serving.journal.rows import Kind
from serving.schemas import Id
from serving.schemas import Request as Question
from serving.served.current import Current
from serving.strict import StrictRoute

MOST_ROWS: Final = 1_000_000
MEDIA_TYPES: Final = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}

router = APIRouter(
    prefix="/v1",
    tags=["history"],
    route_class=StrictRoute,
    dependencies=[needs(Scope.READ)],
    responses=declared(401, 403, 421, 422, 500, 503),
)


class JournalQuery(Question):
    """Which rows, in which form."""

    format: Literal["csv", "parquet"] = Field(default="csv", description="csv, or parquet.")
    of: Literal["scores", "forecasts"] = Field(
        default="scores", description="scores, or the forecasts; of these there are none for who may not see everyone's deals."
    )
    kind: Annotated[list[Kind], Field(max_length=3)] = Field(
        default=[], description="Only these: pipeline, posted or reasons. Default: all."
    )
    target: Literal["deals", "clients"] | None = Field(default=None, description="Only scores of these. Default: both.")
    since: Id | None = Field(
        default=None,
        description="Only what was issued on or after this date, or this instant with an offset.",
        examples=["2026-10-01"],
    )
    after: int = Field(
        default=0, ge=0, lt=2**63, description="Only rows whose `entry` is greater: the last one of the part before."
    )
    limit: int = Field(default=MOST_ROWS, ge=1, le=MOST_ROWS, description="How many rows at most, 1 to 1,000,000.")


@router.get(
    "/journal",
    operation_id="export_journal",
    response_class=StreamingResponse,
    responses={200: {"content": {kind.split(";")[0]: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values()}}},
)
def export_journal(
    request: Request, served: Current, database: Journaled, query: Annotated[JournalQuery, Query()]
) -> StreamingResponse:
    """Scores or forecasts that were issued, in the order in which they were, as CSV or Parquet.

    Of scores those of the deals that the caller may see, by who owned them when the score was given. Who takes them is in the
    audit log, or they are not handed out.
    """
    since = clock.parse_as_of(query.since, served.dataset.organisation.timezone) if query.since else None
    wanted = Wanted(tuple(query.kind), query.target, since, served.owners, query.of == "forecasts")
    found = reading.pages(database, wanted, query.after, query.limit)
    # The first page is read before anything is answered: a database that is down is an error, not half a file.
    first = list(next(found, []))
    parts = export.encoded(wanted, chain([first] if first else [], found), f".{query.format}")
    name = f"{query.of}.{query.format}"
    asked = query.model_dump(exclude_defaults=True, exclude={"format", "of"})
    audit_log.record(request.app.state.database, audit_log.asked_by(request), Event("export", name, asked))
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts, media_type=MEDIA_TYPES[query.format], headers=headers)
