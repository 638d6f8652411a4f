"""Activities as flat arrays, sorted by deal, then by when they happened; built once, read by every Snapshot."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features import clock
from features.clock import Mask, Micros
from features.history import Rows


@dataclass(frozen=True)
class ActivityLog:
    """One entry an activity.

    deal     row of its deal, ascending; -1 where it belongs to none
    time     when it was logged
    known    when that came on record: never earlier than `time`
    done     when it was completed, `UNKNOWN` where it never was
    user     number of the person, -1 where there is none
    inbound  whether it came from the client
    meeting  whether it is a meeting or a demo
    """

    deal: Rows
    time: Micros
    known: Micros
    done: Micros
    user: Rows
    inbound: Mask
    meeting: Mask


def activity_log(frame: pd.DataFrame, deal: Rows, known: Micros) -> ActivityLog:
    """Compile the activities table; `deal` and `known` are given for each of its rows."""
    time = clock.to_micros(frame["logged_at"])
    order = np.lexsort((known, time, deal))
    missing = pd.Series(None, index=frame.index, dtype="str")
    user, _ = pd.factorize(frame.get("user_id", missing), sort=True)
    done = clock.to_micros(frame["done_at"]) if "done_at" in frame else np.full(len(frame), clock.UNKNOWN, dtype=np.int64)
    inbound = frame.get("direction", missing).eq("in").to_numpy(dtype=bool, na_value=False)
    meeting = frame["kind"].isin(["meeting", "demo"]).to_numpy(dtype=bool)
    return ActivityLog(
        deal[order], time[order], known[order], done[order], user.astype(np.int64)[order], inbound[order], meeting[order]
    )
