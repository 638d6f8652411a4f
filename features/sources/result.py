"""What reading a source gives: its tables in the contract's form, and a report of what was done on the way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pandas as pd

from features.dataset import Dataset
from features.organisation import Organisation
from features.tables import Column


@dataclass(frozen=True)
class TableReport:
    """What became of the rows of one table.

    read        rows in the source's files
    kept        rows of the resulting table
    dropped     rule -> rows that it dropped
    nulled      rule -> rows in which it emptied a cell
    aggregated  rows that were folded into others: read = kept + dropped + aggregated
    unmapped    columns of the export that nothing reads
    """

    read: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    nulled: Mapping[str, int] = field(default_factory=dict)
    aggregated: int = 0
    unmapped: tuple[str, ...] = ()


@dataclass(frozen=True)
class IngestReport:
    """What an ingest read, kept, dropped and could not place.

    tables     table -> its rows
    untracked  field of the foreign history that no column holds -> rows left out
    unknown    "table.column" -> rows whose value is the key of no row that was read
    unread     files of the export that the mapping does not name
    odd        what is odd in the data, in words -> rows; see `features.sources.oddities` for the rule of each
    undeclared own columns of the deals of which nobody says when they are known: kept, and not signals
    changed    column that is declared static -> stored rows in which this source has another value; theirs stays
    deleted    table -> stored records that this source marks as deleted, and that are deleted now
    revived    table -> records that an earlier source marked as deleted and this one does not, and that are there again
    unplaced   open stages whose place in the pipeline nobody says: no stage has one then
    revision   of the store, once it is stored
    """

    source: str
    tables: Mapping[str, TableReport]
    untracked: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    odd: Mapping[str, int] = field(default_factory=dict)
    undeclared: tuple[str, ...] = ()
    changed: Mapping[str, int] = field(default_factory=dict)
    deleted: Mapping[str, int] = field(default_factory=dict)
    revived: Mapping[str, int] = field(default_factory=dict)
    unplaced: tuple[str, ...] = ()
    revision: int | None = None

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for name, table in self.tables.items():
            yield f"{name}: {table.read:,} rows read, {table.kept:,} kept"
            yield from (f"  {count:,} dropped: {rule}" for rule, count in table.dropped.items())
            yield from (f"  {count:,} emptied: {rule}" for rule, count in table.nulled.items())
            if table.aggregated:
                yield f"  {table.aggregated:,} folded into other rows"
            if table.unmapped:
                yield f"  not mapped: {', '.join(table.unmapped)}"
        yield from (f"deal_changes: '{name}' is not tracked, rows left out: {count:,}" for name, count in self.untracked.items())
        yield from (f"{place} names what is not in the data, rows: {count:,}" for place, count in self.unknown.items())
        yield from (f"{words}: {count:,}" for words, count in self.odd.items())
        for place, count in self.changed.items():
            yield f"{place} is declared static, yet changed; the first value stays, rows: {count:,}"
        yield from (f"{name}: {count:,} stored records are deleted now" for name, count in self.deleted.items())
        yield from (f"{name}: {count:,} deleted records are there again" for name, count in self.revived.items())
        if self.undeclared:
            yield f"no signals, as the mapping does not declare when they are known: deals.{', deals.'.join(self.undeclared)}"
        if self.unplaced:
            missing = ", ".join(self.unplaced)
            yield f"no stage has a place in its pipeline; list all of them, in order, as stage_order in the mapping: {missing}"
        if self.unread:
            yield f"not read: {', '.join(self.unread)}"


@dataclass(frozen=True)
class SourceData:
    """The validated tables of one source.

    organisation   None: the source does not say
    static         columns that the mapping declares unchanging, as "table.column"
    tracked_since  field of the deals -> since when the source keeps its history; absent: since its first change
    extracted_at   when the export was made; None: at its newest fact
    custom         the deals' own columns, and what reveals each
    vouched        columns, as "table.column", that somebody vouches for: the audit warns of them and does not refuse
    deleted        table -> ids of records that the source marks as deleted; they are in no table
    marked         tables whose deleted records the source marks: what it does not mark is there
    """

    tables: Mapping[str, pd.DataFrame]
    organisation: Organisation | None
    static: frozenset[str]
    tracked_since: Mapping[str, pd.Timestamp]
    report: IngestReport
    extracted_at: pd.Timestamp | None = None
    custom: tuple[Column, ...] = ()
    vouched: frozenset[str] = frozenset()
    deleted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    marked: frozenset[str] = frozenset()

    def dataset(self) -> Dataset:
        """The tables as one Dataset. Raises DataError where they do not fit together."""
        return Dataset.of(
            self.tables,
            self.organisation,
            static=self.static,
            tracked_since=self.tracked_since,
            extracted_at=self.extracted_at,
            custom=self.custom,
        )
