"""`/v1/keys` and `/v1/audit`, for admins: who may ask, and what was done. They ask the database, so they are plain functions."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query, Request

from features import clock
from serving import moments
from serving.access import audit_log, keys
from serving.access.audit_log import Entry, asked_by
from serving.access.auth import Scope, needs
from serving.access.key_schemas import AuditList, AuditQuery, Key, KeyList, KeyRequest, NewKey, RotateRequest
from serving.access.keys import ApiKey, UnknownKeyError, Wanted
from serving.database import Database
from serving.errors import ProblemError, declared
from serving.schemas import Label
from serving.strict import StrictRoute

Answer = TypeVar("Answer")
KeyId = Annotated[Label, Path(description="The id of a key.", examples=["k3q7m2xw5r"])]

router = APIRouter(
    prefix="/v1",
    tags=["access"],
    route_class=StrictRoute,
    dependencies=[needs(Scope.ADMIN)],
    responses=declared(401, 403, 421, 422, 500, 503),
)


@router.get("/keys", operation_id="list_keys")
def list_keys(request: Request) -> KeyList:
    """All keys, without their secrets."""
    return KeyList(items=[Key.model_validate(described(key)) for key in keys.every(_database(request))])


@router.post("/keys", operation_id="create_key", status_code=201, responses=declared(400, 408, 413, 415))
def create_key(request: Request, asked: KeyRequest) -> NewKey:
    """Make a key. Its secret is in this answer and nowhere else."""
    expires_at = in_days(asked.expires_in_days) if asked.expires_in_days else None
    wanted = Wanted(asked.name, asked.scopes, asked.user_id, expires_at)
    return _new(_changed(request, lambda database: keys.create(database, wanted, asked_by(request))))


@router.post("/keys/{key_id}/rotate", operation_id="rotate_key", responses=declared(400, 404, 408, 413, 415))
def rotate_key(request: Request, key_id: KeyId, asked: RotateRequest) -> NewKey:
    """Give a key another secret; the one before stays valid for some days."""
    until = in_days(asked.overlap_days)
    return _new(_changed(request, lambda database: keys.rotate(database, key_id, until, asked_by(request))))


@router.delete("/keys/{key_id}", operation_id="revoke_key", responses=declared(404))
def revoke_key(request: Request, key_id: KeyId) -> Key:
    """Let a key open nothing any more, in every worker within seconds."""
    return Key.model_validate(described(_changed(request, lambda database: keys.revoke(database, key_id, asked_by(request)))))


@router.get("/audit", operation_id="list_audit")
def list_audit(request: Request, query: Annotated[AuditQuery, Query()]) -> AuditList:
    """What was done, the newest first."""
    found = audit_log.entries(_database(request), query.limit, query.before, query.action)
    following = found[-1].number if len(found) == query.limit and found[-1].number > 1 else None
    return AuditList.model_validate({"items": list(map(told, found)), "next_before": following})


def described(key: ApiKey) -> dict[str, Any]:
    """A key as it is shown."""
    plain = {name: getattr(key, name) for name in ("key_id", "name", "user_id")}
    times = {name: _instant(getattr(key, name)) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")}
    return plain | times | {"scopes": sorted(key.scopes), "old_valid_until": _instant(key.old_until)}


def told(entry: Entry) -> dict[str, Any]:
    """A row of the log as it is shown."""
    return vars(entry) | {"at": _instant(entry.at)}


def in_days(days: float) -> int:
    """The moment so many days from now."""
    return moments.now() + round(days * moments.DAY)


def _new(made: tuple[ApiKey, str]) -> NewKey:
    key, token = made
    return NewKey.model_validate(described(key) | {"token": token})


def _changed(request: Request, change: Callable[[Database], Answer]) -> Answer:
    """Do it, and let this worker know at once. Raises ProblemError 404 for a key that there is not."""
    try:
        return change(_database(request))
    except UnknownKeyError as error:
        raise ProblemError(404, "no_such_key", str(error)) from None
    finally:
        request.app.state.keys.forget()


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _instant(moment: int | None) -> Any:
    return None if moment is None else clock.instant(moment)
