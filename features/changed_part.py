"""The rows of what a write touched, read from the store and nothing else, as a Dataset that a renewal splices in.

What was touched is closed first: an activity of account A7 may name a deal of A9, and then A9 is read as well, so that no row
belongs both to what is read and to what is not. Rows count as they are and as they were, because a deal may have left an account.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from features import sqltables, tombstones
from features.completion import Told
from features.dataset import Dataset
from features.recorded import first_changes
from features.renewal import BELONGS, FOR_ALL, KEYS
from features.sqltables import CUSTOM, OPENINGS, sql_tables
from features.store_state import StoreState
from features.superseded import NONE, Rows
from features.tombstones import Deleted
from features.touches import Touched

MOST: Final = 20_000
"""Accounts and deals beyond which everything is loaded."""
_LINKING: Final = ("deals", "activities", "leads")
"""Tables whose rows name an account and a deal."""


def part_of(
    connection: sa.Connection, state: StoreState, before: Dataset, touched: Touched, deleted: Deleted, then: Rows = NONE
) -> tuple[Dataset, Touched] | None:
    """The rows of what was touched as a Dataset, and what they make of `touched` when it is closed; None: it is too much.

    `deleted` and `then` say which rows are not there, and which stand otherwise than they are stored, as of one moment.
    """
    if FOR_ALL & touched.tables or not _same_beginning(state, before):
        return None
    closed = _closed(connection, state, before, touched)
    if closed is None:
        return None
    names = [name for name in state.columns if name in BELONGS or name in closed.tables]
    stored = {name: then.applied(name, _read(connection, state, name, closed)) for name in names}
    openings = sqltables.read_of(connection, sql_tables()[OPENINGS], _columns(state, OPENINGS), "deal_id", sorted(closed.deals))
    read = deleted.applied({name: sqltables.decode(name, rows, state.custom) for name, rows in stored.items()})
    tables = {**before.tables, **read}
    told = Told(
        state.static,
        _tracked_since(state, before, read),
        state.extracted_at,
        sqltables.decode_openings(openings, state.custom),
        before.begins,
        state.custom,
    )
    return Dataset.of_checked(tables, before.organisation, told), closed


def _same_beginning(state: StoreState, before: Dataset) -> bool:
    """Whether the history of changes begins when it did: the first write after the first export may begin it."""
    return all(first >= before.begins.get(name, first + 1) for name, first in state.begins({}).items())


def _tracked_since(state: StoreState, before: Dataset, read: Mapping[str, pd.DataFrame]) -> dict[str, pd.Timestamp]:
    first, known = first_changes(read), {**state.watched, **before.tracked_since}
    return {name: min(since, first.get(name, since)) for name, since in known.items()} | dict(state.tracked_since)


def _closed(connection: sa.Connection, state: StoreState, before: Dataset, touched: Touched) -> Touched | None:
    """With all that rows link to what was touched; None where that is too much."""
    size = -1
    while size != (size := len(touched.accounts) + len(touched.deals)):
        if size > MOST:
            return None
        for name in (name for name in _LINKING if name in state.columns):
            touched = _linked(connection, state, before, name, touched)
        touched = replace(
            touched,
            accounts=tombstones.names_of(connection, "accounts", touched.accounts),
            deals=tombstones.names_of(connection, "deals", touched.deals),
        )
    return touched


def _linked(connection: sa.Connection, state: StoreState, before: Dataset, name: str, touched: Touched) -> Touched:
    """With the accounts and deals that rows of one table name beside what was touched."""
    links = [column for column in ("account_id", "deal_id") if column in state.columns[name]]
    if len(links) < 2:
        return touched
    table = sql_tables()[name]
    rows = before.tables[name]
    old = rows[rows["account_id"].isin(list(touched.accounts)) | rows["deal_id"].isin(list(touched.deals))]
    accounts, deals = set(touched.accounts) | set(old["account_id"].dropna()), set(touched.deals) | set(old["deal_id"].dropna())
    for ids, column in ((touched.accounts, "account_id"), (touched.deals, "deal_id")):
        found = sqltables.read_of(connection, table, links, column, sorted(ids))
        accounts |= set(found["account_id"].to_pylist()) - {None}
        deals |= set(found["deal_id"].to_pylist()) - {None}
    return replace(touched, accounts=frozenset(accounts), deals=frozenset(deals))


def _columns(state: StoreState, name: str) -> list[str]:
    if name == OPENINGS:
        return [column.name for column in sql_tables()[OPENINGS].columns]
    return [*state.columns[name], *([CUSTOM] if name == "deals" else [])]


def _read(connection: sa.Connection, state: StoreState, name: str, touched: Touched) -> pa.Table:
    """The stored rows of one table that belong to what was touched, each once."""
    table, columns = sql_tables()[name], _columns(state, name)
    if name not in BELONGS:
        return sqltables.read(connection, table, columns)
    ids: dict[str, Any] = {"account_id": touched.accounts, "deal_id": touched.deals}
    asked = {column: ids[column] for column in BELONGS[name] if column in state.columns[name]}
    asked |= {KEYS[name]: touched.rows[name]} if name in touched.rows else {}
    parts = [sqltables.read_of(connection, table, columns, column, sorted(wanted)) for column, wanted in asked.items() if wanted]
    if not parts:
        return sqltables.read_of(connection, table, columns, columns[0], [])
    if len(parts) == 1:
        return parts[0]
    whole = pa.concat_tables(parts)
    key = whole[KEYS[name]].to_pylist()
    return whole.take(pa.array(pd.Series(key).drop_duplicates().index.to_numpy()))
