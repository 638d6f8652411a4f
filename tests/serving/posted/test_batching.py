"""The batcher: what it takes together, what it refuses, and that one failure spoils no other answer."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from serving.posted.batching import Batcher, Onward, OverloadedError, Stage


@dataclass(frozen=True)
class Task:
    number: int
    weight: int = 1


class Gate:
    """A stage's work that waits until it is let go, and remembers each pass."""

    def __init__(self, answer: Callable[[Task], Any] = lambda task: task.number) -> None:
        self.answer = answer
        self.passes: list[list[int]] = []
        self.open = threading.Event()
        self.entered = threading.Event()

    def work(self, tasks: Sequence[Task]) -> list[Any]:
        self.passes.append([task.number for task in tasks])
        self.entered.set()
        assert self.open.wait(5)
        return [self.answer(task) for task in tasks]


def run(batcher: Batcher, gate: Gate, scene: Callable[[], Awaitable[Any]]) -> Any:
    """Run a scene with the gate closed at first; leave no thread behind."""

    async def whole() -> Any:
        return await asyncio.wait_for(scene(), 5)

    try:
        return asyncio.run(whole())
    finally:
        gate.open.set()
        batcher.close()


async def after_first(batcher: Batcher, gate: Gate, tasks: Sequence[Task]) -> list[Any]:
    """The first task starts a pass; the others arrive while it runs."""
    first = asyncio.create_task(batcher.answer(tasks[0]))
    await asyncio.to_thread(gate.entered.wait, 5)
    others = [asyncio.create_task(batcher.answer(task)) for task in tasks[1:]]
    await asyncio.sleep(0)
    gate.open.set()
    return await asyncio.gather(first, *others, return_exceptions=True)


def test_what_arrives_during_a_pass_is_answered_together_in_the_next() -> None:
    gate = Gate()
    batcher = Batcher(Stage(gate.work, 100))
    answers = run(batcher, gate, lambda: after_first(batcher, gate, [Task(n) for n in range(4)]))
    assert answers == [0, 1, 2, 3]
    assert gate.passes == [[0], [1, 2, 3]]


def test_a_pass_takes_no_more_than_its_weight_and_a_heavy_job_goes_alone() -> None:
    gate = Gate()
    batcher = Batcher(Stage(gate.work, 3))
    tasks = [Task(0), Task(1, 2), Task(2, 2), Task(3, 9), Task(4)]
    assert run(batcher, gate, lambda: after_first(batcher, gate, tasks)) == [0, 1, 2, 3, 4]
    assert gate.passes == [[0], [1], [2], [3], [4]]


def test_stages_take_turns() -> None:
    gate, seen = Gate(lambda task: Onward(Task(10 + task.number)) if task.number < 2 else task.number), []

    def second(tasks: Sequence[Task]) -> list[int]:
        seen.append([task.number for task in tasks])
        return [task.number for task in tasks]

    batcher = Batcher(Stage(gate.work, 1), Stage(second, 100))
    assert run(batcher, gate, lambda: after_first(batcher, gate, [Task(n) for n in range(4)])) == [10, 11, 2, 3]
    assert seen == [[10], [11]]


def test_a_job_that_fails_spoils_no_other() -> None:
    def work(tasks: Sequence[Task]) -> list[Any]:
        assert gate.work(tasks)
        if any(task.number == 2 for task in tasks):
            raise ValueError("two")
        return [task.number for task in tasks]

    gate = Gate()
    batcher = Batcher(Stage(work, 100))
    answers = run(batcher, gate, lambda: after_first(batcher, gate, [Task(n) for n in range(4)]))
    assert [answers[n] for n in (0, 1, 3)] == [0, 1, 3]
    assert isinstance(answers[2], ValueError)


def test_an_outcome_that_is_an_exception_is_raised() -> None:
    gate = Gate(lambda _: KeyError("missing"))
    gate.open.set()
    batcher = Batcher(Stage(gate.work, 1))
    with pytest.raises(KeyError):
        run(batcher, gate, lambda: batcher.answer(Task(1)))


def test_work_that_cannot_be_done_in_time_is_refused_with_how_long_to_wait() -> None:
    gate = Gate()
    batcher = Batcher(Stage(gate.work, 1, seconds=2.0), patience=3.0)
    answers = run(batcher, gate, lambda: after_first(batcher, gate, [Task(n) for n in range(5)]))
    assert answers[:3] == [0, 1, 2]
    assert all(isinstance(each, OverloadedError) and each.retry_after == 4 for each in answers[3:])


def test_closing_answers_what_waits() -> None:
    gate = Gate()
    batcher = Batcher(Stage(gate.work, 100))

    async def scene() -> list[Any]:
        waiting = [asyncio.create_task(batcher.answer(Task(n))) for n in range(3)]
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.to_thread(batcher.close)
        return await asyncio.gather(*waiting)

    assert run(batcher, gate, scene) == [0, 1, 2]


def test_who_gives_up_waiting_is_left_out() -> None:
    gate = Gate()
    batcher = Batcher(Stage(gate.work, 100))

    async def scene() -> Any:
        first = asyncio.create_task(batcher.answer(Task(0)))
        await asyncio.to_thread(gate.entered.wait, 5)
        second, third = (asyncio.create_task(batcher.answer(Task(n))) for n in (1, 2))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        return await asyncio.gather(first, third)

    assert run(batcher, gate, scene) == [0, 2]
    assert gate.passes == [[0], [2]]
