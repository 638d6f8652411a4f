"""Stage conversion and time in stage, by stage and window: what came of the deals that entered, and how long they stood there.

The ratio of two snapshots' counts is no conversion: it compares different deals. Here the deals that entered a stage for the
first time in the window are followed until as_of. Of four that entered Proposal one came to Negotiation after 10 days, one was
lost after 20, one is in its 15th day and one in its 40th. One of four has moved on so far; but the deal in its 15th day may be
lost by day 20, so the loss weighs 3/8 and not 1/4 (Aalen-Johansen): 25 % moved on, 37.5 % were lost, 37.5 % are under way.

* A stage that was skipped was not entered. A deal that comes back to a stage entered it once for the conversion, each stay counts
  by itself for the time. Who came to a later stage and is lost there has moved on.
* `value` is what moved on by the end of the follow-up; `beside["eventual"]` takes those under way to split as the others did.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from features import clock
from features.clock import Floats, Mask
from features.funnel.visits import GONE, MOVED_ON, STILL, Visits
from features.history import count_rows
from features.kpis.interval import wilson
from features.kpis.value import LESS, MORE, Cells, Kpi, Node, Text, Value, Variant, Window
from features.survival import Incidence, cumulative_incidence, kaplan_meier

_ENTRY: Final = Text("entry into the stage", "вход на этап")

STAGE_CONVERSION: Final = Kpi(
    name="stage_conversion",
    title=Text("Stage conversion", "Конверсия между этапами"),
    meaning=Text(
        "Of the deals that entered a stage, the share that came to a later one or was won",
        "Доля сделок, перешедших с этапа на один из следующих или выигранных",
    ),
    formula=Text("deals that came further / deals that entered", "сделки, прошедшие дальше / сделки, вошедшие на этап"),
    unit="share",
    direction=MORE,
    perspective="process",
    basis=_ENTRY,
    tables=("deals",),
    slices=("stage",),
    variants=(Variant("cohort", Text("deals still there are censored", "сделки, оставшиеся на этапе, цензурированы")),),
)

TIME_IN_STAGE: Final = Kpi(
    name="time_in_stage",
    title=Text("Time in stage", "Время на этапе"),
    meaning=Text("Median days that a deal stays in a stage", "Сколько дней сделка обычно находится на этапе (медиана)"),
    formula=Text("Kaplan-Meier median of each stay", "медиана Каплана — Мейера по всем пребываниям"),
    unit="days",
    direction=LESS,
    perspective="process",
    basis=_ENTRY,
    tables=("deals",),
    slices=("stage",),
    variants=(Variant("median", Text("deals still there count as long as they were watched", "с учётом ещё не ушедших сделок")),),
)


def stage_nodes(visited: Visits) -> tuple[Node, ...]:
    """One node for each stage, in the order of their numbers; its id is the stage's name."""
    return tuple(Node("stage", str(name), str(name)) for name in visited.stages)


def stage_conversion(visited: Visits, windows: tuple[Window, ...], keep: Mask | None = None) -> Cells:
    """(windows, stages). `keep` is given for each deal of the Dataset: the deals of an owner, a product …

    Reasons: `no_position` where a stage has no place in its pipeline, `nothing_counted` where no deal entered it.
    """
    placed, timed = ~np.isnan(visited.place), ~np.isnan(visited.waited)
    asked = visited.first & placed & _of(visited, keep)
    rows = [asked & timed & _entered(visited, window) for window in windows]
    counts = [_counts(visited, kept) for kept in rows]
    curves = [_incidence(visited, kept) for kept in rows]
    moved, gone = (np.stack([curve.at()[:, cause - 1] for curve in curves]) for cause in (MOVED_ON, GONE))
    variance = np.stack([curve.variance(MOVED_ON) for curve in curves])
    n, came, lost, still = (np.stack([count[name] for count in counts]) for name in ("n", "moved_on", "gone", "still"))
    eventual = np.divide(moved, moved + gone, out=np.full_like(moved, np.nan), where=moved + gone > 0)
    unplaced = count_rows(visited.stage, placed, len(visited.stages)) == 0
    return Cells.of(
        moved,
        _reasons(n, unplaced),
        n=n,
        numerator=came,
        denominator=n,
        interval=share_interval(moved, variance, came + lost),
        censored=still,
        excluded={"entry_unknown": _unknown_entries(visited, asked, len(windows))},
        beside={"eventual": eventual},
    )


def time_in_stage(visited: Visits, windows: tuple[Window, ...], keep: Mask | None = None) -> Cells:
    """(windows, stages) median days; `low` and `high` are Brookmeyer and Crowley's. `keep` as for `stage_conversion`.

    Reasons: `nothing_counted` where no deal entered the stage, `median_not_reached` where fewer than half have left it.
    """
    asked, n_stages = _of(visited, keep), len(visited.stages)
    rows = [asked & ~np.isnan(visited.stayed) & _entered(visited, window) for window in windows]
    found = [kaplan_meier(visited.stage[kept], visited.stayed[kept], visited.left[kept], n_stages).quantiles() for kept in rows]
    median, low, high = (np.stack([getattr(each, name) for each in found]) for name in ("time", "low", "high"))
    n = np.stack([count_rows(visited.stage, kept, n_stages) for kept in rows])
    still = np.stack([count_rows(visited.stage, kept & ~visited.left, n_stages) for kept in rows])
    reason = np.where(n == 0, "nothing_counted", np.where(np.isnan(median), "median_not_reached", "")).astype(object)
    unknown = _unknown_entries(visited, asked, len(windows))
    return Cells.of(median, reason, n=n, interval=(low, high), censored=still, excluded={"entry_unknown": unknown})


def stage_values(kpi: Kpi, cells: Cells, windows: tuple[Window, ...], nodes: tuple[Node, ...]) -> list[Value]:
    """The cells one by one: window by window, stage by stage."""
    places = np.ndindex(len(windows), len(nodes))
    return [cells.at(kpi, kpi.variants[0].name, windows[place[0]], nodes[place[1]], (place[0], place[1])) for place in places]


def share_interval(share: Floats, variance: Floats, decided: Floats) -> tuple[Floats, Floats]:
    """Wilson's interval of a censored share: by the size of the sample that would give its variance without censoring.

    A share of 0 or 1 has no variance; then the decided rows are the sample.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = share * (1.0 - share) / variance
    n = np.where((variance > 0) & (share > 0) & (share < 1), effective, decided)
    return wilson(share * n, n)


def _of(visited: Visits, keep: Mask | None) -> Mask:
    return np.ones(len(visited.deal), dtype=bool) if keep is None else keep[visited.deal]


def _entered(visited: Visits, window: Window) -> Mask:
    return clock.within(visited.began, clock.micros(window.start), clock.micros(window.end))


def _incidence(visited: Visits, kept: Mask) -> Incidence:
    return cumulative_incidence(visited.stage[kept], visited.waited[kept], visited.outcome[kept], len(visited.stages), 2)


def _counts(visited: Visits, kept: Mask) -> dict[str, Floats]:
    outcomes = {"moved_on": MOVED_ON, "gone": GONE, "still": STILL}
    n_stages = len(visited.stages)
    ended = {name: count_rows(visited.stage, kept & (visited.outcome == outcome), n_stages) for name, outcome in outcomes.items()}
    return {"n": count_rows(visited.stage, kept, n_stages), **ended}


def _unknown_entries(visited: Visits, asked: Mask, n_windows: int) -> Floats:
    """Deals that stood in the stage when its history began belong to no window; each window says how many there are."""
    unknown = count_rows(visited.stage, asked & (visited.began == clock.UNKNOWN), len(visited.stages))
    return np.tile(unknown, (n_windows, 1))


def _reasons(n: Floats, unplaced: Mask) -> npt.NDArray[np.object_]:
    return np.where(n > 0, "", np.where(unplaced, "no_position", "nothing_counted")).astype(object)
