"""What became of a cohort: the only module that looks past as_of.

The cohort is listed first, by the signals; only then is it asked what happened. A deal that did not close before the follow-up
ended is censored: it counts as open for as long as it was watched, never as lost, and is never dropped.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import clock
from features.clock import Floats, Micros
from features.dataset import Dataset
from features.history import OPEN, WON, Rows, first_row
from features.snapshot import Snapshot

STAYED: Final = 0
_NOBODY: Final = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Outcomes:
    """What happened to each row of a cohort after its as_of.

    days       days from as_of to the first event, infinite where none was seen
    cause      0 where none was seen, else 1, 2, … (deals: 1 won, 2 lost)
    follow_up  days for which the row was watched
    """

    days: Floats
    cause: npt.NDArray[np.int64]
    follow_up: Floats

    def within(self, horizon: float, cause: int) -> npt.NDArray[np.bool_]:
        """Whether the event of this cause came before `horizon` days were over."""
        return np.asarray((self.cause == cause) & (self.days < horizon))

    def eligible(self, horizon: float) -> npt.NDArray[np.bool_]:
        """Whether the row was watched for the whole horizon; never because its event came early."""
        return np.asarray(self.follow_up >= horizon)

    def take(self, keep: npt.NDArray[np.bool_]) -> "Outcomes":
        """Those of the rows that are kept."""
        return Outcomes(self.days[keep], self.cause[keep], self.follow_up[keep])

    def cut(self, watched: Floats) -> "Outcomes":
        """As if each row had been watched for no more than these days: what happened afterwards is unknown again."""
        follow_up = np.minimum(self.follow_up, watched)
        seen = self.days < follow_up
        return Outcomes(np.where(seen, self.days, np.inf), np.where(seen, self.cause, STAYED), follow_up)

    def faster(self, speed: Floats) -> "Outcomes":
        """With so many days of each row, (rows,), for one."""
        return Outcomes(speed * self.days, self.cause, speed * self.follow_up)


def deal_outcomes(dataset: Dataset, deals: Rows, as_of: pd.Timestamp, watched_until: pd.Timestamp) -> Outcomes:
    """The first close of each deal in `[as_of, watched_until)`, by when it was recorded."""
    start, end = clock.micros(as_of), clock.micros(watched_until)
    moves = dataset.transitions
    closes = clock.within(moves.known, start, end) & (moves.state != OPEN)
    row = first_row(moves.deal, closes, dataset.n_deals)[deals]
    days = clock.days_between(start, clock.time_at(moves.known, row))
    seen = ~np.isnan(days)
    follow_up = np.full(len(deals), (end - start) / clock.MICROS_PER_DAY)
    cause = np.where(seen, np.append(moves.state, STAYED)[row], STAYED).astype(np.int64)
    return Outcomes(np.where(seen, days, np.inf), cause, follow_up)


def won_amounts(dataset: Dataset, watched_until: pd.Timestamp) -> Floats:
    """The amount of each deal that is won, as all this was on record before `watched_until`; NaN for every other deal."""
    snapshot = Snapshot(dataset, watched_until)
    return np.where(snapshot.state == WON, snapshot.values("amount"), np.nan)


def contract_outcomes(dataset: Dataset, clients: Rows, as_of: pd.Timestamp, watched_until: pd.Timestamp) -> Outcomes:
    """When each client's last contract was cancelled, or ran out and was not followed by another within the grace period."""
    if "contracts" not in dataset.tables:
        return _first_events(_NOBODY, _NOBODY, clients, len(dataset.client_ids), as_of, watched_until)
    log = dataset.contract_log
    order = np.lexsort((log.leaves, log.client))
    return _first_events(log.client[order], log.leaves[order], clients, len(dataset.client_ids), as_of, watched_until)


def order_outcomes(dataset: Dataset, clients: Rows, as_of: pd.Timestamp, watched_until: pd.Timestamp) -> Outcomes:
    """The next order of each client, by when it was recorded. The event is the order: to leave is not to have one."""
    log = dataset.order_log
    order = np.lexsort((log.known, log.client))
    return _first_events(log.client[order], log.known[order], clients, len(dataset.client_ids), as_of, watched_until)


def _first_events(
    client: Rows, time: Micros, asked: Rows, n_clients: int, as_of: pd.Timestamp, watched_until: pd.Timestamp
) -> Outcomes:
    """The first event of one single cause for each client asked for; `time` is ascending within a client."""
    start, end = clock.micros(as_of), clock.micros(watched_until)
    first = clock.time_at(time, first_row(client, clock.within(time, start, end), n_clients))[asked]
    days = clock.days_between(start, first)
    seen = ~np.isnan(days)
    follow_up = np.full(len(asked), (end - start) / clock.MICROS_PER_DAY)
    return Outcomes(np.where(seen, days, np.inf), seen.astype(np.int64), follow_up)
