"""`/healthz` and `/readyz`: what a supervisor asks."""

from fastapi import APIRouter

from features.errors import NotReadyError
from serving import schemas
from serving.answers import stamp
from serving.auth import open_to_all
from serving.current import Held
from serving.errors import declared

router = APIRouter(tags=["health"], dependencies=[open_to_all()])


@router.get("/healthz", operation_id="get_health")
async def get_health() -> schemas.Health:
    """The process answers. It may still be without data: see /readyz."""
    return schemas.Health(status="alive")


@router.get("/readyz", operation_id="get_readiness", responses=declared(503))
async def get_readiness(held: Held) -> schemas.Ready:
    """Data and champion are loaded; if not, or if the server is about to stop, 503 and what to do about it."""
    if held.stopping:
        raise NotReadyError("The server is stopping; another one, or the next one, answers.")
    served = held.served()
    return schemas.Ready.model_validate(
        {
            **stamp(served, "deals"),
            "status": "ready",
            "registry": held.registry.state,
            "store": held.source.state,
            "n_deals": len(served.deals),
        }
    )
