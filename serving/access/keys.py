"""Keys of the API: made, shown once, rotated and revoked. What is stored cannot be turned back into a key.

    dc_k3q7m2xw5r_0f4wS…    the id, which is no secret and stands in lists and logs; then 256 random bits

The id is what a key is looked up by; the whole is compared by its SHA-256, in constant time. A rotation gives the same key
another secret, and for some days both are valid, so that whoever uses it can change over without a gap.
"""

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

import sqlalchemy as sa

from features.errors import UsageError
from serving import moments
from serving.access import audit_log
from serving.access.audit_log import Event, Origin
from serving.access.auth import Caller, Scope
from serving.access.tables import API_KEYS
from serving.database import Database

TOKEN: Final = re.compile(r"dc_([a-z2-7]{10})_[A-Za-z0-9_-]{43}")
ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
LONGEST_NAME: Final = 100

Fault = Literal["key_invalid", "key_revoked", "key_expired"]


class UnknownKeyError(UsageError):
    """A key was named that there is not."""


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret; instants in microseconds, None for never.

    user_id    the person in the CRM who holds it and sees their own subtree only; None: it sees everything
    old_hash   of the secret before, which is valid until `old_until`
    """

    key_id: str
    name: str
    scopes: frozenset[Scope]
    user_id: str | None
    secret_hash: str
    old_hash: str | None
    old_until: int | None
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None

    @property
    def caller(self) -> Caller:
        return Caller(self.key_id, self.name, self.scopes, self.user_id)

    def fault(self, token_hash: str, at: int) -> Fault | None:
        """Why a token with this hash does not open anything at a moment; None: it does."""
        if not self._is_of(token_hash, at):
            return "key_invalid"
        if moments.has_come(self.revoked_at, at):
            return "key_revoked"
        return "key_expired" if moments.has_come(self.expires_at, at) else None

    def _is_of(self, token_hash: str, at: int) -> bool:
        old = self.old_hash if self.old_hash and not moments.has_come(self.old_until, at) else ""
        return bool(hmac.compare_digest(token_hash, self.secret_hash) | hmac.compare_digest(token_hash, old))


def digest(secret: str) -> str:
    """What is stored in place of a secret."""
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def id_of(token: str) -> str | None:
    """The id inside a token, None for what has not the form of one."""
    found = TOKEN.fullmatch(token)
    return found[1] if found else None


@dataclass(frozen=True)
class Wanted:
    """What a new key is to be."""

    name: str
    scopes: Iterable[Scope]
    user_id: str | None = None
    expires_at: int | None = None


def create(database: Database, wanted: Wanted, origin: Origin) -> tuple[ApiKey, str]:
    """A new key and its token, which nobody can ever see again. Raises UsageError."""
    _check(wanted)
    key_id = "".join(secrets.choice(ALPHABET) for _ in range(10))
    token = _token(key_id)
    scopes = sorted(set(wanted.scopes))
    row = {
        "key_id": key_id,
        "name": wanted.name,
        "scopes": " ".join(scopes),
        "user_id": wanted.user_id,
        "secret_hash": digest(token),
        "created_at": moments.now(),
        "expires_at": wanted.expires_at,
    }
    told = {"name": wanted.name, "scopes": [*scopes], "user_id": wanted.user_id, "expires_at": moments.said(wanted.expires_at)}
    with database.transaction(exclusive=True) as connection:
        connection.execute(sa.insert(API_KEYS).values(row))
        audit_log.append(connection, origin, Event("key.created", key_id, told))
        return _found(connection, key_id), token


def rotate(database: Database, key_id: str, old_until: int, origin: Origin) -> tuple[ApiKey, str]:
    """Another secret for a key; the one it has now is valid until a moment. Raises UsageError."""
    with database.transaction(exclusive=True) as connection:
        key, token = _usable(connection, key_id), _token(key_id)
        changed = {"secret_hash": digest(token), "old_hash": key.secret_hash, "old_until": old_until}
        connection.execute(sa.update(API_KEYS).where(API_KEYS.c.key_id == key_id).values(changed))
        audit_log.append(connection, origin, Event("key.rotated", key_id, {"old_until": moments.said(old_until)}))
        return _found(connection, key_id), token


def revoke(database: Database, key_id: str, origin: Origin) -> ApiKey:
    """Let a key open nothing any more; its sessions end with it. Raises UsageError."""
    with database.transaction(exclusive=True) as connection:
        _usable(connection, key_id)
        connection.execute(sa.update(API_KEYS).where(API_KEYS.c.key_id == key_id).values(revoked_at=moments.now()))
        audit_log.append(connection, origin, Event("key.revoked", key_id))
        return _found(connection, key_id)


def every(database: Database) -> list[ApiKey]:
    """All keys that there ever were, the oldest first. Raises NotReadyError."""
    with database.transaction() as connection:
        found = connection.execute(sa.select(API_KEYS).order_by(API_KEYS.c.created_at, API_KEYS.c.key_id))
        return [_key(row) for row in found.mappings()]


def note_use(database: Database, key_ids: Iterable[str]) -> None:
    """Remember that keys were used about now."""
    with database.transaction() as connection:
        connection.execute(sa.update(API_KEYS).where(API_KEYS.c.key_id.in_(key_ids)).values(last_used_at=moments.now()))


def has_admin(database: Database) -> bool:
    """Whether somebody could hand out keys. Raises NotReadyError."""
    at = moments.now()
    return any(Scope.ADMIN in key.scopes and key.fault(key.secret_hash, at) is None for key in every(database))


def _token(key_id: str) -> str:
    return f"dc_{key_id}_{secrets.token_urlsafe(32)}"


def _check(wanted: Wanted) -> None:
    if not wanted.name.strip() or len(wanted.name) > LONGEST_NAME or not wanted.name.isprintable():
        raise UsageError(f"a key needs a name of at most {LONGEST_NAME} printable characters, such as 'CRM production'")
    if not set(wanted.scopes):
        raise UsageError(f"a key needs at least one scope: {', '.join(Scope)}")
    if wanted.user_id is not None and Scope.ADMIN in set(wanted.scopes):
        raise UsageError("a key with the scope admin cannot be narrowed to a person: whoever hands out keys can see everything")
    if moments.has_come(wanted.expires_at, moments.now()):
        raise UsageError("the key would have expired already; choose a later date")


def _usable(connection: sa.Connection, key_id: str) -> ApiKey:
    key = _found(connection, key_id)
    if key.revoked_at is not None:
        raise UsageError(f"the key {key_id} is revoked; create another one")
    return key


def _found(connection: sa.Connection, key_id: str) -> ApiKey:
    row = connection.execute(sa.select(API_KEYS).where(API_KEYS.c.key_id == key_id)).mappings().one_or_none()
    if row is None:
        raise UnknownKeyError(f"there is no key {key_id!r}; 'dealcast keys list' shows them all")
    return _key(row)


def _key(row: sa.RowMapping) -> ApiKey:
    return ApiKey(**{**row, "scopes": frozenset(map(Scope, row["scopes"].split()))})
