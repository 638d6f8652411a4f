"""Deal signals: Snapshot -> one row for each open deal.

The groups stand in `features.deal_signals`. A window of 30 days is `[as_of - 30 days, as_of)`; where it reaches back before the
first record of its table the count is unknown, not 0. What belongs to other accounts enters through the as-of rate tables alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from features import catalog, custom
from features.deal_signals.asked import Asked
from features.deal_signals.client import attention, contracts, orders, past_deals, surveys, tickets
from features.deal_signals.contact import contact
from features.deal_signals.context import account, context, lead
from features.deal_signals.owner import owner, person
from features.deal_signals.pace import pace
from features.deal_signals.size import size
from features.deal_signals.timing import timing
from features.history import Rows
from features.rates import Rates, of_the_day
from features.signal import Columns, Signal
from features.snapshot import Snapshot

__all__ = ["Columns", "deal_signals"]

Own: TypeAlias = Callable[[Asked], Columns]
Lending: TypeAlias = Callable[[Asked, Rates], Columns]

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

OF_FIELDS: Final[tuple[tuple[Lending, str], ...]] = (
    (pace, "stage"),
    (timing, "expected_close_on"),
    (size, "amount"),
    (owner, "owner_id"),
    (context, "crm_probability"),
)
"""The groups that borrow rates, each with the field whose history it is the last to read."""


def deal_signals(snapshot: Snapshot, borrowed: Rates | None = None, rows: Rows | None = None) -> pd.DataFrame:
    """The matrix of deal signals.

    One row for each open deal (or each of `rows`, positions in the Dataset), indexed by deal_id; the columns are the live signals
    of the catalog, numbers (float64) and then texts (object, None where there is none), each in its order, then those of the
    organisation's own columns. `borrowed` are the rate tables of the day, those of the Snapshot's own Dataset when not given.
    """
    cohort = snapshot.open_deals if rows is None else rows
    asked = Asked(snapshot, cohort)
    signals = catalog.live(catalog.DEAL_SIGNALS, snapshot.dataset.tables)
    index = pd.Index(snapshot.dataset.arrays.get("deals", "deal_id")[cohort], name="deal_id")
    matrix = _matrix(_groups(asked, borrowed or of_the_day(snapshot)), signals, index)
    own = custom.custom_signals(snapshot, cohort)
    return pd.concat([matrix, pd.DataFrame(own, index=index)], axis=1) if own else matrix


def _groups(asked: Asked, lent: Rates) -> Iterator[Columns]:
    """Group by group, and first those that keep nothing for the next; what no later one reads is let go of."""
    for table, own in OF_TABLES.items():
        for each in own if asked.snapshot.has(table) else ():
            yield each(asked)
    yield past_deals(asked)
    for group, field in OF_FIELDS:
        yield group(asked, lent)
        asked.forget(field)
    if asked.snapshot.has("accounts"):
        yield account(asked, lent)


def _matrix(groups: Iterable[Columns], signals: Sequence[Signal], index: "pd.Index[Any]") -> pd.DataFrame:
    """The signals' columns, in two blocks, of numbers and of texts; what each group gives is let go of as soon as it is in."""
    names = [[signal.name for signal in signals if signal.is_category == textual] for textual in (False, True)]
    numbers, texts = np.empty((len(names[0]), len(index))), np.empty((len(names[1]), len(index)), dtype=object)
    place = {name: row for block, own in zip((numbers, texts), names, strict=True) for name, row in zip(own, block, strict=True)}
    missing = set(place)
    for columns in groups:
        missing -= columns.keys()
        while columns:
            name, values = columns.popitem()
            if name in place:
                place[name][:] = values
    if missing:
        raise KeyError(f"no group gives {', '.join(sorted(missing))}")
    blocks = [
        pd.DataFrame(block.T, index, _named(tuple(own)), copy=False, dtype=block.dtype)
        for block, own in zip((numbers, texts), names, strict=True)
        if own
    ]
    matrix = pd.concat(blocks, axis=1)
    matrix.columns = _named((*names[0], *names[1]))
    return matrix


@lru_cache(maxsize=32)
def _named(names: tuple[str, ...]) -> "pd.Index[Any]":
    """One index for all matrices of the same columns: it hashes its names once, and not again for each posted deal."""
    return pd.Index(names)
