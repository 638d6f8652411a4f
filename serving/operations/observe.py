"""What is noted of every request: an id, a line in the log, and counts. Plain ASGI, around everything but the strict headers.

The id is the sender's own `X-Request-ID` where that is a sane one, else new; it is sent back, and stands in every line that is
logged on the way. A failure that nothing else caught ends here: the log gets the traceback, the caller a 500 with the id.

The line names the route's template and never the address: addresses hold the ids of deals.
"""

import logging
import re
import time
import uuid
from collections.abc import MutableMapping
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from serving import errors
from serving.operations import metrics
from serving.operations.logs import REQUEST_ID

HEADER: Final = "x-request-id"
QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Routes whose requests are logged at level debug: they come every few seconds."""
UNMATCHED: Final = "unmatched"
CANCELLED: Final = 499
"""The status noted of a request that got no answer, because its sender or the server left."""
_SANE: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

log = logging.getLogger("dealcast")


class Observed:
    """Wraps an application; what it notes goes to `metrics` and to the log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), CANCELLED
        request_id = request_id_of(Headers(scope=scope))
        token = REQUEST_ID.set(request_id)
        metrics.request_began()

        async def send_marked(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self._answer(scope, receive, send_marked, lambda: status != CANCELLED)
        finally:
            _note(scope, status, time.perf_counter() - begun)
            REQUEST_ID.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, begun: Any) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception:
            log.exception("request failed", extra={"method": scope["method"], "route": route_of(scope)})
            if begun():
                raise  # half an answer is out: only closing the connection tells that the rest will not come
            await errors.respond(errors.problem(500))(scope, receive, send)


def request_id_of(headers: Headers) -> str:
    """The sender's id of the request where it can be logged and sent back as it is, else a new one."""
    given = headers.get(HEADER, "")
    return given if _SANE.fullmatch(given) else uuid.uuid4().hex


def route_of(scope: Scope) -> str:
    """The template of the route that was found, such as /v1/deals/{deal_id}."""
    return getattr(scope.get("route"), "path", None) or UNMATCHED


def _note(scope: Scope, status: int, seconds: float) -> None:
    route = route_of(scope)
    metrics.request_done(route, scope["method"], status, seconds)
    level = logging.DEBUG if route in QUIET else logging.INFO
    said = {"method": scope["method"], "route": route, "status": status, "ms": round(seconds * 1000, 2)}
    log.log(level, "request", extra=said)
