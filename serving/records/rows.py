"""Rows that a program sends, as an upsert of the store: what pydantic has checked gets its dtype and is not checked again."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from features import contracts
from features.errors import DataError
from features.tables import TABLES, Column
from features.upserts import Upsert
from serving.posted.tables import column_of
from serving.schemas import Request


def upsert_of(table: str, rows: Sequence[Request], custom: Sequence[Column], *, history: bool = False) -> Upsert:
    """The rows of one table, and whether they are a first load of history.

    Raises DataError for an own column that is not declared, or a value that does not fit its kind.
    """
    sets = [row.model_fields_set for row in rows]
    needed = {*TABLES[table].key}
    columns = [column for column in TABLES[table].columns if column.name in needed or any(column.name in each for each in sets)]
    values = {column.name: column_of([getattr(row, column.name) for row in rows], column.kind) for column in columns}
    given = {column.name: [column.name in each for each in sets] for column in columns}
    if table == "deals":
        own = [row.custom for row in rows]  # type: ignore[attr-defined]
        values |= _own_columns(own, custom)
        given |= {name: [name in each for each in own] for name in values if name not in given}
    return Upsert(table, pd.DataFrame(values), pd.DataFrame(given), history)


def _own_columns(own: Sequence[dict[str, Any]], custom: Sequence[Column]) -> dict[str, pd.Series]:
    declared = {column.name: column.kind for column in custom}
    sent = sorted({name for each in own for name in each})
    if unknown := [name for name in sent if name not in declared]:
        known = f"declared are {', '.join(declared)}" if declared else "none is declared"
        raise DataError("deals", "the own column is not declared in the mapping", known, column=f"custom/{unknown[0]}")
    held = {name: pd.Series([each.get(name) for each in own], name=name, dtype=object) for name in sent}
    return {name: contracts.parse(values, declared[name], "deals") for name, values in held.items()}
