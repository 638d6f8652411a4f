"""`POST /v1/score` and `POST /v1/score-clients`: records that the CRM posts with their history."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from serving.access.auth import Scope, needs
from serving.errors import declared
from serving.journal.issued import asker_of
from serving.posted import answers, clients, deals, schemas
from serving.posted.past import CLIENTS, DEALS, as_it_was
from serving.served.current import Current, Held
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
async def score_deals(served: Current, held: Held, asked: deals.ScoreRequest, request: Request) -> Response:
    """Score deals that the CRM posts with their history; their scores go to the journal, their records are not kept.

    Each deal is checked by itself: one that cannot be read has its errors in the place of its score. Deals that several requests
    post at the same time are scored together, and each request gets the answer that it would have got alone.
    """
    state, body = request.app.state, await request.body()
    then = await as_it_was(served, DEALS, answers.moment(asked.as_of), held.earlier)
    return await answers.deals(then, asked, body, state.deal_scores, state.journal, asker_of(request))


@router.post(
    "/score-clients",
    operation_id="score_clients",
    tags=["clients"],
    response_model=schemas.ScoreClientsAnswer,
    responses=declared(400, 408, 413, 415),
)
async def score_clients(served: Current, held: Held, asked: clients.ScoreClientsRequest, request: Request) -> Response:
    """Score clients that the CRM posts with their history; their scores go to the journal, their records are not kept.

    A table that is sent replaces the account's stored rows of that table for this request; one that is not sent stays as stored.
    Each client is checked by itself: one that cannot be read has its errors in the place of its score.
    """
    state, body = request.app.state, await request.body()
    then = await as_it_was(served, CLIENTS, answers.moment(asked.as_of), held.earlier)
    return await answers.clients(then, asked, body, state.client_scores, state.journal, asker_of(request))
