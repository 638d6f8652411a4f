"""Shedding and rate limits around a small application whose work can be held."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from serving.operations import overload
from serving.operations.buckets import Buckets
from serving.operations.overload import Lane, RateLimit, Shedding


class Held:
    """An application that answers when it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.most = self.running = 0

    async def __call__(self, _: Any, __: Any, send: Any) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await self.go.wait()
        self.running -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def ask(app: Any, path: str = "/v1/deals", **headers: str) -> tuple[int, dict[bytes, bytes]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await app({"type": "http", "path": path, "headers": raw, "method": "GET", "client": ("10.0.0.1", 1)}, None, send)
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BURST_SECONDS", "JAM_SECONDS"):
        monkeypatch.setattr(overload, name, 0.01)


def crowd(n: int, path: str = "/v1/deals", then: Callable[[Held], None] = lambda held: held.go.set()) -> tuple[list[int], Held]:
    """The statuses of n requests at once, when the work is let go after the refusals."""

    async def scenario() -> tuple[list[int], Held]:
        held = Held()
        app = Shedding(held, at_once=2, scoring_at_once=5)
        app.programs = Lane(2, 0.02, 0.01)
        tasks = [asyncio.create_task(ask(app, path)) for _ in range(n)]
        await asyncio.sleep(0.1)
        then(held)
        return [(await task)[0] for task in tasks], held

    return asyncio.run(scenario())


def test_more_than_can_be_done_is_refused_and_the_rest_answered() -> None:
    statuses, held = crowd(10)
    assert (statuses.count(200), statuses.count(503), held.most) == (2, 8, 2)


def test_a_refusal_says_when_to_come_again() -> None:
    async def scenario() -> tuple[int, dict[bytes, bytes]]:
        app = Shedding(Held(), at_once=1, scoring_at_once=1)
        app.programs = Lane(1, 0.01, 0.01)
        first = asyncio.create_task(ask(app))
        await asyncio.sleep(0)
        refused = await ask(app)
        first.cancel()
        return refused

    status, headers = asyncio.run(scenario())
    assert (status, headers[b"retry-after"]) == (503, b"1")


def test_a_burst_is_waited_for() -> None:
    async def scenario() -> list[int]:
        held = Held()
        app = Shedding(held, at_once=2, scoring_at_once=5)
        tasks = [asyncio.create_task(ask(app)) for _ in range(10)]
        await asyncio.sleep(0.01)
        held.go.set()
        return [(await task)[0] for task in tasks]

    assert asyncio.run(scenario()) == [200] * 10


def test_posted_deals_have_turns_of_their_own() -> None:
    async def scenario() -> int:
        held = Held()
        app = Shedding(held, at_once=1, scoring_at_once=1)
        stuck = asyncio.create_task(ask(app))
        await asyncio.sleep(0.01)
        held.go.set()
        held.go.clear()
        scored = asyncio.create_task(ask(app, "/v1/score"))
        await asyncio.sleep(0.01)
        held.go.set()
        await stuck
        return (await scored)[0]

    assert asyncio.run(scenario()) == 200


@pytest.mark.parametrize("path", sorted(overload.OPEN))
def test_probes_and_metrics_are_never_refused(path: str) -> None:
    statuses, _ = crowd(10, path)
    assert statuses == [200] * 10


def test_after_the_crowd_all_turns_are_there_again() -> None:
    async def scenario() -> list[int]:
        held = Held()
        app = Shedding(held, at_once=2, scoring_at_once=5)
        app.programs = Lane(2, 0.01, 0.01)
        tasks = [asyncio.create_task(ask(app)) for _ in range(10)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()
        held.go.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        return [(await ask(app))[0] for _ in range(5)]

    assert asyncio.run(scenario()) == [200] * 5


def test_who_asks_too_fast_is_told_when_to_come_again_and_others_are_not_held_up() -> None:
    async def scenario() -> list[tuple[int, dict[bytes, bytes]]]:
        held = Held()
        held.go.set()
        app = RateLimit(held, Buckets(0.4, 1, clock=lambda: 50.0))
        return [await ask(app, "/v1/deals", **{"x-api-key": key}) for key in ("a", "a", "b")] + [await ask(app, "/readyz")]

    (first, _), (second, headers), (other, _), (probe, _) = asyncio.run(scenario())
    assert (first, second, other, probe) == (200, 429, 200, 200)
    assert headers[b"retry-after"] == b"3"


@pytest.mark.parametrize(("given_after", "came", "left"), [(0.05, True, 1), (0.3, False, 0)])
def test_a_turn_that_comes_as_the_waiting_ends_is_neither_lost_nor_given_twice(given_after: float, came: bool, left: int) -> None:
    """Both are due when the loop gets to look at its timers again; the one that was due first wins."""

    async def scenario() -> tuple[bool, int]:
        lane = Lane(1, 0.2, 0.2)
        await lane.enter()
        waiter = asyncio.create_task(lane.enter())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(given_after, lane.leave)
        time.sleep(0.5)
        return await waiter, lane._running

    assert asyncio.run(scenario()) == (came, left)


def test_in_a_jam_nobody_waits_until_a_turn_stays_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "JAM_SECONDS", 0.0)

    async def scenario() -> tuple[bool, bool, bool]:
        lane = Lane(2, patience=30.0)
        assert await lane.enter()
        assert await lane.enter()
        burst = asyncio.create_task(lane.enter())
        await asyncio.sleep(0.01)
        jammed = await lane.enter()
        for _ in range(2):
            lane.leave()
        still_jammed = await burst and await lane.enter() and not await lane.enter()
        lane.leave()
        await asyncio.sleep(0.03)
        await lane.enter()
        waiter = asyncio.create_task(lane.enter())
        await asyncio.sleep(0.01)
        lane.leave()
        return jammed, still_jammed, await waiter

    assert asyncio.run(scenario()) == (False, True, True)


def test_who_leaves_as_a_turn_comes_gives_it_back() -> None:
    async def scenario() -> int:
        lane = Lane(1, 1.0, 1.0)
        await lane.enter()
        waiter = asyncio.create_task(lane.enter())
        await asyncio.sleep(0)
        lane.leave()
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        return lane._running

    assert asyncio.run(scenario()) == 0
