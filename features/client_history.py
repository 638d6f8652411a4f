"""What clients bought, signed, reported and answered, as flat arrays sorted by client and time; built once for all Snapshots.

Rows without a client are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask, Micros
from features.history import Rows
from features.recorded import recorded

Index: TypeAlias = "pd.Index[Any]"

CLIENT_TABLES: Final = ("orders", "tickets", "surveys", "activities")
SURVEYS: Final = ("nps", "csat", "ces")
PRESSING: Final = frozenset({"high", "urgent", "critical", "highest", "blocker", "p0", "p1"})
"""Priorities, in small letters, of a ticket that will not wait."""
OWN_WORK: Final = ("task", "note")
"""Kinds of activities that are no contact with the client."""
IN: Final = 1
OUT: Final = -1


@dataclass(frozen=True)
class OrderLog:
    """One entry an order.

    client  ascending
    time    when it was placed; ascending within a client
    known   when it came on record
    amount  of a return: negative
    cost    NaN where the source has none
    """

    client: Rows
    time: Micros
    known: Micros
    amount: Floats
    cost: Floats


@dataclass(frozen=True)
class ContractLog:
    """One entry a contract, sorted by client and by when it starts.

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


@dataclass(frozen=True)
class TicketLog:
    """One entry a ticket. `time` is when it was opened, `closed` is `UNKNOWN` where it is open.

    high  whether its priority is a pressing one (1 or 0), NaN where it has none
    """

    client: Rows
    time: Micros
    known: Micros
    closed: Micros
    high: Floats


@dataclass(frozen=True)
class SurveyLog:
    """One entry an answer: its kind as a position in SURVEYS, its score as a share of its scale, 0 (lowest) to 1."""

    client: Rows
    time: Micros
    known: Micros
    kind: Rows
    share: Floats


@dataclass(frozen=True)
class ContactLog:
    """One entry a contact with the client; of contacts at the same moment those by the client come first.

    direction  IN, OUT, or 0 where it is not told
    user       number of one's own person, -1 where there is none; `contact` likewise of the client's
    """

    client: Rows
    time: Micros
    known: Micros
    direction: Rows
    user: Rows
    contact: Rows


@dataclass(frozen=True)
class ClientLogs:
    """The logs of those tables that a source has; asking for another raises KeyError.

    tables   name -> DataFrame
    clients  name -> for each row of the table the number of its client, -1 where it has none
    contacts_known  when each activity was known to be one of its client; None: when it was recorded
    """

    tables: Mapping[str, pd.DataFrame]
    clients: Mapping[str, Rows]
    contacts_known: Micros | None = None

    @cached_property
    def orders(self) -> OrderLog:
        """The orders without the returns."""
        return self._order_log(returns=False)

    @cached_property
    def returns(self) -> OrderLog:
        """The rows of the orders that are returns, as their negative amounts say; none where there is no such table."""
        return self._order_log(returns=True) if "orders" in self.tables else no_orders()

    @cached_property
    def tickets(self) -> TicketLog:
        frame, client = self.tables["tickets"], self.clients["tickets"]
        time, known = clock.to_micros(frame["opened_at"]), recorded("tickets", frame)
        priority = _text(frame, "priority").str.lower()
        high = np.asarray(priority.isin(PRESSING).astype("float64").mask(priority.isna()), dtype=np.float64)
        order = _order(client, time, known)
        return TicketLog(client[order], time[order], known[order], _instants(frame, "closed_at")[order], high[order])

    @cached_property
    def surveys(self) -> SurveyLog:
        frame, client = self.tables["surveys"], self.clients["surveys"]
        time, known = clock.to_micros(frame["answered_at"]), recorded("surveys", frame)
        kind = pd.Index(SURVEYS).get_indexer(pd.Index(frame["kind"])).astype(np.int64)
        scale = (frame["scale_max"] - frame["scale_min"]).to_numpy(dtype=np.float64)
        share = (frame["score"] - frame["scale_min"]).to_numpy(dtype=np.float64) / np.where(scale > 0, scale, np.nan)
        # The table is sorted by response, so answers in one instant stand in the order of their ids.
        order = _order(client, time)
        return SurveyLog(client[order], time[order], known[order], kind[order], share[order])

    @cached_property
    def contacts(self) -> ContactLog:
        frame, client = self.tables["activities"], self.clients["activities"]
        client = np.where(frame["kind"].isin(OWN_WORK), -1, client)
        time = clock.to_micros(frame["logged_at"])
        known = recorded("activities", frame) if self.contacts_known is None else self.contacts_known
        told = _text(frame, "direction")
        direction = np.select([told.eq("in").to_numpy(dtype=bool), told.eq("out").to_numpy(dtype=bool)], [IN, OUT], 0)
        user, contact = (_numbers(frame, name) for name in ("user_id", "contact_id"))
        order = _order(client, time, -direction, known)
        return ContactLog(client[order], time[order], known[order], direction[order], user[order], contact[order])

    def _order_log(self, *, returns: bool) -> OrderLog:
        frame = self.tables["orders"]
        amount = frame["amount"].to_numpy(dtype=np.float64)
        cost = frame["cost"].to_numpy(dtype=np.float64) if "cost" in frame else None
        client = np.where((amount < 0) == returns, self.clients["orders"], -1)
        return order_log(client, clock.to_micros(frame["ordered_at"]), recorded("orders", frame), amount, cost)


def order_log(client: Rows, time: Micros, known: Micros, amount: Floats, cost: Floats | None = None) -> OrderLog:
    """Sort orders."""
    spent = np.full(len(client), np.nan) if cost is None else cost
    order = _order(client, time, known, amount, spent)
    return OrderLog(client[order], time[order], known[order], amount[order], spent[order])


def no_orders() -> OrderLog:
    """A log without entries."""
    nothing = np.empty(0, dtype=np.int64)
    return order_log(nothing, nothing, nothing, np.empty(0))


def contract_log(frame: pd.DataFrame, client: Rows, known: Micros, zone: str, grace_days: int) -> ContractLog:
    """Compile the contracts table and find out which contracts were the client's last for the time being."""
    starts = clock.dates_to_micros(frame["starts_on"], zone)
    ends = clock.dates_to_micros(frame["ends_on"], zone) if "ends_on" in frame else clock.repeated(clock.UNKNOWN, len(frame))
    cancelled = _instants(frame, "cancelled_at")
    stops = clock.earlier(clock.or_never(ends), clock.or_never(cancelled))
    leaves = _leaves(client, starts, ends, cancelled, stops, grace_days)
    monthly = frame["monthly_amount"].to_numpy(dtype=np.float64)
    # Nothing that comes to be known later has a say in the order, so that sums add up in the same order at every as_of.
    order = np.lexsort((monthly, ends, known, starts, client))
    times = (starts[order], stops[order], ends[order], cancelled[order], leaves[order], known[order])
    return ContractLog(client[order], *times, monthly[order])


def _leaves(client: Rows, starts: Micros, ends: Micros, cancelled: Micros, stops: Micros, grace_days: int) -> Micros:
    """When each client is known to have left with each contract; `UNKNOWN` where one that stops later began in time."""
    order = np.lexsort((starts, stops, client))
    over = np.where(stops == cancelled, cancelled, clock.plus_days(ends, grace_days))
    leaves = clock.repeated(clock.UNKNOWN, len(client))
    carried_on = clock.earliest_later_in_group(client[order], starts[order]) <= over[order]
    leaves[order] = np.where((stops[order] == clock.NEVER) | carried_on, clock.UNKNOWN, over[order])
    return leaves


def _order(client: Rows, *keys: Micros | Rows | Floats) -> Rows:
    """Rows in order of client, then of each key; rows without a client are left out."""
    order = np.lexsort((*keys[::-1], client))
    return order[client[order] >= 0]


def _instants(frame: pd.DataFrame, name: str) -> Micros:
    return clock.to_micros(frame[name]) if name in frame else clock.repeated(clock.UNKNOWN, len(frame))


def _text(frame: pd.DataFrame, name: str) -> pd.Series:
    missing = pd.Series(None, index=frame.index, dtype="str")
    found: pd.Series = frame.get(name, missing)
    return found


def _numbers(frame: pd.DataFrame, name: str) -> Rows:
    """A number for each different text of a column, -1 where it is empty."""
    return pd.factorize(_text(frame, name), sort=True)[0].astype(np.int64)
