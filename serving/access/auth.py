"""Who asks, and what they may: every route says which scope it needs, and a route that says nothing is not served.

    router = APIRouter(prefix="/v1", dependencies=[needs(Scope.READ)])        a program shows its key
    pages  = APIRouter(dependencies=[needs_login(Scope.READ)])                a person has logged in
    probes = APIRouter(dependencies=[open_to_all()])                          anybody

Who asks is found out before the route, and before the body is read (`serving.access.gate`); here it is only compared with what
the route needs. Scopes do not include each other: a key that writes records cannot read scores unless it may do both. A router
whose routes need different scopes is two routers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, params
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer

from serving.errors import ProblemError, problem
from serving.settings import Settings

_LOCAL_HOST: Final = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")
_BEARER: Final = HTTPBearer(auto_error=False, description="The key, as a bearer token.")
_HEADER: Final = APIKeyHeader(name="X-API-Key", auto_error=False, description="The key, in a header of its own.")


class Scope(StrEnum):
    """What a key may be used for."""

    READ = "read"
    SCORE = "score"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True)
class Caller:
    """Who asks.

    key_id   the id of the key; `environment` for DEALCAST_API_KEY, `demo` where no key is needed
    name     what the key is called, for people
    user_id  the person in the CRM whose key it is, who sees their own subtree only; None sees everything
    """

    key_id: str
    name: str
    scopes: frozenset[Scope]
    user_id: str | None = None


ENVIRONMENT: Final = Caller("environment", "DEALCAST_API_KEY", frozenset(Scope))
DEMO: Final = Caller("demo", "demo", frozenset({Scope.READ, Scope.SCORE, Scope.WRITE}))
"""Whoever sits at this machine: without keys nobody is known, so nobody may hand out keys."""


class LoginNeededError(Exception):
    """A page was asked for without a session."""


def settings_of(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def known_caller(request: Request) -> Caller | None:
    """Who asks, None where nobody is known."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller


def caller_of(request: Request) -> Caller:
    """Who asks. Raises ProblemError 401 where nobody is known."""
    caller = known_caller(request)
    if caller is None:
        raise key_required()
    return caller


def key_required(code: str | None = None, detail: str | None = None) -> ProblemError:
    usual = problem(401, code, detail)
    return ProblemError(401, usual.code, usual.detail, {"WWW-Authenticate": "Bearer"})


def author_of(request: Request) -> str:
    """Who signs what this request says: the CRM's person where the key is one's, else the name of the key."""
    caller = caller_of(request)
    return caller.user_id or caller.name


class Needs:
    """A dependency that lets those pass who have a scope; everybody where it is None."""

    def __init__(self, scope: Scope | None, *, whole: bool = False) -> None:
        self.scope = scope
        self.whole = whole

    async def __call__(self, request: Request) -> None:
        """Raises ProblemError: 401 without a key, 403 without the scope, 421 for a foreign host name in demo mode."""
        if self.scope is None:
            return
        check_host(request)
        caller = caller_of(request)
        if self.scope not in caller.scopes:
            raise ProblemError(403, "scope_missing", f"This needs a key with the scope '{self.scope}'.")
        if self.whole and caller.user_id is not None:
            raise ProblemError(403, "key_narrowed", "This needs a key that sees everything, and not one of a person's.")


class NeedsKey(Needs):
    """The same, and the contract says how to show a key."""

    async def __call__(self, request: Request, _: Annotated[Any, Depends(_BEARER)], __: Annotated[Any, Depends(_HEADER)]) -> None:  # type: ignore[override]
        await super().__call__(request)


class NeedsLogin(Needs):
    """The same for pages: who has not logged in is led to the login. Raises LoginNeededError."""

    async def __call__(self, request: Request) -> None:
        check_host(request)
        if known_caller(request) is None:
            request.state.session = await request.app.state.cookies.session(request)
            if request.state.session is None:
                raise LoginNeededError
            request.state.caller = request.state.session.caller
        await super().__call__(request)


def needs(scope: Scope, *, whole: bool | None = None) -> params.Depends:
    """For routes that programs ask: a key with this scope; with `whole` one that is not narrowed to a person's subtree.

    Scoring and writing need a whole key unless told otherwise: a posted deal draws on the stored history of any client that it
    names, and written records may be anybody's.
    """
    return params.Depends(NeedsKey(scope, whole=scope in (Scope.SCORE, Scope.WRITE) if whole is None else whole))


def needs_login(scope: Scope) -> params.Depends:
    """For pages: a session of a key with this scope."""
    return params.Depends(NeedsLogin(scope))


def open_to_all() -> params.Depends:
    """For the few routes that anybody may ask."""
    return params.Depends(Needs(None))


def guarded(router: APIRouter) -> APIRouter:
    """The same router, if each of its routes says what it needs. Raises TypeError for one that does not."""
    for route, need in needs_of(router):
        if need is None:
            raise TypeError(f"{route.path} does not say which scope it needs; see serving.access.auth")
    return router


def needs_of(router: APIRouter) -> Iterator[tuple[APIRoute, Needs | None]]:
    """Each route of a router, and what it says that it needs."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            found = (each.dependency for each in route.dependencies)
            yield route, next((each for each in found if isinstance(each, Needs)), None)


def check_host(request: Request) -> None:
    """Without keys, a web page elsewhere could reach this server under a name of its own: only loopback names are answered."""
    if settings_of(request).keyless and not _LOCAL_HOST.fullmatch(request.headers.get("host", "")):
        raise ProblemError(421, "misdirected_request", problem(421).detail)
