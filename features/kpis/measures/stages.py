"""Stage conversion and time in stage: what came of the deals that entered, and how long they stood there.

The ratio of two snapshots' counts is no conversion: it compares different deals. Here the deals that entered a stage for the
first time in the window are followed until as_of. Of four that entered Proposal one came to Negotiation after 10 days, one was
lost after 20, one is in its 15th day and one in its 40th. One of four has moved on so far; but the deal in its 15th day may be
lost by day 20, so the loss weighs 3/8 and not 1/4 (Aalen-Johansen): 25 % moved on, 37.5 % were lost, 37.5 % are under way.

* A stage that was skipped was not entered. A deal that comes back to a stage entered it once for the conversion, each stay counts
  by itself for the time. Who came to a later stage and is lost there has moved on.
* `value` is what moved on by the end of the follow-up; `beside["eventual"]` takes those under way to split as the others did.
* By stage each has its own; of the company, a person or a product it is that of all entries, of whatever stage.
"""

import numpy as np

from features import clock
from features.clock import Floats, Mask
from features.history import Rows
from features.kpis.grid import Coded
from features.kpis.interval import share_interval
from features.kpis.sheet import Sheet
from features.kpis.value import Cells
from features.survival import Incidence, cumulative_incidence, kaplan_meier
from features.visits import GONE, MOVED_ON, STILL, Visits


def stage_conversion(sheet: Sheet, _variant: str) -> Cells:
    """Reasons: `no_position` where none of the stages entered has a place in its pipeline, `nothing_counted` without an entry."""
    visited = sheet.facts.visits
    entries, placed = _entries(sheet, visited), ~np.isnan(visited.place)
    first = visited.first & placed
    curve = _incidence(visited, entries, first)
    moved, gone = (curve.at()[:, cause - 1].reshape(sheet.shape) for cause in (MOVED_ON, GONE))
    n, came, lost, still = (
        entries.count(first & kept) for kept in (placed, *(visited.outcome == how for how in (MOVED_ON, GONE, STILL)))
    )
    unplaced = entries.count(visited.first & ~placed)
    variance = curve.variance(MOVED_ON).reshape(sheet.shape)
    eventual = np.divide(moved, moved + gone, out=np.full(sheet.shape, np.nan), where=moved + gone > 0)
    return sheet.answer(
        "deals",
        np.where(n > 0, moved, np.nan),
        n=n,
        rules=(((n == 0) & (unplaced > 0), "no_position"),),
        numerator=came,
        denominator=n,
        interval=share_interval(moved, variance, came + lost),
        censored=still,
        excluded={"no_position": unplaced, "entry_unknown": _unknown(sheet, visited, first)},
        beside={"eventual": eventual},
    )


def time_in_stage(sheet: Sheet, _variant: str) -> Cells:
    """Median days, with Brookmeyer and Crowley's limits; `median_not_reached` where fewer than half have left."""
    visited = sheet.facts.visits
    entries = _entries(sheet, visited)
    record, cell = entries.cells()
    rows = entries.rows[record]
    times = kaplan_meier(cell, visited.stayed[rows], visited.left[rows], sheet.shape[0] * sheet.shape[1]).quantiles()
    median, low, high = (each.reshape(sheet.shape) for each in (times.time, times.low, times.high))
    n = entries.count()
    return sheet.answer(
        "deals",
        median,
        n=n,
        rules=(((n > 0) & np.isnan(median), "median_not_reached"),),
        interval=(low, high),
        censored=entries.count(~visited.left),
        excluded={"entry_unknown": _unknown(sheet, visited, np.ones(len(visited.deal), dtype=bool))},
    )


def _entries(sheet: Sheet, visited: Visits) -> Coded:
    """Visits by when they began; one that began before its history is in no window."""
    return sheet.grid.coded(visited.began, sheet.facts.places.visits(visited), np.ones(len(visited.deal), dtype=bool))


def _incidence(visited: Visits, entries: Coded, keep: Mask) -> Incidence:
    """The curves of all cells; an outcome after 10.2 days counts on the eleventh, to keep the times few."""
    record, cell = entries.cells(np.flatnonzero(keep[entries.rows]))
    rows: Rows = entries.rows[record]
    windows, nodes = entries.grid.shape
    return cumulative_incidence(cell, np.ceil(visited.waited[rows]), visited.outcome[rows], windows * nodes, 2)


def _unknown(sheet: Sheet, visited: Visits, keep: Mask) -> Floats:
    """Deals that stood in the stage when its history began belong to no window; each window says how many there are."""
    unknown = (keep & (visited.began == clock.UNKNOWN)).astype(np.float64)
    found = sheet.grid.at_moments(sheet.facts.places.visits(visited), unknown[None, :])
    return np.broadcast_to(found, sheet.shape)
