"""Whether a worker still gives a sign of life, told through a pipe.

A worker that hangs is worse than one that is dead: its process is there, and nothing answers. So each worker's event loop, which
all its requests go through, writes a byte four times a second, and the process that watches over it reads them. A worker whose
loop is blocked, or whose process is stopped, falls silent.

Silence is counted in looks and not read off a clock: where the whole machine or container was paused, the watching process did
not look either, and nobody is blamed. Before its first beat a worker loads, which may take long.

    hang_seconds = 30, a look every 3 s
    ♥♥♥♥♥♥♥♥♥♥♥♥ | ♥♥♥♥♥♥♥♥♥♥♥♥ | ♥♥♥♥ blocked | silent | … | silent     the tenth silent look: it hangs
"""

import asyncio
import os
from contextlib import suppress
from typing import Final

BEAT_SECONDS: Final = 0.25
LOOKS: Final = 10
"""Looks within the seconds that a worker may be silent."""
START_SECONDS: Final = 1800.0
"""How long a worker may take until its first beat: a large store is loaded before."""
READ_BYTES: Final = 65_536


class Pulse:
    """What the watching process hears of one worker. The worker inherits `write_end`."""

    def __init__(self) -> None:
        self._read_end, self.write_end = os.pipe()
        for end in (self._read_end, self.write_end):
            os.set_blocking(end, False)

    def handed_over(self) -> None:
        """The worker has its end now; this process keeps none of it."""
        os.close(self.write_end)

    def close(self) -> None:
        """Listen no more."""
        os.close(self._read_end)

    async def until_silent(self, seconds: float, start_seconds: float = START_SECONDS) -> None:
        """Return once there was no beat for this long; before the first, for `start_seconds`."""
        step = seconds / LOOKS
        allowed, silent = max(start_seconds / step, LOOKS), 0
        while silent < allowed:
            await asyncio.sleep(step)
            if self._beats():
                allowed, silent = LOOKS, 0
            else:
                silent += 1

    def _beats(self) -> int:
        """How many came since the last look."""
        with suppress(BlockingIOError):
            return len(os.read(self._read_end, READ_BYTES))
        return 0


async def beat(write_end: int) -> None:
    """The worker's part, a task of its event loop: one byte after the other for as long as the loop runs."""
    while True:
        with suppress(OSError):  # nobody listens, or has read for hours: no reason to stop answering
            os.write(write_end, b".")
        await asyncio.sleep(BEAT_SECONDS)
