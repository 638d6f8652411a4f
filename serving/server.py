"""A listening socket and the server behind it."""

import errno
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from features.errors import UsageError
from features.store import Store
from serving.api import create_app
from serving.champions import Champions
from serving.runtime import Runtime
from serving.settings import Settings

BACKLOG: Final = 256
GRACE_SECONDS: Final = 20


def listen(host: str, port: int, tries: int = 1) -> socket.socket:
    """A socket that listens on this port, or on the first free one of the `tries` from it on. Raises UsageError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, port + tries):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise UsageError(f"Cannot listen on {host}: {error.strerror}") from None
        else:
            return listener
    raise UsageError(f"Port {port} on {host} is taken; choose another one with --port")


def address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def open_runtime(settings: Settings) -> Runtime:
    """The runtime on the store and the cached champions of these settings; nothing is loaded yet."""
    return Runtime(Store(settings.store_url, settings.store_cache), Champions(settings.home))


class Server(uvicorn.Server):
    """Ends with exit code 0 when a signal asks it to; uvicorn's own kills itself with the signal after a clean shutdown."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run(held: Runtime, settings: Settings, listener: socket.socket) -> None:
    """Serve until a signal ends it; requests that are being answered are finished."""
    config = uvicorn.Config(
        create_app(held, settings),
        log_level="info" if not settings.demo else "warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    Server(config).run(sockets=[listener])
