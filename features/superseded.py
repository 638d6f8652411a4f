"""Rows as they were before they were changed: each change is a fact with a time, and the row that it replaced stays in the store.

Tracked fields of deals have a history of their own. Everything else of a row would stand there as if it always had: an order's
amount that was corrected, a lead's conversion of last week that was entered today. So a write that changes a row keeps the one
before it, with the span of instants as of which it shows: from the first at which any of the changed values is known, up to the
write itself. Whoever asks *as of* an instant in this span gets the row as it stood; who asks as of now gets what is known now.

Example: order O1 of 5 March, over 900, is put on 8 May with 700. As of 1 May it is over 900; as of 9 May over 700, for March too.
A ticket that is put as closed the moment it is closed has a span of no length: nobody can ask between, and nothing is kept.

Names are not kept: how a client was called moves no number. Nor are columns that a past snapshot does not show anyway.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from features import clock, sqltables, tombstones
from features.clock import Mask, Micros
from features.recorded import recorded
from features.tables import ALWAYS, CHANGES, CLOSE, EXPORT, TABLES, Column
from features.touches import Touched

SUPERSEDED: Final = sa.Table(
    "superseded",
    sa.MetaData(),
    sa.Column("table_name", sa.Text, primary_key=True),
    sa.Column("record_key", sa.Text, primary_key=True),
    sa.Column("until_at", sa.BigInteger, primary_key=True),
    sa.Column("from_at", sa.BigInteger, nullable=False),
    sa.Column("row", sa.Text, nullable=False),
)
"""`row` holds the columns that had a value, in stored form, as JSON."""

NAMES: Final = frozenset({"name"})
_SCHEMA: Final = pa.schema(
    [(column.name, pa.int64() if isinstance(column.type, sa.BigInteger) else pa.string()) for column in SUPERSEDED.columns]
)
_MARK: Final = ("table_name", "record_key", "from_at", "until_at")


@dataclass(frozen=True)
class Marks:
    """The spans of instants as of which the data is another than now: `(starts, ends]`, each of one record.

    Of a deletion the span is all time up to it; of one that was taken back the time between; of a change as it is kept.
    """

    names: npt.NDArray[np.object_]
    keys: npt.NDArray[np.object_]
    starts: Micros
    ends: Micros

    @classmethod
    def of(cls, stones: pa.Table, rows: pa.Table) -> "Marks":
        """Those of tombstones and of superseded rows."""
        deleted, revived = (np.array(stones[name].fill_null(clock.UNKNOWN)) for name in ("deleted_at", "revived_at"))
        there = revived == clock.UNKNOWN
        names, keys = (np.concatenate([_texts(stones[name]), _texts(rows[name])]) for name in _MARK[:2])
        return cls(
            names,
            keys,
            np.concatenate([np.where(there, clock.ALWAYS, deleted), np.array(rows["from_at"])]).astype(np.int64),
            np.concatenate([np.where(there, deleted, revived), np.array(rows["until_at"])]).astype(np.int64),
        )

    def active(self, at: int) -> Mask:
        """Which spans an instant lies in."""
        return clock.known(self.starts, at) & ~clock.known(self.ends, at)

    def epoch(self, at: int) -> int | None:
        """What tells the data as of an instant from that of others, within this process; None: it is the data of now.

        All instants of one epoch are answered from the same data.
        """
        found = np.flatnonzero(self.active(at))
        return hash(tuple((self.names[row], self.keys[row], self.ends[row]) for row in found)) if len(found) else None

    def keys_at(self, at: int) -> Mapping[str, list[str]]:
        """The records that are otherwise as of an instant, by table."""
        found: dict[str, list[str]] = {}
        for row in np.flatnonzero(self.active(at)):
            found.setdefault(self.names[row], []).append(self.keys[row])
        return found


@dataclass(frozen=True)
class Rows:
    """The superseded rows that hold as of one instant: table -> key -> row in stored form."""

    held: Mapping[str, Mapping[str, Mapping[str, Any]]]

    @cached_property
    def touched(self) -> Touched:
        """The accounts and deals that these rows name, or their keys."""
        found = Touched()
        for name, rows in self.held.items():
            columns = [column.name for column in sqltables.sql_tables()[name].columns]
            found |= Touched.of_rows(name, pa.table({each: [row.get(each) for row in rows.values()] for each in columns}))
        return found

    def applied(self, name: str, stored: pa.Table) -> pa.Table:
        """Rows in stored form, each that was another as of the instant as it stood then."""
        held = self.held.get(name)
        if not held:
            return stored
        first = TABLES[name].key[0]
        near = pc.is_in(stored[first], pa.array(sorted({row[first] for row in held.values()}, key=str), stored[first].type))
        places = np.flatnonzero(near.to_numpy(zero_copy_only=False))
        keys = tombstones.keys_of(name, stored.take(pa.array(places)))
        then = [held[key] for key in keys if key in held]
        stays = np.ones(stored.num_rows, dtype=np.bool_)
        stays[places[[key in held for key in keys]]] = False
        columns = {part.name: pa.array([row.get(part.name) for row in then], part.type) for part in stored.schema}
        return pa.concat_tables([stored.filter(pa.array(stays)), pa.table(columns, stored.schema)])


NONE: Final = Rows({})


def read(connection: sa.Connection) -> pa.Table:
    """All superseded rows."""
    return _table(connection.execute(sa.select(SUPERSEDED)).all(), _SCHEMA)


def marks(connection: sa.Connection) -> Marks:
    """The spans of the tombstones and of the superseded rows, without the rows."""
    schema = pa.schema([_SCHEMA.field(name) for name in _MARK])
    rows = connection.execute(sa.select(*(SUPERSEDED.c[name] for name in _MARK))).all()
    return Marks.of(tombstones.read(connection), _table(rows, schema))


def as_of(rows: pa.Table, at: int | None) -> Rows:
    """The rows that hold as of an instant, None: now, when none does."""
    if at is None or not rows.num_rows:
        return NONE
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    spans = Marks.of(tombstones.NO_STONES, rows)
    active = rows.take(pa.array(np.flatnonzero(spans.active(at)))).sort_by([("until_at", "descending")])
    for each in active.to_pylist():  # of several of one record the earliest write tells
        found.setdefault(each["table_name"], {})[each["record_key"]] = json.loads(each["row"])
    return Rows(found)


def note(
    connection: sa.Connection, name: str, before: pa.Table, after: pa.Table, at: pd.Timestamp, custom: Sequence[Column] = ()
) -> None:
    """Keep rows that a write changes; `before` and `after` are the same rows in stored form, in one order."""
    if not before.num_rows or name == "deal_changes":
        return
    starts = shows_from(name, *(sqltables.decode(name, rows, custom) for rows in (before, after)))
    places = np.flatnonzero(clock.known(starts, clock.micros(at)))
    kept = before.take(pa.array(places))
    rows = [
        {"table_name": name, "record_key": key, "until_at": clock.micros(at), "from_at": int(start), "row": _json(row)}
        for key, start, row in zip(tombstones.keys_of(name, kept), starts[places], kept.to_pylist(), strict=True)
    ]
    if rows:
        connection.execute(sa.insert(SUPERSEDED), rows)


def shows_from(name: str, before: pd.DataFrame, after: pd.DataFrame) -> Micros:
    """For each row since when a snapshot shows any of the values that differ, before or after; `NEVER` where none does."""
    old, new = recorded(name, before), recorded(name, after)
    found = np.where(old == new, clock.NEVER, clock.earlier(old, new))
    for column in shown(name):
        since = clock.earlier(_revealed(name, column, before, old), _revealed(name, column, after, new))
        found = np.where(differing(before, after, column.name), clock.earlier(found, since), found)
    return np.asarray(found, dtype=np.int64)


def shown(name: str) -> list[Column]:
    """The columns of a table whose values a past snapshot shows as they stand in the row."""
    return [each for each in TABLES[name].columns if each.revealed_by not in (CHANGES, EXPORT) and each.name not in NAMES]


def differing(before: pd.DataFrame, after: pd.DataFrame, column: str) -> Mask:
    """In which rows a column has another value; a column that is lacking is empty."""
    nothing = pd.Series(None, index=before.index, dtype=object)
    old, new = (frame[column].reset_index(drop=True) if column in frame else nothing for frame in (before, after))
    same = (old == new).to_numpy(dtype=bool, na_value=False) | (old.isna() & new.isna()).to_numpy()
    return np.asarray(~same)


def _revealed(name: str, column: Column, frame: pd.DataFrame, on_record: Micros) -> Micros:
    """Since when a column of each row is known, `NEVER` where it is not."""
    if column.revealed_by in {TABLES[name].time, ALWAYS}:
        return on_record
    gate = "closed_at" if column.revealed_by == CLOSE else column.revealed_by
    if gate not in frame:
        return clock.repeated(clock.NEVER, len(frame))
    return clock.later(clock.or_never(clock.to_micros(frame[gate])), on_record)


def _texts(values: Any) -> npt.NDArray[np.object_]:
    return np.array(values.to_pylist(), dtype=object)


def _json(row: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False)


def _table(rows: Sequence[Any], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(column, part.type) for column, part in zip(columns, schema, strict=True)], schema=schema)
