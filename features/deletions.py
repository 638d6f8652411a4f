"""Records deleted, or merged into another, in a store: noted with the moment, and the rows stay; see features.tombstones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from features import merging, sqltables, tombstones, touches
from features.errors import UsageError
from features.sources.result import SourceData
from features.sqltables import sql_tables
from features.store_state import StoreState
from features.tables import TABLES
from features.touches import Touched

BY_EXPORT: Final = "ingest"
"""The author of deletions that an export tells."""


@dataclass(frozen=True)
class DeletionReport:
    """What became of some records.

    revision  of the store afterwards; unchanged where nothing was deleted
    deleted   records that were there and are deleted now
    already   records that were deleted before
    unknown   records that are not stored
    """

    table: str
    revision: int
    deleted: int = 0
    already: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class Deletion:
    """Records of one table by their keys, as `tombstones.key_text` writes them; who deletes them, and into what they merge."""

    table: str
    keys: tuple[str, ...]
    author: str
    into: str | None = None


def delete(
    connection: sa.Connection, state: StoreState, deletion: Deletion, at: pd.Timestamp
) -> tuple[StoreState, DeletionReport]:
    """Note the deletions; the state afterwards. Raises UsageError for a merge that makes no sense."""
    name, asked = deletion.table, dict.fromkeys(deletion.keys)
    if deletion.table not in state.columns:
        return state, DeletionReport(name, state.revision, unknown=len(asked))
    rows = stored_rows(connection, state, name, list(asked))
    found, gone = tombstones.keys_of(name, rows), tombstones.as_of(tombstones.read(connection)).keys.get(name, frozenset())
    fresh = [key for key in found if key not in gone]
    _check_merge(connection, state, deletion, fresh, gone)
    report = DeletionReport(name, state.revision, len(fresh), len(found) - len(fresh), len(asked) - len(found))
    if not fresh:
        return state, report
    at, revision = merging.moment(state, at, changed=True), state.revision + 1
    tombstones.delete(connection, name, fresh, at, deletion.author, deletion.into)
    touches.note(connection, revision, _touched(name, rows, deletion.into))
    return replace(state, revision=revision, extracted_at=at), replace(report, revision=revision)


def follow(connection: sa.Connection, state: StoreState, source: SourceData, at: pd.Timestamp) -> dict[str, tuple[int, int]]:
    """Delete what a source marks as deleted, and take back what an earlier source marked and this one shows as there.

    For each table how many records are deleted now, and how many are there again. What a program deleted stays deleted.
    """
    stones = tombstones.as_of(tombstones.read(connection)).keys
    found = {}
    for name in sorted(source.marked & state.columns.keys()):
        stored = tombstones.keys_of(name, stored_rows(connection, state, name, sorted(source.deleted.get(name, ()))))
        gone = [key for key in stored if key not in stones.get(name, frozenset())]
        if gone:
            tombstones.delete(connection, name, gone, at, BY_EXPORT)
        there = set(tombstones.key_texts(name, source.tables[name])) & tombstones.by_author(connection, name, BY_EXPORT)
        tombstones.revive(connection, name, sorted(there), at)
        found[name] = len(gone), len(there)
    return found


def _touched(name: str, rows: pa.Table, into: str | None) -> Touched:
    found = Touched.of_rows(name, rows)
    if into is None:
        return found
    return found | (Touched(accounts=frozenset({into})) if name == "accounts" else Touched(deals=frozenset({into})))


def stored_rows(connection: sa.Connection, state: StoreState, name: str, keys: Sequence[str]) -> pa.Table:
    """The rows that have these keys."""
    firsts = list(dict.fromkeys(tombstones.parts_of(name, key)[0] for key in keys))
    rows = sqltables.read_of(connection, sql_tables()[name], list(state.columns[name]), TABLES[name].key[0], firsts)
    wanted = set(keys)
    return rows.filter(pa.array([key in wanted for key in tombstones.keys_of(name, rows)], pa.bool_()))


def _check_merge(
    connection: sa.Connection, state: StoreState, deletion: Deletion, fresh: Sequence[str], gone: frozenset[str]
) -> None:
    name, into = deletion.table, deletion.into
    if into is None:
        return
    if name not in tombstones.MERGEABLE:
        raise UsageError(f"rows of {name} cannot be merged; {' and '.join(tombstones.MERGEABLE)} can")
    if into in deletion.keys:
        raise UsageError("a record cannot be merged into itself")
    if into in gone or not stored_rows(connection, state, name, [into]).num_rows:
        raise UsageError("the record to merge into is not stored, or is deleted; put it first")
    if not fresh:
        raise UsageError("the record to be merged is not stored, or is deleted already")
