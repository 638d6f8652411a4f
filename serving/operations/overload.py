"""What is refused so that the rest is answered in time: too many requests of one caller (429), or of all together (503).

A worker answers a bounded number of requests at once. The others wait in order, up to a quarter of a second, while that is a
passing burst. Where all turns have been taken for longer than a tenth it is none: then waiting helps nobody (the thought of
Nichols and Jacobson, Controlling Queue Delay, ACM Queue 2012), and whoever finds no free turn is told at once to come again,
until one stays free for a moment. So what is accepted is answered about as fast as at full load, however much is asked, and when the
load falls there is no backlog to be worked off.

There are three lanes, which do not wait for each other. Posted records have more turns at once than others: they are answered
together, and the more of them, the less each costs. Pages have more patience: a person would rather wait than come again.

Probes and metrics are never refused: under load one needs them most.
"""

import asyncio
import math
import time
from collections import deque
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serving import errors
from serving.operations import metrics
from serving.operations.buckets import Buckets

OPEN: Final = frozenset({"/healthz", "/readyz", "/metrics"})
SCORING: Final = frozenset({"/v1/score", "/v1/score-clients"})
PROGRAMS: Final = "/v1/"

BURST_SECONDS: Final = 0.25
JAM_SECONDS: Final = 0.1
"""Turns that were all taken for this long are jammed."""
MOMENT_SECONDS: Final = 0.02
"""A turn that nobody takes for this long ends a jam: in a flood it is taken at once."""
PAGE_SECONDS: Final = 2.0
LONGEST_QUEUE: Final = 512
RETRY_SECONDS: Final = 1

BUSY: Final = ("busy", "The server has as much to do as it can; come again in a moment.")


class Lane:
    """Turns, of which there are `at_once`. Others wait for `patience` seconds in a burst, for `in_jams` seconds in a jam."""

    def __init__(self, at_once: int, patience: float = BURST_SECONDS, in_jams: float = 0.0) -> None:
        self.at_once = at_once
        self.patience = patience
        self.in_jams = in_jams
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._full_since: float | None = None
        self._freed_at = 0.0

    async def enter(self) -> bool:
        """Take a turn, which has to be given back with `leave`; False where there is none."""
        now = time.monotonic()
        if self._running < self.at_once:
            self._running += 1
            if now - self._freed_at > MOMENT_SECONDS:
                self._full_since = None
            try:
                await asyncio.sleep(0)  # requests that arrived together are all counted before the first of them runs
            except asyncio.CancelledError:
                self.leave()
                raise
            return True
        self._full_since = now if self._full_since is None else self._full_since
        patience = self.in_jams if now - self._full_since > JAM_SECONDS else self.patience
        return patience > 0.0 and len(self._waiting) < LONGEST_QUEUE and await self._wait(patience)

    def leave(self) -> None:
        """Give the turn to who waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        if self._running == self.at_once:
            self._freed_at = time.monotonic()
        self._running -= 1

    async def _wait(self, patience: float) -> bool:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(patience):
                await turn
        except TimeoutError:
            return self._came(turn)
        except asyncio.CancelledError:
            if self._came(turn):
                self.leave()
            raise
        return True

    def _came(self, turn: "asyncio.Future[None]") -> bool:
        """Whether the turn was given in the very moment in which the waiting ended; if not, it is not waited for any more."""
        if turn.done() and not turn.cancelled():
            return True
        with suppress(ValueError):
            self._waiting.remove(turn)
        return False


class Shedding:
    """Refuses what cannot be answered in time with 503 and Retry-After."""

    def __init__(self, app: ASGIApp, at_once: int, scoring_at_once: int) -> None:
        self.app = app
        self.scoring = Lane(scoring_at_once)
        self.programs = Lane(at_once)
        self.pages = Lane(at_once, PAGE_SECONDS, PAGE_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self.app(scope, receive, send)
            return
        lane = self._lane(scope["path"])
        if not await lane.enter():
            metrics.request_shed("busy")
            answer = errors.respond(errors.problem(503, *BUSY), {"Retry-After": str(RETRY_SECONDS)})
            await answer(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        finally:
            lane.leave()

    def _lane(self, path: str) -> Lane:
        if path in SCORING:
            return self.scoring
        return self.programs if path.startswith(PROGRAMS) else self.pages


class RateLimit:
    """Refuses who asks too fast with 429 and Retry-After, before anything of the request is read or checked."""

    def __init__(self, app: ASGIApp, buckets: Buckets) -> None:
        self.app = app
        self.buckets = buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wait = 0.0
        if scope["type"] == "http" and scope["path"] not in OPEN:
            wait = self.buckets.take(caller_of(scope))
        if wait == 0.0:
            await self.app(scope, receive, send)
            return
        metrics.request_shed("rate")
        headers = {"Retry-After": str(math.ceil(wait))}
        await errors.respond(errors.problem(429), headers)(scope, receive, send)


def caller_of(scope: Scope) -> str:
    """What tells callers apart: the key or session as it is shown, right or not; else the address."""
    headers = Headers(scope=scope)
    for name in ("authorization", "x-api-key", "cookie"):
        if name in headers:
            return f"{name} {headers[name]}"
    client = scope.get("client")
    return f"address {client[0] if client else ''}"
