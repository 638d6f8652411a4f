"""The way to a deal: people reached, leads, qualified leads, offers, and how many leads become clients."""

from typing import Final

import numpy as np

from features import clock
from features.clock import Floats, Mask, Micros
from features.kpis.facts import offer_entries, stages
from features.kpis.interval import wilson
from features.kpis.periods import spread
from features.kpis.sheet import Sheet, ratio
from features.kpis.value import Cells
from features.survival import kaplan_meier

HOURS_PER_DAY: Final = 24.0
DUE_SHARE: Final = 0.95
DUE_DAYS: Final = 90.0
"""A lead without an outcome is waited for as long as 95 % of those that converted took; so long where none has converted."""


def reach(sheet: Sheet, _variant: str) -> Cells:
    audience = sheet.snapshot.dataset.tables["audience"]
    people = spread(sheet, "audience", audience["reach"].to_numpy(dtype=np.float64))
    return sheet.answer(
        "audience",
        people.total,
        n=people.n,
        numerator=people.total,
        rules=((people.n == 0, "no_audience"),),
        flags=people.flags(sheet),
        beside={"covered": sheet.grid.by_window(people.covered)},
    )


def leads(sheet: Sheet, _variant: str) -> Cells:
    count = sheet.lead_times("created").count()
    return sheet.answer("leads", count, n=count, numerator=count)


def qualified_leads(sheet: Sheet, _variant: str) -> Cells:
    count = sheet.lead_times("qualified").count()
    return sheet.answer("leads", count, n=count, numerator=count)


def offers(sheet: Sheet, _variant: str) -> Cells:
    """Deals by their first entry into a stage that is mapped as an offer."""
    if not stages(sheet.snapshot, "is_offer").declared:
        return sheet.nothing("no_offer_stage")
    time, unknown = offer_entries(sheet.snapshot)
    count = sheet.grid.coded(time, sheet.facts.places.deals, sheet.snapshot.exists).count()
    return sheet.answer("deals", count, n=count, numerator=count, excluded={"entry_unknown": sheet.openings.count(unknown)})


def lead_conversion(sheet: Sheet, variant: str) -> Cells:
    """client: leads of the cohort whose deal was won; deal: that became a deal; in_period: clients won in the window / leads."""
    created, became = sheet.lead_times("created"), _became(sheet, variant)
    total = created.count()
    if variant == "in_period":
        everyone = np.ones(len(became), dtype=bool)
        won = sheet.grid.coded(became, sheet.facts.places.leads(sheet.facts.leads), everyone).count()
        return sheet.answer("leads", ratio(won, total), n=total, numerator=won, denominator=total)
    won = created.count(became != clock.UNKNOWN)
    return sheet.answer(
        "leads",
        ratio(won, total),
        n=total,
        numerator=won,
        denominator=total,
        interval=wilson(won, total),
        censored=created.count(_still_due(sheet, became)),
    )


def lead_response(sheet: Sheet, _variant: str) -> Cells:
    """Median hours, with Brookmeyer and Crowley's limits; `median_not_reached` where fewer than half were answered.

    The median of the answered leads alone flatters: those that nobody ever answered are missing from it. An unanswered lead
    counts for as long as it has been waiting (Kaplan-Meier), and the share of them stands beside the value.
    """
    if "first_response_at" not in sheet.snapshot.dataset.tables["leads"]:
        return sheet.nothing("no_response_times")
    leads, created = sheet.facts.leads, sheet.lead_times("created")
    answered = leads.replied != clock.UNKNOWN
    waited = clock.days_between(leads.created, np.where(answered, leads.replied, sheet.snapshot.at))
    record, cell = created.cells()
    rows = created.rows[record]
    hours = np.maximum(waited[rows], 0.0) * HOURS_PER_DAY
    times = kaplan_meier(cell, hours, answered[rows], sheet.shape[0] * sheet.shape[1]).quantiles()
    median, low, high = (each.reshape(sheet.shape) for each in (times.time, times.low, times.high))
    n, silent = created.count(), created.count(~answered)
    return sheet.answer(
        "leads",
        median,
        n=n,
        rules=(((n > 0) & np.isnan(median), "median_not_reached"),),
        interval=(low, high),
        censored=silent,
        beside={"never_answered": ratio(silent, n)},
    )


def _became(sheet: Sheet, variant: str) -> Micros:
    """When each lead became a deal, or a client: its deal was won, or without a deal its conversion itself."""
    leads, deals = sheet.facts.leads, sheet.facts.deals
    if variant == "deal":
        return leads.converted
    won = np.append(deals.won, False)[leads.deal]
    closed = clock.time_at(deals.closed, leads.deal)
    return np.where(leads.deal >= 0, np.where(won, closed, clock.UNKNOWN), leads.converted)


def _still_due(sheet: Sheet, became: Micros) -> Mask:
    """Leads that may still become what is asked: with an open deal, or unconverted and young."""
    leads, deals = sheet.facts.leads, sheet.facts.deals
    taken = clock.days_between(leads.created, leads.converted)
    taken = taken[~np.isnan(taken)]
    due = float(np.quantile(taken, DUE_SHARE)) if len(taken) else DUE_DAYS
    young: Floats = clock.days_between(leads.created, sheet.snapshot.at)
    waiting = (leads.converted == clock.UNKNOWN) & (young <= due)
    return np.asarray((became == clock.UNKNOWN) & (waiting | np.append(deals.is_open, False)[leads.deal]))
