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
        curves = [_curve(sheet, window, created=created) for window in range(sheet.shape[0])]
        rates, days = zip(*(_read(curve, sheet.shape[1]) for curve in curves), strict=True)
        sheet.cache[key] = LifeTable(np.stack(rates), np.stack(days))
    table: LifeTable = sheet.cache[key]
    return table


def _read(curve: Incidence, n_nodes: int) -> tuple[Floats, Floats]:
    if not len(curve.time):
        return np.full(n_nodes, np.nan), np.full(n_nodes, np.nan)
    ended = curve.at()
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = ended[:, 0] / ended.sum(axis=1)
    there = curve.n > 0
    return np.where(there, rate, np.nan), np.where(there, curve.quantile(WON), np.nan)


def _curve(sheet: Sheet, window: int, *, created: bool) -> Incidence:
    """The curves of all nodes in one window, ages in whole days: an age of 10.2 days was reached on the eleventh."""
    deals, start, end = sheet.facts.deals, int(sheet.grid.starts[window]), int(sheet.until[window])
    end = sheet.snapshot.at if created else end
    over = clock.or_never(deals.closed)
    exits = clock.earlier(over, clock.repeated(end, len(over)))
    begun = clock.within(deals.created, start, int(sheet.until[window])) if created else clock.known(deals.created, end)
    watched = begun & sheet.snapshot.exists & ~deals.reversed & (created | ~clock.known(over, start))
    rows = np.flatnonzero(watched)
    closed_here = clock.known(over[rows], end)
    cause = np.where(closed_here, np.where(deals.won[rows], WON, LOST), 0)
    entry = np.ceil(clock.days_between(deals.created[rows], start)) - 1
    group, record = sheet.grid.nodes_of(sheet.facts.places.deals[rows])
    return cumulative_incidence(
        group,
        np.maximum(np.ceil(clock.days_between(deals.created[rows], exits[rows])), 1.0)[record],
        cause[record],
        sheet.shape[1],
        2,
        entry=None if created else entry[record],
        prior=LEAN,
    )
