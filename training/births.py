"""Deals that do not exist yet: how many will come, how many of them will be won inside the period, and for how much.

They are counted from their birth on, deals that opened and closed between two snapshots included; the model of open deals cannot
know them. Three parts, each as of one moment: arrivals by day (`training.arrivals`), the share won by each age (Aalen-Johansen
over all births of the last two years, open ones censored; each segment leaning on the whole), and the amounts that won deals had.

Ages are counted in ordinary days, of which the weeks before a quarter's end have more than others (`training.pace`, learned from
all births): whatever is born in a quarter, its end lies in the rush, and by days of the calendar a sixth of the wins was missed.

Worked example: on 10 February a forecast of the first quarter expects 3 deals a day in each of its 49 days. One born on the 11th
has 48 days to be won in, which the rush makes 56, one born on 31 March a day; averaged over the quarter's rest 5 % of them make
it: 147 x 0.05 = 7.4. They are priced like past wins of 56 days and less, one of 10 days counting 46/6 times as much as one of 50:
so many more birthdays let it come in time.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from features import clock, survival
from features.clock import Floats, Mask, Micros
from features.history import LOST, OPEN, WON, Rows, first_row
from features.snapshot import Snapshot
from training.arrivals import Arrivals, fit_arrivals
from training.pace import Pace, fit_pace

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
    won      (len(AGES),) P(won by that age, in ordinary days)
    amounts  of its wins in the organisation's currency, the smallest first
    cycles   (wins,) age at each of these wins, in ordinary days
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
        """P(won) of deals whose ages at the end, in ordinary days, lie evenly between the two; below 0: not born yet."""
        low, high = np.clip(youngest, 0.0, None), np.clip(oldest, 0.0, None)
        area = np.interp(high, AGES, self._area) - np.interp(low, AGES, self._area)
        beyond = np.clip(high - AGES[-1], 0.0, None) - np.clip(low - AGES[-1], 0.0, None)
        length = np.maximum(oldest - youngest, 1e-9)
        return np.asarray((area + beyond * self.won[-1]) / length)

    def amounts_within(self, opens: float, closes: float) -> Floats:
        """Amounts, about as frequent as among wins of deals born from now on: of each past win those birthdays count that would
        have let it come between so many ordinary days."""
        weight = np.clip(closes - self.cycles, 0.0, None) - np.clip(opens - self.cycles, 0.0, None)
        n = int((weight > 0).sum())
        passed = np.cumsum(weight)
        return self.amounts[np.searchsorted(passed, (np.arange(n) + 0.5) / n * passed[-1])] if n else self.amounts[:0]


@dataclass(frozen=True)
class Births:
    """What is known at `at` of deals yet to be created; `n_won` wins stand behind it."""

    at: int
    pace: Pace
    arrivals: Arrivals
    segments: tuple[Segment, ...]
    n_won: int

    def amounts_within(self, opens: float, closes: float) -> tuple[Floats, ...]:
        """For each segment a pool of amounts, to draw from, of wins that come within a window; large deals take longer.

        The window opens and closes after so many ordinary days. A segment with few such wins borrows some of all segments',
        evenly from small to large.
        """
        fast = [each.amounts_within(opens, closes) for each in self.segments]
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
    organisation, born = snapshot.dataset.organisation, snapshot.dataset.deal_known
    there = np.flatnonzero(snapshot.exists)
    arrivals = fit_arrivals(born[there], snapshot.at, organisation.timezone)
    until, cause = _ends(snapshot)
    pace = fit_pace(born[there], until[there], cause[there], snapshot.at, organisation.calendar, LOST)
    age = np.zeros(len(born))
    age[there] = np.subtract(*_ordinary_days(pace, np.stack([until, born])[:, there]))
    recent = snapshot.exists & clock.within(born, clock.after_days(snapshot.at, -LOOK_BACK_DAYS), snapshot.at)
    code, names = _segments(snapshot, recent)
    curves = _curves(np.where(recent, code, -1), age, cause, len(names))
    segments = tuple(
        _segment(snapshot, name, code == number, recent, curves[number], age, cells) for number, name in enumerate(names)
    )
    return Births(snapshot.at, pace, arrivals, segments, int((snapshot.state == WON).sum()))


def expected_births(births: Births, start: int, end: int) -> Expected:
    """Births between the Births' moment and `end`, and their chance to be won in `[start, end)` (microseconds)."""
    length = float(clock.days_between(births.at, end))
    edges = np.linspace(0.0, length, _stretches(births.at, end) + 1)
    number = _between(births, edges)
    born = [clock.after_days(births.at, float(edge)) for edge in edges]
    passed = _ordinary_days(births.pace, np.array([start, end, *born]))
    opens, closes, born_at = passed[0], passed[1], passed[2:]
    ages = [(moment - born_at[1:], moment - born_at[:-1]) for moment in (opens, closes)]
    by_start, by_end = (np.array([each.mean_won(*age) for each in births.segments]).reshape(-1, len(number)) for age in ages)
    share = np.array([each.share for each in births.segments])
    amounts = births.amounts_within(opens - born_at[0], closes - born_at[0])
    return Expected(share[:, None] * number, by_start, by_end, births.arrivals.relative_variance(length), amounts)


def _stretches(at: int, end: int) -> int:
    return int(np.clip(np.ceil(clock.days_between(at, end)), 1, STEPS))


def _between(births: Births, edges: Floats) -> Floats:
    """Expected arrivals between each two edges (days after the Births' moment)."""
    zone = births.pace.calendar.timezone
    today = int(clock.local_days(np.array([births.at]), zone)[0])
    gone = float(clock.days_between(clock.local_midnight(today, zone), births.at))
    n_days = int(np.ceil(edges[-1] + gone)) + 1
    passed = np.concatenate([[0.0], np.cumsum(births.arrivals.daily(today + np.arange(n_days, dtype=np.float64)))])
    return np.asarray(np.diff(np.interp(edges + gone, np.arange(n_days + 1), passed)))


def _ordinary_days(pace: Pace, moments: Micros) -> Floats:
    """Days of the wins' ordinary pace that have passed at each moment, from the first of them on."""
    if not moments.size:
        return np.zeros(moments.shape)
    zone = pace.calendar.timezone
    first, last = clock.local_days(np.array([moments.min(), moments.max()]), zone)
    days = np.arange(first, last + 1)
    passed = np.concatenate([[0.0], np.cumsum(pace.factors(days)[:, WON - 1])])
    gone = np.interp(moments, clock.local_midnights(np.append(days, last + 1), zone), passed)
    return np.asarray(gone - gone.min())


def _ends(snapshot: Snapshot) -> tuple[Micros, Rows]:
    """For each deal its first close, or as_of; and how it closed, 0 for one that has not."""
    moves, n_deals = snapshot.dataset.transitions, snapshot.dataset.n_deals
    first = first_row(moves.deal, clock.known(moves.known, snapshot.at) & (moves.state != OPEN), n_deals)
    closed = clock.time_at(moves.known, first)
    cause = np.where(first >= 0, np.append(moves.state, OPEN)[first], OPEN).astype(np.int64)
    return np.maximum(np.where(first >= 0, closed, snapshot.at), snapshot.dataset.deal_known), cause


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
    wins = wins[np.argsort(amount[wins], kind="stable")]
    placed = wins if len(wins) else np.flatnonzero(own & snapshot.exists)
    return Segment(name, share, won, amount[wins], age[wins], cells[placed][cells[placed] >= 0])


def _shrunken(own: Floats, whole: Floats) -> Floats:
    if not len(whole):
        return own
    return np.concatenate([own, np.quantile(whole, (np.arange(BORROWED_AMOUNTS) + 0.5) / BORROWED_AMOUNTS)])
