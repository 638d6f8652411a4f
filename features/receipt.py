"""When rows that a program puts came on record: at the request, whatever they say of when they happened.

A call of last week that is put today was known to nobody here last week. So a new row gets the moment of the request as its
`recorded_at`, unless it brings one; whoever asks as of an earlier moment gets what was known then, before the request and after
it. A first load of history is another matter: its rows were on record in the CRM all along, the caller says so, and they count
from when they happened, as the rows of an export do.

Example: put on 8 May is a call of 1 May. As of 5 May it is not there; with `history` it is.
"""

from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Mask
from features.tables import TABLES

RECORDED_AT: Final = "recorded_at"
LATE_DAYS: Final = 1.0
"""A row that happened longer before the request was hardly sent as it happened: the report counts it."""


def unstamped(rows: pd.DataFrame, new: Mask) -> Mask:
    """Which rows are new and do not say when they were recorded."""
    return new & rows[RECORDED_AT].isna().to_numpy() if RECORDED_AT in rows else new


def stamped(rows: pd.DataFrame, new: Mask, at: pd.Timestamp) -> pd.DataFrame:
    """The rows, the new ones among them recorded at a moment where they do not say when."""
    bare = unstamped(rows, new)
    if not bare.any():
        return rows
    missing = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[us, UTC]")
    return rows.assign(**{RECORDED_AT: rows.get(RECORDED_AT, missing).mask(bare, at)})


def late(name: str, rows: pd.DataFrame, new: Mask, at: pd.Timestamp) -> int:
    """How many rows of a table that `stamped` would stamp happened more than LATE_DAYS before the moment."""
    time = TABLES[name].time
    if time not in rows:
        return 0
    limit = clock.after_days(clock.micros(at), -LATE_DAYS)
    return int(np.sum(unstamped(rows, new) & clock.known(clock.to_micros(rows[time]), limit)))
