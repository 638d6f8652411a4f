"""What clients bought and signed, as flat arrays sorted by client and time; built once, read by every Snapshot."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask, Micros
from features.history import Rows

Index: TypeAlias = "pd.Index[Any]"


@dataclass(frozen=True)
class OrderLog:
    """One entry an order: `client` ascending, `time` ascending within a client; `known` is when it came on record."""

    client: Rows
    time: Micros
    known: Micros
    amount: Floats


@dataclass(frozen=True)
class ContractLog:
    """One entry a contract, sorted by client and by when its cover stops.

    starts   start of its first day
    stops    end of its cover: `ends`, or its cancellation where that comes earlier; `clock.NEVER` where it is open-ended
    ends     start of the first day that it no longer covers, as signed; `UNKNOWN` where it is open-ended
    cancelled  when it was cancelled, `UNKNOWN` where it was not
    leaves   when it is known that the client left with it, `UNKNOWN` where another contract carried on: the cancellation, or the
             end of the grace period after its last day
    known    when it came on record
    monthly  monthly amount
    """

    client: Rows
    starts: Micros
    stops: Micros
    ends: Micros
    cancelled: Micros
    leaves: Micros
    known: Micros
    monthly: Floats

    def running(self, as_of: int, grace: int) -> Mask:
        """Contracts in force at as_of, or not over for longer than the grace period (microseconds), as known then.

        A client leaves at the very end of the grace period, so at that instant it still belongs to the cohort.
        """
        quiet = clock.known(self.cancelled, as_of)
        lapsed = clock.known(self.ends, as_of - grace)
        return np.asarray(clock.known(self.known, as_of) & clock.known(self.starts, as_of + 1) & ~quiet & ~lapsed)


def order_log(client: Rows, time: Micros, known: Micros, amount: Floats) -> OrderLog:
    """Sort orders; rows without a client are left out."""
    order = np.lexsort((amount, known, time, client))
    order = order[client[order] >= 0]
    return OrderLog(client[order], time[order], known[order], amount[order])


def contract_log(frame: pd.DataFrame, client: Rows, known: Micros, zone: str, grace_days: int) -> ContractLog:
    """Compile the contracts table and find out which contracts were the client's last for the time being."""
    n = len(frame)
    starts = clock.dates_to_micros(frame["starts_on"], zone)
    ends = clock.dates_to_micros(frame["ends_on"], zone) if "ends_on" in frame else np.full(n, clock.UNKNOWN, dtype=np.int64)
    cancelled = clock.to_micros(frame["cancelled_at"]) if "cancelled_at" in frame else np.full(n, clock.UNKNOWN, dtype=np.int64)
    stops = clock.earlier(clock.or_never(ends), clock.or_never(cancelled))
    order = np.lexsort((known, starts, stops, client))
    client, starts, ends, cancelled, stops, known = (a[order] for a in (client, starts, ends, cancelled, stops, known))
    over = np.where(stops == cancelled, cancelled, clock.plus_days(ends, grace_days))
    carried_on = clock.earliest_later_in_group(client, starts) <= over
    leaves = np.where((stops == clock.NEVER) | carried_on, clock.UNKNOWN, over)
    monthly = frame["monthly_amount"].to_numpy(dtype=np.float64)[order]
    return ContractLog(client, starts, stops, ends, cancelled, leaves, known, monthly)
