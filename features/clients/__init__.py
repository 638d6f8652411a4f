"""Client signals: Snapshot -> one row for each active client.

A client with a contract in force belongs to the regime `contracts`; one without, whose last order is younger than the
organisation's active window, to the regime `orders`. Where a source has neither table, won deals are the orders.

Each module holds the groups of one kind of table, as functions (Snapshot, rows of `Dataset.client_ids`) -> Columns. A signal
reads the rows of its own client alone. Two rules hold for all of them: a window that reaches back before its table's first record
is unknown, not 0; and a value that is missing is left out, not taken for 0.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd

from features import catalog, clock
from features.clients.agreements import agreements, running
from features.clients.attention import attention
from features.clients.buying import ordering, spending
from features.clients.dealings import dealings
from features.clients.profile import profile
from features.clients.service import surveys, tickets
from features.clock import Mask
from features.dataset import Dataset
from features.history import Rows, count_rows
from features.signal import Columns
from features.snapshot import Snapshot

__all__ = ["CONTRACTS", "ORDERS", "client_signals", "cohort"]

CONTRACTS: Final = "contracts"
ORDERS: Final = "orders"

GROUPS: Final[Mapping[str, tuple[Callable[[Snapshot, Rows], Columns], ...]]] = {
    "orders": (ordering, spending),
    "contracts": (agreements,),
    "tickets": (tickets,),
    "surveys": (surveys,),
    "activities": (attention,),
    "deals": (dealings,),
    "accounts": (profile,),
}


def cohort(snapshot: Snapshot, regime: str) -> Rows:
    """The active clients of one regime, as rows of `Dataset.client_ids`, ascending."""
    under_contract = _under_contract(snapshot)
    if regime == CONTRACTS:
        return np.flatnonzero(under_contract)
    log, organisation = snapshot.dataset.order_log, snapshot.dataset.organisation
    start = clock.after_days(snapshot.at, -organisation.active_window_days)
    recent = clock.known(log.known, snapshot.at) & clock.within(log.time, start, snapshot.at)
    return np.flatnonzero((count_rows(log.client, recent, len(under_contract)) > 0) & ~under_contract)


def client_signals(snapshot: Snapshot, rows: Rows) -> pd.DataFrame:
    """The matrix of client signals for the given clients, indexed by account_id; columns as in the catalog, float64 or text."""
    there = tables_of(snapshot.dataset)
    columns: Columns = {}
    for group in (group for table, groups in GROUPS.items() if table in there for group in groups):
        columns |= group(snapshot, rows)
    names = [signal.name for signal in catalog.live(catalog.CLIENT_SIGNALS, there)]
    return pd.DataFrame({name: columns[name] for name in names}, index=snapshot.dataset.client_ids[rows].rename("account_id"))


def tables_of(dataset: Dataset) -> set[str]:
    """The tables that the source has. Won deals are the orders of one that has neither orders nor contracts."""
    # A Dataset always holds a table of deals; only one that ever had a row has a beginning.
    there = {name for name in dataset.tables if name != "deals" or name in dataset.begins}
    return there if "contracts" in there else {*there, "orders"}


def _under_contract(snapshot: Snapshot) -> Mask:
    n = len(snapshot.dataset.client_ids)
    if not snapshot.has("contracts"):
        return np.zeros(n, dtype=bool)
    return np.asarray(count_rows(snapshot.dataset.contract_log.client, running(snapshot), n) > 0)
