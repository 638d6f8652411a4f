"""Asking the registry again and again, in one process; the workers hear from it through a small file.

{"state": "stale", "failures": 3}
"""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from serving.registry.champions import TARGETS, Champions, fetch_champions
from serving.registry.promotion_watch import PromotionWatch
from serving.settings import Settings

State = Literal["fresh", "stale", "unknown"]

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0
HEARD_SECONDS: Final = 1.0
HEAD_START: Final = 3.0
"""What loads to answer goes first where there are champions: asking costs seconds of a core."""


@dataclass(frozen=True)
class Registry:
    """What is known of it.

    state     fresh: it answered when last asked; stale: it did not; unknown: not asked yet
    failures  how often in a row it did not answer
    """

    state: State = "unknown"
    failures: int = 0

    def after(self, *, reached: bool) -> "Registry":
        return Registry("fresh") if reached else Registry("stale", self.failures + 1)


async def ask(settings: Settings, tell: Callable[[Registry], None]) -> None:
    """Ask for champions until cancelled: now and then, sooner while there is no answer, and as soon as another one is promoted.

    Tells each time what came of it.
    """
    known, wait, watch = Registry(), FIRST_WAIT, PromotionWatch(settings)
    try:
        if set(Champions(settings.home).versions()) == set(TARGETS):
            await watch.wait(await watch.mark(), HEAD_START)
        while True:
            before = await watch.mark()
            known = known.after(reached=await fetch_champions(settings))
            tell(known)
            await watch.wait(before, wait if known.failures else settings.registry_poll_seconds)
            wait = min(wait * 2, LONGEST_WAIT) if known.failures else FIRST_WAIT
    finally:
        watch.close()


async def listen(file: Path, tell: Callable[[Registry], None]) -> None:
    """Tell what the process that asks has written, until cancelled."""
    while True:
        tell(read(file))
        await asyncio.sleep(HEARD_SECONDS)


def write(file: Path, known: Registry) -> None:
    """Replace the file as a whole."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(asdict(known)), encoding="utf-8")
    temporary.replace(file)


def read(file: Path) -> Registry:
    """What the file says; unknown while there is none, or none that can be read."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        state: State = found["state"]
        return Registry(state, int(found["failures"])) if state in get_args(State) else Registry()
    except (OSError, ValueError, KeyError, TypeError):
        return Registry()
