"""What a client's own deals say: those that are open, and how the last year's ended."""

import numpy as np

from features import clock
from features.clock import Floats, Mask
from features.history import LOST, WON, Rows, count_rows
from features.signal import Columns
from features.snapshot import Snapshot


def dealings(snapshot: Snapshot, rows: Rows) -> Columns:
    """Open deals and their amount; won and lost ones in 365 days; days since the last win."""
    client, n = snapshot.dataset.clients_of("deals"), len(snapshot.dataset.client_ids)
    year = clock.within(snapshot.state_since, clock.after_days(snapshot.at, -365), snapshot.at)
    won, lost = (snapshot.exists & (snapshot.state == state) & (client >= 0) for state in (WON, LOST))
    latest = clock.repeated(clock.UNKNOWN, n)
    np.maximum.at(latest, client[won], snapshot.state_since[won])
    whole = snapshot.whole_window("deals", 365)
    is_open = np.zeros(len(client), dtype=bool)
    is_open[snapshot.open_deals] = True
    return {
        "n_open_deals": count_rows(client, is_open, n)[rows],
        "n_won_deals_365d": count_rows(client, won & year, n)[rows] * whole,
        "n_lost_deals_365d": count_rows(client, lost & year, n)[rows] * whole,
        "days_since_won_deal": clock.days_between(latest[rows], snapshot.at),
        "open_deal_amount": _amount(snapshot, client, is_open & (client >= 0), n)[rows],
    }


def _amount(snapshot: Snapshot, client: Rows, is_open: Mask, n: int) -> Floats:
    """The known amounts of the open deals of each client, in the organisation's currency; NaN where none of them has one."""
    amount = snapshot.values("amount")
    if "currency" in snapshot.dataset.deals:
        amount = snapshot.converted(amount, snapshot.dataset.deals["currency"])
    valued = is_open & ~np.isnan(amount)
    total = np.bincount(client[valued], weights=amount[valued], minlength=n).astype(np.float64)
    return np.where((count_rows(client, is_open, n) > 0) & (count_rows(client, valued, n) == 0), np.nan, total)
