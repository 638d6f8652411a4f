"""KPIs that are measured elsewhere (market share, trainings held) and brought in by the `actuals` table."""

import numpy as np
import pandas as pd

from features import clock
from features.history import Rows
from features.kpis.periods import bounds, finished
from features.kpis.sheet import Sheet
from features.kpis.value import COMPANY, Cells
from features.signal import texts

SCOPES = {"user": "owner"}
"""What the table calls a dimension, where its name is another here."""


def measured(sheet: Sheet, kpi: str) -> Cells:
    """The measurement of a node whose period is the window; else that of the last period inside it, flagged so.

    Values are never added up: a sum of market shares is none.
    """
    frame = sheet.snapshot.dataset.tables["actuals"]
    rows = np.flatnonzero(finished(sheet, "actuals") & np.asarray(frame["kpi"] == kpi))
    node = _nodes(sheet, frame.iloc[rows])
    rows, node = rows[node >= 0], node[node >= 0]
    starts, ends = (each[rows] for each in bounds(sheet, "actuals"))
    values = frame["value"].to_numpy(dtype=np.float64)[rows]
    value, n, latest = np.full(sheet.shape, np.nan), np.zeros(sheet.shape), np.zeros(sheet.shape, dtype=bool)
    for window, (start, end) in enumerate(sheet.grid.limits):
        inside = np.flatnonzero(clock.overlap(starts, ends, start, end) == 1)
        exact = clock.days_between(starts, ends)[inside] == clock.days_between(start, end)
        order = np.lexsort((ends[inside], exact))
        # Of several rows the last assignment stands: the whole window if it was measured, else the last period.
        value[window, node[inside[order]]] = values[inside[order]]
        latest[window, node[inside[order]]] = ~exact[order]
        n[window] = np.bincount(node[inside], minlength=sheet.shape[1])
    return sheet.answer("actuals", value, n=n, rules=((n == 0, "no_actual"),), flags={"latest_period": latest})


def names(frame: pd.DataFrame) -> list[str]:
    """The KPIs that the table has."""
    return sorted(frame["kpi"].unique())


def _nodes(sheet: Sheet, frame: pd.DataFrame) -> Rows:
    """The node that each row is about, -1 where it is about none of the scorecard."""
    named = {(node.dimension, node.id): column for column, node in enumerate(sheet.grid.slicing.nodes)}
    ids = texts(frame["scope_id"]) if "scope_id" in frame else np.full(len(frame), None, dtype=object)
    found = [
        named.get((SCOPES.get(scope, scope), "" if scope == COMPANY else each), -1)
        for scope, each in zip(frame["scope"], ids, strict=True)
    ]
    return np.array(found, dtype=np.int64)
