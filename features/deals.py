"""Deal signals: Snapshot -> one row for each open deal.

The groups stand in `features.deal_signals`. A window of 30 days is `[as_of - 30 days, as_of)`; where it reaches back before the
first record of its table the count is unknown, not 0. What belongs to other accounts enters through the as-of rate tables alone.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import pandas as pd

from features import catalog
from features.custom import custom_signals
from features.deal_signals.client import attention, contracts, orders, past_deals, surveys, tickets
from features.deal_signals.contact import contact
from features.deal_signals.context import account, context, lead
from features.deal_signals.owner import owner, person
from features.deal_signals.pace import pace
from features.deal_signals.size import size
from features.deal_signals.timing import timing
from features.history import Rows
from features.rates import Rates, of_the_day
from features.signal import Columns
from features.snapshot import Snapshot

__all__ = ["Columns", "deal_signals"]

Own: TypeAlias = Callable[[Snapshot, Rows], Columns]

OF_TABLES: Final[Mapping[str, tuple[Own, ...]]] = {
    "activities": (contact, attention),
    "users": (person,),
    "leads": (lead,),
    "orders": (orders,),
    "contracts": (contracts,),
    "tickets": (tickets,),
    "surveys": (surveys,),
}
"""The groups that need another table than the deals and their history."""


def deal_signals(snapshot: Snapshot, borrowed: Rates | None = None, rows: Rows | None = None) -> pd.DataFrame:
    """The matrix of deal signals.

    One row for each open deal (or each of `rows`, positions in the Dataset), indexed by deal_id; the columns are the live signals
    of the catalog in its order, then those of the organisation's own columns, float64 or text. `borrowed` are the rate
    tables of the day, those of the Snapshot's own Dataset when not given.
    """
    cohort = snapshot.open_deals if rows is None else rows
    lent = borrowed or of_the_day(snapshot)
    columns = past_deals(snapshot, cohort)
    for group in (pace, timing, size, owner, context):
        columns |= group(snapshot, cohort, lent)
    if snapshot.has("accounts"):
        columns |= account(snapshot, cohort, lent)
    for table, own in OF_TABLES.items():
        for each in own if snapshot.has(table) else ():
            columns |= each(snapshot, cohort)
    names = [signal.name for signal in catalog.live(catalog.DEAL_SIGNALS, snapshot.dataset.tables)]
    index = pd.Index(snapshot.dataset.arrays.get("deals", "deal_id")[cohort], name="deal_id")
    return pd.DataFrame({name: columns[name] for name in names} | custom_signals(snapshot, cohort), index=index)
