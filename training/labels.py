"""What became of a cohort: the only module that looks past as_of.

The cohort is listed first, by the signals; only then is it asked what happened. A deal that did not close before the follow-up
ended is censored: it counts as open for as long as it was watched, never as lost, and is never dropped.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import clock
from features.clock import Floats
from features.dataset import Dataset
from features.history import OPEN, Rows, first_row

STAYED = 0


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


def deal_outcomes(dataset: Dataset, deals: Rows, as_of: pd.Timestamp, watched_until: pd.Timestamp) -> Outcomes:
    """The first close of each deal in `[as_of, watched_until)`, by when it was recorded."""
    start, end = clock.micros(as_of), clock.micros(watched_until)
    moves = dataset.transitions
    closes = clock.within(moves.known, start, end) & (moves.state != OPEN)
    row = first_row(moves.deal, closes, dataset.n_deals)[deals]
    seen = row >= 0
    follow_up = np.full(len(deals), (end - start) / clock.MICROS_PER_DAY)
    if not seen.any():
        return Outcomes(np.full(len(deals), np.inf), np.zeros(len(deals), dtype=np.int64), follow_up)
    days = np.where(seen, clock.days_between(start, moves.known[row]), np.inf)
    return Outcomes(days, np.where(seen, moves.state[row], STAYED).astype(np.int64), follow_up)
