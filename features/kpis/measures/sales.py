"""What was sold: bookings, win rates, the average deal, the cycle, the touches that it took."""

from typing import Final

import numpy as np

from features import clock
from features.activity import KINDS
from features.clock import Floats, Mask
from features.history import Rows, count_rows
from features.kpis.grid import Coded
from features.kpis.interval import mean_interval, wilson
from features.kpis.life_table import life_table
from features.kpis.sheet import Sheet, ratio
from features.kpis.value import Cells

OWN_WORK: Final = ("task", "note")


def bookings(sheet: Sheet, _variant: str) -> Cells:
    deals, closes = sheet.facts.deals, sheet.closes
    total, n, priced = closes.total(deals.amount, deals.won), closes.count(deals.won), _priced(sheet, deals.won)
    return sheet.answer(
        "deals",
        total,
        n=n,
        numerator=total,
        rules=(((n > 0) & (priced == 0), "no_amounts"),),
        excluded=_unpriced(sheet, closes, deals.won),
        beside={"elapsed": sheet.grid.by_window(sheet.elapsed)},
    )


def win_rate(sheet: Sheet, variant: str) -> Cells:
    """`created`: of the deals created in the window, of which the open ones are censored."""
    deals = sheet.facts.deals
    coded = sheet.openings if variant == "created" else sheet.closes
    won, decided = coded.count(deals.won), coded.count(deals.decided)
    still = coded.count(deals.is_open) if variant == "created" else np.zeros(sheet.shape)
    return sheet.answer(
        "deals",
        ratio(won, decided),
        n=decided,
        numerator=won,
        denominator=decided,
        interval=wilson(won, decided),
        censored=still,
        beside={"life_table": life_table(sheet, created=variant == "created").win_rate},
    )


def win_rate_value(sheet: Sheet, _variant: str) -> Cells:
    """The interval is Wilson's at the effective number of deals, (sum of amounts)^2 / sum of squares (Kish 1965)."""
    deals, closes = sheet.facts.deals, sheet.closes
    won, both = (closes.total(deals.amount, mask) for mask in (deals.won, deals.decided))
    effective = ratio(both**2, closes.total(deals.amount**2, deals.decided))
    value = ratio(won, both)
    blind = [(closes.count(mask) > 0) & (_priced(sheet, mask) == 0) for mask in (deals.won, deals.lost)]
    return sheet.answer(
        "deals",
        value,
        n=_priced(sheet, deals.decided),
        numerator=won,
        denominator=both,
        interval=wilson(value * effective, effective),
        rules=((blind[0] | blind[1], "no_amounts"),),
        excluded=_unpriced(sheet, closes, deals.decided),
    )


def average_deal(sheet: Sheet, variant: str) -> Cells:
    deals, closes = sheet.facts.deals, sheet.closes
    total, n, won = closes.total(deals.amount, deals.won), _priced(sheet, deals.won), closes.count(deals.won)
    mean, median = ratio(total, n), closes.median(deals.amount, deals.won)
    return sheet.answer(
        "deals",
        median if variant == "median" else mean,
        n=n,
        numerator=None if variant == "median" else total,
        denominator=None if variant == "median" else n,
        rules=(((won > 0) & (n == 0), "no_amounts"),),
        excluded=_unpriced(sheet, closes, deals.won),
        beside={"mean": mean, "median": median},
    )


def sales_cycle(sheet: Sheet, variant: str) -> Cells:
    deals, closes = sheet.facts.deals, sheet.closes
    timed = deals.won & ~deals.reversed
    total, n = closes.total(deals.cycle, timed), closes.count(timed)
    mean, median = ratio(total, n), closes.median(deals.cycle, timed)
    spread = mean_interval(n, mean, closes.total(deals.cycle**2, timed), lowest=0.0)
    return sheet.answer(
        "deals",
        median if variant == "median" else mean,
        n=n,
        numerator=None if variant == "median" else total,
        denominator=None if variant == "median" else n,
        interval=None if variant == "median" else spread,
        excluded={"negative_cycle": closes.count(deals.won & deals.reversed)},
        beside={"mean": mean, "median": median, "median_with_open": life_table(sheet).win_days},
    )


def touches(sheet: Sheet, variant: str) -> Cells:
    """`variant` is all, in, out, or a kind of activity."""
    deals, closes = sheet.facts.deals, sheet.closes
    timed = deals.won & ~deals.reversed
    per_deal = touches_of(sheet, variant)
    total, n = closes.total(per_deal, timed), closes.count(timed)
    mean = ratio(total, n)
    return sheet.answer(
        "deals",
        mean,
        n=n,
        numerator=total,
        denominator=n,
        interval=mean_interval(n, mean, closes.total(per_deal**2, timed), lowest=0.0),
        excluded={"negative_cycle": closes.count(deals.won & deals.reversed)},
        beside={"median": closes.median(per_deal, timed)},
    )


def touches_of(sheet: Sheet, variant: str) -> Floats:
    """Completed activities of each deal from its creation to its close, both included.

    Own work (tasks, notes) is no touch. One with neither a due date nor a moment of completion happened when it was logged.
    """
    key = f"touches {variant}"
    if key not in sheet.facts.cache:
        sheet.facts.cache[key] = count_rows(_deal_of_touches(sheet), _counts(sheet, variant), sheet.snapshot.dataset.n_deals)
    counts: Floats = sheet.facts.cache[key]
    return counts


def _deal_of_touches(sheet: Sheet) -> Rows:
    """The deal of each activity that is a completed touch while the deal was open, -1 for the others."""
    facts, log = sheet.facts, sheet.snapshot.dataset.activity_log
    if "touched deals" not in facts.cache:
        deal, deals, at = log.deal, facts.deals, sheet.snapshot.at
        noted = (log.done == clock.UNKNOWN) & (log.due == clock.UNKNOWN)
        done = np.where(noted, log.time, log.done)
        counted = (deal >= 0) & clock.known(log.known, at) & clock.known(done, at)
        for each in OWN_WORK:
            counted &= log.kind != KINDS.index(each)
        counted &= clock.not_after(deals.created[deal], done) & clock.not_after(done, deals.closed[deal])
        facts.cache["touched deals"] = np.where(counted, deal, -1)
    touched: Rows = facts.cache["touched deals"]
    return touched


def _counts(sheet: Sheet, variant: str) -> Mask:
    log = sheet.snapshot.dataset.activity_log
    if variant == "all":
        return np.ones(len(log.deal), dtype=bool)
    if variant in ("in", "out"):
        return log.inbound if variant == "in" else log.outbound
    return np.asarray(log.kind == KINDS.index(variant))


def _priced(sheet: Sheet, mask: Mask) -> Floats:
    return sheet.closes.count(mask & ~np.isnan(sheet.facts.deals.amount))


def _unpriced(sheet: Sheet, coded: Coded, mask: Mask) -> dict[str, Floats]:
    deals = sheet.facts.deals
    return {"null_amount": coded.count(mask & deals.unpriced), "no_rate": coded.count(mask & deals.unrated)}
