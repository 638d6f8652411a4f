"""A sign of life through a real pipe."""

import asyncio
import os
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any

import pytest

from serving.process.pulse import BEAT_SECONDS, LOOKS, Pulse, beat


@pytest.fixture
def pulse() -> Iterator[Pulse]:
    made = Pulse()
    yield made
    made.close()


def fell_silent(watching: Coroutine[Any, Any, None], within: float, *tasks: Coroutine[Any, Any, None]) -> bool:
    """Whether silence was noticed within these seconds, while other things went on."""

    async def both() -> bool:
        others = [asyncio.create_task(task) for task in tasks]
        try:
            await asyncio.wait_for(watching, within)
        except TimeoutError:
            return False
        finally:
            for other in others:
                other.cancel()
                with suppress(asyncio.CancelledError):
                    await other
        return True

    return asyncio.run(both())


def test_a_loop_that_runs_is_never_called_silent(pulse: Pulse) -> None:
    assert not fell_silent(pulse.until_silent(LOOKS * BEAT_SECONDS / 2.5), 1.6, beat(pulse.write_end))
    pulse.handed_over()


def test_silence_is_noticed_after_the_last_beat(pulse: Pulse) -> None:
    async def once() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(beat(pulse.write_end), 0.1)

    assert fell_silent(pulse.until_silent(0.3), 20.0, once())
    pulse.handed_over()


def test_a_worker_that_loads_is_left_in_peace_and_not_for_ever(pulse: Pulse) -> None:
    assert not fell_silent(pulse.until_silent(0.1), 0.6)
    assert fell_silent(pulse.until_silent(0.1, start_seconds=0.3), 20.0)
    pulse.handed_over()


def test_a_full_pipe_does_not_stop_the_worker(pulse: Pulse) -> None:
    async def full() -> int:
        beats = 0
        with suppress(BlockingIOError):
            while True:
                beats += os.write(pulse.write_end, b"." * 4096)
        with suppress(TimeoutError):
            await asyncio.wait_for(beat(pulse.write_end), BEAT_SECONDS * 2)
        return beats

    assert asyncio.run(full()) > 0
    assert not fell_silent(pulse.until_silent(0.5), 0.4)
    pulse.handed_over()
