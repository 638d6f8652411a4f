"""Traffic for `benchmarks.load`, all of it on 127.0.0.1: closed loops through `wrk`, open loops and single requests in Python.

An open loop sends at fixed moments whatever the server does, and counts an answer's time from the moment at which its request was
due; so a server that stalls is charged for all who had to wait (Tene 2013, "coordinated omission").
"""

import asyncio
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HOST = "127.0.0.1"
TIMEOUT = 30.0

SCRIPT = """
local bodies, n = {}, 0
for line in io.lines("%s") do bodies[#bodies + 1] = line end
wrk.headers["Content-Type"] = "application/json"
request = function()
  n = n + 1
  return wrk.format("POST", nil, nil, bodies[(n - 1) %% #bodies + 1])
end
"""


@dataclass(frozen=True)
class Exchange:
    """A request: method, path and body."""

    method: str
    path: str
    body: bytes = b""

    def written(self) -> bytes:
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body


@dataclass(frozen=True)
class Closed:
    """What a closed loop saw: requests a second, how many were not answered with 2xx, and latencies in ms."""

    per_second: float
    refused: int
    p50: float
    p99: float


@dataclass(frozen=True)
class Opened:
    """What an open loop saw: latencies in ms, counted from when each request was due, and how many were not answered with 200."""

    p50: float
    p99: float
    refused: int


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def exchange(port: int, asked: Exchange) -> tuple[int, bytes]:
    """One request on a connection of its own: status and body."""
    return asyncio.run(asyncio.wait_for(_exchange(port, asked), TIMEOUT))


async def _exchange(port: int, asked: Exchange) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(HOST, port, limit=2**24)
    try:
        return await _on(reader, writer, asked)
    finally:
        writer.close()


async def _on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: Exchange) -> tuple[int, bytes]:
    writer.write(asked.written())
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = re.search(rb"content-length: (\d+)", head)
    assert length is not None
    return int(head.split(b" ", 2)[1]), await reader.readexactly(int(length[1]))


def timed(port: int, asked: Sequence[Exchange]) -> list[float]:
    """Milliseconds of each request, one after the other on one connection. Raises where one is not answered with 200."""

    async def run() -> list[float]:
        reader, writer = await asyncio.open_connection(HOST, port, limit=2**24)
        taken = []
        for each in asked:
            begun = time.perf_counter()
            status, body = await _on(reader, writer, each)
            taken.append((time.perf_counter() - begun) * 1e3)
            if status != 200:
                raise RuntimeError(f"{each.method} {each.path}: {status} {body[:300]!r}")
        writer.close()
        return taken

    return asyncio.run(asyncio.wait_for(run(), TIMEOUT * 4))


def opened(port: int, asked: Sequence[Exchange], per_second: float, seconds: float, connections: int = 32) -> Opened:
    """Send `per_second` requests for some seconds, at fixed moments, over connections that are kept."""

    async def run() -> list[tuple[float, int]]:
        free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        for _ in range(connections):
            free.put_nowait(await asyncio.open_connection(HOST, port, limit=2**24))
        seen: list[tuple[float, int]] = []

        async def one(due: float, each: Exchange) -> None:
            reader, writer = await free.get()
            status, _ = await _on(reader, writer, each)
            seen.append(((time.perf_counter() - due) * 1e3, status))
            free.put_nowait((reader, writer))

        begun, tasks = time.perf_counter() + 0.05, []
        for number in range(int(per_second * seconds)):
            due = begun + number / per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(one(due, asked[number % len(asked)])))
        await asyncio.gather(*tasks)
        return seen

    seen = asyncio.run(asyncio.wait_for(run(), seconds + TIMEOUT))
    taken = np.array([each for each, _ in seen])
    return Opened(float(np.median(taken)), float(np.quantile(taken, 0.99)), sum(status != 200 for _, status in seen))


def closed(port: int, path: str, bodies: Sequence[bytes], connections: int, seconds: int) -> Closed:
    """As many requests as a number of connections can send, each after its answer; through `wrk` with one thread."""
    with tempfile.TemporaryDirectory() as folder:
        lines, script = Path(folder) / "bodies", Path(folder) / "post.lua"
        lines.write_bytes(b"\n".join(bodies) + b"\n")
        script.write_text(SCRIPT % lines)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s", str(script)]
        said = subprocess.run([*command, f"http://{HOST}:{port}{path}"], check=True, capture_output=True, text=True).stdout
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return Closed(_figure(said, r"Requests/sec:\s+(\S+)"), int(refused[1]) if refused else 0, _ms(said, 50), _ms(said, 99))


def _figure(said: str, pattern: str) -> float:
    found = re.search(pattern, said)
    if found is None:
        raise RuntimeError(f"wrk said: {said}")
    return float(found[1])


def _ms(said: str, percent: int) -> float:
    found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", said)
    if found is None:
        raise RuntimeError(f"wrk said: {said}")
    return float(found[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[found[2]]
