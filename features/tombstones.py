"""Deleted and merged records: each deletion is a fact with a time, and the record stays in the store.

Whoever asks for the data *as of* an instant gets it without what was deleted before that instant, and with what was deleted at it
or later: at that time nobody knew. So a training run as of 1 May, repeated in June, still sees the deal that was deleted on
8 May. One as of 1 June sees it in its snapshots of April, and that it was deleted while it was open (features.lives). A record
that was merged into another vanishes likewise, and what names it names the other from then on.

So is every answer as of a past date: it is given from the data of that date.

Example: account A2 was merged into A1 on 8 May. As of 9 May its orders are orders of A1 and A2 is no client; as of 7 May it is.

A record that is put again after its deletion is there again from then on. An ingest of an export that still holds it changes what
is stored of it, and not that it is deleted; one whose mapping says how it marks deleted records tells deletions itself.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from features import clock
from features.errors import UsageError
from features.tables import TABLES

MERGEABLE: Final[Mapping[str, str]] = {"accounts": "account_id", "deals": "deal_id"}
"""The tables whose rows may be merged, and the column by which other rows name them."""

TOMBSTONES: Final = sa.Table(
    "tombstones",
    sa.MetaData(),
    sa.Column("table_name", sa.Text, primary_key=True),
    sa.Column("record_key", sa.Text, primary_key=True),
    sa.Column("deleted_at", sa.BigInteger, primary_key=True),
    sa.Column("revived_at", sa.BigInteger),
    sa.Column("merged_into", sa.Text),
    sa.Column("author", sa.Text, nullable=False),
)
"""A deletion is never erased: `revived_at` says when the record was put again."""

_SCHEMA: Final = pa.schema(
    [(column.name, pa.int64() if isinstance(column.type, sa.BigInteger) else pa.string()) for column in TOMBSTONES.columns]
)


NO_STONES: Final = _SCHEMA.empty_table()


@dataclass(frozen=True)
class Deleted:
    """What is deleted as of one instant.

    keys    table -> the keys of its deleted rows, as `key_text` writes them
    merged  table -> record that was merged away -> the record that stands for it now
    """

    keys: Mapping[str, frozenset[str]]
    merged: Mapping[str, Mapping[str, str]]

    def __bool__(self) -> bool:
        return bool(self.keys)

    def but_for(self, table: str) -> "Deleted":
        """The same with the rows of one table there."""
        keys, merged = ({name: found for name, found in each.items() if name != table} for each in (self.keys, self.merged))
        return Deleted(keys, merged)  # type: ignore[arg-type]

    def applied(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """The tables without the deleted rows and the changes of deleted deals; what names a merged record names the other."""
        return {name: self._renamed(self._left(name, frame)) for name, frame in tables.items()}

    def _left(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        if name == "deal_changes":
            gone = self.keys.get("deals", frozenset())
            frame = frame[~frame["deal_id"].isin(list(gone))] if gone else frame
        gone = self.keys.get(name, frozenset())
        if not gone:
            return frame
        return frame[~pd.Series(key_texts(name, frame), index=frame.index).isin(list(gone))]

    def _renamed(self, frame: pd.DataFrame) -> pd.DataFrame:
        for table, column in MERGEABLE.items():
            renamed = self.merged.get(table, {})
            if renamed and column in frame:
                rows = frame[column].isin(list(renamed))
                frame = frame.assign(**{column: frame[column].mask(rows, frame[column].map(renamed))}) if rows.any() else frame
        return frame


NOTHING: Final = Deleted({}, {})


def names_of(connection: sa.Connection, table: str, ids: Collection[str]) -> frozenset[str]:
    """These records of a table, those that were merged into them and those that they were merged into, ever."""
    asked = sa.select(TOMBSTONES.c.record_key, TOMBSTONES.c.merged_into)
    pairs = connection.execute(asked.where(TOMBSTONES.c.table_name == table, TOMBSTONES.c.merged_into.is_not(None))).all()
    found, size = set(ids), -1
    while size != len(found):
        size = len(found)
        found |= {one for pair in pairs if found & set(pair) for one in pair}
    return frozenset(found)


def key_text(parts: Sequence[Any]) -> str:
    """A key as one text: an id as it is, the parts of a composed one as a JSON list, in stored form."""
    return str(parts[0]) if len(parts) == 1 else json.dumps(list(parts), ensure_ascii=False)


def parts_of(name: str, key: str) -> list[Any]:
    """What `key_text` wrote. Raises UsageError for a text that is no key of this table."""
    n_parts = len(TABLES[name].key)
    if n_parts == 1:
        return [key]
    try:
        parts = json.loads(key)
    except ValueError:
        parts = None
    if not isinstance(parts, list) or len(parts) != n_parts or not all(part is None or isinstance(part, str) for part in parts):
        raise UsageError(f"a key of {name} is a JSON list of {', '.join(TABLES[name].key)}, each a text or null")
    return parts


def key_texts(name: str, frame: pd.DataFrame) -> list[str]:
    """The keys of a table's rows."""
    columns = [_written(frame, part) for part in TABLES[name].key]
    return [key_text(parts) for parts in zip(*columns, strict=True)]


def _written(frame: pd.DataFrame, name: str) -> list[Any]:
    if name not in frame:
        return [None] * len(frame)
    values = frame[name]
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return [int(value) for value in clock.to_micros(values)]
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return list(values.dt.strftime("%Y-%m-%d"))
    return [None if missing else value for value, missing in zip(values, values.isna(), strict=True)]


def read(connection: sa.Connection) -> pa.Table:
    """All tombstones, in the order of the deletions."""
    rows = connection.execute(sa.select(TOMBSTONES).order_by(TOMBSTONES.c.deleted_at)).all()
    columns = list(zip(*rows, strict=True)) or [()] * len(_SCHEMA)
    return pa.table([pa.array(column, kind.type) for column, kind in zip(columns, _SCHEMA, strict=True)], schema=_SCHEMA)


def as_of(stones: pa.Table, at: int | None = None) -> Deleted:
    """What is deleted as of an instant in microseconds, None: by now."""
    keys: dict[str, set[str]] = {}
    merged: dict[str, dict[str, str]] = {}
    for stone in stones.to_pylist():
        if not _holds(stone["deleted_at"], stone["revived_at"], at):
            continue
        keys.setdefault(stone["table_name"], set()).add(stone["record_key"])
        if stone["merged_into"] is not None:
            merged.setdefault(stone["table_name"], {})[stone["record_key"]] = stone["merged_into"]
    return Deleted({name: frozenset(found) for name, found in keys.items()}, {name: _followed(m) for name, m in merged.items()})


def since(stones: pa.Table, table: str, at: int | None) -> dict[str, int]:
    """The records of a table that are deleted as of an instant, None: by now, and since when."""
    own = [stone for stone in stones.to_pylist() if stone["table_name"] == table]
    return {stone["record_key"]: stone["deleted_at"] for stone in own if _holds(stone["deleted_at"], stone["revived_at"], at)}


def _holds(deleted_at: int, revived_at: int | None, at: int | None) -> bool:
    if at is None:
        return revived_at is None
    return clock.is_known(deleted_at, at) and (revived_at is None or not clock.is_known(revived_at, at))


def _followed(merged: Mapping[str, str]) -> dict[str, str]:
    """A into B and B into C is A into C; a circle, which nobody should make, ends where it began."""
    ends: dict[str, str] = {}
    for start in merged:
        seen, end = {start}, merged[start]
        while end in merged and end not in seen:
            seen.add(end)
            end = merged[end]
        ends[start] = end
    return ends


def delete(
    connection: sa.Connection, name: str, keys: Collection[str], at: pd.Timestamp, author: str, into: str | None = None
) -> None:
    """Note that records were deleted, or merged into another."""
    rows = [
        {"table_name": name, "record_key": key, "deleted_at": clock.micros(at), "merged_into": into, "author": author}
        for key in keys
    ]
    connection.execute(sa.insert(TOMBSTONES), rows)


def by_author(connection: sa.Connection, name: str, author: str) -> frozenset[str]:
    """The keys of a table's records that somebody deleted and that are deleted still."""
    row = (TOMBSTONES.c.table_name == name) & (TOMBSTONES.c.author == author) & TOMBSTONES.c.revived_at.is_(None)
    return frozenset(connection.scalars(sa.select(TOMBSTONES.c.record_key).where(row)))


def revive(connection: sa.Connection, name: str, keys: Collection[str], at: pd.Timestamp) -> None:
    """Note that deleted records are there again."""
    for key in keys:
        row = (TOMBSTONES.c.table_name == name) & (TOMBSTONES.c.record_key == key) & TOMBSTONES.c.revived_at.is_(None)
        connection.execute(sa.update(TOMBSTONES).where(row).values(revived_at=clock.micros(at)))


def keys_of(name: str, rows: pa.Table) -> list[str]:
    """The keys of rows in stored form."""
    key = TABLES[name].key
    columns = [rows[part].to_pylist() if part in rows.column_names else [None] * rows.num_rows for part in key]
    return [key_text(parts) for parts in zip(*columns, strict=True)]
