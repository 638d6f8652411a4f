"""The keys as one worker knows them: all of them in memory, so that a check costs microseconds and no query.

age of what is known      a key is asked about
up to 2 s                 it is answered from memory
2 to 5 s                  the same, and the keys are read again meanwhile
above 5 s                 the keys are read first; a revoked key opens nothing after that
database down             what was known goes on for five minutes, then nothing is answered any more (503)
"""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

import sqlalchemy as sa

from features.errors import NotReadyError
from serving import moments
from serving.access import auth, keys
from serving.access.auth import Caller
from serving.access.keys import ApiKey
from serving.database import Database
from serving.errors import ProblemError
from serving.settings import Settings

FRESH_SECONDS: Final = 2.0
STALE_SECONDS: Final = 5.0
USABLE_SECONDS: Final = 300.0
PATIENCE_SECONDS: Final = 2.0
"""How long a request waits for the database before what is known has to do."""
NOTED_SECONDS: Final = 600.0
"""How often the use of keys is written down."""

_SAID: Final = {
    "key_invalid": "There is no such key. Check that it was copied whole; 'dealcast keys create' makes another one.",
    "key_revoked": "This key is revoked; ask who handed it out for another one.",
    "key_expired": "This key has expired; ask who handed it out for another one.",
}

log = logging.getLogger("dealcast")


class KeyRing:
    """What opens what. `clock` gives seconds that never go back."""

    def __init__(self, database: Database, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._environment = keys.digest(settings.api_key.get_secret_value()) if settings.api_key else ""
        self._keys: Mapping[str, ApiKey] = {}
        self._used: set[str] = set()
        self._read_at = self._noted_at = self._tried_at = -float("inf")
        self._reading: asyncio.Task[None] | None = None
        self._there = False

    async def caller(self, token: str) -> Caller:
        """Whose token this is. Raises ProblemError 401, NotReadyError where the keys cannot be known."""
        token_hash = keys.digest(token)
        if self._is_environment(token_hash):
            return auth.ENVIRONMENT
        return await self.holder(keys.id_of(token) or "", token_hash)

    async def holder(self, key_id: str, token_hash: str) -> Caller:
        """The same, by the id of the key and the hash of its token."""
        if key_id == auth.ENVIRONMENT.key_id:
            if self._is_environment(token_hash):
                return auth.ENVIRONMENT
            raise refused("key_invalid")
        if key_id:
            await self._refresh()
        key = self._keys.get(key_id)
        fault = key.fault(token_hash, moments.now()) if key else "key_invalid"
        if key is None or fault is not None:
            raise refused(fault or "key_invalid")
        self._used.add(key_id)
        return key.caller

    async def _refresh(self) -> None:
        """Know the keys well enough to answer. Raises NotReadyError where they are not known well enough."""
        if self._age() <= FRESH_SECONDS:
            return
        reading = self._read_again()
        if self._age() <= STALE_SECONDS:
            return
        if reading is not None:
            await asyncio.wait({reading}, timeout=PATIENCE_SECONDS)
        if self._age() > USABLE_SECONDS:
            raise NotReadyError("The keys cannot be checked, because the database does not answer.")

    def forget(self) -> None:
        """Read the keys before the next answer: they were changed here."""
        self._read_at = min(self._read_at, self._clock() - STALE_SECONDS - 1.0)
        self._tried_at = -float("inf")

    def _is_environment(self, token_hash: str) -> bool:
        return bool(self._environment) and hmac.compare_digest(token_hash, self._environment)

    def _age(self) -> float:
        return self._clock() - self._read_at

    def _read_again(self) -> asyncio.Task[None] | None:
        """The task that reads, started unless one runs or has just failed."""
        if self._reading is None or self._reading.done():
            if self._clock() - self._tried_at < FRESH_SECONDS:
                return None
            self._tried_at = self._clock()
            self._reading = asyncio.create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        begun = self._clock()
        try:
            found = await asyncio.to_thread(self._from_database)
        except (NotReadyError, sa.exc.DBAPIError) as error:
            log.warning("keys are not read: %s", error)
            return
        self._keys = {key.key_id: key for key in found}
        self._read_at = begun

    def _from_database(self) -> list[ApiKey]:
        if not self._there:  # it may have been down when the server started
            self._database.upgrade()
            self._there = True
        if self._used and self._clock() - self._noted_at > NOTED_SECONDS:
            used, self._used = self._used, set()
            self._noted_at = self._clock()
            keys.note_use(self._database, used)
        return keys.every(self._database)


def refused(code: str) -> ProblemError:
    return auth.key_required(code, _SAID[code])
