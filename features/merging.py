"""One source laid over the rows of a database, inside a transaction that the store holds.

`fill` writes into emptied tables. `grow` matches rows by key, in the database: a temporary table takes the incoming rows, one
statement updates the rows that are there, one inserts the rest. What a later export implies about the past is growth.py's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Protocol

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from features import clock, contracts, growth, sqltables, superseded
from features.dataset import Dataset
from features.errors import UsageError
from features.organisation import Organisation
from features.sources.result import SourceData
from features.sqltables import CUSTOM, OPENINGS, sql_tables
from features.store_state import StoreState
from features.superseded import SUPERSEDED
from features.tables import TABLES, TRACKED, Column, Kind
from features.tombstones import TOMBSTONES


class Keep(Protocol):
    def __call__(self, before: pa.Table, after: pa.Table) -> None: ...


_FEW_DEALS: Final = 5_000
"""Up to so many deals are looked up by id; beyond, reading all of them is faster."""


def fill(connection: sa.Connection, state: StoreState, source: SourceData, dataset: Dataset) -> StoreState:
    """Empty all tables and write the source; the state afterwards."""
    for table in (*sql_tables().values(), TOMBSTONES, SUPERSEDED):
        connection.execute(sa.delete(table))
    for name, frame in source.tables.items():
        sqltables.write(connection, sql_tables()[name], sqltables.encode(name, frame))
    sqltables.write(connection, sql_tables()[OPENINGS], sqltables.encode_openings(dataset.openings, dataset.custom))
    return state.filled_by(source, dataset.extracted_at)


def grow(connection: sa.Connection, state: StoreState, source: SourceData, dataset: Dataset) -> tuple[StoreState, dict[str, int]]:
    """Lay the source over the tables; the state afterwards, and in how many rows it has another value of each static column.

    Raises DataError where the result mixes currencies, UsageError for an export that says it is older than what is stored.
    """
    _refuse_older(state, source)
    source, dataset = _as_declared(state, source, dataset)
    tables, at, changed = dict(source.tables), moment(state, dataset.extracted_at, changed=False), dict[str, int]()
    if "deals" in tables:
        tables, at, changed = with_growth(connection, state, source, dataset.extracted_at)
        if at is not dataset.extracted_at:
            dataset = replace(source, extracted_at=at).dataset()
    grown = state.grown_by(replace(source, tables=tables), at)
    if "deals" in tables:
        keep_openings(connection, state, grown, dataset.openings)
    for name, frame in tables.items():
        keep = partial(superseded.note, connection, name, at=at, custom=grown.custom if name == "deals" else ())
        changed |= upsert(connection, name, sqltables.encode(name, frame), unchanging(name, state, grown.static), keep)
    contracts.check_together(_currencies(connection, grown), grown.organisation or Organisation())
    return grown, {place: n for place, n in changed.items() if n}


def keep_openings(
    connection: sa.Connection, before: StoreState, grown: StoreState, derived: pd.DataFrame, *, anew: bool = False
) -> None:
    """Write the derived openings of some deals, where none that is known since earlier is stored; `anew`: since as early."""
    held = sqltables.decode_openings(stored(connection, before, OPENINGS, _ids(derived)), grown.custom)
    openings = growth.openings(held, derived, grown.custom, anew=anew)
    upsert(connection, OPENINGS, sqltables.encode_openings(openings, grown.custom))


def stored(connection: sa.Connection, state: StoreState, name: str, deals: Sequence[str] | None = None) -> pa.Table:
    """One table as its sources gave it, in stored form; with `deals` only the rows of these."""
    table = sql_tables()[name]
    columns = [column.name for column in table.columns] if name == OPENINGS else list(state.columns[name])
    return sqltables.read(connection, table, [*columns, CUSTOM] if name == "deals" else columns, deals)


def unchanging(name: str, before: StoreState, static: frozenset[str]) -> list[str]:
    """The stored columns whose values stay; changes of a tracked field become its history, so that is not among them."""
    tracked = TRACKED if name == "deals" else ()
    return [column for column in before.columns.get(name, ()) if f"{name}.{column}" in static and column not in tracked]


def upsert(
    connection: sa.Connection, name: str, rows: pa.Table, unchanging: Sequence[str] = (), keep: Keep | None = None
) -> dict[str, int]:
    """Update the rows whose key is there, insert the others. Columns that `rows` lacks, and unchanging ones, are left alone.

    For each unchanging column, as "table.column", in how many rows it differs. `keep` is handed the rows that change, as they are
    stored and as they will be.
    """
    table = sql_tables()[name]
    columns = [sa.Column(column, table.c[column].type) for column in rows.column_names]
    incoming = sa.Table(f"incoming_{name}", sa.MetaData(), *columns, prefixes=["TEMPORARY"])
    incoming.create(connection)
    sqltables.write(connection, incoming, rows)
    key = sqltables.key_of(name)
    same = sa.and_(*(_same(part, incoming) for part in key))
    values = {column: incoming.c[column] for column in rows.column_names if column not in {part.name for part in key}}
    other = {column: values.pop(column) for column in unchanging if column in values}
    changed = {f"{name}.{column}": _count(connection, same, table.c[column].is_distinct_from(other[column])) for column in other}
    if values:
        # Most rows of a repeated export are as they were, and writing costs far more than comparing.
        differs = sa.or_(*(table.c[column].is_distinct_from(value) for column, value in values.items()))
        if keep is not None and (seen := [column.name for column in superseded.shown(name) if column.name in values]):
            visibly = sa.or_(*(table.c[column].is_distinct_from(values[column]) for column in seen))
            keep(*sqltables.read_changes(connection, table, values, sa.and_(same, visibly)))
        connection.execute(sa.update(table).values(values).where(same, differs))
    new = sa.select(*incoming.c).where(~sa.exists(sa.select(sa.literal(1)).select_from(table).where(same).correlate(incoming)))
    connection.execute(sa.insert(table).from_select(rows.column_names, new))
    incoming.drop(connection)
    return changed


def _count(connection: sa.Connection, *where: "sa.ColumnElement[bool]") -> int:
    return int(connection.execute(sa.select(sa.func.count()).where(*where)).scalar_one())


def _same(part: "sa.Column[Any]", incoming: sa.Table) -> "sa.ColumnElement[bool]":
    """Whether a part of the key is equal; a part that may be missing is equal to another that is missing."""
    if part.name not in incoming.c:
        return part.is_(None)
    other = incoming.c[part.name]
    return part.is_not_distinct_from(other) if part.nullable else part == other


def _refuse_older(state: StoreState, source: SourceData) -> None:
    if source.extracted_at is None or state.extracted_at is None:
        return
    if clock.micros(source.extracted_at) < clock.micros(state.extracted_at):
        raise UsageError(
            f"this export is of {source.extracted_at:%Y-%m-%d %H:%M}Z, the store already holds one of "
            f"{state.extracted_at:%Y-%m-%d %H:%M}Z; ingest exports in their order, or replace all with --replace"
        )


def _as_declared(state: StoreState, source: SourceData, dataset: Dataset) -> tuple[SourceData, Dataset]:
    """The source with its own columns read as an earlier one declared them: an upsert need not bring the declarations along."""
    if "deals" not in source.tables:
        return source, dataset
    declarations = state.custom_with(source.custom)
    own = tuple(contracts.custom_columns("deals", source.tables["deals"], declarations))
    if own == source.custom:
        return source, dataset
    deals = contracts.conform("deals", source.tables["deals"], custom=own)
    declared = replace(source, custom=own, tables={**source.tables, "deals": deals})
    return declared, declared.dataset()


def with_growth(
    connection: sa.Connection, state: StoreState, source: SourceData, own: pd.Timestamp
) -> tuple[dict[str, pd.DataFrame], pd.Timestamp, dict[str, int]]:
    """The source's tables with the changes that they imply and the columns that they lack, and the moment they are known at.

    `own` is the moment of the source itself. Own columns that are known since the deal is on record keep what is stored; at last
    in how many deals each differs.
    """
    deals = source.tables["deals"]
    if "deals" not in state.columns:
        return dict(source.tables), moment(state, own, changed=False), {}
    before = sqltables.decode("deals", stored(connection, state, "deals", _ids(deals)), state.custom)
    found = growth.differences(before, deals, growth.tracked(before, deals, source.custom))
    at = moment(state, own, changed=not found.empty)
    kept, changed = growth.kept(before, deals, with_the_row(state, source.custom))
    tables = {**source.tables, "deals": _with_own_columns(kept, before, state)}
    if not found.empty:
        history = _history(connection, source.tables, list(found["deal_id"].unique()))
        changes = [source.tables["deal_changes"]] if "deal_changes" in source.tables else []
        tables["deal_changes"] = pd.concat([*changes, growth.unexplained(found, history, at)], ignore_index=True)
    return tables, at, {f"deals.{name}": n for name, n in changed.items()}


def with_the_row(state: StoreState, declared: Sequence[Column]) -> dict[str, Kind]:
    """Own columns of the stored deals that count as known since the deal is on record."""
    stored = {column.name for column in state.custom}
    own = [column for column in state.custom_with(declared) if column.name in stored]
    return {column.name: column.kind for column in own if column.revealed_by == TABLES["deals"].time}


def moment(state: StoreState, own: pd.Timestamp, *, changed: bool) -> pd.Timestamp:
    """When a source is known: at its own moment, but after what is stored wherever it changes that."""
    if state.extracted_at is None:
        return own
    last = clock.micros(state.extracted_at)
    return own if clock.micros(own) > last else clock.instant(last + changed)


def _with_own_columns(deals: pd.DataFrame, before: pd.DataFrame, state: StoreState) -> pd.DataFrame:
    """Own columns of the deals that this source lacks keep their stored values: they share one JSON column."""
    kept = before.set_index("deal_id")
    lacking = [column.name for column in state.custom if column.name not in deals]
    return deals.assign(**{name: kept[name].reindex(deals["deal_id"]).set_axis(deals.index) for name in lacking})


def _history(connection: sa.Connection, tables: Mapping[str, pd.DataFrame], deals: Sequence[str]) -> pd.DataFrame:
    """The changes of some deals, those stored and those that come in."""
    columns = ["deal_id", "changed_at", "field", "old_value", "new_value"]
    before = sqltables.read(connection, sql_tables()["deal_changes"], columns, deals)
    parts = [sqltables.decode("deal_changes", before)]
    if "deal_changes" in tables:
        incoming = tables["deal_changes"].reindex(columns=columns)
        parts.append(incoming[incoming["deal_id"].isin(deals)])
    return pd.concat(parts, ignore_index=True)


def _ids(deals: pd.DataFrame) -> list[str] | None:
    return deals["deal_id"].to_list() if len(deals) <= _FEW_DEALS else None


def _currencies(connection: sa.Connection, state: StoreState) -> dict[str, pd.DataFrame]:
    """The currencies in use after an ingest, as tables that have no other column."""
    used = {}
    for name, columns in state.columns.items():
        if "currency" in columns:
            codes = connection.scalars(sa.select(sql_tables()[name].c.currency).distinct()).all()
            used[name] = pd.DataFrame({"currency": pd.Series(codes, dtype="str")})
    return used
