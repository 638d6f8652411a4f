"""The contract as SQL tables, and rows in bulk to and from them.

Instants are BIGINT microseconds since 1970 in UTC, dates ISO text, flags 0 and 1: the same in SQLite and PostgreSQL, exact, and
readable by any tool. The deals' own columns stand in one JSON column. `openings` has a row for each deal: of every tracked field
its first value and, as `<field>_since`, since when it is known; those of own fields stand in a JSON column as well. Equal changes
of one instant are told apart by `occurrence`.

Between a DataFrame and a table stands an Arrow table in that stored form, so that the encoding is written once. SQLAlchemy writes
the SQL; its row-by-row parameters, though, take nine times as long as the driver's own bulk call, which is used instead.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import sqlalchemy as sa

from features import clock
from features.parsing import DTYPES, canonical_text
from features.tables import NUMERIC, TABLES, TRACKED, Column, Kind
from features.tracking import tracked_kinds

OPENINGS: Final = "openings"
CUSTOM: Final = "custom"
OCCURRENCE: Final = "occurrence"
LINKS: Final = ("account_id", "deal_id")
_SINCE: Final = "_since"
_CHUNK: Final = 100_000
_LISTED: Final = 500
"""Values that one statement lists: SQLite and PostgreSQL take far more, and plan no faster for it."""

_ARROW: Final = {Kind.INSTANT: pa.int64(), Kind.FLAG: pa.int8()} | dict.fromkeys(NUMERIC, pa.float64())
_SQL: Final[Mapping[Kind, sa.types.TypeEngine[Any]]] = {
    Kind.INSTANT: sa.BigInteger(),
    Kind.FLAG: sa.SmallInteger(),
} | dict.fromkeys(NUMERIC, sa.Double())


@cache
def sql_tables() -> Mapping[str, sa.Table]:
    """One SQL table for each of the contract's, and that of the openings."""
    metadata = sa.MetaData()
    for name, table in TABLES.items():
        columns = [_sql_column(column, key=table.key) for column in table.columns]
        if name == "deals":
            columns.append(sa.Column(CUSTOM, sa.Text))
        if name == "deal_changes":
            columns.append(sa.Column(OCCURRENCE, sa.Integer, nullable=False))
        sa.Table(name, metadata, *columns)
    sa.Table(OPENINGS, metadata, sa.Column("deal_id", sa.Text, primary_key=True), *_opening_columns())
    return metadata.tables


def _sql_column(column: Column, key: Sequence[str]) -> "sa.Column[Any]":
    """A column of a table. A key of one column is primary; of a key of several, some of them nullable, the first is indexed.

    So are the columns by which a row belongs to an account or a deal.
    """
    primary = (column.name,) == tuple(key)
    indexed = not primary and column.name in (key[0], *LINKS)
    kind = _SQL.get(column.kind, sa.Text())
    return sa.Column(column.name, kind, primary_key=primary, nullable=not column.required, index=indexed)


def _opening_columns() -> Iterator["sa.Column[Any]"]:
    for name in TRACKED:
        yield sa.Column(name, _SQL.get(TABLES["deals"].column(name).kind, sa.Text()))
        yield sa.Column(name + _SINCE, sa.BigInteger, nullable=False)
    yield sa.Column(CUSTOM, sa.Text)


def key_of(name: str) -> list["sa.Column[Any]"]:
    """The columns that identify a row of a SQL table."""
    table = sql_tables()[name]
    if name == OPENINGS:
        return [table.c.deal_id]
    return [*(table.c[part] for part in TABLES[name].key), *([table.c[OCCURRENCE]] if OCCURRENCE in table.c else [])]


def encode(name: str, frame: pd.DataFrame) -> pa.Table:
    """A table of the contract in stored form; what the contract does not name goes into the JSON column of the deals."""
    columns = {column.name: _stored(frame[column.name], column.kind) for column in TABLES[name].columns if column.name in frame}
    if name == "deals":
        own = frame.drop(columns=list(columns))
        columns[CUSTOM] = _json(own, {str(part): _own_kind(own[part]) for part in own})
    if name == "deal_changes":
        columns[OCCURRENCE] = pa.array(frame.groupby(list(TABLES[name].key), dropna=False).cumcount())
    return pa.table(columns)


def decode(name: str, stored: pa.Table, custom: Sequence[Column] = ()) -> pd.DataFrame:
    """A table of the contract from its stored form; the inverse of `encode` but for the order of rows."""
    kinds = {column.name: column.kind for column in TABLES[name].columns}
    frame = pd.DataFrame({part: _restored(stored[part], kinds[part]) for part in stored.column_names if part in kinds})
    if name != "deals" or not custom:
        return frame
    return frame.assign(**_from_json(stored[CUSTOM], {column.name: column.kind for column in custom}))


def encode_openings(openings: pd.DataFrame, custom: Sequence[Column] = ()) -> pa.Table:
    """The openings in stored form."""
    columns = {"deal_id": _stored(openings["deal_id"], Kind.ID)}
    for name in TRACKED:
        columns[name] = _stored(openings[name], TABLES["deals"].column(name).kind)
        columns[name + _SINCE] = pa.array(openings[name + _SINCE])
    kinds = {name: kind for name, kind in _own_openings(custom).items() if name in openings}
    columns[CUSTOM] = _json(openings[list(kinds)], kinds)
    return pa.table(columns)


def decode_openings(stored: pa.Table, custom: Sequence[Column] = ()) -> pd.DataFrame:
    """The openings from their stored form; an own field that was not stored is known since no time."""
    kinds = {"deal_id": Kind.ID} | {name: TABLES["deals"].column(name).kind for name in TRACKED}
    columns = {}
    for name in (part for part in stored.column_names if part != CUSTOM):
        columns[name] = _restored(stored[name], kinds[name]) if name in kinds else stored[name].to_pandas()
    own = _own_openings(custom)
    restored = _from_json(stored[CUSTOM], own) if own else {}
    since = {
        name: values.fillna(clock.UNKNOWN).astype("int64") if own[name] is None else values for name, values in restored.items()
    }
    return pd.DataFrame(columns | since)


def _own_openings(custom: Sequence[Column]) -> dict[str, Kind | None]:
    """The columns that hold the openings of own fields, with their kinds; None: since when, in microseconds."""
    own = {name: kind for name, kind in tracked_kinds(custom).items() if name not in TRACKED}
    return {part: given for name, kind in own.items() for part, given in ((name, kind), (name + _SINCE, None))}


def _stored(values: pd.Series, kind: Kind | None) -> pa.Array:
    if kind is Kind.INSTANT:
        return pa.array(clock.to_micros(values), mask=values.isna().to_numpy())
    if kind is Kind.FLAG:
        return pa.array(values.astype("Int8"), from_pandas=True)
    return pa.array(canonical_text(values, kind) if kind is Kind.DATE else values, from_pandas=True)


def _restored(stored: Any, kind: Kind | None) -> pd.Series:
    array = stored.combine_chunks() if isinstance(stored, pa.ChunkedArray) else stored
    if kind is None:
        return pd.Series(array.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get), dtype="Int64")
    if kind is Kind.INSTANT:
        return pd.Series(array.cast(pa.int64()).cast(pa.timestamp("us", "UTC")).to_pandas(), dtype=DTYPES[kind])
    if kind is Kind.DATE:
        return pd.Series(pc.cast(array.cast(pa.string()), pa.date32()).cast(pa.timestamp("us")).to_pandas(), dtype=DTYPES[kind])
    if kind is Kind.FLAG:
        return pd.Series(array.cast(pa.bool_()).to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get), dtype=DTYPES[kind])
    return pd.Series(array.cast(_ARROW.get(kind, pa.string())).to_pandas(), dtype=DTYPES[kind])


def _from_json(stored: Any, kinds: Mapping[str, Kind | None]) -> dict[str, pd.Series]:
    """Columns out of one JSON column; a kind of None is a whole number."""
    parsed = [json.loads(row) if row else {} for row in stored.to_pylist()]
    arrow = {name: pa.int64() if kind is None else _ARROW.get(kind, pa.string()) for name, kind in kinds.items()}
    return {name: _restored(pa.array([row.get(name) for row in parsed], arrow[name]), kind) for name, kind in kinds.items()}


def _json(own: pd.DataFrame, kinds: Mapping[str, Kind | None]) -> pa.Array:
    """One JSON object a row with the values that are there; null where there is none."""
    stored = {name: _stored(own[name], kind).to_pylist() for name, kind in kinds.items()}
    rows = zip(*stored.values(), strict=True) if stored else ([()] * len(own))
    objects = ({name: value for name, value in zip(stored, row, strict=True) if value is not None} for row in rows)
    return pa.array([json.dumps(one, ensure_ascii=False) if one else None for one in objects], pa.string())


def _own_kind(values: pd.Series) -> Kind:
    """The kind whose dtype a column of the deals' own has."""
    return next(kind for kind, dtype in DTYPES.items() if dtype == str(values.dtype))


def write(connection: sa.Connection, table: sa.Table, rows: pa.Table) -> None:
    """Append rows in stored form."""
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
        return
    statement = str(sa.insert(table).values({name: sa.bindparam(name) for name in rows.column_names}).compile(connection))
    for start in range(0, rows.num_rows, _CHUNK):
        columns = [column.to_pylist() for column in rows.slice(start, _CHUNK).columns]
        connection.exec_driver_sql(statement, list(zip(*columns, strict=True)))


def _copy(connection: sa.Connection, table: sa.Table, rows: pa.Table) -> None:
    """PostgreSQL's bulk load: an empty cell is null, and no text is empty."""
    quote = connection.dialect.identifier_preparer
    names = ", ".join(quote.quote(name) for name in rows.column_names)
    text = io.BytesIO()
    pyarrow.csv.write_csv(rows, text, pyarrow.csv.WriteOptions(include_header=False))
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {quote.format_table(table)} ({names}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(text.getbuffer())


def read(connection: sa.Connection, table: sa.Table, columns: Sequence[str], deals: Sequence[str] | None = None) -> pa.Table:
    """Columns of a table in stored form; with `deals` those rows whose deal_id is one of them."""
    if deals is not None:
        return read_of(connection, table, columns, "deal_id", deals)
    wanted, schema = _asked(table, columns)
    return pa.Table.from_batches(_batches(connection, sa.select(*wanted), schema), schema)


def read_of(connection: sa.Connection, table: sa.Table, columns: Sequence[str], key: str, values: Sequence[str]) -> pa.Table:
    """Columns of those rows in which a column has one of these values, in stored form."""
    wanted, schema = _asked(table, columns)
    parts = [list(values[start : start + _LISTED]) for start in range(0, len(values), _LISTED)]
    statements = [sa.select(*wanted).where(table.c[key].in_(part)) for part in parts]
    batches = [batch for statement in statements for batch in _batches(connection, statement, schema)]
    return pa.Table.from_batches(batches, schema)


def read_changes(
    connection: sa.Connection, table: sa.Table, values: "Mapping[str, sa.ColumnElement[Any]]", where: "sa.ColumnElement[bool]"
) -> tuple[pa.Table, pa.Table]:
    """Rows as they are, and the same rows with other values in some columns, in stored form."""
    before, schema = _asked(table, [column.name for column in table.columns])
    after = [values.get(column.name, column).label(f"new_{column.name}") for column in before]
    twice = pa.schema([*schema, *(pa.field(f"new_{part.name}", part.type) for part in schema)])
    both = pa.Table.from_batches(_batches(connection, sa.select(*before, *after).where(where), twice), twice)
    old, new = both.column_names[: len(schema)], both.column_names[len(schema) :]
    return both.select(old), both.select(new).rename_columns(old)


def _asked(table: sa.Table, columns: Sequence[str]) -> tuple[list["sa.Column[Any]"], pa.Schema]:
    wanted = [table.c[name] for name in columns]
    return wanted, pa.schema([(column.name, _arrow_type(column)) for column in wanted])


def _batches(connection: sa.Connection, statement: "sa.Select[Any]", schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for part in connection.execute(statement, execution_options={"yield_per": _CHUNK}).partitions():
        columns = zip(*part, strict=True)
        yield pa.record_batch([pa.array(column, one.type) for column, one in zip(columns, schema, strict=True)], schema=schema)


def _arrow_type(column: "sa.Column[Any]") -> pa.DataType:
    if isinstance(column.type, sa.Integer):
        return pa.int64()
    return pa.float64() if isinstance(column.type, sa.Double) else pa.string()
