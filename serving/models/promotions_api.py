"""`/v1/models/promote`, `/rollback` and `/promotions`, for admins: which version answers, and since when.

A promotion runs in a child process (`serving.cli.promoting`): it takes some seconds, nearly all of them MLflow's start.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from features import clock
from features.errors import NotReadyError
from serving.access.audit_log import asked_by
from serving.access.auth import Scope, needs, settings_of
from serving.errors import ProblemError, declared
from serving.registry import promotions
from serving.registry.champions import quiet_environment
from serving.registry.promotions import Wish
from serving.schemas import Label
from serving.schemas import Request as Strict
from serving.settings import Settings, as_environment
from serving.strict import StrictRoute

PROMOTING_SECONDS: Final = 60.0
STATUSES: Final = {"promotion_conflict": 409, "gate_refused": 409, "unusable_request": 422}
Target = Literal["deals", "clients"]
Promoting: TypeAlias = Callable[[Settings, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Carries a wish out, as `serving.registry.promotions.carry_out` does."""


class RollbackRequest(Strict):
    """Back to the version before."""

    target: Target = Field(description="Of what: deals or clients.")
    expected_revision: int | None = Field(
        default=None, ge=0, le=2**53, description="Only if the revision is this one still; null: whatever it is now."
    )
    note: Label | None = Field(default=None, description="Why, for the record.")


class PromoteRequest(RollbackRequest):
    """Another version."""

    version: Label = Field(description="The version that is to answer.", examples=["5"])
    against_the_gate: bool = Field(default=False, description="Even if the gate refused it.")


class PromotionRow(BaseModel):
    """Since when a version answers."""

    target: Target = Field(description="Of what.")
    revision: int = Field(description="Counts up from 1 for each target.", examples=[4])
    version: str = Field(description="The version that answers.", examples=["5"])
    kind: Literal["adopted", "promoted", "rolled_back"] = Field(description="adopted: it was set in the registry itself.")
    promoted_at: datetime = Field(description="When.")
    who: str = Field(description="The id of the key, or `cli:` and a name.")
    note: str | None = Field(description="Why.")
    gate: str | None = Field(description="What the gate had said of the version.")


class PromotionsQuery(Strict):
    target: Target = Field(default="deals", description="Of what: deals or clients.")


class PromotionList(BaseModel):
    items: list[PromotionRow] = Field(description="The newest first: it is the version that answers.")


router = APIRouter(
    prefix="/v1/models",
    tags=["models"],
    route_class=StrictRoute,
    dependencies=[needs(Scope.ADMIN)],
    responses=declared(401, 403, 421, 422, 500, 503),
)


@router.post("/promote", operation_id="promote_model", responses=declared(400, 408, 409, 413, 415))
async def promote(request: Request, asked: PromoteRequest) -> PromotionRow:
    """Let a version answer from now on, in every worker within seconds. Of two at once one is made, and the other gets 409."""
    return await _made(request, Wish(asked.target, asked.version, asked.expected_revision, asked.against_the_gate, asked.note))


@router.post("/rollback", operation_id="roll_back_model", responses=declared(400, 408, 409, 413, 415))
async def roll_back(request: Request, asked: RollbackRequest) -> PromotionRow:
    """Let the version before the present one answer again."""
    return await _made(request, Wish(asked.target, None, asked.expected_revision, note=asked.note))


@router.get("/promotions", operation_id="list_promotions")
def list_promotions(request: Request, query: Annotated[PromotionsQuery, Query()]) -> PromotionList:
    """Which version answered from when on, and who said so."""
    found = promotions.history(request.app.state.database, query.target)
    return PromotionList(items=[_row(vars(each)) for each in reversed(found)])


def _row(found: dict[str, Any]) -> PromotionRow:
    return PromotionRow.model_validate(found | {"promoted_at": clock.instant(found["promoted_at"])})


async def _made(request: Request, wish: Wish) -> PromotionRow:
    """Raises ProblemError 409 and 422, NotReadyError where the registry or the database does not answer in time."""
    promoting: Promoting = request.app.state.promoting
    found = await promoting(settings_of(request), {"wish": asdict(wish), "origin": asdict(asked_by(request))})
    code = found.get("code")
    if code == "not_ready":
        raise NotReadyError(found["detail"])
    if code is not None:
        raise ProblemError(STATUSES[code], code, found["detail"])
    return _row(found)


async def in_a_process(settings: Settings, wish: dict[str, Any]) -> dict[str, Any]:
    """Carry a wish out in a child process. Raises NotReadyError where that fails, or takes too long."""
    environment = quiet_environment() | as_environment(settings)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "serving.cli.promoting",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        async with asyncio.timeout(PROMOTING_SECONDS):
            said, _ = await process.communicate(json.dumps(wish).encode())
        found: dict[str, Any] = json.loads(said)
    except TimeoutError:
        raise NotReadyError("The promotion was not done in time; look at /v1/models/promotions before trying again.") from None
    except ValueError:
        raise NotReadyError("The promotion failed; the server's log says why, and nothing has changed.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return found
