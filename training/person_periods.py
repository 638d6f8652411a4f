"""From rows to (row, bucket) pairs: which of them a hazard may learn from.

A pair counts only if the row was still at risk when the bucket began, **and** the whole bucket was watched, whether or not the
event has happened by then. So the pairs of a row are a run of buckets from the first on, its spell. Keeping the events of a
half-watched bucket while dropping its survivors would bias every curve.
Example: a deal watched for 10 days, bucket 7 to 14: it is left out, even when the deal was won on day 8.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.clock import Floats
from features.history import Rows
from training.labels import Outcomes

MENU: Final = (0, 1, 3, 7, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365, 545, 730, 1095)
MIN_EVENTS: Final = 15


@dataclass(frozen=True)
class PersonPeriods:
    """Pairs in the order of rows: `row` and `bucket` number them, `ended` is 0 for stayed, else the cause."""

    row: Rows
    bucket: Rows
    ended: Rows
    n_classes: int


@dataclass(frozen=True)
class Spells:
    """The same pairs as runs: row i has the buckets before `n[i]`, and ended in the last of them by `ended[i]` (0: it stayed)."""

    n: Rows
    ended: Rows
    n_classes: int

    def pairs(self) -> PersonPeriods:
        """One by one."""
        row, first = np.repeat(np.arange(len(self.n)), self.n), np.cumsum(self.n) - self.n
        ended, over = np.zeros(len(row), dtype=np.int64), self.ended > 0
        ended[(first + self.n - 1)[over]] = self.ended[over]
        return PersonPeriods(row, np.arange(len(row)) - np.repeat(first, self.n), ended, self.n_classes)


def spells(outcomes: Outcomes, edges: Floats, n_classes: int) -> Spells:
    """The buckets in which each row is at risk and wholly watched."""
    begun = np.searchsorted(edges[:-1], outcomes.days, side="right")
    watched = np.searchsorted(edges[1:], outcomes.follow_up, side="right")
    n = np.minimum(begun, watched).astype(np.int64)
    here = (n > 0) & (outcomes.days < edges[n])
    return Spells(n, np.where(here, outcomes.cause, 0).astype(np.int64), n_classes)


def person_periods(outcomes: Outcomes, edges: Floats, n_classes: int) -> PersonPeriods:
    """All (row, bucket) pairs that are at risk and wholly watched."""
    return spells(outcomes, edges, n_classes).pairs()


def choose_edges(outcomes: Outcomes) -> tuple[Floats, int]:
    """Bucket edges from the data's own times, and how many of the buckets were watched.

    Takes the edges of `MENU`; a bucket in which fewer than `MIN_EVENTS` rows ended is joined with the one after it, except that
    7, 30 and 90 days stay edges. Beyond the longest follow-up the menu goes on, for the life table to extrapolate.
    """
    longest = float(outcomes.follow_up.max(initial=0.0))
    watched = [edge for edge in MENU if edge <= longest] if longest >= 1 else [0, 1]
    periods = person_periods(outcomes, np.array(watched, dtype=np.float64), 2)
    events = np.bincount(periods.bucket[periods.ended > 0], minlength=len(watched))
    kept, pending = [0], 0
    for edge, n in zip(watched[1:], events, strict=False):
        pending += int(n)
        if pending >= MIN_EVENTS or edge in (7, 30, 90) or edge == watched[-1]:
            kept.append(edge)
            pending = 0
    beyond = [edge for edge in MENU if edge > kept[-1]]
    return np.array([*kept, *beyond], dtype=np.float64), len(kept) - 1
