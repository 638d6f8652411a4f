"""A real server in processes of its own, and plain requests to it."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from features.dataset import Dataset
from features.store import Store
from serving.cli.demo import source_of
from serving.registry.champions import cache_below
from training import bundle

NOWHERE = "http://127.0.0.1:9"
"""A registry that is gone: nobody listens there."""
QUICK = {
    "DEALCAST_POLL_SECONDS": "0.2",
    "DEALCAST_DRAIN_SECONDS": "0.3",
    "DEALCAST_TRACKING_URI": NOWHERE,
    "DEALCAST_DEMO": "true",
}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """A server that was started for a test.

    said  what it wrote to stderr so far, line by line
    """

    process: subprocess.Popen[str]
    port: int
    said: list[str] = field(default_factory=list)

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def status(self, path: str = "/readyz") -> int:
        """0 where nothing answers."""
        try:
            return self.ask(path).status
        except OSError:
            return 0

    def workers(self) -> list[int]:
        """The ids of the processes that answer, in the order of their start."""
        return [child for child, line in children(self.process.pid).items() if "serving.process.worker" in line]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """The exit code after this signal."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


def children(pid: int) -> dict[int, str]:
    """The processes that this one started, the oldest first, with their command lines."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return {int(child): line for child, parent, line in sorted(rows, key=lambda row: int(row[0])) if int(parent) == pid}


def runs(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def serving(home: Path, *arguments: str, ready: bool = True, **environment: str) -> Iterator[Running]:
    """`dealcast serve` on this home; killed in the end where the test did not stop it."""
    command = [sys.executable, "-m", "serving.cli.main", "serve", "--port", "0", *arguments]
    variables = {**os.environ, **QUICK, "DEALCAST_HOME": str(home), **environment}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables, cwd=home) as process:
        try:
            started = _listening(process)
            if ready:
                until(lambda: started.status() == 200)
            yield started
        finally:
            _end(process)


def _listening(process: subprocess.Popen[str]) -> Running:
    assert process.stderr is not None
    first = process.stderr.readline()
    assert "listens on" in first, first + process.stderr.read()
    started = Running(process, int(first.rsplit(":", 1)[1]))
    threading.Thread(target=lambda: started.said.extend(process.stderr or ()), daemon=True).start()
    return started


def _end(process: subprocess.Popen[str]) -> None:
    """Workers would leave by themselves; here nothing is left to chance."""
    left = children(process.pid) if process.poll() is None else {}
    process.kill()
    for child in left:
        with suppress(ProcessLookupError):  # it may leave by itself at any moment
            os.kill(child, signal.SIGKILL)


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something holds; fails where it never does."""
    for _ in range(int(seconds / 0.05)):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("what was waited for did not come")


def furnish(home: Path, company: Dataset, trained_home: Path) -> Path:
    """A home with data in its store, and with champions, version 1, that a test may change."""
    store = Store(f"sqlite:///{home}/store.db", home / "cache" / "store")
    store.replace(source_of(company))
    store.close()
    shutil.copytree(cache_below(trained_home), cache_below(home))
    return home


def another_champion(home: Path, version: str) -> None:
    """A version that gives other answers: what boosting starts from, alone."""
    folder = cache_below(home) / "deals"
    first = bundle.load(folder / "1")
    plain = {name: replace(model, booster=None) for name, model in first.models.items()}
    bundle.save(replace(first, models=plain), folder / version)


def name_current(home: Path, version: str) -> None:
    """As `training.fetch` does it in the end."""
    folder = cache_below(home) / "deals"
    (folder / "current.tmp").write_text(version)
    (folder / "current.tmp").replace(folder / "current")
