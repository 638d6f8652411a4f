"""Noticing a promotion within seconds, on whichever machine it was made: the registry is slow to ask, one small query is not.

Where the database does not answer nothing is noticed, and the registry is asked at its usual times.
"""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Final

import sqlalchemy as sa

from features.engine import connect
from features.errors import NotReadyError
from serving import background
from serving.access.tables import PROMOTIONS
from serving.database import Database
from serving.settings import Settings

PATIENCE: Final = 3.0
"""Seconds after which a database that does not answer is left to itself: no thread that waits for it holds up the end."""
Mark = Mapping[str, int]
"""The newest revision of each target."""


class PromotionWatch:
    """Looks at the promotions of one installation."""

    def __init__(self, settings: Settings) -> None:
        self._database = Database(connect(settings.store_url))
        self._seconds = settings.poll_seconds
        self._asked: Future[Mark | None] | None = None

    async def mark(self) -> Mark | None:
        """What stands there now; None where that cannot be known."""
        if self._asked is not None and not self._asked.done():
            return None
        self._asked = background.start(self._newest)
        await asyncio.wait([asyncio.wrap_future(self._asked)], timeout=PATIENCE)
        return self._asked.result() if self._asked.done() else None

    async def wait(self, before: Mark | None, seconds: float) -> None:
        """Wait so long, or until something else stands there than before."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, self._seconds))
            if await self.mark() not in (None, before):
                return

    def close(self) -> None:
        self._database.close()

    def _newest(self) -> Mark | None:
        wanted = sa.select(PROMOTIONS.c.target, sa.func.max(PROMOTIONS.c.revision)).group_by(PROMOTIONS.c.target)
        try:
            with self._database.transaction() as connection:
                return {str(target): int(revision) for target, revision in connection.execute(wanted)}
        except (NotReadyError, sa.exc.DBAPIError):
            return None
