"""The Idempotency-Key header: a request that is sent again is answered again, and done once.

After the Internet draft "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header-07): the key with the
same request gives the stored answer; with another request 422; while the first is still being worked on 409.

A request first claims its key. What it writes and its answer are then stored in one transaction, so that whatever crashes, and
whenever, either both are there or neither. A claim whose holder has died is taken over after `LEASE_SECONDS`; should the holder
only have been slow, it finds its claim gone when it wants to commit, and what it wrote is rolled back. A request that was refused
gives its key back: nothing was done, and it may be corrected. Keys belong to the caller and are kept for 24 hours.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

import pandas as pd
import sqlalchemy as sa

from features import clock
from serving.database import IDEMPOTENCY, Database
from serving.errors import ProblemError

KEPT_DAYS: Final = 1.0
LEASE_SECONDS: Final = 60.0
REPLAYED: Final = "Idempotency-Replayed"
_KEY: Final = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x5b\x5d-\x7e]{1,255})', re.ASCII)
_SECONDS_A_DAY: Final = 86_400.0


@dataclass(frozen=True)
class Claim:
    """The right to do one request; `started_at` in microseconds tells it from an earlier and a later claim of the same key."""

    caller: str
    key: str
    fingerprint: str
    started_at: int

    @property
    def _row(self) -> "sa.ColumnElement[bool]":
        return (IDEMPOTENCY.c.caller == self.caller) & (IDEMPOTENCY.c.request_key == self.key)

    @property
    def mine(self) -> "sa.ColumnElement[bool]":
        """The row as long as nobody else has taken it over, and no answer stands in it."""
        return self._row & (IDEMPOTENCY.c.started_at == self.started_at) & IDEMPOTENCY.c.answer.is_(None)

    def finish(self, connection: sa.Connection, answer: str) -> None:
        """Store the answer in the transaction that does the work. Raises ProblemError 409 where the claim was taken over."""
        done = connection.execute(sa.update(IDEMPOTENCY).where(self.mine).values(answer=answer))
        if done.rowcount != 1:
            raise _in_flight()

    def give_back(self, database: Database) -> None:
        """Nothing was done: the key is free again."""
        with database.transaction() as connection:
            connection.execute(sa.delete(IDEMPOTENCY).where(self.mine))


def key_of(header: str) -> str:
    """The key in a header's value, with or without the quotes of a structured field. Raises ProblemError 400."""
    found = _KEY.fullmatch(header.strip())
    if found is None:
        raise ProblemError(400, "malformed_idempotency_key", "An Idempotency-Key is 1 to 255 printable ASCII characters.")
    return found[1] or found[2]


def fingerprint_of(method: str, path: str, body: bytes) -> str:
    """What tells one request from another."""
    return hashlib.sha256(b"\0".join([method.encode(), path.encode(), body])).hexdigest()


def begin(database: Database, caller: str, key: str, fingerprint: str, now: pd.Timestamp) -> Claim | str:
    """Claim a key, or the answer that was given to this request. Raises ProblemError 409 and 422."""
    claim = Claim(caller, key, fingerprint, clock.micros(now))
    with database.transaction() as connection:
        held = connection.execute(sa.select(IDEMPOTENCY).where(claim._row)).one_or_none()
    if held is not None and not _expired(held.started_at, now):
        if held.fingerprint != fingerprint:
            raise ProblemError(422, "idempotency_key_reused", "This Idempotency-Key came with another request; use a new one.")
        if held.answer is not None:
            return str(held.answer)
        if clock.after_days(held.started_at, LEASE_SECONDS / _SECONDS_A_DAY) > claim.started_at:
            raise _in_flight()
    _take(database, claim, None if held is None else held.started_at)
    return claim


def _take(database: Database, claim: Claim, before: int | None) -> None:
    """Write the claim, over an old one where there is one. Raises ProblemError 409 where another was faster."""
    new = {"fingerprint": claim.fingerprint, "started_at": claim.started_at, "answer": None}
    try:
        with database.transaction() as connection:
            if before is None:
                key = {"caller": claim.caller, "request_key": claim.key}
                connection.execute(sa.insert(IDEMPOTENCY).values(**key, **new))
            else:
                there = claim._row & (IDEMPOTENCY.c.started_at == before)
                if connection.execute(sa.update(IDEMPOTENCY).where(there).values(**new)).rowcount != 1:
                    raise _in_flight()
            old = IDEMPOTENCY.c.started_at < clock.after_days(claim.started_at, -KEPT_DAYS)
            connection.execute(sa.delete(IDEMPOTENCY).where(old))
    except sa.exc.IntegrityError:
        raise _in_flight() from None


def _expired(started_at: int, now: pd.Timestamp) -> bool:
    return clock.after_days(started_at, KEPT_DAYS) <= clock.micros(now)


def _in_flight() -> ProblemError:
    detail = "The first request with this Idempotency-Key is still being worked on; send it again a little later."
    return ProblemError(409, "request_in_flight", detail, {"Retry-After": "1"})
