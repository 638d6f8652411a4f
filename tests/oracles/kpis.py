"""Every KPI by SQL, for tests and benchmarks alone: written from the definitions, on the tables as a CRM exports them.

    known.sql     views of what was known at as_of, and the last quarters
    nodes.sql     which nodes of a dimension each record counts in
    the others    one query for each KPI and variant, under its name; each gives node, window, the value, and figures beside it

They share no code with the kernels. A node without an id is called "nobody" here, and the company has an empty name.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import duckdb
import pandas as pd

FOLDER: Final = Path(__file__).with_name("kpi_sql")
PARTS: Final = ("deals", "leads", "plans", "clients")
RECORDED: Final = ("deal_changes", "activities", "orders", "surveys")
NOBODY: Final = "nobody"

Figures = dict[str, float | None]


@cache
def queries() -> Mapping[str, str]:
    """Query by KPI, or KPI and variant."""
    found: dict[str, str] = {}
    for part in PARTS:
        for names, query in re.findall(r"^-- (.+)\n((?:(?!-- ).*\n)+)", _text(part), re.M):
            found |= dict.fromkeys(names.split(), query)
    return found


def opened(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, n_quarters: int = 7, forecasts: pd.DataFrame | None = None
) -> duckdb.DuckDBPyConnection:
    """A database of the tables, with the views of what was known at as_of, and of so many quarters up to then."""
    base = duckdb.connect()
    base.execute("SET TimeZone = 'UTC'")
    base.execute("SET VARIABLE as_of = $at::TIMESTAMP", {"at": moment(as_of)})
    base.execute(f"SET VARIABLE n_quarters = {n_quarters}")
    for name, frame in {**tables, **({} if forecasts is None else {"forecasts": forecasts})}.items():
        given = frame.copy()
        for column in map(str, frame):
            if isinstance(frame[column].dtype, pd.DatetimeTZDtype):
                given[column] = frame[column].dt.tz_localize(None)
            elif frame[column].dtype == "str":
                given[column] = frame[column].astype(object).where(frame[column].notna(), None)
        base.register("given", given)
        base.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        if "recorded_at" not in frame and name in RECORDED:
            base.execute(f"ALTER TABLE {name} ADD COLUMN recorded_at TIMESTAMP")
    base.execute(_text("known"))
    return base


def cut(base: duckdb.DuckDBPyConnection, dimension: str) -> None:
    """Ask by this dimension from now on."""
    base.execute(f"SET VARIABLE dimension = '{dimension}'")
    base.execute(_text("nodes"))


def ask(base: duckdb.DuckDBPyConnection, name: str) -> dict[tuple[str, int], Figures]:
    """(node, number of the window) -> the figures of a KPI: its value, and whatever else the query gives."""
    kpi, _, variant = name.partition(":")
    base.execute(f"SET VARIABLE kpi = '{kpi}'")
    base.execute(f"SET VARIABLE variant = '{variant}'")
    rows = base.execute(queries()[name])
    columns = [column for column, *_ in rows.description or ()]
    told = [dict(zip(columns, row, strict=True)) for row in rows.fetchall()]
    return {(row.pop("node"), row.pop("w")): row for row in told}


def moment(at: pd.Timestamp) -> datetime:
    """An instant as DuckDB is given it here: naive, in UTC."""
    return at.tz_convert("UTC").tz_localize(None).to_pydatetime()


def _text(part: str) -> Any:
    return (FOLDER / f"{part}.sql").read_text(encoding="utf-8")
