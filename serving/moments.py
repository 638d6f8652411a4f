"""Instants of the service itself, as its tables hold them: microseconds since 1970 in UTC, from the wall clock."""

import time
from typing import Final

from features import clock

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND


def now() -> int:
    """This instant."""
    return time.time_ns() // 1000


def said(moment: int | None) -> str | None:
    """A moment as people read it."""
    return None if moment is None else clock.instant(moment).isoformat(timespec="seconds")


def has_come(moment: int | None, at: int) -> bool:
    """Whether a moment, if there is one, is `at` or lies before it."""
    return moment is not None and clock.is_known(moment, at + 1)
