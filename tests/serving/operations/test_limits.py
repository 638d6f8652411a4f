import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from serving.operations.limits import HEADERS, BodyLimit, StrictHeaders


async def _echo(_: Any, receive: Any, send: Any) -> None:
    """An application that answers with its body's length, and with what follows the body."""
    body, after = await receive(), await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{len(body['body'])} {after['type']}".encode()})


def exchange(
    app: Any, parts: Iterable[bytes], headers: dict[str, str] | None = None, path: str = "/"
) -> tuple[int, bytes, dict[bytes, bytes]]:
    """Send a body in parts, as a chunked request; an empty part ends it, without one the connection falls silent."""
    pending = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not pending:
            await asyncio.Event().wait()
        return pending.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    if pending and b"" in parts:
        pending += [{"type": "http.disconnect"}]
        pending[-2]["more_body"] = False
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    asyncio.run(app({"type": "http", "headers": raw, "method": "POST", "path": path}, receive, send))
    return sent[0]["status"], sent[1]["body"], dict(sent[0]["headers"])


def test_a_body_in_parts_arrives_whole_and_what_follows_it_too() -> None:
    assert exchange(BodyLimit(_echo, largest=10), [b"12345", b"67890", b""])[:2] == (200, b"10 http.disconnect")


def test_a_chunked_body_beyond_the_limit_is_refused() -> None:
    status, body, headers = exchange(BodyLimit(_echo, largest=10), [b"12345", b"678901"])
    assert (status, headers[b"connection"]) == (413, b"close")
    assert b"body_too_large" in body


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/score", 200),
        ("/v1/score-clients", 200),
        ("/v1/records/deals", 200),
        ("/v1/scores", 413),
        ("/v1/forecast/what-if", 413),
    ],
)
def test_addresses_that_take_records_take_larger_bodies(path: str, status: int) -> None:
    app = BodyLimit(_echo, largest=4, largest_records=10)
    assert exchange(app, [b"1234567890", b""], path=path)[0] == status


@pytest.mark.parametrize("announced", ["11", "9" * 400])
def test_an_announced_body_beyond_the_limit_is_refused_unread(announced: str) -> None:
    assert exchange(BodyLimit(_echo, largest=10), [], {"content-length": announced})[0] == 413


def test_a_body_that_stalls_is_given_up() -> None:
    assert exchange(BodyLimit(_echo, seconds=0.01), [b"{"])[0] == 408


def test_an_encoded_body_is_refused() -> None:
    assert exchange(BodyLimit(_echo), [], {"content-encoding": "gzip"})[0] == 415


def test_every_response_carries_the_strict_headers() -> None:
    headers = exchange(StrictHeaders(_echo), [b"", b""])[2]
    assert {name.encode() for name in HEADERS} <= set(headers)
    assert b"unsafe" not in headers[b"content-security-policy"]
    assert headers[b"cache-control"] == b"no-store"
