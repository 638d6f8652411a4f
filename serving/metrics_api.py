"""`/metrics`, for Prometheus: for those who may read. Give it a key of its own, which can be taken back."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from serving.access.auth import Scope, needs
from serving.errors import declared
from serving.operations import metrics

router = APIRouter(tags=["health"], dependencies=[needs(Scope.READ)], responses=declared(401, 403, 421))


@router.get(
    "/metrics",
    operation_id="get_metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def get_metrics(request: Request) -> Response:
    """Counts and states of all workers, in the text format of Prometheus; route templates, never ids."""
    backlog = request.app.state.journal.backlog()
    metrics.journal(backlog.queued, backlog.spooled_rows)
    return Response(metrics.text(), headers={"content-type": metrics.MEDIA_TYPE})
