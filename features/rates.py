"""Small as-of tables that signals of one deal borrow from all the others: how often each owner wins, how much each carries.

They are computed first, from one Snapshot, and passed in. So the signals of a deal depend on its own account's rows plus these.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.clock import Floats
from features.history import LOST, WON, count_rows
from features.snapshot import Snapshot, decode

PRIOR_DEALS: Final = 20.0
"""The overall rate weighs as much as this many closed deals: an owner with 20 of them stands half-way to their own rate."""


@dataclass(frozen=True)
class Rates:
    """What the company's history says, as of one moment.

    overall   share of closed deals that were won, NaN before the first close
    owners    indexed by owner_id: `win_rate` (shrunken share, 0 to 1), `n_open` (count)
    """

    overall: float
    owners: pd.DataFrame

    def of_owners(self, names: npt.NDArray[np.object_], column: str) -> Floats:
        """A column of `owners` for each name; an unknown owner has the overall rate, and no open deals."""
        found = self.owners[column].reindex(pd.Index(names)).to_numpy(dtype=np.float64)
        return np.where(np.isnan(found), self.overall if column == "win_rate" else 0.0, found)


def rates(snapshot: Snapshot) -> Rates:
    """Trailing rates from the outcomes known at the Snapshot's as_of."""
    owner = snapshot.codes("owner_id")
    past = snapshot.dataset.history("owner_id")
    names = past.labels if past.labels is not None else np.array([], dtype=object)
    won = count_rows(owner, snapshot.exists & (snapshot.state == WON), len(names))
    lost = count_rows(owner, snapshot.exists & (snapshot.state == LOST), len(names))
    is_open = np.zeros(len(owner), dtype=bool)
    is_open[snapshot.open_deals] = True
    closed = (snapshot.state[snapshot.exists] == WON).sum(), (snapshot.state[snapshot.exists] == LOST).sum()
    overall = float(closed[0] / sum(closed)) if sum(closed) else float("nan")
    table = pd.DataFrame(
        {
            "win_rate": (won + PRIOR_DEALS * overall) / (won + lost + PRIOR_DEALS),
            "n_open": count_rows(owner, is_open, len(names)),
        },
        index=pd.Index(decode(past, np.arange(len(names)))),
    )
    return Rates(overall, table)
