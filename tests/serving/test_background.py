import asyncio
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from serving import background

HANGS = """
import asyncio, threading
from serving import background

async def main():
    job = asyncio.create_task(background.outcome_of(threading.Event().wait))
    await asyncio.sleep(0.05)
    job.cancel()

asyncio.run(main())
"""


def test_an_outcome_is_what_the_call_returns_or_raises() -> None:
    assert asyncio.run(background.outcome_of(lambda: 7)) == 7
    with pytest.raises(ZeroDivisionError):
        asyncio.run(background.outcome_of(lambda: 1 // 0))


def test_python_ends_while_a_call_hangs() -> None:
    assert subprocess.run([sys.executable, "-c", HANGS], timeout=30, check=False).returncode == 0


def test_who_is_cancelled_waits_for_what_is_nearly_done() -> None:
    done: list[int] = []

    def slow() -> None:
        time.sleep(0.2)
        done.append(1)

    async def cancelled() -> None:
        job = asyncio.create_task(background.outcome_of(slow))
        await asyncio.sleep(0.05)
        job.cancel()
        with suppress(asyncio.CancelledError):
            await job
        assert job.cancelled()

    asyncio.run(cancelled())
    assert done == [1]
