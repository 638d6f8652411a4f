"""What was done, by whom, when and from where: rows that are added and never changed, each with the hash of the row before.

    number  who           action        target      previous  hash
         1  cli:ann       key.created   k3q7…       0000…     9f2c…
         2  k3q7…         login         k3q7…       9f2c…     51aa…

Who changes or removes a row breaks the chain from there on, and `verify` says where. Who can write to the database can also write
the whole chain anew, or cut off its end; so `verify` prints the newest hash, to be kept somewhere else and compared later.

A row is written in the transaction of what it tells of: neither is there without the other. No secret is ever part of it.
"""

import getpass
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa
from fastapi import Request

from serving import moments
from serving.access import auth
from serving.access.tables import AUDIT_LOG
from serving.database import Database
from serving.operations.logs import REQUEST_ID

NO_ROW: Final = "0" * 64
"""What stands for the hash of the row before the first."""
BATCH: Final = 1000
_CHAIN: Final = 0x0DEA1C41
"""The advisory lock of who adds to the log in a PostgreSQL database."""
_HASHED: Final = ("number", "at", "who", "action", "target", "details", "request_id", "address", "previous_hash")


@dataclass(frozen=True)
class Origin:
    """Who did something, and by which request."""

    who: str
    request_id: str | None = None
    address: str | None = None


@dataclass(frozen=True)
class Event:
    """What was done to what: `key.revoked` of a key, `export` of a table."""

    action: str
    target: str
    details: Mapping[str, str | int | float | Sequence[str] | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One row of the log; `at` in microseconds."""

    number: int
    at: int
    who: str
    action: str
    target: str
    details: Mapping[str, Any]
    request_id: str | None
    address: str | None
    row_hash: str


@dataclass(frozen=True)
class Verified:
    """What a check of the chain found: how many rows, the newest hash, and the first row that does not fit (None: all do)."""

    n: int
    head: str
    broken_at: int | None


def at_the_shell() -> Origin:
    """Who types a command."""
    return Origin(f"cli:{getpass.getuser()}")


def asked_by(request: Request, who: str | None = None) -> Origin:
    """Who sends a request; `who` where that is not the caller."""
    caller = auth.known_caller(request)
    sender = request.client.host if request.client else None
    known = who or (caller.key_id if caller else "nobody")
    return Origin(known, REQUEST_ID.get(), sender)


def append(connection: sa.Connection, origin: Origin, event: Event) -> None:
    """Add a row in the transaction of what it tells of; one transaction at a time does, or two would follow the same row."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyhow
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CHAIN)))
    last = connection.execute(sa.select(AUDIT_LOG.c.number, AUDIT_LOG.c.row_hash).order_by(AUDIT_LOG.c.number.desc()).limit(1))
    number, previous = last.one_or_none() or (0, NO_ROW)
    row = {
        "number": number + 1,
        "at": moments.now(),
        "action": event.action,
        "target": event.target,
        "details": json.dumps(event.details, sort_keys=True, ensure_ascii=False),
        "previous_hash": previous,
        **vars(origin),
    }
    connection.execute(sa.insert(AUDIT_LOG).values(row | {"row_hash": _hash(row)}))


def record(database: Database, origin: Origin, event: Event) -> None:
    """Add a row of something that has no transaction of its own. Raises NotReadyError."""
    with database.transaction(exclusive=True) as connection:
        append(connection, origin, event)


def entries(database: Database, limit: int, before: int | None = None, action: str | None = None) -> list[Entry]:
    """The newest rows first, those before a number, those of one action. Raises NotReadyError."""
    wanted = sa.select(AUDIT_LOG).order_by(AUDIT_LOG.c.number.desc()).limit(limit)
    wanted = wanted if before is None else wanted.where(AUDIT_LOG.c.number < before)
    wanted = wanted if action is None else wanted.where(AUDIT_LOG.c.action == action)
    with database.transaction() as connection:
        return [_entry(row) for row in connection.execute(wanted).mappings()]


def verify(database: Database) -> Verified:
    """Check every row against its own hash, its number and the row before. Raises NotReadyError."""
    n, head = 0, NO_ROW
    with database.transaction() as connection:
        for row in _rows(connection):
            if row["number"] != n + 1 or row["previous_hash"] != head or row["row_hash"] != _hash(row):
                return Verified(n, head, n + 1)
            n, head = row["number"], row["row_hash"]
    return Verified(n, head, None)


def hash_of(database: Database, number: int) -> str | None:
    """The hash of a row, None where there is no such row."""
    with database.transaction() as connection:
        found: str | None = connection.scalar(sa.select(AUDIT_LOG.c.row_hash).where(AUDIT_LOG.c.number == number))
    return found


def _rows(connection: sa.Connection) -> Iterator[sa.RowMapping]:
    wanted, last = sa.select(AUDIT_LOG).order_by(AUDIT_LOG.c.number).limit(BATCH), 0
    while found := connection.execute(wanted.where(AUDIT_LOG.c.number > last)).mappings().all():
        yield from found
        last = found[-1]["number"]


def _hash(row: Mapping[str, Any] | sa.RowMapping) -> str:
    return sha256(json.dumps([row[name] for name in _HASHED], ensure_ascii=False).encode()).hexdigest()


def _entry(row: sa.RowMapping) -> Entry:
    told = {name: row[name] for name in Entry.__dataclass_fields__ if name != "details"}
    return Entry(**told, details=json.loads(row["details"]))
