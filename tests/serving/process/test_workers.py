"""Several real workers behind one socket: killed, promoted under load, stopped."""

import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from features.dataset import Dataset
from tests.serving.running import Running, another_champion, children, furnish, name_current, runs, serving, until

Seen = list[tuple[int, str, float]]
"""Of each answer: status, version of the model, the first deal's chance."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, company: Dataset, trained_home: Path) -> Path:
    return furnish(tmp_path_factory.mktemp("workers"), company, trained_home)


@pytest.fixture(scope="module")
def two(home: Path) -> Iterator[Running]:
    """A server with two workers; it has to leave with exit code 0."""
    with serving(home, "--workers", "2") as started:
        until(lambda: len(started.workers()) == 2)
        yield started
        assert started.stop() == 0


@contextmanager
def load(server: Running, seen: Seen) -> Iterator[None]:
    """Two clients that ask without a pause."""
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                answer = server.ask("/v1/deals?limit=1")
            except (OSError, http.client.HTTPException):  # the second: half an answer
                seen.append((0, "", 0.0))
                continue
            found = answer.json()
            fine = answer.status == 200
            seen.append((answer.status, found["model_version"] if fine else "", found["items"][0]["p_won"] if fine else 0.0))

    clients = [threading.Thread(target=ask) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        over.set()
        for client in clients:
            client.join()


def only(seen: Seen, version: str) -> bool:
    """Whether the last answers were all given by this version."""
    return {at for _, at, _ in seen[-40:]} == {version}


def test_a_promotion_reaches_every_worker_without_a_failed_or_mixed_answer(two: Running, home: Path) -> None:
    another_champion(home, "2")
    seen: Seen = []
    with load(two, seen):
        for version in ("2", "1", "2"):
            name_current(home, version)
            until(partial(only, seen, version))
    assert {status for status, _, _ in seen} == {200}, two.said
    assert {version for _, version, _ in seen} == {"1", "2"}
    assert len({(version, chance) for _, version, chance in seen}) == 2


def test_a_worker_that_is_killed_in_mid_request_is_replaced_while_the_other_answers(two: Running) -> None:
    before = two.workers()
    seen: Seen = []
    with load(two, seen):
        time.sleep(0.3)
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(two.workers()) == 2 and before[0] not in two.workers())
        known = len(seen)
        until(lambda: len(seen) > known + 50)
    failed = [status for status, _, _ in seen if status != 200]
    assert len(failed) <= 4  # what the killed one had in hand, and the connections it was about to take
    assert before[1] in two.workers()
    until(lambda: two.status() == 200)


BLOCKING = """
import signal, time
signal.signal(signal.SIGUSR1, lambda *_: time.sleep(3600))
"""
"""Read by every process that starts: a handler runs in the main thread, so this one blocks the event loop."""


def test_a_worker_that_hangs_is_replaced_while_the_other_answers(home: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKING)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with serving(home, "--workers", "2", DEALCAST_HANG_SECONDS="2", PYTHONPATH=path) as started:
        for count, hang in enumerate((signal.SIGSTOP, signal.SIGUSR1), start=1):
            until(lambda: len(started.workers()) == 2)
            first, other = started.workers()
            os.kill(first, hang)
            answers = [started.status("/v1/deals?limit=1") for _ in range(10)]
            assert answers.count(200) >= 9  # a connection that it had taken in the very moment is lost
            until(partial(gone, started, first))
            assert other in started.workers()
            until(partial(counted, started, f"workers_hung_total {count}.0"))
        assert started.stop() == 0
    stopped, blocked = (line for line in started.said if "worker hangs" in line)
    assert "sitecustomize" in blocked, "where it was blocked"
    assert "sitecustomize" not in stopped


def gone(server: Running, worker: int) -> bool:
    return worker not in server.workers()


def counted(server: Running, line: str) -> bool:
    return line in server.ask("/metrics").body.decode().splitlines()


def test_the_command_lines_carry_no_secret(home: Path) -> None:
    key = "a-planted-key-0123456789"
    with serving(home, "--workers", "2", ready=False, DEALCAST_DEMO="false", DEALCAST_API_KEY=key) as started:
        until(lambda: len(started.workers()) == 2)
        lines = [*children(os.getpid()).values(), *children(started.process.pid).values()]
        assert sum("serving.process.worker" in line for line in lines) == 2
        assert not any(key in line for line in lines)
        assert started.stop(signal.SIGINT) == 0


def test_what_is_being_answered_is_finished_after_the_order_to_stop(home: Path) -> None:
    body = b'{"deals": []}'
    head = f"POST /v1/score HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with serving(home) as started, socket.create_connection(("127.0.0.1", started.port)) as connection:
        connection.sendall(head.encode() + body[:5])
        time.sleep(0.3)
        started.process.send_signal(signal.SIGTERM)
        until(lambda: started.status() == 503)
        connection.sendall(body[5:])
        answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 422"), answer
        assert started.process.wait(timeout=30) == 0


def test_settings_that_no_worker_can_use_end_the_server(home: Path) -> None:
    with serving(home, "--workers", "2", ready=False, DEALCAST_STORE_URL="oracle://nowhere") as started:
        assert started.process.wait(timeout=60) == 2


def test_workers_leave_when_the_process_that_watches_over_them_is_gone(home: Path) -> None:
    with serving(home, "--workers", "2") as started:
        until(lambda: len(started.workers()) == 2)
        workers = started.workers()
        started.process.kill()
        until(lambda: not any(map(runs, workers)))
