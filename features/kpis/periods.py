"""Figures that are given for a period of days (costs, reach, measurements), as parts of the windows asked for.

A measurement counts once its period is over: on 20 November the costs of November are not known. A period that lies partly in a
window counts for its share of days. So the costs of November count for a third of the window of 1 to 11 November, once they are
there, and the window is flagged as prorated; `covered` says how much of a window the finished periods cover.
"""

from dataclasses import dataclass

import numpy as np

from features import clock
from features.clock import Floats, Mask, Micros
from features.kpis.sheet import Sheet


@dataclass(frozen=True)
class Spread:
    """What was given for periods, added up.

    total     (windows, nodes), by the channel of each row; NaN where the dimension says nothing of channels
    n         (windows, nodes) rows that count, whole or in part; NaN likewise
    covered   (windows,) share of the window's time that the finished periods cover, 0 to 1
    prorated  (windows,) whether a period counts in part
    """

    total: Floats
    n: Floats
    covered: Floats
    prorated: Mask

    def flags(self, sheet: Sheet) -> dict[str, Mask]:
        partly = (self.covered > 0) & (self.covered < 1 - 1e-9)
        named = {"prorated": self.prorated, "partly_covered": partly}
        return {name: sheet.grid.by_window(each) for name, each in named.items()}


def bounds(sheet: Sheet, table: str) -> tuple[Micros, Micros]:
    """When the period of each row of a table begins and ends."""
    frame, zone = sheet.snapshot.dataset.tables[table], sheet.snapshot.dataset.organisation.timezone
    return clock.dates_to_micros(frame["period_start"], zone), clock.dates_to_micros(frame["period_end"], zone)


def finished(sheet: Sheet, table: str) -> Mask:
    """The rows that were on record, of periods that were over."""
    over = clock.not_after(bounds(sheet, table)[1], sheet.snapshot.at)
    return np.asarray(over & sheet.snapshot.known_rows(table))


def spread(sheet: Sheet, table: str, values: Floats, keep: Mask | None = None) -> Spread:
    """Add up the finished periods of a table in each window."""
    counted = finished(sheet, table) & (True if keep is None else keep) & ~np.isnan(values)
    starts, ends = (each[counted] for each in bounds(sheet, table))
    limits = sheet.grid.limits
    shares = np.array([clock.overlap(starts, ends, *each) for each in limits]).reshape(len(limits), len(starts))
    leaf = sheet.facts.places.channels(sheet.snapshot.dataset.tables[table])
    leaf = None if leaf is None else leaf[counted]
    return Spread(
        total=sheet.grid.at_moments(leaf, shares * values[counted]),
        n=sheet.grid.at_moments(leaf, (shares > 0).astype(np.float64)),
        covered=np.array([_covered(starts, ends, *each) for each in limits]),
        prorated=np.asarray(((shares > 0) & (shares < 1)).any(axis=1)),
    )


def _covered(starts: Micros, ends: Micros, start: int, end: int) -> float:
    """The share of one window that any of the periods covers; periods of several channels are the same days."""
    inner = [
        clock.earlier(clock.later(each, clock.repeated(start, len(each))), clock.repeated(end, len(each)))
        for each in (starts, ends)
    ]
    edges = np.unique(np.concatenate([*inner, [start, end]]))
    middle = edges[:-1] + np.diff(edges) // 2
    inside = [bool((clock.overlap(starts, ends, int(at), int(at) + 1) > 0).any()) for at in middle]
    return float(np.diff(edges)[inside].sum() / (end - start))
