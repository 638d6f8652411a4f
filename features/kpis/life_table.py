"""Win rate and cycle with the open deals in: cumulative incidence by age of the deal, over what was watched in each window.

Won over decided forgets the deals that are still open, and in a growing company those are many and young. Here every deal that
was open at some time in the window counts for the days it was watched there (it enters at the age that it had at the start, and
is censored at the end), and wins and losses at each age are set against the deals that had reached that age.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features import clock
from features.clock import Floats
from features.history import Rows
from features.kpis.sheet import Sheet
from features.survival import LEAN, Incidence, cumulative_incidence

WON: Final = 1
LOST: Final = 2


@dataclass(frozen=True)
class LifeTable:
    """(windows, nodes). `win_rate`: of what ends, the share that is won; `win_days`: median days to the win of what is won."""

    win_rate: Floats
    win_days: Floats


def life_table(sheet: Sheet, *, created: bool = False) -> LifeTable:
    """By window and node, over deals watched in the window; or over those created in it, watched to as_of."""
    key = f"life table {created}"
    if key not in sheet.cache:
        read = [_in_window(sheet, window, created=created) for window in range(sheet.shape[0])]
        sheet.cache[key] = LifeTable(*map(np.stack, zip(*read, strict=True)))
    table: LifeTable = sheet.cache[key]
    return table


def _in_window(sheet: Sheet, window: int, *, created: bool) -> tuple[Floats, Floats]:
    """Rate and days of all nodes. The company's rest on its own deals alone, whatever the others are."""
    watched = _watched(sheet, window, created=created)
    node, record = sheet.grid.nodes_of(sheet.facts.places.deals[watched.rows])
    whole = _read(watched.curve(np.zeros(len(watched.rows), dtype=np.int64), np.arange(len(watched.rows)), 1, prior=0.0), 1)
    if sheet.shape[1] == 1:
        return whole
    rate, days = _read(watched.curve(node, record, sheet.shape[1], prior=LEAN), sheet.shape[1])
    rate[0], days[0] = whole[0][0], whole[1][0]
    return rate, days


def _read(curve: Incidence, n_nodes: int) -> tuple[Floats, Floats]:
    if not len(curve.time):
        return np.full(n_nodes, np.nan), np.full(n_nodes, np.nan)
    ended = curve.at()
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = ended[:, 0] / ended.sum(axis=1)
    there = curve.n > 0
    return np.where(there, rate, np.nan), np.where(there, curve.quantile(WON), np.nan)


@dataclass(frozen=True)
class _Watched:
    """Deals open at some time of a window: their rows, and ages in whole days; an age of 10.2 was reached on the eleventh day."""

    rows: Rows
    entry: Floats | None
    exits: Floats
    cause: Rows

    def curve(self, group: Rows, record: Rows, n_groups: int, prior: float) -> Incidence:
        entry = None if self.entry is None else self.entry[record]
        return cumulative_incidence(group, self.exits[record], self.cause[record], n_groups, 2, entry=entry, prior=prior)


def _watched(sheet: Sheet, window: int, *, created: bool) -> _Watched:
    deals, start, end = sheet.facts.deals, int(sheet.grid.starts[window]), int(sheet.until[window])
    end = sheet.snapshot.at if created else end
    over = clock.or_never(deals.closed)
    exits = clock.earlier(over, clock.repeated(end, len(over)))
    begun = clock.within(deals.created, start, int(sheet.until[window])) if created else clock.known(deals.created, end)
    watched = begun & sheet.snapshot.exists & ~deals.reversed & (created | ~clock.known(over, start))
    watched &= sheet.facts.places.deals >= 0
    rows = np.flatnonzero(watched)
    closed_here = clock.known(over[rows], end)
    cause = np.where(closed_here, np.where(deals.won[rows], WON, LOST), 0)
    entry = np.ceil(clock.days_between(deals.created[rows], start)) - 1
    lasted = np.maximum(np.ceil(clock.days_between(deals.created[rows], exits[rows])), 1.0)
    return _Watched(rows, None if created else entry, lasted, cause)
