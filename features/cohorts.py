"""KPIs that follow people and deals in time, as values for the balanced scorecard: those that the one-pass engine does not have.

Stage conversion and time in stage have a value for each stage; lead response, ramp and span of control one for the company. Each
stands beside its value of the window before, where it has one.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np

from features.funnel.stages import STAGE_CONVERSION, TIME_IN_STAGE, stage_conversion, stage_nodes, stage_values, time_in_stage
from features.funnel.visits import visits
from features.kpis.card import PREVIOUS
from features.kpis.value import COMPANY, Kpi, Node, Value, Window
from features.snapshot import Snapshot
from features.team.desk import attained
from features.team.responses import LEAD_RESPONSE, lead_response
from features.team.staff import RAMP, SPAN_OF_CONTROL, Ramp, Span, ramp, span_of_control

COHORT_KPIS: Final[Mapping[str, Kpi]] = MappingProxyType(
    {kpi.name: kpi for kpi in (STAGE_CONVERSION, TIME_IN_STAGE, LEAD_RESPONSE, RAMP, SPAN_OF_CONTROL)}
)
"""By name; `features.kpis.catalog.KPIS` has the others."""

_COMPANY: Final = Node(COMPANY, "", COMPANY)


def cohort_values(snapshot: Snapshot, window: Window, before: Window) -> tuple[tuple[Kpi, Value], ...]:
    """Every value of these KPIs in a window, compared with the window before: stages first, each in the order of its place.

    Ramp is of everybody hired since the first plan, and span of control of now, whatever the window.
    """
    return (
        *stage_kpis(snapshot, window, before),
        (LEAD_RESPONSE, _response(snapshot, window, before)),
        (RAMP, ramp_value(ramp(snapshot, attained(snapshot)), window)),
        (SPAN_OF_CONTROL, span_value(span_of_control(snapshot), window)),
    )


def stage_kpis(snapshot: Snapshot, window: Window, before: Window) -> tuple[tuple[Kpi, Value], ...]:
    """Conversion and time of each stage."""
    visited, windows = visits(snapshot), (window, before)
    nodes, found = stage_nodes(visited), []
    for kpi, measure in ((STAGE_CONVERSION, stage_conversion), (TIME_IN_STAGE, time_in_stage)):
        values = stage_values(kpi, measure(visited, windows), windows, nodes)
        pairs = zip(values[: len(nodes)], values[len(nodes) :], strict=True)
        found += [(kpi, replace(now, against={PREVIOUS: earlier.value})) for now, earlier in pairs]
    return tuple(found)


def _response(snapshot: Snapshot, window: Window, before: Window) -> Value:
    cells = lead_response(snapshot, (window, before))
    now, earlier = (cells.at(LEAD_RESPONSE, "median", each, _COMPANY, (row, 0)) for row, each in enumerate((window, before)))
    return replace(now, against={PREVIOUS: earlier.value})


def ramp_value(found: Ramp, window: Window) -> Value:
    """The median of a ramp with its limits."""
    low, high = float(found.quantiles.low[0]), float(found.quantiles.high[0])
    return Value(
        kpi=RAMP.name,
        variant=RAMP.variants[0].name,
        window=window,
        node=_COMPANY,
        value=None if found.reason else float(found.quantiles.time[0]),
        reason=found.reason,
        numerator=None,
        denominator=None,
        n=len(found.people),
        interval=None if found.reason or np.isnan(low) or np.isnan(high) else (low, high),
        immature=bool((~found.at_plan).any()),
        censored=int((~found.at_plan).sum()),
        excluded={"hired_before_plans": found.excluded} if found.excluded else {},
    )


def span_value(found: Span, window: Window) -> Value:
    """The average span, with people over managers as numerator and denominator."""
    managers = len(found.reports)
    return Value(
        kpi=SPAN_OF_CONTROL.name,
        variant=SPAN_OF_CONTROL.variants[0].name,
        window=window,
        node=_COMPANY,
        value=found.average,
        reason=found.reason or (None if managers else "nothing_counted"),
        numerator=float(sum(found.reports.values())),
        denominator=float(managers),
        n=managers,
        interval=None,
        immature=False,
        censored=0,
        beside={"median": found.median},
    )
