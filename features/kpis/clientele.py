"""Clients in time: from when to when each was one, and what each was worth at a moment.

A client is one while it has a contract (and for the grace period after one that ended without a successor; a cancellation ends it
at once), and, where orders are counted, for `active_window_days` after each order. Stretches that touch or overlap are one spell:

    contract  |-- 2025 --|-- 2026 --|         a renewal carries on: one spell
    orders    o---------)     o---------)     too far apart: lost in between, and back again: two spells

A client is new where its first spell begins, lost where a spell ends, back where a later one begins. At a moment t it is a client
if `begin < t <= end`, so that clients at the start + new + back - lost = clients at the end, for every window.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask, Micros
from features.history import Rows
from features.snapshot import Snapshot

ALL: Final = "all"
CONTRACTS: Final = "contracts"
ORDERS: Final = "orders"
DEALS: Final = "deals"


@dataclass(frozen=True)
class Spells:
    """Stretches of time in which clients were clients, sorted by client and begin.

    first  whether it is the client's first
    """

    client: Rows
    begin: Micros
    end: Micros
    first: Mask

    def at(self, moment: int, n_clients: int) -> Mask:
        """(clients,) who is a client at a moment."""
        there = np.zeros(n_clients, dtype=bool)
        there[self.client[clock.known(self.begin, moment) & ~clock.known(self.end, moment)]] = True
        return there


def spells(snapshot: Snapshot, of: str) -> Spells:
    """Spells of clients by contract, by order, or both; won deals are the orders where the source has neither."""
    parts = []
    if of != CONTRACTS:
        parts.append(_of_orders(snapshot))
    if of != ORDERS and snapshot.has("contracts"):
        parts.append(_of_contracts(snapshot))
    client, begin, end = (np.concatenate([part[k] for part in parts]) if parts else np.empty(0, dtype=np.int64) for k in range(3))
    return _merged(client, begin, end)


def _of_orders(snapshot: Snapshot) -> tuple[Rows, Micros, Micros]:
    log = snapshot.dataset.order_log
    known = clock.known(log.known, snapshot.at) & clock.known(log.time, snapshot.at) & (log.client >= 0)
    ends = clock.plus_days(log.time, snapshot.dataset.organisation.active_window_days)
    return log.client[known], log.time[known], ends[known]


def _of_contracts(snapshot: Snapshot) -> tuple[Rows, Micros, Micros]:
    log = snapshot.dataset.contract_log
    known = clock.known(log.known, snapshot.at) & clock.known(log.starts, snapshot.at)
    return log.client[known], log.starts[known], _stops(snapshot, snapshot.dataset.organisation.contract_grace_days)[known]


def _stops(snapshot: Snapshot, grace_days: float) -> Micros:
    """When each contract is over for good, as known: its cancellation, or some days after its last day."""
    log = snapshot.dataset.contract_log
    cancelled = np.where(clock.known(log.cancelled, snapshot.at), log.cancelled, clock.UNKNOWN)
    return clock.earlier(clock.or_never(clock.plus_days(log.ends, grace_days)), clock.or_never(cancelled))


def _merged(client: Rows, begin: Micros, end: Micros) -> Spells:
    order = np.lexsort((end, begin, client))
    client, begin, end = client[order], begin[order], end[order]
    reached = pd.Series(end).groupby(client).cummax().to_numpy(dtype=np.int64)
    same = np.append(False, client[1:] == client[:-1])
    starts = ~(same & clock.not_after(begin, np.append(clock.UNKNOWN, reached[:-1])[: len(begin)]))
    at = np.flatnonzero(starts)
    last = np.append(at[1:], len(client)) - 1
    return Spells(client[at], begin[at], reached[last[: len(at)]], ~same[at])


def monthly_at(snapshot: Snapshot, moment: int) -> Floats:
    """(clients,) recurring revenue a month at a moment: contracts in force, those in their grace period where there are none."""
    log, n = snapshot.dataset.contract_log, len(snapshot.dataset.client_ids)
    begun = clock.known(log.known, snapshot.at) & clock.known(log.starts, snapshot.at) & clock.known(log.starts, moment)

    def paid(grace_days: float) -> Floats:
        there = begun & ~clock.known(_stops(snapshot, grace_days), moment) & (log.client >= 0)
        return np.bincount(log.client[there], log.monthly[there], minlength=n).astype(np.float64)

    in_force = paid(0)
    return np.where(in_force > 0, in_force, paid(snapshot.dataset.organisation.contract_grace_days))


def contract_revenue(snapshot: Snapshot, start: int, end: int, month_days: float) -> Floats:
    """(contracts,) what each contract brought in between two moments, its months counted by days."""
    log = snapshot.dataset.contract_log
    known = clock.known(log.known, snapshot.at)
    stops = clock.earlier(_stops(snapshot, 0), clock.repeated(end, len(log.starts)))
    days = clock.days_between(clock.later(log.starts, clock.repeated(start, len(log.starts))), stops)
    return np.where(known, log.monthly * np.maximum(days, 0.0) / month_days, 0.0)
