"""`POST /v1/score`: deals that the CRM posts with their history."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from fastapi import APIRouter

from features import clock
from serving import posted, schemas, score
from serving.answers import records, stamp
from serving.auth import Scope, needs
from serving.current import Current
from serving.errors import declared
from serving.posted_tables import tables_of
from serving.strict import StrictRoute

router = APIRouter(
    prefix="/v1",
    tags=["deals"],
    route_class=StrictRoute,
    dependencies=[needs(Scope.SCORE)],
    responses=declared(401, 403, 421, 422, 500, 503),
)


@router.post("/score", operation_id="score_deals", responses=declared(400, 408, 413, 415))
def score_deals(served: Current, request: posted.ScoreRequest) -> schemas.ScoreAnswer:
    """Score deals that the CRM posts with their history; nothing of it is stored."""
    as_of = pd.Timestamp(request.as_of).tz_convert("UTC").as_unit("us") if request.as_of else clock.now(served.dataset.ends_at)
    tables, champion = tables_of(request.deals, served.dataset.custom), served.bundles["deals"]
    scored = score.score_checked(served.dataset, champion, tables, as_of, request.horizons, reasons=request.wants_reasons)
    rows = {row["deal_id"]: row for row in records(scored)}
    results = [_result(deal.deal_id, rows.get(deal.deal_id), request.horizons) for deal in request.deals]
    return schemas.ScoreAnswer.model_validate({**stamp(served, "deals"), "as_of": as_of, "results": results})


def _result(deal_id: str, row: Mapping[str, Any] | None, horizons: list[float]) -> dict[str, Any]:
    if row is None:
        row = {"deal_id": deal_id, "reason": "not_open_at_as_of"}
    at = [{"days": days, "p_won": row.get(f"p_won_{days:g}d"), "p_lost": row.get(f"p_lost_{days:g}d")} for days in horizons]
    blank = dict.fromkeys(schemas.Score.model_fields)
    reasons, warnings = (json.loads(row.get(name) or "null") for name in ("reasons", "warnings"))
    return {**blank, **row, "horizons": [] if row["reason"] else at, "reasons": reasons, "warnings": warnings or []}
