"""How fast each caller may ask, kept in memory that all workers share.

A token bucket for each caller, in the form of the generic cell rate algorithm (ITU-T I.371, annex A.1): all that has to be
remembered is one instant, the *theoretical arrival time* of the next request if all came evenly. With a rate of 10 a second and a
burst of 20, a caller who was silent has 20 requests at once and one more every 100 ms:

    now = 0.00   arrives, expected at 0.00 -> goes through, next expected at 0.10
    … 19 more at 0.00 go through, next expected at 2.00
    now = 0.00   expected 2.0 s from now, more than (20 - 1) / 10 -> refused; come again in 0.1 s

A bucket whose instant has passed is full, which is as if it had never been used: its place can be taken by another caller. So
a table of fixed size serves any number of callers, and made-up keys cannot fill it. Should all places that a caller could have
be in use, it shares one of them.

`limits`, the usual library, would need a server such as Redis to count across processes.
"""

import fcntl
import hashlib
import mmap
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

PLACES: Final = 8192
NEIGHBOURS: Final = 8
"""Places that one caller could have."""
_PLACE: Final = struct.Struct("=Qd")
_ROUNDING: Final = 1e-9
"""Seconds by which sums of gaps may be off."""


class Buckets:
    """The callers' buckets. `file` is shared by the workers and made before they start; None: this process alone.

    rate   requests a second in the long run
    burst  requests at once after a silence, 1 or more
    """

    def __init__(self, rate: float, burst: int, file: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.gap = 1.0 / rate
        self.tolerance = (burst - 1) * self.gap
        self.clock = clock
        self._file = file.open("r+b") if file else None
        self._memory = mmap.mmap(self._file.fileno() if self._file else -1, PLACES * _PLACE.size)

    def take(self, caller: str) -> float:
        """One request of a caller: 0.0 when it goes through, else the seconds after which the next one would."""
        if self._file is None:
            return self._take(caller)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            return self._take(caller)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _take(self, caller: str) -> float:
        now, name = self.clock(), int.from_bytes(hashlib.sha256(caller.encode("utf-8", "surrogateescape")).digest()[:8])
        place, expected = self._find(name, now)
        wait = expected - self.tolerance - now
        if wait > _ROUNDING:
            return wait
        _PLACE.pack_into(self._memory, place, name, expected + self.gap)
        return 0.0

    def _find(self, name: int, now: float) -> tuple[int, float]:
        """Where a caller's bucket is, and when its next request is expected, now or later."""
        free = None
        for neighbour in range(NEIGHBOURS):
            place = (name + neighbour) % PLACES * _PLACE.size
            found, expected = _PLACE.unpack_from(self._memory, place)
            if found == name:
                return place, max(expected, now)
            free = place if free is None and expected <= now else free
        if free is not None:
            return free, now
        place = name % PLACES * _PLACE.size
        return place, max(_PLACE.unpack_from(self._memory, place)[1], now)


def prepare(file: Path) -> None:
    """Make the file that workers share, all buckets full."""
    file.write_bytes(bytes(PLACES * _PLACE.size))
