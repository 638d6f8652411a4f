"""`/v1/deals`: the open deals as a ranked list, and one of them in full."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from serving import auth, schemas
from serving.answers import curve_of, find_deal, stamp
from serving.current import Current
from serving.errors import declared
from serving.explained import deal_in_full, quarter_days
from serving.strict import StrictRoute

router = APIRouter(
    prefix="/v1",
    tags=["deals"],
    route_class=StrictRoute,
    dependencies=[Depends(auth.require_key)],
    responses=declared(401, 421, 422, 500, 503),
)


@router.get("/deals", operation_id="list_deals")
async def list_deals(served: Current, query: Annotated[schemas.DealsQuery, Query()]) -> schemas.DealsAnswer:
    """The open deals, ranked by expected value this quarter (value x P(won this quarter))."""
    filters = {"owner_id": query.owner_id, "team": query.team, "stage": query.stage}
    page = served.deals.page(filters, query.limit, query.cursor)
    return schemas.DealsAnswer.model_validate(
        {**stamp(served, "deals"), "items": page.rows, "n_total": page.n_total, "next_cursor": page.next_cursor}
    )


@router.get("/deals/{deal_id:path}", operation_id="get_deal", responses=declared(404))
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
