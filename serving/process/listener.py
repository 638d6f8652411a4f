"""A listening socket, made before anything slow is loaded, and shared by all workers."""

import errno
import socket
from typing import Final

from features.errors import UsageError

BACKLOG: Final = 256


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
    """What to type into a browser."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
