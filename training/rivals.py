"""What a sales organisation forecasts with when it has no model: the methods that the forecast has to beat.

    stage_weighted  won so far, plus open amounts weighted by how often deals of that stage were won by the period's end from the
                    same point of past periods, plus what new deals brought from that point on, on average
    crm             won so far, plus open amounts that the CRM expects inside the period, weighted by its own probability
    last_year       bookings of the same period a year earlier
    run_rate        bookings so far, stretched to the whole period; at its start, those of the period before

Each sees what the model sees: the Snapshot. One that cannot be had is NaN: a company of ten months has no last year.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask
from features.history import WON
from features.kpis import windows
from features.kpis.value import Window
from features.snapshot import Snapshot
from training.rollup import filled_amounts, won_within

RIVALS: Final = ("stage_weighted", "crm", "last_year", "run_rate")
PAST_PERIODS: Final = 4
PRIOR_DEALS: Final = 5.0
"""The rate of all stages counts in each as so many deals."""


@dataclass(frozen=True)
class Point:
    """One past period at the same point of it: the moment, and the period."""

    at: pd.Timestamp
    window: Window


def rival_forecasts(snapshot: Snapshot, window: Window, past: Sequence[Window]) -> dict[str, float]:
    """Bookings of the whole period by each rival; `past` are the periods of the same kind before it, oldest first."""
    so_far = _bookings(snapshot, window)
    return {
        "stage_weighted": so_far + _stage_weighted(snapshot, window, past),
        "crm": so_far + _crm(snapshot, window),
        "last_year": _last_year(snapshot, window),
        "run_rate": _run_rate(snapshot, window, so_far, past),
    }


def _bookings(snapshot: Snapshot, window: Window) -> float:
    return float(np.nansum(snapshot.deal_amounts[won_within(snapshot, window)]))


def _stage_weighted(snapshot: Snapshot, window: Window, past: Sequence[Window]) -> float:
    """What is still to come, by the rates of the latest periods that were over."""
    points = _same_points(snapshot, window, past)
    if not points:
        return float("nan")
    seen = [_seen_at(snapshot, point) for point in points]
    rates = pd.concat([each[0] for each in seen])
    overall = float(rates["won"].mean()) if len(rates) else 0.0
    of_stage = rates.groupby("stage")["won"].agg(["sum", "count"])
    rate = (of_stage["sum"] + PRIOR_DEALS * overall) / (of_stage["count"] + PRIOR_DEALS)
    stages = pd.Series(snapshot.texts("stage")[snapshot.open_deals], dtype="object")
    weights = stages.map(rate).fillna(overall).to_numpy(dtype=np.float64)
    return float(weights @ filled_amounts(snapshot)[snapshot.open_deals]) + float(np.mean([each[1] for each in seen]))


def _same_points(snapshot: Snapshot, window: Window, past: Sequence[Window]) -> list[Point]:
    """The same number of days into each of the last periods that were over, and in which any deal was on record by then."""
    gone = max(0.0, float(clock.days_between(clock.micros(window.start), snapshot.at)))
    over = [each for each in past if clock.micros(each.end) <= snapshot.at][-PAST_PERIODS:]
    moments = [clock.instant(clock.after_days(clock.micros(each.start), gone)) for each in over]
    known = snapshot.dataset.deal_known
    return [
        Point(moment, each) for moment, each in zip(moments, over, strict=True) if clock.known(known, clock.micros(moment)).any()
    ]


def _seen_at(snapshot: Snapshot, point: Point) -> tuple[pd.DataFrame, float]:
    """Stage, and whether it was won, of each deal that was open then; and the money from deals created after that moment."""
    before = Snapshot(snapshot.dataset, point.at)
    inside: Mask = won_within(snapshot, point.window)
    deals = before.open_deals
    rows = pd.DataFrame({"stage": before.texts("stage")[deals], "won": inside[deals].astype(np.float64)})
    new = inside & ~before.exists
    return rows, float(np.nansum(snapshot.deal_amounts[new]))


def _crm(snapshot: Snapshot, window: Window) -> float:
    deals = snapshot.open_deals
    p, expected = snapshot.values("crm_probability")[deals], snapshot.values("expected_close_on")[deals]
    if np.isnan(p).all() or np.isnan(expected).all():
        return float("nan")
    moments = np.where(np.isnan(expected), clock.UNKNOWN, np.nan_to_num(expected)).astype(np.int64)
    due: Floats = clock.within(moments, clock.micros(window.start), clock.micros(window.end)).astype(np.float64)
    return float((due * np.nan_to_num(p)) @ filled_amounts(snapshot)[deals])


def _last_year(snapshot: Snapshot, window: Window) -> float:
    year_ago = windows.year_before(window, snapshot.dataset.organisation.calendar)
    return _bookings(snapshot, year_ago) if _was_watched(snapshot, year_ago) else float("nan")


def _run_rate(snapshot: Snapshot, window: Window, so_far: float, past: Sequence[Window]) -> float:
    gone = float(clock.days_between(clock.micros(window.start), snapshot.at))
    if gone <= 0:
        return _bookings(snapshot, past[-1]) if past and _was_watched(snapshot, past[-1]) else float("nan")
    return so_far * float(clock.days_between(clock.micros(window.start), clock.micros(window.end))) / gone


def _was_watched(snapshot: Snapshot, window: Window) -> bool:
    """Whether the history reaches back to the window's start: a CRM that was new then books little."""
    known = snapshot.dataset.deal_known[snapshot.exists]
    first_win = snapshot.state_since[snapshot.exists & (snapshot.state == WON)]
    starts = [int(times.min()) for times in (known, first_win) if len(times)]
    return len(starts) == 2 and clock.is_known(max(starts), clock.micros(window.start))
