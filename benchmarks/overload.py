"""What happens at four times the load that the server can hold: how fast it refuses, what becomes of what it accepts, and after.

    python -m benchmarks.overload --home .dealcast --workers 1

Workload: `dealcast serve --demo` on a home that has data and champions (`dealcast demo` makes one), without a rate limit. For the
list of deals and for one posted deal: how much it answers to 16 clients that ask without a pause (the capacity); then requests
arrive evenly at half of that, at all of it, at four times it, and at half of it again, whether or not earlier ones are answered.
What asks shares the machine's cores with the server, so the capacity is less than the server's own.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import uvloop
from rich.console import Console
from rich.table import Table

MOST_CONNECTIONS = 512
HEAD = re.compile(rb"HTTP/1.1 (\d+).*?content-length: (\d+)", re.DOTALL | re.IGNORECASE)
RETRY = re.compile(rb"retry-after: \d+", re.IGNORECASE)


@dataclass
class Seen:
    """Milliseconds from the moment a request was due to the end of its answer, by kind of answer."""

    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    failed: int = 0

    def note(self, status: int, milliseconds: float, *, says_when: bool) -> None:
        if status == 200:
            self.accepted.append(milliseconds)
        elif status in (429, 503) and says_when:
            self.refused.append(milliseconds)
        else:
            self.failed += 1


class Client:
    """Sends one request again and again over kept connections."""

    def __init__(self, port: int, request: bytes) -> None:
        self.port, self.request = port, request
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.open = 0

    async def ask(self, seen: Seen, due: float) -> None:
        """A kept connection may have been closed meanwhile; then the request goes out once more."""
        kept = bool(self.idle)
        try:
            status, says_when = await self._exchange(self.idle.pop() if kept else await self._connect())
        except (OSError, asyncio.IncompleteReadError):
            if kept:
                await self.ask(seen, due)
            else:
                seen.failed += 1
            return
        seen.note(status, (time.perf_counter() - due) * 1000, says_when=says_when)

    async def _exchange(self, pair: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> tuple[int, bool]:
        """The status, and whether the answer says when to come again."""
        reader, writer = pair
        writer.write(self.request)
        head = await reader.readuntil(b"\r\n\r\n")
        found = HEAD.match(head)
        assert found, head
        await reader.readexactly(int(found[2]))
        self.idle.append(pair)
        return int(found[1]), bool(RETRY.search(head))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.open += 1
        return await asyncio.open_connection("127.0.0.1", self.port)


async def capacity(client: Client, seconds: float, connections: int = 16) -> float:
    """Answers a second to clients that ask without a pause."""
    seen, end = Seen(), time.perf_counter() + seconds

    async def loop() -> None:
        while time.perf_counter() < end:
            await client.ask(seen, time.perf_counter())

    await asyncio.gather(*(loop() for _ in range(connections)))
    return len(seen.accepted) / seconds


async def arrivals(client: Client, rate: float, seconds: float) -> Seen:
    """Requests that arrive evenly, whatever becomes of those before."""
    seen, began = Seen(), time.perf_counter()
    tasks: set[asyncio.Task[None]] = set()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        while len(tasks) >= MOST_CONNECTIONS:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(client.ask(seen, time.perf_counter()))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return seen


@contextmanager
def server(home: Path, workers: int) -> Iterator[int]:
    """The port of a server that is ready."""
    variables = {**os.environ, "DEALCAST_HOME": str(home), "DEALCAST_RATE_LIMIT": "0", "DEALCAST_LOG_LEVEL": "warning"}
    command = [sys.executable, "-m", "serving.cli.main", "serve", "--demo", "--port", "0", "--workers", str(workers)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables) as process:
        assert process.stderr is not None
        port = int(process.stderr.readline().rsplit(":", 1)[1])
        client = Client(port, get("/readyz"))
        try:
            while not asyncio.run(capacity(client, 0.2, 1)):
                client.idle.clear()
            time.sleep(2)
            yield port
        finally:
            process.terminate()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(path: str, body: object) -> bytes:
    text = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    return head.encode() + text


DEAL = {"deal_id": "P-1", "created_at": "2026-08-01T00:00:00Z", "stage": "Proposal", "amount": 1000.0, "currency": "EUR"}
REQUESTS = {
    "list of 50 deals": get("/v1/deals?limit=50"),
    "one posted deal": post("/v1/score", {"deals": [DEAL], "reasons": False}),
}


def row(name: str, rate: float, seen: Seen, seconds: float) -> list[str]:
    total = len(seen.accepted) + len(seen.refused) + seen.failed
    quantiles = [f"{np.quantile(times, q):.0f}" if times else "-" for times in (seen.accepted, seen.refused) for q in (0.5, 0.99)]
    shares = f"{len(seen.accepted) / seconds:.0f}", f"{len(seen.refused) / seconds:.0f}", str(seen.failed)
    return [name, f"{rate:.0f}", f"{total / seconds:.0f}", *shares, *quantiles]


async def measure(port: int, name: str, seconds: float, shown: Table) -> None:
    client = Client(port, REQUESTS[name])
    await capacity(client, 1.0)
    holds = await capacity(client, seconds)
    for part in (0.5, 1.0, 4.0, 0.5):
        seen = await arrivals(client, part * holds, seconds)
        cells = row(f"{name}, {part:g} x {holds:.0f}/s", part * holds, seen, seconds)
        sys.stderr.write(f"{cells}\n")
        shown.add_row(*cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    shown = Table(title="requests a second, and milliseconds at the median and the 99th percentile")
    columns = ("", "meant", "sent", "accepted", "refused", "failed", "p50", "p99", "refused p50", "p99")
    for column in columns:
        shown.add_column(column, justify="right" if column else "left")
    with server(options.home, options.workers) as port:
        for name in REQUESTS:
            uvloop.run(measure(port, name, options.seconds, shown))
    Console(width=150).print(shown)


if __name__ == "__main__":
    main()
