"""`POST /v1/score` and `POST /v1/score-clients`: records that the CRM posts with their history."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from serving import posted, posted_clients, schemas, score_answers
from serving.auth import Scope, needs
from serving.current import Current
from serving.errors import declared
from serving.strict import StrictRoute

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    dependencies=[needs(Scope.SCORE)],
    responses=declared(401, 403, 421, 422, 500, 503),
)


@router.post(
    "/score",
    operation_id="score_deals",
    tags=["deals"],
    response_model=schemas.ScoreAnswer,
    responses=declared(400, 408, 413, 415),
)
async def score_deals(served: Current, asked: posted.ScoreRequest, request: Request) -> Response:
    """Score deals that the CRM posts with their history; nothing of it is stored.

    Each deal is checked by itself: one that cannot be read has its errors in the place of its score. Deals that several requests
    post at the same time are scored together, and each request gets the answer that it would have got alone.
    """
    return await score_answers.deals(served, asked, await request.body(), request.app.state.deal_scores)


@router.post(
    "/score-clients",
    operation_id="score_clients",
    tags=["clients"],
    response_model=schemas.ScoreClientsAnswer,
    responses=declared(400, 408, 413, 415),
)
async def score_clients(served: Current, asked: posted_clients.ScoreClientsRequest, request: Request) -> Response:
    """Score clients that the CRM posts with their history; nothing of it is stored.

    A table that is sent replaces the account's stored rows of that table for this request; one that is not sent stays as stored.
    Each client is checked by itself: one that cannot be read has its errors in the place of its score.
    """
    return await score_answers.clients(served, asked, await request.body(), request.app.state.client_scores)
