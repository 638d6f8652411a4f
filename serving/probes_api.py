"""`/healthz` and `/readyz`: what a supervisor asks."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from features.errors import NotReadyError
from serving.access.auth import open_to_all
from serving.errors import declared
from serving.lists.answers import stamp
from serving.schemas import Stamped
from serving.served.current import Held

router = APIRouter(tags=["health"], dependencies=[open_to_all()])


class Health(BaseModel):
    status: Literal["alive"] = Field(description="The process answers.")


class Ready(Stamped):
    """The server can answer."""

    status: Literal["ready"] = Field(description="Data and champion are loaded.")
    registry: Literal["fresh", "stale", "unknown"] = Field(
        description="fresh: the registry answered when last asked; stale: it did not, the last good champion serves; "
        "unknown: not asked yet."
    )
    store: Literal["fresh", "stale", "unknown"] = Field(
        description="The same of the store: while it is stale, the last good copy of its data serves."
    )
    n_deals: int = Field(description="Open deals in the pipeline, 0 or more.")


@router.get("/healthz", operation_id="get_health")
async def get_health() -> Health:
    """The process answers. It may still be without data: see /readyz."""
    return Health(status="alive")


@router.get("/readyz", operation_id="get_readiness", responses=declared(503))
async def get_readiness(held: Held) -> Ready:
    """Data and champion are loaded; if not, or if the server is about to stop, 503 and what to do about it."""
    if held.stopping:
        raise NotReadyError("The server is stopping; another one, or the next one, answers.")
    served = held.served()
    return Ready.model_validate(
        {
            **stamp(served, "deals"),
            "status": "ready",
            "registry": held.registry.state,
            "store": held.source.state,
            "n_deals": len(served.deals),
        }
    )
