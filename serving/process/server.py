"""One server process: the application behind a listening socket, and how it leaves.

SIGTERM begins a graceful stop: from that moment /readyz says 503, so that a load balancer sends nothing more; for `drain_seconds`
requests are still taken, then the socket is closed, what is being answered is finished within 20 s, and the exit code is 0.
Ctrl+C (SIGINT) does the same without the draining. A second signal ends it at once.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Final

import uvicorn

from features.engine import connect
from serving.api import create_app
from serving.database import Database
from serving.operations import traces
from serving.process import pulse
from serving.registry.champions import Champions
from serving.registry.last_good import LastGood
from serving.served.runtime import Runtime
from serving.served.trend import JournaledPast
from serving.settings import Settings

GRACE_SECONDS: Final = 20
SWITCH_SECONDS: Final = 0.0005
"""How long a thread that scores may keep the interpreter while the event loop waits for it: Python's own 5 ms, for each turn of
the loop, are more than a small pass takes (decision 20)."""

log = logging.getLogger("dealcast")


def open_runtime(settings: Settings) -> Runtime:
    """The runtime on the store and the cached champions of these settings; nothing is loaded yet."""
    past = JournaledPast(Database(connect(settings.store_url)))
    return Runtime(LastGood(settings.store_url, settings.store_cache), Champions(settings.home), past)


@dataclass(frozen=True)
class Watch:
    """Who watches over a worker.

    parent  the process that started it, and without which it leaves
    pulse   the pipe into which it gives its sign of life
    """

    parent: int
    pulse: int


class Server(uvicorn.Server):
    """Leaves gracefully on a signal, with exit code 0; a worker leaves too when the process that started it is gone."""

    def __init__(self, config: uvicorn.Config, held: Runtime, drain_seconds: float, watch: Watch | None = None) -> None:
        super().__init__(config)
        self.held = held
        self.drain_seconds = drain_seconds
        self.watch = watch
        self._leaves_at: float | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, and give a sign of life until the end: the last requests are answered and the journal is closed under it too."""
        beating = asyncio.create_task(pulse.beat(self.watch.pulse)) if self.watch else None
        await super().serve(sockets)
        if beating:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own ends the process with the signal again, after a clean shutdown."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._leaves_at is not None:
            self.force_exit = self.should_exit
            super().handle_exit(sig, frame)
            return
        self.leave(self.drain_seconds if sig == signal.SIGTERM else 0.0)

    def leave(self, drain_seconds: float) -> None:
        """Be ready no more from now on, and stop after this many seconds."""
        log.info("stopping", extra={"drain_seconds": drain_seconds})
        self.held.stopping = True
        self._leaves_at = time.monotonic() + drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop now."""
        if self._leaves_at is None and self.watch and self.watch.parent != os.getppid():
            self.leave(0.0)
        if self._leaves_at is not None and time.monotonic() >= self._leaves_at:
            self.should_exit = True
        return await super().on_tick(counter)


def tune() -> None:
    """Settings of the interpreter for a process that answers while it scores."""
    sys.setswitchinterval(SWITCH_SECONDS)
    # What was imported stays as long as the process, and going through it for garbage stops everybody for a fifth of a second.
    # The data is not loaded yet: what one load leaves behind is still collected.
    gc.freeze()


def run(held: Runtime, settings: Settings, listener: socket.socket, watch: Watch | None = None) -> None:
    """Serve until a signal ends it, or the process that watches over this one is gone; what is being answered is finished."""
    traces.configure(settings)
    app = create_app(held, settings)
    tune()
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    Server(config, held, settings.drain_seconds, watch).run(sockets=[listener])
