"""Activities as flat arrays, sorted by deal, then by when they happened; built once, read by every Snapshot."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Mask, Micros
from features.history import Codes, Rows, first_alike
from features.tables import TABLES

KINDS: Final = TABLES["activities"].column("kind").values


@dataclass(frozen=True)
class ActivityLog:
    """One entry an activity.

    deal      row of its deal, ascending; -1 where it belongs to none
    time      when it was logged
    known     when that came on record: never earlier than `time`
    due       when it is to be done, `UNKNOWN` where that is not said
    done      when it was completed, `UNKNOWN` where it never was
    user      number of the person, -1 where there is none
    contact   number of the client's person, -1 where there is none
    kind      index into KINDS
    inbound   whether it came from the client
    outbound  whether it went to the client
    columns   the columns that the source has: what it has no column for is unknown, and not none
    """

    deal: Rows
    time: Micros
    known: Micros
    due: Micros
    done: Micros
    user: Codes
    contact: Codes
    kind: Codes
    inbound: Mask
    outbound: Mask
    columns: frozenset[str]

    @cached_property
    def by_user(self) -> Codes:
        """For each row the first row of its deal with the same person, -1 where it has none: equal numbers, one person."""
        return first_alike(self.deal, self.user).astype(np.int32)

    @cached_property
    def by_contact(self) -> Codes:
        """As `by_user`, for the client's people."""
        return first_alike(self.deal, self.contact).astype(np.int32)


def activity_log(frame: pd.DataFrame, deal: Rows, known: Micros) -> ActivityLog:
    """Compile the activities table; `deal` and `known` are given for each of its rows."""
    time = clock.to_micros(frame["logged_at"])
    order = np.lexsort((known, time, deal))
    missing = pd.Series(None, index=frame.index, dtype="str")
    direction = frame.get("direction", missing)
    ordered = time[order]
    return ActivityLog(
        deal=deal[order],
        time=ordered,
        known=ordered if np.array_equal(known, time) else known[order],
        due=_times(frame, "due_at")[order],
        done=_times(frame, "done_at")[order],
        user=_numbers(frame.get("user_id", missing))[order],
        contact=_numbers(frame.get("contact_id", missing))[order],
        kind=np.asarray(pd.Index(KINDS).get_indexer(pd.Index(frame["kind"])), dtype=np.int32)[order],
        inbound=direction.eq("in").to_numpy(dtype=bool, na_value=False)[order],
        outbound=direction.eq("out").to_numpy(dtype=bool, na_value=False)[order],
        columns=frozenset(map(str, frame)),
    )


def _times(frame: pd.DataFrame, name: str) -> Micros:
    return clock.to_micros(frame[name]) if name in frame else clock.repeated(clock.UNKNOWN, len(frame))


def _numbers(ids: pd.Series) -> Codes:
    codes, _ = pd.factorize(ids, sort=True)
    return np.asarray(codes, dtype=np.int32)
