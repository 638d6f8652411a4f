"""Rows as a program puts them into a store, and everything that a store holds."""

from typing import Any

import pandas as pd
import sqlalchemy as sa

from features import contracts
from features.sqltables import sql_tables
from features.store import Store
from features.tables import TABLES, Column
from features.upserts import Upsert, UpsertReport

NOW = pd.Timestamp("2026-05-08T00:00Z").as_unit("us")


def upsert_of(table: str, *rows: dict[str, Any], custom: tuple[Column, ...] = (), history: bool = False) -> Upsert:
    """What a row names is given; what is None is emptied."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    frame = pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names})
    lacking = {name: pd.Series("x", index=frame.index) for name in TABLES[table].required if name not in frame}
    values = contracts.typed(table, frame.assign(**lacking), custom=custom)[0][names]
    return Upsert(table, values, pd.DataFrame({name: [name in row for row in rows] for name in names}), history)


def put(
    store: Store,
    table: str,
    *rows: dict[str, Any],
    at: pd.Timestamp = NOW,
    custom: tuple[Column, ...] = (),
    history: bool = False,
) -> UpsertReport:
    return store.put(upsert_of(table, *rows, custom=custom, history=history), at)


def held(store: Store, *, facts: bool = True) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, sorted."""
    with store.engine.connect() as connection:
        rows = {name: connection.execute(sa.select(table)).all() for name, table in sql_tables().items()}
        found = {name: sorted(map(tuple, each), key=repr) for name, each in rows.items()}
        return found | ({"facts": [tuple(connection.execute(sa.text("SELECT facts FROM store")).one())]} if facts else {})


def copied(store: Store) -> Store:
    """Another store in memory, with all that a store on SQLite holds."""
    copy = Store("sqlite://")
    with store.engine.connect() as source, copy.engine.connect() as target:
        driven: list[Any] = [each.connection.driver_connection for each in (source, target)]
        driven[0].backup(driven[1])
    return copy
