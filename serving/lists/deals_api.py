"""`/v1/deals`: the open deals as a ranked list, and one of them in parts.

An id may contain slashes, so nothing follows it in an address: what is wanted of a deal is asked for with `parts`, and
`/v1/deals/A/7` is the deal `A/7`. Ids that addresses cannot carry, such as `..`, are found with `/v1/deals?deal_id=…`.
"""

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Path, Query, Request

from serving.access.auth import Scope, needs, settings_of
from serving.errors import declared
from serving.journal.issued import asker_of, issued_of
from serving.lists import schemas
from serving.lists.answers import curve_of, find_deal, listed, stamp
from serving.lists.explained import explained, quarter_days
from serving.lists.grade import graded
from serving.lists.narrowing import deal_filters, sort_of
from serving.lists.queries import DealPart, DealQuery, DealsQuery
from serving.schemas import Id
from serving.served.current import Current
from serving.served.state import Served
from serving.strict import StrictRoute

router = APIRouter(
    prefix="/v1",
    tags=["deals"],
    route_class=StrictRoute,
    dependencies=[needs(Scope.READ)],
    responses=declared(401, 403, 421, 422, 500, 503),
)


@router.get("/deals", operation_id="list_deals")
async def list_deals(request: Request, served: Current, query: Annotated[DealsQuery, Query()]) -> schemas.DealsAnswer:
    """The open deals, ranked by expected value this quarter (value x P(won this quarter)) unless another order is asked for."""
    sort = sort_of(query.sort, query.order)
    limits = settings_of(request).grade_limits
    filters = [*deal_filters(served, query), *([graded(query.grade, limits)] if query.grade else [])]
    page = served.deals.page(filters, query.limit, query.cursor, sort)
    return schemas.DealsAnswer.model_validate(
        {
            **stamp(served, "deals"),
            "items": [listed(row, limits) for row in page.rows],
            "n_total": page.n_total,
            "next_cursor": page.next_cursor,
        }
    )


@router.get("/deals/{deal_id:path}", operation_id="get_deal", responses=declared(404))
def get_deal(
    request: Request,
    served: Current,
    deal_id: Annotated[Id, Path(description="The CRM's id of the deal; a slash in it may stand as it is or as %2F.")],
    query: Annotated[DealQuery, Query()],
) -> schemas.DealAnswer:
    """One open deal: its scores and warnings, and those of its curve, its reasons, what became of similar deals and what data
    would help that are asked for."""
    deal = find_deal(served, deal_id)
    shown = listed(deal, settings_of(request).grade_limits)
    found: dict[str, Any] = {"deal": shown, "horizons": [], **dict.fromkeys(get_args(DealPart))}
    found |= {"warnings": explained(served, "warnings", deal_id, 0.0)}
    if deal["reason"]:
        found |= {part: [] for part in query.parts if part != "reasons"}
    else:
        found |= {"horizons": served.one(deal_id).at(query.horizons)}
        found |= {part: _part(served, deal, part, query.horizon_days) for part in query.parts}
        days = query.horizon_days or quarter_days(served)
        issued_of(request).reasons(served, deal, days, found["reasons"], asker_of(request))
    return schemas.DealAnswer.model_validate({**stamp(served, "deals"), **found})


def _part(served: Served, deal: dict[str, Any], part: DealPart, days: float | None) -> Any:
    if part == "curve":
        return curve_of(served, deal)
    return explained(served, part, deal["deal_id"], days or quarter_days(served))
