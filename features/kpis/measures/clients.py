"""Clients: how many came, left and stayed, what the stayers pay, and who buys again."""

import numpy as np

from features import clock
from features.clock import Floats, Mask
from features.kpis.clientele import ALL, CONTRACTS, ORDERS, Spells, monthly_at, spells
from features.kpis.interval import wilson
from features.kpis.sheet import Rule, Sheet, ratio
from features.kpis.value import Cells

MONTHS_A_YEAR = 12


def of_clients(sheet: Sheet, variant: str) -> Spells:
    """The spells of a variant, compiled once."""
    key = f"spells {variant}"
    if key not in sheet.facts.cache:
        sheet.facts.cache[key] = spells(sheet.snapshot, variant)
    found: Spells = sheet.facts.cache[key]
    return found


def table_of(sheet: Sheet, variant: str) -> str:
    """The table whose beginning says since when clients of a variant are known."""
    if variant == ALL:
        return next((name for name in (CONTRACTS, ORDERS) if sheet.has(name)), "deals")
    return variant if sheet.has(variant) else "deals"


def new_clients(sheet: Sheet, variant: str) -> Cells:
    whole = of_clients(sheet, variant)
    coming = _coded(sheet, whole, "begin", whole.first)
    back = _coded(sheet, whole, "begin", ~whole.first)
    return sheet.answer(table_of(sheet, variant), coming, n=coming, numerator=coming, beside={"returned": back})


def lost_clients(sheet: Sheet, variant: str) -> Cells:
    whole = of_clients(sheet, variant)
    lost = _coded(sheet, whole, "end", clock.known(whole.end, sheet.snapshot.at))
    return sheet.answer(table_of(sheet, variant), lost, n=lost, numerator=lost)


def active_clients(sheet: Sheet, variant: str) -> Cells:
    """At the end of the window, now while it is running."""
    there = clients_at(sheet, variant, ends=True)
    count = sheet.grid.at_moments(sheet.facts.places.clients, there.astype(np.float64))
    return sheet.answer(table_of(sheet, variant), count, n=count, numerator=count)


def clients_at(sheet: Sheet, variant: str, *, ends: bool) -> Mask:
    """(windows, clients) who is a client at the start, or at the end, of each window."""
    n, whole = len(sheet.snapshot.dataset.client_ids), of_clients(sheet, variant)
    return np.stack([whole.at(int(moment), n) for moment in (sheet.until if ends else sheet.grid.starts)])


def retention(sheet: Sheet, variant: str) -> Cells:
    kept, start = _stayed(sheet, variant)
    return _share(sheet, variant, kept, start, ratio(kept, start), wilson(kept, start))


def churn(sheet: Sheet, variant: str) -> Cells:
    """`annualised` is what the window's rate would come to in a year: 1 - (1 - rate)^(12 / months)."""
    of = ALL if variant == "annualised" else variant
    kept, start = _stayed(sheet, of)
    lost = start - kept
    value, (low, high) = ratio(lost, start), wilson(lost, start)
    if variant == "annualised":
        value, low, high = (_yearly(sheet, each) for each in (value, low, high))
    return _share(sheet, of, lost, start, value, (low, high), monthly=monthly_churn(sheet, of))


def monthly_churn(sheet: Sheet, variant: str) -> Floats:
    """The share lost a month that comes to the window's share lost."""
    kept, start = _stayed(sheet, variant)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1.0 - ratio(kept, start) ** (1.0 / sheet.grid.by_window(sheet.months)))


def grr(sheet: Sheet, _variant: str) -> Cells:
    return _recurring(sheet, expansion=False)


def nrr(sheet: Sheet, _variant: str) -> Cells:
    return _recurring(sheet, expansion=True)


def repeat_purchase(sheet: Sheet, _variant: str) -> Cells:
    """Returns are no orders."""
    log, n = sheet.snapshot.dataset.order_log, len(sheet.snapshot.dataset.client_ids)
    known = clock.known(log.known, sheet.snapshot.at) & (log.client >= 0)
    placed = [known & clock.within(log.time, start, end) for start, end in sheet.limits]
    orders = np.stack([np.bincount(log.client[keep], minlength=n) for keep in placed])
    once, twice = (sheet.grid.at_moments(sheet.facts.places.clients, (orders >= k).astype(np.float64)) for k in (1, 2))
    table = ORDERS if sheet.has(ORDERS) else "deals"
    interval = wilson(twice, once)
    return sheet.answer(table, ratio(twice, once), n=once, numerator=twice, denominator=once, interval=interval)


def _coded(sheet: Sheet, whole: Spells, moment: str, keep: Mask) -> Floats:
    places = sheet.facts.places.clients
    leaf = None if places is None else places[whole.client]
    return sheet.grid.coded(getattr(whole, moment), leaf, keep).count()


def _stayed(sheet: Sheet, variant: str) -> tuple[Floats, Floats]:
    """Clients at the start that still are, and clients at the start."""
    start, end = clients_at(sheet, variant, ends=False), clients_at(sheet, variant, ends=True)
    places = sheet.facts.places.clients
    kept, all_of_them = (sheet.grid.at_moments(places, mask.astype(np.float64)) for mask in (start & end, start))
    return kept, all_of_them


def _share(
    sheet: Sheet, variant: str, part: Floats, start: Floats, value: Floats, interval: tuple[Floats, Floats], **beside: Floats
) -> Cells:
    return sheet.answer(
        table_of(sheet, variant),
        value,
        n=start,
        numerator=part,
        denominator=start,
        interval=interval,
        rules=_nobody(start),
        beside=beside,
    )


def _nobody(start: Floats) -> tuple[Rule, ...]:
    return ((start == 0, "no_clients"),)


def _yearly(sheet: Sheet, share: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1.0 - (1.0 - share) ** (MONTHS_A_YEAR / sheet.grid.by_window(sheet.months)))


def _recurring(sheet: Sheet, *, expansion: bool) -> Cells:
    """Of the clients that paid at the start: what they pay at the end over what they paid, without `expansion` never more."""
    starts, ends = zip(*sheet.limits, strict=True)
    before, after = (np.stack([monthly_at(sheet.snapshot, each) for each in moments]) for moments in (starts, ends))
    paid = before > 0
    left = np.where(paid, after if expansion else np.minimum(before, after), 0.0)
    places = sheet.facts.places.clients
    kept, start, n = (sheet.grid.at_moments(places, each) for each in (left, before, paid.astype(np.float64)))
    parts = {
        "expansion": np.maximum(after - before, 0.0) * paid,
        "contraction": np.maximum(before - after, 0.0) * (after > 0),
        "churned": before * (after == 0),
    }
    beside = {name: sheet.grid.at_moments(places, each) for name, each in parts.items()}
    return sheet.answer(
        CONTRACTS,
        ratio(kept, start),
        n=n,
        numerator=kept,
        denominator=start,
        rules=_nobody(start),
        beside=beside,
    )
