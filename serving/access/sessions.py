"""Sessions of people who logged in with a key: a random id in a cookie, and what it stands for in the database.

A session ends after twelve hours, after two hours without a page, at the logout, and at once with the secret that it was begun
with: when the key is revoked, has expired, or the overlap of its rotation is over. The database holds the id's SHA-256, so that
who reads it cannot take a session over.
"""

import asyncio
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import sqlalchemy as sa
from itsdangerous import BadSignature, TimestampSigner

from features.errors import NotReadyError
from serving import moments
from serving.access import audit_log, keys
from serving.access.audit_log import Event, Origin
from serving.access.auth import Caller
from serving.access.identity import Identity, IdentityProvider
from serving.access.keyring import FRESH_SECONDS, USABLE_SECONDS
from serving.access.tables import SESSIONS
from serving.database import Database

SESSION_SECONDS: Final = 12 * 3600
IDLE_SECONDS: Final = 2 * 3600
SEEN_SECONDS: Final = 60
"""How often it is written down that a session is in use."""
MOST_KEPT: Final = 10_000
SHORTEST_ID: Final = 40


@dataclass(frozen=True)
class Session:
    """A person at a browser. `session_id` is the cookie's value, and the secret that forms of this session are signed with."""

    session_id: str
    caller: Caller


@dataclass(frozen=True)
class _Row:
    key_id: str
    proof: str
    seen_at: int
    expires_at: int

    def is_over(self, at: int) -> bool:
        return moments.has_come(min(self.expires_at, self.seen_at + IDLE_SECONDS * moments.SECOND), at)


class Sessions:
    """The sessions of one server. What was read goes on for a few seconds, and for minutes while the database is down."""

    def __init__(self, database: Database, people: IdentityProvider) -> None:
        self._database = database
        self._people = people
        self._known: OrderedDict[str, tuple[float, _Row]] = OrderedDict()

    async def begin(self, person: Identity, origin: Origin, before: str | None) -> str:
        """A new session, and its id; one that the browser had before ends. Raises NotReadyError."""
        session_id, at = secrets.token_urlsafe(32), moments.now()
        row = {
            "session_hash": keys.digest(session_id),
            "key_id": person.subject,
            "proof": person.proof,
            "created_at": at,
            "seen_at": at,
            "expires_at": at + SESSION_SECONDS * moments.SECOND,
        }
        await asyncio.to_thread(self._insert, row, origin, keys.digest(before) if before else None)
        return session_id

    async def find(self, session_id: str | None) -> Session | None:
        """The session with this id, None for none that is valid. Raises NotReadyError where that cannot be known."""
        if not session_id or len(session_id) < SHORTEST_ID:
            return None
        row, at = await self._row(keys.digest(session_id)), moments.now()
        if row is None or row.is_over(at):
            return None
        caller = await self._people.still(row.key_id, row.proof)
        return Session(session_id, caller) if caller else None

    async def end(self, session: Session, origin: Origin) -> None:
        """Raises NotReadyError: a logout that did not happen must not look as if it had."""
        session_hash = keys.digest(session.session_id)
        self._known.pop(session_hash, None)
        await asyncio.to_thread(self._delete, session_hash, session.caller.key_id, origin)

    async def _row(self, session_hash: str) -> _Row | None:
        read_at, known = self._known.get(session_hash, (-float("inf"), None))
        age = time.monotonic() - read_at
        if age <= FRESH_SECONDS:
            return known
        try:
            row = await asyncio.to_thread(self._select, session_hash)
        except NotReadyError:
            if age <= USABLE_SECONDS:
                return known
            raise
        self._known.pop(session_hash, None)
        if row is not None:
            self._known[session_hash] = (time.monotonic(), row)
            while len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)
        return row

    def _insert(self, row: dict[str, object], origin: Origin, before: str | None) -> None:
        with self._database.transaction(exclusive=True) as connection:
            over = (SESSIONS.c.expires_at <= row["created_at"]) | (SESSIONS.c.session_hash == before)
            connection.execute(sa.delete(SESSIONS).where(over))
            connection.execute(sa.insert(SESSIONS).values(row))
            audit_log.append(connection, origin, Event("login", str(row["key_id"])))

    def _select(self, session_hash: str) -> _Row | None:
        """A session's row; that it is in use is written down once a minute."""
        columns, at = SESSIONS.c, moments.now()
        mine = columns.session_hash == session_hash
        with self._database.transaction() as connection:
            found = connection.execute(sa.select(columns.key_id, columns.proof, columns.seen_at, columns.expires_at).where(mine))
            row = found.one_or_none()
        if row is None:
            return None
        known = _Row(*row)
        if not known.is_over(at) and moments.has_come(known.seen_at + SEEN_SECONDS * moments.SECOND, at):
            with self._database.transaction() as connection:
                connection.execute(sa.update(SESSIONS).where(mine).values(seen_at=at))
        return known

    def _delete(self, session_hash: str, key_id: str, origin: Origin) -> None:
        with self._database.transaction(exclusive=True) as connection:
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.session_hash == session_hash))
            audit_log.append(connection, origin, Event("logout", key_id))


def form_token(session_id: str) -> str:
    """What a form of this session carries, so that no page elsewhere can send it in a person's name."""
    return _signer(session_id).sign("form").decode()


def is_form_token(session_id: str, token: str) -> bool:
    """Whether a form was made for this session, and not longer ago than a session lasts."""
    try:
        return _signer(session_id).unsign(token, max_age=SESSION_SECONDS) == b"form"
    except BadSignature:
        return False


def _signer(session_id: str) -> TimestampSigner:
    return TimestampSigner(session_id, salt="dealcast form", digest_method=sha256)
