"""Deals that do not exist yet: how many will come, how many of them will be won inside the period, and for how much.

They are counted from their birth on, deals that opened and closed between two snapshots included; the model of open deals cannot
know them. Three parts, each as of one moment: arrivals by day (`training.arrivals`), the share won by each age (Aalen-Johansen
over all births of the last two years, open ones censored; each segment leaning on the whole), and the amounts that won deals had.

Worked example: on 10 February a forecast of the first quarter expects 3 deals a day in each of its 49 days. One born on the 11th
has 48 days to be won in, one born on 31 March a day; averaged over the quarter's rest 4 % of them make it: 147 x 0.04 = 5.9.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from features import clock, survival
from features.clock import Floats, Mask
from features.history import OPEN, WON, Rows, first_row
from features.snapshot import Snapshot
from training.arrivals import Arrivals, fit_arrivals

SEGMENTS: Final = ("type", "product")
MIN_BIRTHS: Final = 40
MAX_SEGMENTS: Final = 12
PRIOR_DEALS: Final = 30.0
"""The company's curve counts in each segment as so many deals of its own."""
LOOK_BACK_DAYS: Final = 730
BORROWED_AMOUNTS: Final = 20
AGES: Final = np.r_[0:3:0.25, 3:31, 32:92:2, 95:366:5, 400.0, 550.0, 730.0]
STEPS: Final = 24
"""A period's rest is cut into so many stretches of births at most."""


@dataclass(frozen=True)
class Segment:
    """Deals that are born and won alike.

    share    of all births of the last year, 0 to 1
    won      (len(AGES),) P(won by that age)
    amounts  of its wins in the organisation's currency, the fastest win first
    cycles   (wins,) age at each of these wins, in days
    cells    of its wins (else births), by position in the roll-up's cells
    """

    name: str
    share: float
    won: Floats
    amounts: Floats
    cycles: Floats
    cells: Rows

    @cached_property
    def _area(self) -> Floats:
        """Integral of `won` up to each age: means over stretches of births are differences of it."""
        return np.concatenate([[0.0], np.cumsum(np.diff(AGES) * (self.won[1:] + self.won[:-1]) / 2)])

    def mean_won(self, youngest: Floats, oldest: Floats) -> Floats:
        """P(won) of deals whose ages at the end lie evenly between the two; ages below 0 are not born yet."""
        low, high = np.clip(youngest, 0.0, None), np.clip(oldest, 0.0, None)
        area = np.interp(high, AGES, self._area) - np.interp(low, AGES, self._area)
        beyond = np.clip(high - AGES[-1], 0.0, None) - np.clip(low - AGES[-1], 0.0, None)
        length = np.maximum(oldest - youngest, 1e-9)
        return np.asarray((area + beyond * self.won[-1]) / length)


@dataclass(frozen=True)
class Births:
    """What is known at `at` of deals yet to be created; `n_won` wins stand behind it."""

    at: int
    zone: str
    arrivals: Arrivals
    segments: tuple[Segment, ...]
    n_won: int

    def amounts_within(self, days: float) -> tuple[Floats, ...]:
        """For each segment a pool of amounts, to draw from, of wins that took no longer; large deals take longer.

        A segment with few such wins borrows some of all segments', evenly from small to large.
        """
        fast = [each.amounts[: np.searchsorted(each.cycles, days, side="right")] for each in self.segments]
        whole = np.concatenate(fast)
        if len(whole) < BORROWED_AMOUNTS:
            fast = [each.amounts for each in self.segments]
            whole = np.concatenate(fast)
        return tuple(_shrunken(own, whole) for own in fast)


@dataclass(frozen=True)
class Expected:
    """Births of one forecast.

    number    (segments, stretches) expected births
    by_start  (segments, stretches) P(won before the window opens): 0 where it is open already
    by_end    (segments, stretches) P(won before it closes)
    spread    relative variance of the factor that all births share
    amounts   (segments,) pools of the amounts that they are won for
    """

    number: Floats
    by_start: Floats
    by_end: Floats
    spread: float
    amounts: tuple[Floats, ...]

    @property
    def wins(self) -> Floats:
        """(segments,) expected wins inside the period."""
        return np.asarray((self.number * (self.by_end - self.by_start)).sum(axis=1))

    @property
    def mean(self) -> Floats:
        """(segments,) expected money of them."""
        usual = np.array([pool.mean() if len(pool) else 0.0 for pool in self.amounts])
        return np.asarray(self.wins * usual)


def fit_births(snapshot: Snapshot, cells: Rows) -> Births:
    """Learn from the deals on record; `cells` is each deal's place in the roll-up (-1: none)."""
    dataset, zone = snapshot.dataset, snapshot.dataset.organisation.timezone
    born = np.where(snapshot.exists, dataset.deal_known, clock.UNKNOWN)
    arrivals = fit_arrivals(born[snapshot.exists], snapshot.at, zone)
    age, cause = _ends(snapshot)
    recent = clock.within(born, clock.after_days(snapshot.at, -LOOK_BACK_DAYS), snapshot.at)
    code, names = _segments(snapshot, recent)
    curves = _curves(np.where(recent, code, -1), age, cause, len(names))
    segments = tuple(
        _segment(snapshot, name, code == number, recent, curves[number], age, cells) for number, name in enumerate(names)
    )
    return Births(snapshot.at, zone, arrivals, segments, int((snapshot.state == WON).sum()))


def expected_births(births: Births, start: int, end: int) -> Expected:
    """Births between the Births' moment and `end`, and their chance to be won in `[start, end)` (microseconds)."""
    edges = np.linspace(0.0, float(clock.days_between(births.at, end)), _stretches(births.at, end) + 1)
    number = _between(births, edges)
    ages = [[float(clock.days_between(births.at, moment)) - edge for edge in (edges[1:], edges[:-1])] for moment in (start, end)]
    by_start, by_end = (np.array([each.mean_won(*age) for each in births.segments]).reshape(-1, len(number)) for age in ages)
    share = np.array([each.share for each in births.segments])
    length = float(edges[-1])
    spread = births.arrivals.relative_variance(length)
    return Expected(share[:, None] * number, by_start, by_end, spread, births.amounts_within(length))


def _stretches(at: int, end: int) -> int:
    return int(np.clip(np.ceil(clock.days_between(at, end)), 1, STEPS))


def _between(births: Births, edges: Floats) -> Floats:
    """Expected arrivals between each two edges (days after the Births' moment)."""
    today = int(clock.local_days(np.array([births.at]), births.zone)[0])
    gone = float(clock.days_between(clock.local_midnight(today, births.zone), births.at))
    n_days = int(np.ceil(edges[-1] + gone)) + 1
    passed = np.concatenate([[0.0], np.cumsum(births.arrivals.daily(today + np.arange(n_days, dtype=np.float64)))])
    return np.asarray(np.diff(np.interp(edges + gone, np.arange(n_days + 1), passed)))


def _ends(snapshot: Snapshot) -> tuple[Floats, Rows]:
    """For each deal its age at its first close, or at as_of, in days; and how it closed, 0 for one that has not."""
    moves, n_deals = snapshot.dataset.transitions, snapshot.dataset.n_deals
    first = first_row(moves.deal, clock.known(moves.known, snapshot.at) & (moves.state != OPEN), n_deals)
    closed = clock.time_at(moves.known, first)
    cause = np.where(first >= 0, np.append(moves.state, OPEN)[first], OPEN).astype(np.int64)
    until = np.where(first >= 0, closed, snapshot.at)
    return np.maximum(clock.days_between(snapshot.dataset.deal_known, until), 0.0), cause


def _segments(snapshot: Snapshot, recent: Mask) -> tuple[Rows, list[str]]:
    """The segment of each deal, by type and product; those with few births are one together."""
    labels = [snapshot.texts(name) for name in SEGMENTS if len(snapshot.dataset.history(name).value)]
    if not labels:
        return np.zeros(snapshot.dataset.n_deals, dtype=np.int64), ["all"]
    joined = pd.Series([" / ".join(str(part) for part in parts) for parts in zip(*labels, strict=True)], dtype="str")
    counts = joined[recent].value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    kept = sorted(counts[counts >= MIN_BIRTHS].index[: MAX_SEGMENTS - 1])
    code = pd.Index(kept).get_indexer(pd.Index(joined)) if kept else np.full(len(joined), -1)
    return np.where(code >= 0, code, len(kept)).astype(np.int64), [*kept, "other"]


def _curves(group: Rows, age: Floats, cause: Rows, n_groups: int) -> Floats:
    """(segments, len(AGES)) P(won by that age), each leaning on the whole."""
    stepped = AGES[np.minimum(np.searchsorted(AGES, age), len(AGES) - 1)]
    stepped = np.maximum(stepped, AGES[1])
    found = survival.cumulative_incidence(group, stepped, cause, n_groups, 2, prior=PRIOR_DEALS)
    if not len(found.time):
        return np.zeros((n_groups, len(AGES)))
    place = np.searchsorted(found.time, AGES, side="right")
    padded = np.concatenate([np.zeros((n_groups, 1)), found.share[:, :, WON - 1]], axis=1)
    return np.asarray(padded[:, place])


def _segment(snapshot: Snapshot, name: str, own: Mask, recent: Mask, won: Floats, age: Floats, cells: Rows) -> Segment:
    """One segment: its share of the births and what its wins were like."""
    share = float((own & recent).sum() / max(1, recent.sum()))
    amount = snapshot.deal_amounts
    wins = np.flatnonzero(own & (snapshot.state == WON) & ~np.isnan(amount))
    wins = wins[np.argsort(age[wins], kind="stable")]
    placed = wins if len(wins) else np.flatnonzero(own & snapshot.exists)
    return Segment(name, share, won, amount[wins], age[wins], cells[placed][cells[placed] >= 0])


def _shrunken(own: Floats, whole: Floats) -> Floats:
    if not len(whole):
        return own
    return np.concatenate([own, np.quantile(whole, (np.arange(BORROWED_AMOUNTS) + 0.5) / BORROWED_AMOUNTS)])
