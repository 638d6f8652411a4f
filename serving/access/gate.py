"""Finds out whose key a request for data shows, before anything of the request but its head is read.

A request for data or metrics without a valid key is answered here, so that nobody without one can make the server read and
parse a body. What a route needs of the key it says itself (`serving.access.auth`). People show no key but a cookie; pages look
for it on their own.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from features.errors import NotReadyError
from serving import errors
from serving.access import auth
from serving.access.auth import Caller
from serving.access.keyring import KeyRing
from serving.errors import ProblemError
from serving.settings import Settings

DATA: Final = ("/v1/", "/metrics")
CLOSE: Final = {"connection": "close"}
"""The body is not read, so the connection cannot carry another request."""


class KeyGate:
    """Plain ASGI: puts the caller into the request's state, and refuses data without one."""

    def __init__(self, app: ASGIApp, settings: Settings, ring: KeyRing) -> None:
        self.app = app
        self.keyless = settings.keyless
        self.ring = ring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (self.keyless or scope["path"].startswith(DATA)):
            try:
                scope.setdefault("state", {})["caller"] = await self._caller(Headers(scope=scope))
            except ProblemError as error:
                await errors.respond(error.problem, {**(error.headers or {}), **CLOSE})(scope, receive, send)
                return
            except NotReadyError as error:
                answer = errors.problem(503, "not_ready", str(error))
                await errors.respond(answer, CLOSE)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _caller(self, headers: Headers) -> Caller:
        if self.keyless:
            return auth.DEMO
        token = shown(headers)
        if not token:
            raise auth.key_required()
        return await self.ring.caller(token)


def shown(headers: Headers) -> str:
    """The key that a request shows: as a bearer token, else in a header of its own; empty where there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
