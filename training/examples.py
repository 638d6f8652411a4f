"""Training rows: a cohort at each of several as_of dates, its signals, and what became of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features import clock
from features.clock import Mask, Micros
from features.dataset import Dataset
from features.deals import deal_signals
from features.lives import Lives
from features.snapshot import Snapshot
from training.labels import Outcomes, deal_outcomes


@dataclass(frozen=True)
class Examples:
    """One row for each (as_of, unit) of the cohorts, in the order of the dates.

    signals   DataFrame, float64 or text columns, indexed by the unit's id
    as_of     int64 microseconds, one a row
    outcomes  what became of each row, watched no further than the training's own as_of
    """

    signals: pd.DataFrame
    as_of: Micros
    outcomes: Outcomes

    def __len__(self) -> int:
        return len(self.signals)

    def take(self, keep: Mask) -> "Examples":
        """The rows that are kept."""
        return Examples(self.signals[keep], self.as_of[keep], self.outcomes.take(keep))

    def before(self, boundary: int) -> tuple["Examples", "Examples"]:
        """The rows whose as_of lies before the boundary (microseconds), watched until it; and the others."""
        earlier = clock.known(self.as_of, boundary)
        return self.take(earlier).cut(boundary), self.take(~earlier)

    def cut(self, watched_until: int | Micros) -> "Examples":
        """The same rows as if watching had stopped earlier, all at once or each at its own moment: what happened afterwards is
        unknown again."""
        return replace(self, outcomes=self.outcomes.cut((watched_until - self.as_of) / clock.MICROS_PER_DAY))


CohortAt = Callable[[Dataset, pd.Timestamp, pd.Timestamp], tuple[pd.DataFrame, Outcomes]]


def deal_cohort(dataset: Dataset, as_of: pd.Timestamp, watched_until: pd.Timestamp) -> tuple[pd.DataFrame, Outcomes]:
    """The deals open at as_of: their signals, and then what became of them."""
    snapshot = Snapshot(dataset, as_of)
    signals = deal_signals(snapshot)
    return signals, deal_outcomes(dataset, snapshot.open_deals, as_of, watched_until)


def lived_cohort(lives: Lives) -> CohortAt:
    """As `deal_cohort`, by the data as it was at as_of: with the deals that were there then and have been deleted since."""

    def cohort(_: Dataset, as_of: pd.Timestamp, watched_until: pd.Timestamp) -> tuple[pd.DataFrame, Outcomes]:
        snapshot = Snapshot(lives.known_at(as_of), as_of)
        signals = deal_signals(snapshot)
        rows = lives.whole.deal_rows.get_indexer(signals.index)
        return signals, deal_outcomes(lives.whole, np.asarray(rows, dtype=np.int64), as_of, watched_until)

    return cohort


def examples(
    dataset: Dataset, dates: Sequence[pd.Timestamp], watched_until: pd.Timestamp, cohort_at: CohortAt = deal_cohort
) -> Examples:
    """Stack the cohorts of several dates. A date at which there is no cohort adds nothing."""
    parts = [(date, *cohort_at(dataset, date, watched_until)) for date in dates]
    parts = [part for part in parts if len(part[1])] or parts[:1]
    return Examples(
        pd.concat([signals for _, signals, _ in parts]),
        np.concatenate([np.full(len(signals), clock.micros(date)) for date, signals, _ in parts]),
        Outcomes(
            np.concatenate([seen.days for _, _, seen in parts]),
            np.concatenate([seen.cause for _, _, seen in parts]),
            np.concatenate([seen.follow_up for _, _, seen in parts]),
        ),
    )
