"""`/v1/write-back/{preset}`: what to send to a CRM, page by page in its own batch size."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from serving.access.auth import Scope, needs, settings_of
from serving.errors import declared
from serving.lists.answers import stamp
from serving.lists.explained import said_of_deals
from serving.lists.grade import grade
from serving.lists.write_back import SHAPES, Preset
from serving.schemas import Flag, Page, Stamped
from serving.served.current import Current
from serving.served.ranking import Sort
from serving.served.state import Served
from serving.settings import Language
from serving.strict import StrictRoute

BY_ID = Sort((), descending=False)
DAYS = 90.0

router = APIRouter(
    prefix="/v1",
    tags=["write_back"],
    route_class=StrictRoute,
    dependencies=[needs(Scope.READ)],
    responses=declared(401, 403, 421, 422, 500, 503),
)


class WriteBackQuery(Page):
    """Which page, and in which language."""

    limit: int = Field(
        default=200, ge=1, le=200, description="How many deals at most; never more than the CRM takes at once (200, HubSpot 100)."
    )
    language: Language = Field(default="en", description="Of reasons and warnings.")
    reasons: Flag = Field(
        default=True, description="Whether to give reasons: some milliseconds a deal. Without, they are emptied."
    )


class Send(BaseModel):
    """A request to the CRM."""

    method: str = Field(description="HTTP method.", examples=["PATCH"])
    path: str = Field(description="Below the CRM's own address.", examples=["/services/data/v62.0/composite/sobjects"])
    body: dict[str, Any] = Field(description="To be sent as JSON, as it is.")


class WriteBackAnswer(Stamped):
    """One page of the open deals as requests to a CRM, by deal id."""

    requests: list[Send] = Field(description="What to send, in this order.")
    n_deals: int = Field(description="Deals on this page, 0 or more.", examples=[200])
    n_left_out: int = Field(description="Deals on this page that the CRM cannot take without a score, 0 or more.", examples=[0])
    n_total: int = Field(description="Open deals in all, 0 or more.", examples=[1234])
    next_cursor: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last.")


@router.get("/write-back/{preset}", operation_id="get_write_back")
def get_write_back(
    request: Request,
    served: Current,
    preset: Annotated[Preset, Path(description="The CRM.", examples=["salesforce"])],
    query: Annotated[WriteBackQuery, Query()],
) -> WriteBackAnswer:
    """The scores of all open deals in the shape that a CRM takes them in; fields are named in the settings."""
    settings = settings_of(request)
    shape = SHAPES[preset].named(settings.write_back.get(preset))
    page = served.deals.page([], min(query.limit, shape.batch), query.cursor, BY_ID)
    scores = _scores(served, page.rows, settings.grade_limits, query)
    left_out = sum(score["score"] is None for score in scores) if preset == "dynamics" else 0
    return WriteBackAnswer.model_validate(
        {
            **stamp(served, "deals"),
            "requests": shape.requests(shape, scores),
            "n_deals": len(scores),
            "n_left_out": left_out,
            "n_total": page.n_total,
            "next_cursor": page.next_cursor,
        }
    )


def _scores(served: Served, rows: list[dict[str, Any]], limits: tuple[float, ...], query: WriteBackQuery) -> list[dict[str, Any]]:
    """Each deal's values as they are written."""
    scored = [row["deal_id"] for row in rows if row["reason"] is None]
    if not query.reasons:
        return [_score(served, row, limits, {}) for row in rows]
    said = said_of_deals(served, scored, DAYS)
    return [_score(served, row, limits, _in(query.language, said.get(row["deal_id"], {}))) for row in rows]


def _in(language: Language, said: Mapping[str, str]) -> dict[str, str | None]:
    return {name: said.get(f"{name}_{language}") or None for name in ("reasons", "warnings")}


def _score(served: Served, row: dict[str, Any], limits: tuple[float, ...], said: Mapping[str, str | None]) -> dict[str, Any]:
    p, closes = row["p_won_90d"], row["predicted_close_on"]
    return {
        **{name: row[name] for name in ("deal_id", "p_won", "p_won_90d", "p_won_this_quarter", "expected_value", "trend")},
        "score": None if p is None else round(100 * p),
        "grade": grade(p, limits),
        "predicted_close_on": None if closes is None else closes.isoformat(),
        **said,
        "model_version": served.bundles["deals"].version,
        "as_of": served.as_of.isoformat(),
    }
