"""Ramp and span of control: how long a newcomer takes to reach the plan, and how many people report to a manager.

Both are of the end of each window, and of as_of while it runs: newcomers hired by then, watched until then, and the people who
were there then, under the managers known at as_of.
"""

from typing import Final

import numpy as np

from features import clock
from features.clock import Floats, Mask
from features.history import Rows
from features.kpis.sheet import Sheet, ratio
from features.kpis.staff import attained, hierarchy, newcomers
from features.kpis.value import Cells
from features.survival import kaplan_meier

USUAL_SPAN: Final = (5, 15)
"""Direct reports of a manager, as a rule of thumb."""


def ramp(sheet: Sheet, _variant: str) -> Cells:
    """Median months, with Brookmeyer and Crowley's limits; `median_not_reached` where fewer than half are at plan."""
    periods = attained(sheet.snapshot)
    found = newcomers(sheet.snapshot, periods)
    if not len(periods.person):
        return sheet.nothing("no_plan")
    leaf, until = sheet.facts.places.people(found.people), sheet.until.tolist()
    hired = np.stack([clock.known(found.hired, each) for each in until])
    at_plan = np.stack([found.at_plan(each) for each in until])
    months = [found.months(each) for each in until]
    curves = [_quantiles(sheet, leaf, *each) for each in zip(months, at_plan, hired, strict=True)]
    median, low, high = (np.stack(each) for each in zip(*curves, strict=True))
    n = sheet.grid.at_moments(leaf, hired.astype(np.float64))
    before = sheet.grid.at_moments(sheet.facts.places.people(found.before), np.ones((len(until), len(found.before))))
    return sheet.answer(
        "users",
        median,
        n=n,
        rules=(((n > 0) & np.isnan(median), "median_not_reached"),),
        interval=(low, high),
        censored=sheet.grid.at_moments(leaf, (hired & ~at_plan).astype(np.float64)),
        excluded={"hired_before_plans": before},
    )


def _quantiles(sheet: Sheet, leaf: Rows | None, months: Floats, at_plan: Mask, hired: Mask) -> tuple[Floats, Floats, Floats]:
    """(nodes,) the median of each node in one window, with its limits."""
    rows = np.flatnonzero(hired if leaf is None else hired & (leaf >= 0))
    node = np.zeros(len(rows), dtype=np.int64)
    if leaf is not None:
        node, record = sheet.grid.nodes_of(leaf[rows])
        rows = rows[record]
    times = kaplan_meier(node, months[rows], at_plan[rows], sheet.shape[1]).quantiles()
    return times.time, times.low, times.high


def span_of_control(sheet: Sheet, _variant: str) -> Cells:
    """People over managers; `not_known_then` where the hierarchy of as_of is not on record."""
    found = hierarchy(sheet.snapshot)
    if not found.on_record:
        return sheet.nothing("not_known_then")
    leaf = sheet.facts.places.people(found.people)
    reports = np.stack([found.reports(each) for each in sheet.until.tolist()])
    low, high = USUAL_SPAN
    unusual = (reports > 0) & ((reports < low) | (reports > high))
    people, managers, outside = (sheet.grid.at_moments(leaf, each.astype(np.float64)) for each in (reports, reports > 0, unusual))
    return sheet.answer(
        "users", ratio(people, managers), n=managers, numerator=people, denominator=managers, beside={"unusual": outside}
    )
