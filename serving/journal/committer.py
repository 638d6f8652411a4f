"""The connection through which the journal writes, in a thread that can be left behind.

A database that hangs may hold whoever waits for it for ever. So commits run in a thread of their own, are waited for `PATIENCE`
seconds, and a connection that hangs keeps its thread and its rows until it comes back, or never does.
"""

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from serving.journal.rows import Row

PATIENCE: Final = 2.0
"""Seconds after which a database that does not answer counts as down."""
LOCK_MILLISECONDS: Final = 250
"""How long the writer waits for a lock on an SQLite file, which an ingest holds for seconds."""
_Job = tuple[Sequence[Row], "Future[None]"]


class Committer:
    """One connection in a thread of its own, which is left behind when it hangs."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def commit(self, rows: Sequence[Row]) -> None:
        """Commit rows, or raise what the database says; TimeoutError where it says nothing."""
        committed: Future[None] = Future()
        self._jobs.put((rows, committed))
        committed.result(PATIENCE)

    def leave(self) -> None:
        """Ends by itself once whatever it waits for is over."""
        self._jobs.put(None)

    def _work(self) -> None:
        connection: sa.Connection | None = None
        while (job := self._jobs.get()) is not None:
            rows, committed = job
            try:
                connection = connection or self._connect()
                with connection.begin():
                    insert(connection, rows)
                committed.set_result(None)
            except BaseException as error:
                committed.set_exception(error)
        if connection is not None:
            connection.invalidate()  # its settings are not those of the pool
            connection.close()

    def _connect(self) -> sa.Connection:
        connection = self._engine.connect()
        if connection.dialect.name == "sqlite":
            driver: Any = connection.connection.driver_connection
            driver.execute(f"PRAGMA busy_timeout={LOCK_MILLISECONDS}")
            driver.execute("PRAGMA synchronous=FULL")
            driver.execute("PRAGMA wal_autocheckpoint=0")  # the mender copies the log into the file: nobody waits for that
        return connection


def insert(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Insert rows but for those that are there already, in their order within each table."""
    for table, group in groupby(rows, lambda row: row.TABLE):
        connection.execute(_insert_once(connection.dialect.name, table), [dict(vars(row)) for row in group])


def _insert_once(dialect: str, table: sa.Table) -> sa.Insert:
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
