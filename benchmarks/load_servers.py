"""The processes that `benchmarks.load` drives: Dealcast's own server, and two yardsticks beside it.

    python -m benchmarks.load_servers empty PORT        a FastAPI route that does nothing
    python -m benchmarks.load_servers list HOME PORT    the real routes over 100,000 open deals

The third is started by its own command: `mlflow models serve`, with the champion's booster behind it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load_client import Exchange, exchange, free_port

READY_SECONDS = 120.0
LISTED = 100_000


@dataclass(frozen=True)
class Running:
    """A server that answers: its address, its process group, and how long it took to be ready, in seconds."""

    port: int
    pid: int
    seconds: float

    def resident(self) -> list[float]:
        """Resident memory of each process of the group, in MB, the largest first."""
        lines = [line for text in self._told("status") for line in text.splitlines()]
        return sorted((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), reverse=True)

    def processor(self) -> float:
        """Seconds of processor time that the processes of the group have taken so far, their kernel's included."""
        fields = [text.rpartition(")")[2].split() for text in self._told("stat")]
        return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")

    def _told(self, file: str) -> list[str]:
        """What the system says of each process of the group."""
        found = []
        # Not by a pattern: a process that ends meanwhile would end the search as well.
        for process in [each for each in Path("/proc").iterdir() if each.name.isdigit()]:
            with suppress(ProcessLookupError, FileNotFoundError, PermissionError):
                found += [(process / file).read_text()] if os.getpgid(int(process.name)) == self.pid else []
        return found


@contextmanager
def running(command: Sequence[str], port: int, probe: Exchange, environment: dict[str, str] | None = None) -> Iterator[Running]:
    """Start a server in a group of its own, wait until it answers the probe with 200, and stop it afterwards."""
    begun = time.perf_counter()
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, start_new_session=True, **quiet)
    try:
        while not _answers(port, probe):
            if process.poll() is not None or time.perf_counter() - begun > READY_SECONDS:
                raise RuntimeError(f"{' '.join(command[:4])} … did not come up")
            time.sleep(0.02)
        yield Running(port, process.pid, time.perf_counter() - begun)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the group of processes that was started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)


def _answers(port: int, probe: Exchange) -> bool:
    try:
        return exchange(port, probe)[0] == 200
    except OSError:
        return False


def dealcast(home: Path, *options: str) -> tuple[list[str], int, dict[str, str]]:
    """Command, port and environment of the real server."""
    port = free_port()
    command = [sys.executable, "-m", "serving.cli.main", "serve", "--demo", "--port", str(port), *options]
    return command, port, {"DEALCAST_HOME": str(home)}


def import_seconds() -> float:
    """What of the start is imports: a process that imports the server and ends."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import serving.cli.main, serving.process.server"], check=True)
    return time.perf_counter() - begun


def serve_nothing(port: int) -> None:
    """A route that reads no body and answers with an empty object."""
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI(openapi_url=None)

    @app.post("/")
    async def nothing() -> dict[str, str]:
        return {}

    uvicorn.run(app, port=port, access_log=False, log_level="error")


def serve_list(home: Path, port: int) -> None:
    """The real application over a ranking of `LISTED` deals: those of the pipeline over and over, with ids of their own."""
    import pandas as pd
    import uvicorn

    from serving.api import create_app
    from serving.process.server import open_runtime
    from serving.served.ranking import Ranking
    from serving.settings import Settings

    settings = Settings(home=home, demo=True)
    held = open_runtime(settings)
    held.refresh()
    served, random = held.served(), np.random.default_rng(7)
    rows = pd.DataFrame([served.deals.row(int(row)) for row in random.integers(0, len(served.deals), LISTED)])
    rows = rows.assign(deal_id=[f"L-{number:06}" for number in range(LISTED)])
    rows["expected_value"] = rows["expected_value"].to_numpy(dtype=np.float64) * random.uniform(0.2, 2.0, LISTED)
    many = Ranking.of(rows, by=("expected_value", "p_won_this_quarter"), key="deal_id")
    held._held = replace(served, deals=many)
    uvicorn.run(create_app(held, settings, watching=False), port=port, access_log=False, log_level="error")


def main() -> None:
    what, *rest = sys.argv[1:]
    if what == "empty":
        serve_nothing(int(rest[0]))
    else:
        serve_list(Path(rest[0]), int(rest[1]))


if __name__ == "__main__":
    main()
