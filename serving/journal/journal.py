"""The journal: what was answered is written down before the answer leaves, and stays written.

Whoever answers hands over rows and waits for them; one thread writes. It takes everything that has come in while it wrote last
and commits it together, so a commit costs one flush of the disk whether it carries one answer or a hundred, and nobody waits for
longer than two of them. `append` says where the rows are:

    True      in the database
    False     the database does not answer: in the spool, flushed to this machine's disk, and brought over once it does
    an error  SpoolFullError: nowhere; the answer must not be given

A database that hangs is as bad as one that is down, so it is waited for `PATIENCE` seconds at most; the connection that hangs is
left alone with its rows. They go to the spool as well, and whichever copy comes first wins: a row that is there already is not
written again. While the database is down, rows go to the spool at once, and a second thread tries every second. It brings the
spool over, the oldest row first; of several workers one does.

    answers ──> queue ──> writer ──> committer (its own connection)
                            └──────> spool ──> mender ──> database
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from features.errors import NotReadyError
from serving.database import Database
from serving.journal import spool
from serving.journal.committer import PATIENCE, Committer, insert
from serving.journal.rows import TABLES, Row
from serving.journal.spool import Spool
from serving.settings import Settings

RETRY_SECONDS: Final = 1.0
MOST_TOGETHER: Final = 200
"""Appends that one commit carries at most."""
MEGABYTE: Final = 1_000_000

REJECTED: Final = (sa.exc.DataError, sa.exc.IntegrityError)
"""The database answers, and says that a row is wrong."""

log = logging.getLogger("dealcast")


@dataclass(frozen=True)
class Backlog:
    """How far the journal is behind, for the metrics.

    queued          appends that wait for the writer
    spooled_rows    rows in the spool, of all workers; `spooled_bytes` their size
    dropped         rows that this process dropped because the spool was full
    damaged         rows of the spool that this process could not read or the database refused
    database        whether the database took the last commit
    """

    queued: int
    spooled_rows: int
    spooled_bytes: int
    dropped: int
    damaged: int
    database: bool


@dataclass(frozen=True)
class _Pending:
    rows: Sequence[Row]
    persisted: "Future[bool]"


class Journal:
    """Writes rows for everybody of this process. Threads begin with the first append and end with `close`."""

    def __init__(self, database: Database, spooled: Spool) -> None:
        self.database, self.spool = database, spooled
        self._queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()
        self._up = True
        self._rejected = 0
        self._written = False
        self._committer: Committer | None = None

    async def append(self, rows: Sequence[Row]) -> bool:
        """Wait until these rows are kept; whether in the database. All of them or none. Raises SpoolFullError."""
        return await asyncio.wrap_future(self.submit(rows))

    def append_now(self, rows: Sequence[Row]) -> bool:
        """As `append`, for code that is no coroutine."""
        return self.submit(rows).result()

    def submit(self, rows: Sequence[Row]) -> "Future[bool]":
        """Hand over rows; the future is what `append` answers."""
        self.start()
        pending = _Pending(rows, Future())
        self._queue.put(pending)
        return pending.persisted

    def start(self) -> None:
        """Begin to write, and to bring over what an earlier process left in the spool."""
        with self._starting:
            if self._stopped.is_set():
                raise NotReadyError("the journal is closed: the server is stopping")
            if not self._threads:
                self._threads = [threading.Thread(target=job, daemon=True) for job in (self._write, self._mend)]
                for thread in self._threads:
                    thread.start()

    def close(self) -> None:
        """Write what was handed over so far, and stop."""
        with self._starting:
            self._stopped.set()
        self._queue.put(None)
        for thread in self._threads:
            thread.join(PATIENCE + RETRY_SECONDS)
        self._leave_committer()

    def backlog(self) -> Backlog:
        """How far the journal is behind."""
        return Backlog(
            self._queue.qsize(),
            self.spool.waiting(),
            self.spool.size(),
            self.spool.dropped,
            self.spool.damaged + self._rejected,
            self._up,
        )

    def _write(self) -> None:
        while (first := self._queue.get()) is not None:
            together = [first, *self._more()]
            for each in together:
                each.persisted.set_running_or_notify_cancel()
            self._settle(together)

    def _more(self) -> Iterator[_Pending]:
        """What else has come in by now."""
        for _ in range(MOST_TOGETHER - 1):
            try:
                pending = self._queue.get_nowait()
            except queue.Empty:
                return
            if pending is None:
                self._queue.put(None)
                return
            yield pending

    def _settle(self, together: Sequence[_Pending]) -> None:
        """Keep the rows and say so; where the database refuses a row, each append is tried by itself."""
        try:
            persisted = self._keep([row for each in together for row in each.rows])
        except REJECTED as error:
            if len(together) == 1:
                _refuse(together[0], error)
            else:
                for each in together:
                    self._settle([each])
        except Exception as error:
            for each in together:
                _refuse(each, error)
        else:
            for each in together:
                _answer(each, persisted)

    def _keep(self, rows: Sequence[Row]) -> bool:
        if self._up:
            try:
                self._commit(rows)
            except REJECTED:
                raise
            except (sa.exc.DBAPIError, TimeoutError) as error:
                self._up = False
                self._leave_committer()
                log.warning("the journal's database does not answer; rows go to the spool: %s", _first_line(error))
            else:
                return True
        self.spool.append([{"table": row.TABLE.name, "values": vars(row)} for row in rows])
        return False

    def _commit(self, rows: Sequence[Row]) -> None:
        if self._committer is None:
            self._committer = Committer(self.database.engine)
        self._committer.commit(rows)
        self._written = True

    def _leave_committer(self) -> None:
        if self._committer is not None:
            self._committer.leave()
            self._committer = None

    def _mend(self) -> None:
        """Bring the spool over whenever there is something in it and the database answers."""
        while True:
            try:
                self._bring_over()
                self._checkpoint()
            except Exception as error:
                log.debug("the journal's database does not answer yet: %s", error)
            if self._stopped.wait(RETRY_SECONDS):
                return

    def _bring_over(self) -> None:
        if self._up and not self.spool.size():
            return
        self.database.upgrade()
        with self.database.transaction(exclusive=True):
            pass  # a lock that an ingest holds is waited for here, and not by those who append
        brought = self.spool.drain(self._deliver)
        if not self._up:
            self._up = True
            log.warning("the journal's database answers again; rows brought over from the spool: %s", brought)

    def _checkpoint(self) -> None:
        """Copy SQLite's log into its file, as far as no reader stands in the way."""
        if self.database.engine.dialect.name == "sqlite" and self._written:
            self._written = False
            with self.database.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _deliver(self, rows: Sequence[spool.Row]) -> None:
        """Write spooled rows; those that the database refuses are left out and counted, or they would block all others."""
        found = [TABLES[row["table"]](**row["values"]) for row in rows]
        try:
            self._insert_all(found)
        except REJECTED as error:
            if len(rows) > 1:
                for row in rows:
                    self._deliver([row])
            else:
                self._rejected += 1
                log.error("a row of the spool was refused by the database: %s", _first_line(error))

    def _insert_all(self, rows: Sequence[Row]) -> None:
        with self.database.transaction() as connection:
            insert(connection, rows)


def open_journal(database: Database, settings: Settings) -> Journal:
    """The journal of these settings."""
    limit = settings.spool_megabytes * MEGABYTE
    return Journal(database, Spool(settings.spool, limit, drop_oldest=settings.spool_full == "drop_oldest"))


def _answer(pending: _Pending, persisted: bool) -> None:
    if not pending.persisted.cancelled():
        pending.persisted.set_result(persisted)


def _refuse(pending: _Pending, error: Exception) -> None:
    if not pending.persisted.cancelled():
        pending.persisted.set_exception(error)


def _first_line(error: Exception) -> str:
    return str(error.orig if isinstance(error, sa.exc.DBAPIError) else error).split("\n", 1)[0] or "no answer in time"
