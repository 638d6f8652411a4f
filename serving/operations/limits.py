"""What stands before every request: a limit on its body in size and time, and headers that keep browsers strict.

Both are plain ASGI. The body is read here, whole and at most as much of it as its address takes, so that a chunked or a stalled
body is refused like an announced one, and no route ever waits for the network.
"""

import asyncio
from collections.abc import MutableMapping
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving import errors

LARGEST_BODY: Final = 64 * 1024
LARGEST_RECORDS: Final = 16 * 1024 * 1024
"""Of an address that takes records with their history: 1,000 deals of 50 changes and contacts each."""
RECORDS: Final = ("/v1/score", "/v1/score-clients", "/v1/records/")
"""Addresses that take records; one that ends in a slash stands for all below it."""
BODY_SECONDS: Final = 10.0

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-frame-options": "DENY",
}
HTTPS_ONLY: Final = "max-age=31536000"
"""A browser that came by https comes by nothing else for a year; what neighbouring names do is not ours to say."""


class BodyLimit:
    """Reads the body before the application does: 413 when it is too large, 408 when it stalls, 415 when it is encoded.

    `largest` is the limit in bytes, and `largest_records` that of the addresses in `RECORDS`.
    """

    def __init__(
        self,
        app: ASGIApp,
        largest: int = LARGEST_BODY,
        seconds: float = BODY_SECONDS,
        largest_records: int = LARGEST_RECORDS,
    ) -> None:
        self.app = app
        self.largest = largest
        self.largest_records = largest_records
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        largest = self.largest_records if takes_records(scope["path"]) else self.largest
        status, body = await self._read(Headers(scope=scope), receive, largest)
        if status:
            # The rest of the body is not read, so this connection cannot carry another request.
            await errors.respond(errors.problem(status), {"connection": "close"})(scope, receive, send)
            return
        await self.app(scope, _Replay(body, receive), send)

    async def _read(self, headers: Headers, receive: Receive, largest: int) -> tuple[int, bytes]:
        if headers.get("content-encoding", "identity") != "identity":
            return 415, b""
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced[:20]) > largest:
            return 413, b""
        try:
            async with asyncio.timeout(self.seconds):
                return await self._collect(receive, largest)
        except TimeoutError:
            return 408, b""

    async def _collect(self, receive: Receive, largest: int) -> tuple[int, bytes]:
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            part = message.get("body", b"")
            size += len(part)
            if size > largest:
                return 413, b""
            parts.append(part)
            more = message.get("more_body", False)
        return 0, b"".join(parts)


def takes_records(path: str) -> bool:
    """Whether an address takes records with their history."""
    return any(path.startswith(each) if each.endswith("/") else path == each for each in RECORDS)


class _Replay:
    """Hands the body over once, then whatever the connection says (that it closed)."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self.body: bytes | None = body
        self.receive = receive

    async def __call__(self) -> Message:
        if self.body is None:
            return await self.receive()
        body, self.body = self.body, None
        return {"type": "http.request", "body": body, "more_body": False}


class StrictHeaders:
    """Sets the security headers on every response; what a page shows is not kept by caches."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_strict(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
                if scope.get("scheme") == "https":
                    headers.setdefault("strict-transport-security", HTTPS_ONLY)
            await send(message)

        await self.app(scope, receive, send_strict)
