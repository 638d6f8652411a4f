"""A Dataset without its future: as an export of that day would have been, were the CRM's history exported with it.

Let as_of be 1 April. A call logged on 1 April is gone; a ticket opened in March and closed in May is open; a deal won in May is
open, in the stage it had, for the amount it had; a lead converted in May names no deal. The rules are those of the table
contracts and not of `Snapshot`, which they are to prove; only the current columns are rewound by the deals' own history.

What describes the source and not the facts stays: openings, static columns, and when histories and tables begin.
"""

from typing import Final

import numpy as np
import pandas as pd

from features import clock, history
from features.clock import Mask
from features.contracts import custom_columns
from features.dataset import Dataset
from features.history import Rows
from features.recorded import recorded
from features.snapshot import Snapshot
from features.stages import states_of
from features.tables import CHANGES, CLOSE, EXPORT, TABLES, Column

UNTOLD: Final = "not known"
"""The stage of a deal whose stage was not on record: the contract wants one, and no table of stages knows it."""


def truncated(dataset: Dataset, as_of: int) -> Dataset:
    """The Dataset without the rows recorded, and the values revealed, at or after as_of (microseconds)."""
    tables = {name: _kept(dataset, name, frame, as_of) for name, frame in dataset.tables.items()}
    deals = clock.known(dataset.deal_known, as_of)
    return dataset.with_tables({**tables, "deals": _rewound(dataset, deals, as_of)})


def _kept(dataset: Dataset, name: str, frame: pd.DataFrame, as_of: int) -> pd.DataFrame:
    """The rows on record, each value that another moment reveals emptied where that moment had not come."""
    table = TABLES[name]
    left = frame[_begun(dataset, name, frame, as_of)].reset_index(drop=True)
    hidden = {}
    for column in (each for each in table.columns if each.name in left and each.name != "recorded_at"):
        gate = column.revealed_by
        if gate == EXPORT and f"{name}.{column.name}" not in dataset.static:
            if not _exported(dataset, as_of):
                hidden[column.name] = _emptied(left[column.name])
        elif gate != table.time and gate in table.names:
            hidden[column.name] = left[column.name].where(_come(left, gate, as_of))
    return left.assign(**hidden)


def _begun(dataset: Dataset, name: str, frame: pd.DataFrame, as_of: int) -> Mask:
    known = clock.known(recorded(name, frame), as_of)
    if name != "rates":
        return known
    # The rate of a day is known when that day begins.
    return known & clock.known(clock.dates_to_micros(frame["date"], dataset.organisation.timezone), as_of)


def _come(frame: pd.DataFrame, gate: str, as_of: int) -> Mask:
    return clock.known(clock.to_micros(frame[gate]), as_of) if gate in frame else np.zeros(len(frame), dtype=np.bool_)


def _exported(dataset: Dataset, as_of: int) -> bool:
    return bool(clock.known(clock.repeated(clock.micros(dataset.extracted_at), 1), as_of)[0])


def _emptied(values: pd.Series) -> pd.Series:
    return values.mask(np.ones(len(values), dtype=np.bool_))


def _rewound(dataset: Dataset, rows: Mask, as_of: int) -> pd.DataFrame:
    """The deals on record as they stood."""
    then = Snapshot(dataset, clock.instant(as_of)).frame("deals")
    frame = dataset.deals[rows].reset_index(drop=True)
    closed = _close_on_record(dataset, as_of)[rows]
    exported = np.full(len(frame), _exported(dataset, as_of))
    columns: dict[str, pd.Series] = {}
    for column in (each for each in (*TABLES["deals"].columns, *_own(dataset)) if each.name in frame):
        if column.revealed_by == CHANGES:
            columns[column.name] = then[column.name]
        elif column.revealed_by in (CLOSE, EXPORT):
            columns[column.name] = frame[column.name].where(closed if column.revealed_by == CLOSE else exported)
    return frame.assign(**columns | {"stage": then["stage"].fillna(UNTOLD)})


def _own(dataset: Dataset) -> list[Column]:
    """The deals' own columns; the export reveals one of which nothing is declared."""
    return custom_columns("deals", dataset.deals, dataset.custom)


def _close_on_record(dataset: Dataset, as_of: int) -> Mask:
    """Which deals' final close was on record: by `closed_at`, and where the history tells a close, by the history as well."""
    past = dataset.history("stage")
    closing = _closing(dataset)
    everything = np.ones(len(past.deal), dtype=np.bool_)
    final = history.last_row(past.deal, everything, dataset.n_deals)
    known = history.last_row(past.deal, clock.known(past.known, as_of), dataset.n_deals)
    told = _at(closing & ~past.first, final)
    dated = clock.known(clock.to_micros(dataset.deals["closed_at"]), as_of)
    return dated & (~told | _at(closing, known))


def _closing(dataset: Dataset) -> Mask:
    """Which rows of the stage history stand in a closed stage."""
    past, stages = dataset.history("stage"), dataset.tables["stages"]
    kinds = states_of(stages)
    labels = past.labels if past.labels is not None else ()
    closed = np.array([*(kinds.get(label, history.OPEN) != history.OPEN for label in labels), False], dtype=np.bool_)
    return np.asarray(closed[past.value.astype(np.int64)], dtype=np.bool_)


def _at(mask: Mask, rows: Rows) -> Mask:
    """mask[row] for each row, False where the row is -1."""
    return np.append(mask, False)[rows]
