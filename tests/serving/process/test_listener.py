import socket

import pytest

from features.errors import UsageError
from serving.process.listener import address, listen


def test_a_taken_port_is_said_or_passed_over() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port}"):
            listen("127.0.0.1", port)
        with listen("127.0.0.1", port, tries=20) as free:
            assert free.getsockname()[1] > port


def test_the_address_can_be_opened() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert address(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
        socket.create_connection(listener.getsockname()).close()


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(UsageError, match="Cannot listen"):
        listen("192.0.2.1", 0)
