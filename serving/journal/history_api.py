"""`/v1/history`: what was answered about one deal or client before, by which model and as of when."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from features import clock
from serving.access.auth import Scope, needs
from serving.database import Database
from serving.errors import ProblemError, declared
from serving.journal import reading
from serving.journal.history_schemas import ClientHistory, ClientHistoryQuery, DealHistory, DealHistoryQuery, HistoryQuery
from serving.journal.pipeline_rows import ranking_of
from serving.journal.rows import Kind
from serving.served.current import Current
from serving.served.state import Served
from serving.strict import StrictRoute

router = APIRouter(
    prefix="/v1/history",
    tags=["history"],
    route_class=StrictRoute,
    dependencies=[needs(Scope.READ)],
    responses=declared(401, 403, 404, 421, 422, 500, 503),
)


def get_database(request: Request) -> Database:
    """Where the journal is."""
    held: Database = request.app.state.database
    return held


Journaled = Annotated[Database, Depends(get_database)]


@router.get("/deals", operation_id="get_deal_history")
def get_deal_history(served: Current, database: Journaled, query: Annotated[DealHistoryQuery, Query()]) -> DealHistory:
    """The scores of a deal over time, of a closed one too; its trend stands in the list of deals."""
    return DealHistory.model_validate({"deal_id": query.deal_id, **_history(served, database, "deals", query.deal_id, query)})


@router.get("/clients", operation_id="get_client_history")
def get_client_history(served: Current, database: Journaled, query: Annotated[ClientHistoryQuery, Query()]) -> ClientHistory:
    """The scores of a client over time; its trend stands in the list of clients."""
    found = _history(served, database, "clients", query.account_id, query)
    return ClientHistory.model_validate({"account_id": query.account_id, **found})


def _history(served: Served, database: Database, target: str, record_id: str, query: HistoryQuery) -> dict[str, Any]:
    before = None if query.cursor is None else _place(query.cursor)
    kinds: list[Kind] = [query.kind] if query.kind else ["pipeline", "posted"]
    listed = _is_listed(served, target, record_id)
    seen = listed or served.owners is None or reading.last_owner(database, target, record_id) in served.owners
    rows = reading.history(database, target, record_id, kinds, query.limit + 1, before) if seen else []
    if not rows and not listed and before is None:
        raise ProblemError(404, f"no_such_{target[:-1]}", f"No score of this {target[:-1]} was ever recorded.")
    shown, last = rows[: query.limit], rows[query.limit - 1] if len(rows) > query.limit else None
    return {
        "items": [{**row, "as_of": clock.instant(row["as_of"]), "issued_at": clock.instant(row["issued_at"])} for row in shown],
        "next_cursor": None if last is None else f"{last['as_of']}_{last['entry']}",
    }


def _place(cursor: str) -> tuple[int, int]:
    as_of, entry = cursor.split("_")
    return _within_64_bits(int(as_of)), _within_64_bits(int(entry))


def _within_64_bits(number: int) -> int:
    """No database holds larger ones, and one of them would not even compare."""
    return max(-(2**63), min(2**63 - 1, number))


def _is_listed(served: Served, target: str, record_id: str) -> bool:
    ranking = ranking_of(served, target)
    return ranking is not None and ranking.position(record_id) is not None
