"""What the store remembers beside its rows."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Final

import pandas as pd
import sqlalchemy as sa

from features import clock, contracts
from features.errors import MappingError, NotReadyError
from features.organisation import Organisation
from features.recorded import first_changes, first_records
from features.sources.result import SourceData
from features.tables import EXPORT, TABLES, Column, Kind
from features.tracking import tracked_kinds

FORMAT: Final = 4
"""Of the SQL tables; see features.store_format for what older ones become."""

STATE: Final = sa.Table(
    "store",
    sa.MetaData(),
    sa.Column("store_id", sa.Text, primary_key=True),
    sa.Column("format", sa.Integer, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class StoreState:
    """The facts about what is stored.

    columns      the columns that each table's sources had
    custom       the deals' own columns, as they were last declared
    watched      tracked field -> the first export that had it, once a second export can show changes of it
    """

    store_id: str
    revision: int = 0
    organisation: Organisation | None = None
    extracted_at: pd.Timestamp | None = None
    static: frozenset[str] = frozenset()
    tracked_since: Mapping[str, pd.Timestamp] = field(default_factory=dict)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    custom: tuple[Column, ...] = ()
    watched: Mapping[str, pd.Timestamp] = field(default_factory=dict)

    def filled_by(self, source: SourceData, extracted_at: pd.Timestamp) -> "StoreState":
        """The state when nothing but this source is stored."""
        columns = {name: tuple(c for c in TABLES[name].names if c in frame) for name, frame in source.tables.items()}
        deals = source.tables.get("deals", pd.DataFrame())
        return StoreState(
            self.store_id,
            self.revision,
            source.organisation,
            extracted_at,
            source.static,
            dict(source.tracked_since),
            columns,
            tuple(contracts.custom_columns("deals", deals, source.custom)),
        )

    def grown_by(self, source: SourceData, extracted_at: pd.Timestamp) -> "StoreState":
        """The state when this source is laid over what is stored."""
        new = self.filled_by(source, extracted_at)
        watched = self._watched(extracted_at)
        there = {*self.columns, *new.columns, *(["deal_changes"] if watched else [])}
        return replace(
            new,
            organisation=new.organisation or self.organisation,
            static=self.static | new.static,
            tracked_since={**new.tracked_since, **self.tracked_since},
            columns={name: self._columns(name, new) for name in TABLES if name in there},
            custom=self.custom_with(source.custom),
            watched=watched,
        )

    def custom_with(self, declared: Sequence[Column]) -> tuple[Column, ...]:
        """The own columns when a source declares these: what it says nothing of stays as it was declared before.

        Raises MappingError for a column that changes its kind: what is stored could not be read any more.
        """
        own = {column.name: column for column in self.custom}
        for column in declared:
            before = own.get(column.name, column)
            if column.revealed_by == EXPORT:
                own[column.name] = before
            elif column.kind is before.kind:
                own[column.name] = column
            else:
                raise MappingError(
                    f"deals.{column.name} is a {column.kind} here and a {before.kind} in the store; "
                    "declare it as before, or replace all with --replace"
                )
        return tuple(own.values())

    def _watched(self, later: pd.Timestamp) -> dict[str, pd.Timestamp]:
        """Since which export changes of each tracked field show, now that a later one is laid over what is stored."""
        if self.extracted_at is None or clock.micros(later) == clock.micros(self.extracted_at):
            return dict(self.watched)
        present = {*self.columns.get("deals", ()), *(column.name for column in self.custom)}
        return {name: self.extracted_at for name in tracked_kinds(self.custom) if name in present} | dict(self.watched)

    def tracked(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.Timestamp]:
        """Since when each field has a history: as declared, else since its first change or the first export, the earlier one."""
        told = first_changes(tables)
        return {name: min(since, told.get(name, since)) for name, since in self.watched.items()} | dict(self.tracked_since)

    def begins(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, int]:
        """When the change history as a whole begins, where it begins before its first change."""
        if not self.watched:
            return {}
        first = min(map(clock.micros, self.watched.values()))
        return {"deal_changes": min(first, first_records(tables).get("deal_changes", first))}

    def _columns(self, name: str, new: "StoreState") -> tuple[str, ...]:
        both = {*self.columns.get(name, ()), *new.columns.get(name, ())}
        both = both or set(TABLES[name].required) | {"old_value", "new_value"}
        return tuple(column for column in TABLES[name].names if column in both)

    def facts(self) -> str:
        """All but id and revision, as JSON."""
        return json.dumps(
            {
                "organisation": asdict(self.organisation) if self.organisation else None,
                "extracted_at": clock.micros(self.extracted_at) if self.extracted_at is not None else None,
                "static": sorted(self.static),
                "tracked_since": {name: clock.micros(since) for name, since in self.tracked_since.items()},
                "columns": self.columns,
                "custom": [[column.name, column.kind, column.revealed_by] for column in self.custom],
                "watched": {name: clock.micros(since) for name, since in self.watched.items()},
            }
        )


def fresh_state() -> dict[str, object]:
    """The row of a store that holds nothing yet."""
    state = StoreState(uuid.uuid4().hex)
    return {"store_id": state.store_id, "format": FORMAT, "revision": 0, "facts": state.facts()}


def read_state(connection: sa.Connection) -> StoreState:
    """The store's state. Raises NotReadyError for a store of another format."""
    store_id, form, revision, text = connection.execute(sa.select(STATE)).one()
    if form != FORMAT:
        raise NotReadyError(f"the store has format {form}, this version reads {FORMAT}; another version may have changed it")
    return state_of(store_id, revision, text)


def state_of(store_id: str, revision: int, text: str) -> StoreState:
    """What `StoreState.facts` wrote, with id and revision."""
    facts = json.loads(text)
    return StoreState(
        store_id,
        revision,
        Organisation(**facts["organisation"]) if facts["organisation"] else None,
        clock.instant(facts["extracted_at"]) if facts["extracted_at"] is not None else None,
        frozenset(facts["static"]),
        {name: clock.instant(since) for name, since in facts["tracked_since"].items()},
        {name: tuple(columns) for name, columns in facts["columns"].items()},
        tuple(Column(name, Kind(kind), revealed_by) for name, kind, revealed_by in facts["custom"]),
        {name: clock.instant(since) for name, since in facts["watched"].items()},
    )
