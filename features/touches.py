"""What each revision of the store changed: so that whoever has loaded one revision can take up the next without loading all.

A row belongs to an account, or to a deal, or to both, and then its account and its deal are noted, those that it named before the
change as well. A row that names neither is noted by its key, and of a table whose rows belong to nobody, such as the rates, the
table is. An ingest of a whole export notes that everything changed.

Example: an activity of deal D1 of account A7 is put at revision 12. Noted are (12, account, A7) and (12, deal, D1).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from features.tables import TABLES

ACCOUNT: Final = "account"
DEAL: Final = "deal"
TABLE: Final = "table"
EVERYTHING: Final = "everything"
KEPT_REVISIONS: Final = 1_000
"""Whoever is further behind loads everything."""

OWNERS: Final[Mapping[str, str]] = {"account_id": ACCOUNT, "deal_id": DEAL}
"""The columns by which a row belongs to an account or a deal."""
MAY_BE_NOBODYS: Final = ("activities", "leads", "surveys")
"""Tables whose rows may name neither an account nor a deal."""

TOUCHED: Final = sa.Table(
    "touched",
    sa.MetaData(),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Index("touched_by_revision", "revision"),
)


@dataclass(frozen=True)
class Touched:
    """What changed between two revisions.

    accounts, deals  their ids, of before and after
    rows             table -> keys of rows that belong to neither
    tables           tables that changed and whose rows belong to nobody
    """

    accounts: frozenset[str] = frozenset()
    deals: frozenset[str] = frozenset()
    rows: Mapping[str, frozenset[str]] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()

    def __or__(self, other: "Touched") -> "Touched":
        rows = {name: self.rows.get(name, frozenset()) | other.rows.get(name, frozenset()) for name in {*self.rows, *other.rows}}
        return Touched(self.accounts | other.accounts, self.deals | other.deals, rows, self.tables | other.tables)

    @classmethod
    def of_rows(cls, name: str, rows: pa.Table) -> "Touched":
        """What some rows of a table touch, in stored form."""
        owners = [column for column in OWNERS if column in TABLES[name].names]
        if not owners:
            return cls(tables=frozenset({name}))
        named = {column: rows[column].to_pylist() for column in owners if column in rows.column_names}
        keys = rows[TABLES[name].key[0]].to_pylist()
        nobodys = {key for key, *ids in zip(keys, *named.values(), strict=True) if not any(ids)}
        ids = {column: frozenset(filter(None, named.get(column, ()))) for column in OWNERS}
        return cls(ids["account_id"], ids["deal_id"], {name: frozenset(nobodys)} if nobodys else {})


def note(connection: sa.Connection, revision: int, touched: Touched | None) -> None:
    """Note what a revision changed; None: everything."""
    found = [(EVERYTHING, "")] if touched is None else list(_noted(touched))
    rows = [{"revision": revision, "kind": kind, "id": each} for kind, each in found]
    connection.execute(sa.insert(TOUCHED), rows)
    connection.execute(sa.delete(TOUCHED).where(TOUCHED.c.revision <= revision - KEPT_REVISIONS))


def since(connection: sa.Connection, before: int, now: int) -> Touched | None:
    """What changed after one revision up to another; None: everything, or it is not known any more."""
    asked = sa.select(TOUCHED).where(TOUCHED.c.revision > before, TOUCHED.c.revision <= now)
    rows = connection.execute(asked).all()
    if len({row.revision for row in rows}) != now - before or any(row.kind == EVERYTHING for row in rows):
        return None
    ids: dict[str, set[str]] = {}
    for row in rows:
        ids.setdefault(row.kind, set()).add(row.id)
    found = {kind: frozenset(each) for kind, each in ids.items()}
    accounts, deals, tables = (found.pop(kind, frozenset[str]()) for kind in (ACCOUNT, DEAL, TABLE))
    return Touched(accounts, deals, found, tables)


def _noted(touched: Touched) -> Iterator[tuple[str, str]]:
    yield from _each(ACCOUNT, touched.accounts)
    yield from _each(DEAL, touched.deals)
    yield from _each(TABLE, touched.tables)
    for name, keys in touched.rows.items():
        yield from _each(name, keys)


def _each(kind: str, ids: Iterable[Any]) -> Iterator[tuple[str, str]]:
    return ((kind, each) for each in sorted(ids))
