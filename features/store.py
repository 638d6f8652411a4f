"""The store: one SQL database that holds the tables, and what is known of their past, between ingests.

An ingest is one transaction: on any failure nothing has changed. Each counts the **revision** up by one, which tells every worker
whether what it has loaded is current. `replace` forgets what was there; `merge` lays an export over it:

* rows are matched by key; rows and columns that the export lacks stay as they are;
* where a tracked field of a deal changed and the source's history does not say when, the change is recorded (see growth.py);
* of a column that is declared static the first stored value stays: it counts for the past, where a later one was not known;
* the openings of the deals stay: what was known at the first ingest remains what was known then.

SQLite (in WAL mode, so that a writer never blocks readers) and PostgreSQL are supported. `cache` is a folder for a Parquet copy
of the current revision, which loads several times as fast as SQL; without one nothing is copied.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from features import (
    changed_part,
    clock,
    deletions,
    merging,
    renewal,
    rewinding,
    store_format,
    superseded,
    tombstones,
    touches,
    upserts,
)
from features.dataset import Dataset
from features.deletions import Deletion, DeletionReport
from features.engine import connect
from features.errors import NotReadyError
from features.lives import Lives
from features.sources.result import IngestReport, SourceData
from features.sqltables import OPENINGS
from features.store_copy import dataset_of, load_copy, save_copy
from features.store_state import STATE, StoreState, read_state
from features.superseded import SUPERSEDED, Marks
from features.tables import Column
from features.touches import Touched
from features.upserts import Upsert, UpsertReport

Beside: TypeAlias = Callable[[sa.Connection, UpsertReport], None]
Noted: TypeAlias = Callable[[sa.Connection, DeletionReport], None]


@dataclass(frozen=True)
class Renewal:
    """A Dataset brought up to date.

    part     the rows that are new in it, and all that belongs to them
    touched  the accounts and deals of these rows, and of those that were in their place
    """

    dataset: Dataset
    revision: int
    part: Dataset
    touched: Touched


class Store:
    """The tables of one organisation in a database. Raises NotReadyError wherever the database does not answer."""

    def __init__(self, url: str, cache: Path | None = None) -> None:
        self.engine = connect(url)
        self._cache = cache
        self._marks: tuple[int, Marks] | None = None
        try:
            self._bring_up_to_date()
        except NotReadyError:
            self.engine.dispose()
            raise

    def _bring_up_to_date(self) -> None:
        with self._transaction() as connection:
            current = store_format.is_current(connection)
        if not current:
            with self._transaction() as connection:
                store_format.bring_up_to_date(connection)

    def close(self) -> None:
        """Give back the connections; the store can be used again."""
        self.engine.dispose()

    def revision(self) -> int:
        """How often something was ingested: 0 for an empty store."""
        with self._transaction() as connection:
            return int(connection.execute(sa.select(STATE.c.revision)).scalar_one())

    def custom(self) -> tuple[Column, ...]:
        """The deals' own columns, as they were last declared."""
        with self._transaction() as connection:
            return read_state(connection).custom

    def replace(self, source: SourceData) -> IngestReport:
        """Store this source and nothing else; its report with the new revision.

        Raises DataError where its tables do not fit together.
        """
        dataset = source.dataset()
        with self._ingest() as (connection, state):
            return _remember(connection, source, merging.fill(connection, state, source, dataset))

    def merge(self, source: SourceData) -> IngestReport:
        """Lay a source over what is stored; its report with the new revision, and with what it has otherwise though static.

        Raises DataError where the result breaks a rule, UsageError for an export that says it is older than what is stored.
        """
        dataset = source.dataset()
        with self._ingest() as (connection, state):
            if state.extracted_at is None:
                return _remember(connection, source, merging.fill(connection, state, source, dataset))
            grown, changed = merging.grow(connection, state, source, dataset)
            at = merging.moment(state, grown.extracted_at or dataset.extracted_at, changed=True)
            followed = deletions.follow(connection, grown, source, at)
            if any(map(any, followed.values())):
                grown = replace(grown, extracted_at=at)
            return _with_deletions(_remember(connection, source, grown, changed), followed)

    def put(self, upsert: Upsert, at: pd.Timestamp, beside: Beside | None = None) -> UpsertReport:
        """Put some rows of one table, known as of a moment; the revision stays where nothing changes.

        `beside` is called with the report in the transaction that writes: what it writes is stored with the rows, or neither is.
        Raises DataErrors with all that is wrong with the rows, and NotReadyError for rows that need others in an empty store.
        """
        with self._write() as (connection, state):
            after, report = upserts.put(connection, state, upsert, at)
            _keep(connection, after)
            if beside is not None:
                beside(connection, report)
            return report

    def delete(self, deletion: Deletion, at: pd.Timestamp, beside: Noted | None = None) -> DeletionReport:
        """Delete records, or merge them into another, as of a moment: what is loaded as of a later one is without them.

        `beside` as for `put`. Raises UsageError for a merge that makes no sense.
        """
        with self._write() as (connection, state):
            after, report = deletions.delete(connection, state, deletion, at)
            _keep(connection, after)
            if beside is not None:
                beside(connection, report)
            return report

    def load(self, at: pd.Timestamp | None = None) -> Dataset:
        """Everything that is stored, as it was known at an instant, None: now. Raises NotReadyError when empty.

        As of an instant what was deleted since is there, and what was changed since stands as it did.
        """
        with self._transaction(snapshot=True) as connection:
            state = read_state(connection)
            if state.extracted_at is None:
                raise NotReadyError("the store holds no data yet; run: dealcast ingest SOURCE")
            stored = self._stored(connection, state)
        return dataset_of(state, stored, at)

    def epoch(self, at: pd.Timestamp) -> int | None:
        """What tells the data as of an instant from that of others; None where `load` gives what it gives as of now."""
        with self._transaction(snapshot=True) as connection:
            revision = int(connection.execute(sa.select(STATE.c.revision)).scalar_one())
            if self._marks is None or self._marks[0] != revision:
                self._marks = revision, superseded.marks(connection)
        return self._marks[1].epoch(clock.micros(at))

    def rewound(self, now: Dataset, at: pd.Timestamp) -> Dataset | None:
        """What `load` as of an instant gives, made of the data of now and the rows that were otherwise; None: load everything."""
        with self._transaction(snapshot=True) as connection:
            state = read_state(connection)
            otherwise = rewinding.otherwise(connection, state, superseded.marks(connection), clock.micros(at))
            found = changed_part.part_of(connection, state, now, *otherwise)
        if found is None:
            return None
        past = renewal.renewed(now, *found, stages_told="stages" in state.columns)
        if past is not None:
            past.forget("rates")  # those of the days are learned from what was there
        return past

    def renew(self, before: Dataset, revision: int) -> Renewal | None:
        """What was loaded at a revision, brought to the current one by reading what changed alone; None: load everything.

        The result is what `load` would give but for the rates of the day and the kinds of stages; see features.renewal.
        """
        with self._transaction(snapshot=True) as connection:
            state = read_state(connection)
            changed = touches.since(connection, revision, state.revision)
            if changed is None:
                return None
            found = changed_part.part_of(connection, state, before, changed, tombstones.as_of(tombstones.read(connection)))
        if found is None:
            return None
        part, closed = found
        dataset = renewal.renewed(before, part, closed, stages_told="stages" in state.columns)
        return None if dataset is None else Renewal(dataset, state.revision, part, closed)

    def lives(self, at: pd.Timestamp | None = None) -> Lives | None:
        """What a training as of an instant (None: now) sees of earlier dates; None where nothing was ever deleted or changed."""
        with self._transaction(snapshot=True) as connection:
            if not len(superseded.marks(connection).ends):
                return None
            gone = tombstones.since(tombstones.read(connection), "deals", None if at is None else clock.micros(at))
            state = read_state(connection)
            stored = self._stored(connection, state)
        now, whole = dataset_of(state, stored), dataset_of(state, stored, at, undeleted="deals")
        return Lives(whole, gone, lambda date: now if self.epoch(date) is None else self.rewound(now, date) or self.load(date))

    def _stored(self, connection: sa.Connection, state: StoreState) -> dict[str, pa.Table]:
        copied = load_copy(self._cache, state) if self._cache else None
        if copied is not None:
            return copied
        stored = {name: merging.stored(connection, state, name) for name in (*state.columns, OPENINGS)}
        stored |= {tombstones.TOMBSTONES.name: tombstones.read(connection), SUPERSEDED.name: superseded.read(connection)}
        if self._cache:
            save_copy(self._cache, self.engine.url.render_as_string(), state, stored)
        return stored

    @contextmanager
    def _write(self) -> Iterator[tuple[sa.Connection, StoreState]]:
        """A transaction that reads rows and writes them: whoever writes next waits until it ends, so that they stay as read."""
        with self._transaction() as connection:
            connection.execute(sa.update(STATE).values(revision=STATE.c.revision))
            yield connection, read_state(connection)

    @contextmanager
    def _ingest(self) -> Iterator[tuple[sa.Connection, StoreState]]:
        """A transaction that counts the revision up first, so that a second ingest waits for the end of this one."""
        with self._transaction() as connection:
            connection.execute(sa.update(STATE).values(revision=STATE.c.revision + 1))
            state = read_state(connection)
            touches.note(connection, state.revision, None)
            yield connection, state

    @contextmanager
    def _transaction(self, *, snapshot: bool = False) -> Iterator[sa.Connection]:
        """All or nothing; a snapshot sees one state of the database throughout, which SQLite always does."""
        isolated = snapshot and self.engine.dialect.name == "postgresql"
        try:
            with self.engine.connect() as connection:
                if isolated:
                    connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    yield connection
        except sa.exc.DatabaseError as error:
            if not isinstance(error, sa.exc.OperationalError) and type(error) is not sa.exc.DatabaseError:
                raise  # a statement that is wrong, and not a database that is
            reason = str(error.orig).splitlines()[0]
            raise NotReadyError(f"the store {self.engine.url.render_as_string()} does not answer: {reason}") from error


def _keep(connection: sa.Connection, state: StoreState) -> None:
    connection.execute(sa.update(STATE).values(revision=state.revision, facts=state.facts()))


def _with_deletions(report: IngestReport, followed: Mapping[str, tuple[int, int]]) -> IngestReport:
    deleted = {name: gone for name, (gone, _) in followed.items() if gone}
    return replace(report, deleted=deleted, revived={name: again for name, (_, again) in followed.items() if again})


def _remember(
    connection: sa.Connection, source: SourceData, state: StoreState, changed: Mapping[str, int] | None = None
) -> IngestReport:
    connection.execute(sa.update(STATE).values(facts=state.facts()))
    return replace(source.report, revision=state.revision, changed=changed or {})
