"""The deal signals a second time: as tuned as-of SQL in DuckDB, over the Parquet files of a workload."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd

from benchmarks.workload import Workload
from features import clock
from features.clock import Floats
from features.flat import Texts, texts
from features.organisation import Organisation

HERE: Final = Path(__file__).parent
KINDS: Final = ("call", "email", "meeting", "demo", "proposal")
DIRECTIONS: Final = {"n_inbound": 1, "n_outbound": -1}
WINDOWS: Final = {"": 0, "_7d": 7, "_30d": 30, "_90d": 90}
TALLIED: Final = (
    "n_people",
    "n_contacts",
    "n_contacts_replied",
    "n_unanswered_outbound",
    "n_undone",
    "n_next_steps",
    "n_overdue_steps",
)
OUTCOMES: Final = """
SELECT signals.*, {number} AS number, (closed - {t}) / {day} AS days, coalesce(cause, 0) AS cause
FROM signals LEFT JOIN (
    SELECT deal, min(time) AS closed, arg_min(state, seq) AS cause
    FROM stage_past WHERE time >= {t} AND state > 0 AND NOT opening GROUP BY deal) USING (deal)
"""


def connect(source: Workload, threads: int) -> duckdb.DuckDBPyConnection:
    """A database in memory with the files loaded into native tables."""
    connection = duckdb.connect(config={"threads": threads})
    connection.execute("SET enable_progress_bar = false")
    text = (HERE / "signals_load.sql").read_text(encoding="utf-8")
    connection.execute(text.format(folder=source.folder, since=clock.micros(source.tracked_since)))
    return connection


def signals(connection: duckdb.DuckDBPyConnection, source: Workload, as_of: pd.Timestamp) -> None:
    """Put the signals of all deals into the table `found`."""
    connection.execute(signals_text(source, as_of, "true"))
    connection.execute("CREATE OR REPLACE TEMP VIEW found AS SELECT *, 0 AS number FROM signals")


def examples(connection: duckdb.DuckDBPyConnection, source: Workload, dates: Sequence[pd.Timestamp]) -> None:
    """Put the signals of the deals open at each date into the table `found`, with days to the close and its cause (0: none)."""
    for number, as_of in enumerate(dates):
        connection.execute(signals_text(source, as_of, "state = 0"))
        how = "INSERT INTO found" if number else "CREATE OR REPLACE TEMP TABLE found AS"
        connection.execute(f"{how} {OUTCOMES.format(t=clock.micros(as_of), day=clock.MICROS_PER_DAY, number=number)}")


def signals_text(source: Workload, as_of: pd.Timestamp, cohort: str) -> str:
    """The SQL of one as_of."""
    at = clock.micros(as_of)
    text = (HERE / "signals.sql").read_text(encoding="utf-8")
    return text.format(
        t=at,
        day=clock.MICROS_PER_DAY,
        extracted=clock.micros(source.extracted_at),
        quarter=clock.micros(Organisation().calendar.quarter(as_of).end),
        cohort=cohort,
        counts=",\n       ".join(f"count(*) FILTER ({' AND '.join(kept)}) AS {name}" for name, kept in _counts(at).items()),
        zeroed=", ".join(f"coalesce({name}, 0) AS {name}" for name in (*_counts(at), *TALLIED)),
    )


def fetch(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """What was found in the order of the dates and the deals' ids, numbers as float64 and text as objects."""
    found = connection.sql("SELECT * EXCLUDE (deal, number) FROM found ORDER BY number, deal").fetchnumpy()
    return pd.DataFrame({name: _plain(values) for name, values in found.items()})


def _plain(values: Any) -> Floats | Texts:
    if isinstance(values, pd.Categorical):
        return texts(pd.Series(values.astype(object)))
    if np.ma.asarray(values).dtype == object:
        # Not `filled`: with None it fills in its own default for text, a question mark.
        kept: Texts = np.ma.getdata(values).astype(object)
        kept[np.ma.getmaskarray(values)] = None
        return kept
    return np.asarray(np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan), dtype=np.float64)


def _counts(at: int) -> dict[str, list[str]]:
    """The counts of activities, and the conditions of each."""
    of_kind = {f"n_{kind}s": [f"kind = '{kind}'"] for kind in KINDS}
    of_direction = {name: [f"direction = {code}"] for name, code in DIRECTIONS.items()}
    counted = {"n_activities": ["true"], **of_kind, **of_direction}
    return {
        f"{name}{suffix}": [*kept, *([f"time >= {at - days * clock.MICROS_PER_DAY}"] if days else [])]
        for name, kept in counted.items()
        for suffix, days in WINDOWS.items()
    }
