import asyncio
import subprocess
import sys

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
