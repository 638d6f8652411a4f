"""Requests that arrive while others are being answered are answered together, by one thread.

A pass over fifty deals costs little more than one over a single deal. But nothing waits on purpose: while the thread is idle a
job starts at once, with what has arrived already; what arrives meanwhile is collected, and the next pass takes all of it. Under
load passes grow by themselves until they hold as much as `largest` allows.

Work is done in stages, each with a queue of its own. A job ends at a stage or goes on to the next, and the thread takes turns: a
pass of one stage, then a pass of the other. Slow extras (reasons) thus never stand in the way of the next scores for longer than
one pass of theirs. Example: jobs A and B want scores, B reasons too. Pass 1 of the first stage answers A and sends B on; C, which
arrived meanwhile, is in pass 2 of the first stage, but only after B had its pass of the second.

What waits is bounded: a job is refused when the work before it would take longer than `patience`, by the speed seen so far.
"""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

PATIENCE: Final = 3.0
MOST_WAITING: Final = 2048
"""Jobs that may wait, however quick they seem to be."""
_MEMORY: Final = 0.8
"""How much of the speed seen so far is kept when a pass shows another."""


class Job(Protocol):
    """Something to be answered."""

    @property
    def weight(self) -> int:
        """How much work it is, 1 or more, in units of its stage."""


@dataclass(frozen=True)
class Onward:
    """The outcome of a job that goes on to the next stage, as another job."""

    job: Job


class OverloadedError(Exception):
    """More work waits than can be done in time; `retry_after` says after how many seconds, 1 or more, to come again."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("more work waits than can be done in time")
        self.retry_after = retry_after


@dataclass
class Stage:
    """One kind of pass.

    work     the jobs of a pass -> for each its answer, an Onward, or an Exception that whoever asked gets raised
    largest  the weight that a pass takes together; a single job may be heavier
    """

    work: Callable[[Sequence[Any]], Sequence[Any]]
    largest: int
    waiting: "deque[_Asked]" = field(default_factory=deque)
    seconds: float = 0.0
    """What a unit of weight took lately."""

    def take(self) -> "list[_Asked]":
        """The next pass: jobs in the order in which they came."""
        taken: list[_Asked] = []
        weight = 0
        while self.waiting and (not taken or weight + self.waiting[0].job.weight <= self.largest):
            asked = self.waiting.popleft()
            weight += asked.job.weight
            taken.append(asked)
        return taken

    def ahead(self) -> float:
        """Seconds that what waits here will take."""
        return self.seconds * sum(asked.job.weight for asked in self.waiting)

    def learn(self, taken: "Sequence[_Asked]", seconds: float) -> None:
        """See how fast a pass was."""
        seen = seconds / sum(asked.job.weight for asked in taken)
        self.seconds = seen if not self.seconds else _MEMORY * self.seconds + (1.0 - _MEMORY) * seen


@dataclass(frozen=True)
class _Asked:
    """A job, and who waits for it."""

    job: Job
    answer: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop


class Batcher:
    """Answers jobs with one thread, which begins with the first of them. `patience` is in seconds."""

    def __init__(self, *stages: Stage, patience: float = PATIENCE) -> None:
        self.stages = stages
        self.patience = patience
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def answer(self, job: Job) -> Any:
        """The answer to a job. Raises what the job's outcome is when that is an exception, and OverloadedError."""
        loop = asyncio.get_running_loop()
        asked = _Asked(job, loop.create_future(), loop)
        with self._changed:
            self._admit()
            self.stages[0].waiting.append(asked)
        # What has arrived already is taken along: it is in the loop's queue, and costs no waiting.
        loop.call_soon(loop.call_soon, self._wake)
        return await asked.answer

    def close(self) -> None:
        """Answer what waits, then end the thread."""
        self._wake()
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _wake(self) -> None:
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="scoring", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _admit(self) -> None:
        wait = sum(stage.ahead() for stage in self.stages)
        if wait > self.patience or sum(len(stage.waiting) for stage in self.stages) >= MOST_WAITING:
            raise OverloadedError(max(1, math.ceil(wait)))

    def _run(self) -> None:
        while True:
            with self._changed:
                while not any(stage.waiting for stage in self.stages):
                    if self._closed:
                        return
                    self._changed.wait()
            for place, stage in enumerate(self.stages):
                self._pass(place, stage)

    def _pass(self, place: int, stage: Stage) -> None:
        with self._changed:
            taken = [asked for asked in stage.take() if not asked.answer.cancelled()]
        if not taken:
            return
        begun = time.perf_counter()
        outcomes = _outcomes(stage, taken)
        stage.learn(taken, time.perf_counter() - begun)
        done = list(zip(taken, outcomes, strict=True))
        with self._changed:
            self.stages[min(place + 1, len(self.stages) - 1)].waiting.extend(
                _Asked(outcome.job, asked.answer, asked.loop) for asked, outcome in done if isinstance(outcome, Onward)
            )
        _deliver([(asked, outcome) for asked, outcome in done if not isinstance(outcome, Onward)])


def _outcomes(stage: Stage, taken: Sequence[_Asked]) -> Sequence[Any]:
    """What the stage makes of a pass. Where the pass fails as a whole each job is tried alone, so that one spoils no other."""
    try:
        return stage.work([asked.job for asked in taken])
    except Exception as error:
        return [error] if len(taken) == 1 else [_outcomes(stage, [asked])[0] for asked in taken]


def _deliver(done: Sequence[tuple[_Asked, Any]]) -> None:
    """Wake those who wait, each event loop once."""
    for loop in {asked.loop for asked, _ in done}:
        own = [(asked.answer, outcome) for asked, outcome in done if asked.loop is loop]
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, own)


def _settle(done: Sequence[tuple["asyncio.Future[Any]", Any]]) -> None:
    for answer, outcome in done:
        if answer.done():
            continue
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
