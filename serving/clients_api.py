"""`/v1/clients`: the active clients, ranked by what is at stake."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from serving import auth, schemas, score
from serving.answers import clients_of, stamp
from serving.current import Current
from serving.errors import declared
from serving.explained import reasons_of_clients
from serving.strict import StrictRoute

router = APIRouter(
    prefix="/v1",
    tags=["clients"],
    route_class=StrictRoute,
    dependencies=[Depends(auth.require_key)],
    responses=declared(401, 421, 422, 500, 503),
)


@router.get("/clients", operation_id="list_clients")
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
