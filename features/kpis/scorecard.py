"""The one entry to the KPIs: many of them, for many windows and nodes, compared with plan and past, in one pass over a Snapshot.

>>> from features.kpis import windows
>>> from features.kpis.example import snapshot
>>> known = snapshot()                       # a company with ten deals, as of 1 April 2026
>>> calendar = known.dataset.organisation.calendar
>>> card = scorecard(known, ["bookings", "win_rate"], [windows.parse("2026Q1", calendar)], by="owner", compare=["plan"])
>>> value = card.value("bookings", node="ann")
>>> value.value, value.n, value.against["plan"]
(5000.0, 2, 5000.0)
>>> card.value("win_rate").numerator, card.value("win_rate").denominator
(5.0, 8.0)
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from features.clock import Mask
from features.errors import UsageError
from features.history import Rows
from features.kpis.card import LAST_YEAR, PLAN, PREVIOUS, Answer, Scorecard
from features.kpis.catalog import KPIS, outside
from features.kpis.grid import Grid
from features.kpis.measures import answers, clients, goals, leads, people, pipeline, sales, stages, worth
from features.kpis.measures.outside import measured, names
from features.kpis.options import Options
from features.kpis.plans import targets
from features.kpis.sheet import Facts, Sheet, has
from features.kpis.slices import STAGE, Slicing, slicing
from features.kpis.value import COMPANY, Cells, Kpi, Variant, Window
from features.snapshot import Snapshot

Measure = Callable[[Sheet, str], Cells]

MEASURES: Final[Mapping[str, Measure]] = {
    name: getattr(module, name)
    for module, measured_here in (
        (sales, "bookings win_rate win_rate_value average_deal sales_cycle touches"),
        (goals, "attainment growth forecast_accuracy"),
        (leads, "reach leads qualified_leads offers lead_conversion lead_response"),
        (pipeline, "sales_velocity pipeline_coverage"),
        (clients, "new_clients lost_clients active_clients retention churn grr nrr repeat_purchase"),
        (worth, "ltv cac ltv_cac cac_payback return_on_sales"),
        (answers, "nps csat ces"),
        (stages, "stage_conversion time_in_stage"),
        (people, "ramp span_of_control"),
    )
    for name in measured_here.split()
}
PAST: Final = (PREVIOUS, LAST_YEAR)
OF_WHOLE_NODES: Final = frozenset({"attainment", "pipeline_coverage", "forecast_accuracy"})
"""A plan or forecast is for a person or a team, and not for their sales of one product."""


def scorecard(
    snapshot: Snapshot,
    kpis: Sequence[str],
    windows: Sequence[Window],
    by: str = COMPANY,
    compare: Sequence[str] = (),
    options: Options | None = None,
    forecasts: pd.DataFrame | None = None,
    where: Mapping[str, str | None] | None = None,
) -> Scorecard:
    """The values of KPIs as of the Snapshot's moment.

    kpis       names of the catalog or of the `actuals` table, each in its default variant, or `name:variant`
    windows    see `features.kpis.windows`; they may overlap
    by         company, owner, team, manager, office, product, source, type, region, industry or stage; the company is always
               there
    compare    "plan", "previous", "last_year"; a window that is running is compared with the same part of the other one
    forecasts  for `forecast_accuracy`: node, period_start, period_end and made_at (instants), forecast
    where      dimension -> id of a node (None: of none): only what belongs to it counts, for the company as well. What cannot be
               told so, such as a plan, is null

    A KPI without the tables that it needs is null with the reason `no_table`. Raises UsageError for names that there are not.
    """
    if not windows:
        raise UsageError("a scorecard needs a window; ask for one, such as the current quarter")
    unknown = [name for name in compare if name not in (PLAN, *PAST)]
    if unknown:
        raise UsageError(f"'{unknown[0]}' is nothing to compare with; write {PLAN}, {PREVIOUS} or {LAST_YEAR}")
    chosen = options or Options()
    only = dict(where or {})
    kept = tuple(_filter(slicing(snapshot, dimension, chosen.teams), node) for dimension, node in only.items())
    facts = Facts(snapshot, slicing(snapshot, by, chosen.teams), chosen, forecasts, kept)
    asked = Sheet(facts, Grid.of(windows, facts.slicing))
    every, compared = _with_compared(asked, [name for name in PAST if name in compare])
    sheet = asked.elsewhere(every)
    answered = {}
    for wanted in kpis:
        kpi, variant = _definition(snapshot, wanted)
        told = not only or ({by, *only} - {COMPANY} <= set(kpi.slices_of(variant.name)) and kpi.name not in OF_WHOLE_NODES)
        answered[kpi.name, variant.name] = _answer(sheet, kpi, variant, planned=PLAN in compare and not only, told=told)
    currency = snapshot.dataset.organisation.currency
    return Scorecard(snapshot.as_of, currency, every, len(windows), facts.slicing.nodes, answered, compared, chosen)


def all_kpis(snapshot: Snapshot) -> list[str]:
    """Every KPI that has an answer from the tables that are there, those of the `actuals` table last."""
    there = [kpi.name for kpi in KPIS.values() if all(has(snapshot, table) for table in kpi.tables)]
    return [*there, *(names(snapshot.frame("actuals")) if snapshot.has("actuals") else ())]


def _with_compared(asked: Sheet, compare: Sequence[str]) -> tuple[tuple[Window, ...], dict[str, Rows]]:
    """All windows to be counted, each once, and where those compared with stand among them."""
    every = list(asked.grid.windows)
    places = {}
    for name in compare:
        others = asked.compared(name).grid.windows
        every += [window for window in dict.fromkeys(others) if window not in every]
        places[name] = np.array([every.index(window) for window in others], dtype=np.int64)
    return tuple(every), places


def _definition(snapshot: Snapshot, wanted: str) -> tuple[Kpi, Variant]:
    """A KPI and the variant asked for, else the first whose tables are there."""
    name, _, variant = wanted.partition(":")
    kpi = KPIS.get(name)
    if kpi is None and snapshot.has("actuals") and name in names(snapshot.dataset.tables["actuals"]):
        kpi = outside(name)
    if kpi is None:
        raise UsageError(f"'{name}' is not a KPI; the KPIs are {', '.join(KPIS)}, and those of the actuals table")
    if not variant:
        usable = [each for each in kpi.variants if all(has(snapshot, table) for table in each.tables)]
        return kpi, (usable or list(kpi.variants))[0]
    found = [each for each in kpi.variants if each.name == variant]
    if not found:
        raise UsageError(f"'{variant}' is not a variant of {name}; it has {', '.join(each.name for each in kpi.variants)}")
    return kpi, found[0]


def _filter(of: Slicing, node: str | None) -> tuple[Slicing, Mask]:
    """Which leaves of a dimension belong to one of its nodes; none where there is no such node."""
    column = [number for number, each in enumerate(of.nodes) if each.id == node and each.dimension == of.dimension]
    inside = of.members[column].toarray().any(axis=0) if column else np.zeros(of.n_leaves, dtype=bool)
    return of, inside


def _answer(sheet: Sheet, kpi: Kpi, variant: Variant, *, planned: bool, told: bool) -> Answer:
    missing = [table for table in (*kpi.tables, *variant.tables) if not sheet.has(table)]
    if missing:
        cells = sheet.nothing("no_table")
    elif not told or (sheet.facts.where and kpi.name not in MEASURES):
        cells = sheet.nothing("not_sliced")
    elif sheet.grid.slicing.dimension == STAGE and STAGE not in kpi.slices:
        cells = _of_company(sheet, kpi, variant)
    else:
        cells = _measured(sheet, kpi, variant)
    target = targets(sheet, kpi.name, prorated=True, additive=kpi.additive).target if planned else None
    return Answer(kpi, variant.name, cells, target)


def _measured(sheet: Sheet, kpi: Kpi, variant: Variant) -> Cells:
    return MEASURES[kpi.name](sheet, variant.name) if kpi.name in MEASURES else measured(sheet, kpi.name)


def _of_company(sheet: Sheet, kpi: Kpi, variant: Variant) -> Cells:
    """The company's cells beside nodes that say nothing of it: deals have no stage of their own while they close."""
    facts = sheet.facts
    whole = Facts(facts.snapshot, slicing(facts.snapshot, COMPANY, facts.options.teams), facts.options, facts.forecasts)
    cells = _measured(Sheet(whole, Grid.of(sheet.grid.windows, whole.slicing)), kpi, variant)
    return cells.beside_others(sheet.shape[1], "not_sliced")
