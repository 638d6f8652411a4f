"""`/v1/clients`: the active clients, ranked by what is at stake, and one of them in parts."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from serving.access.auth import Scope, needs
from serving.errors import declared
from serving.lists import schemas
from serving.lists.answers import clients_of, find_client, stamp
from serving.lists.explained import leaving_curve, reasons_of_clients
from serving.lists.narrowing import client_filters, sort_of
from serving.lists.queries import ClientQuery, ClientsQuery
from serving.schemas import Id
from serving.scoring import score
from serving.served.current import Current
from serving.served.state import Served
from serving.strict import StrictRoute

router = APIRouter(
    prefix="/v1",
    tags=["clients"],
    route_class=StrictRoute,
    dependencies=[needs(Scope.READ)],
    responses=declared(401, 403, 421, 422, 500, 503),
)


@router.get("/clients", operation_id="list_clients")
def list_clients(served: Current, query: Annotated[ClientsQuery, Query()]) -> schemas.ClientsAnswer:
    """The active clients, ranked by value at risk unless another order is asked for; with reasons where they are asked for."""
    sort = sort_of(query.sort, query.order)
    page = clients_of(served).page(client_filters(served, query), query.limit, query.cursor, sort)
    reasons = reasons_of_clients(served, [row["account_id"] for row in page.rows]) if query.reasons else {}
    return schemas.ClientsAnswer.model_validate(
        {
            **stamp(served, "clients"),
            **_days(served),
            "items": [{**row, "reasons": reasons.get(row["account_id"])} for row in page.rows],
            "n_total": page.n_total,
            "next_cursor": page.next_cursor,
        }
    )


@router.get("/clients/{account_id:path}", operation_id="get_client", responses=declared(404))
def get_client(
    served: Current,
    account_id: Annotated[Id, Path(description="The CRM's id of the client; a slash in it may stand as it is or as %2F.")],
    query: Annotated[ClientQuery, Query()],
) -> schemas.ClientAnswer:
    """One active client: what is at stake, P(leaves) by day, and the reasons."""
    client = find_client(served, account_id)
    found: dict[str, Any] = {"client": client, "curve": None, "reasons": None}
    if "curve" in query.parts:
        found["curve"] = [] if client["reason"] else leaving_curve(served, client)
    if "reasons" in query.parts:
        found["reasons"] = reasons_of_clients(served, [account_id]).get(account_id)
    return schemas.ClientAnswer.model_validate({**stamp(served, "clients"), **_days(served), **found})


def _days(served: Served) -> dict[str, int]:
    return {"horizon_days": served.dataset.organisation.client_horizon_days, "value_days": int(score.YEAR.days)}
