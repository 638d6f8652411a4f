"""What a forecast of bookings lacks, and why its interval is wide: each a code, and a number for its text.

    2026Q4 as of 10 November: two open deals have no amount              open_deals_without_amount  2
    80 % of the draws within 371,000 to 655,000, 508,300 expected        wide_by_open_deals        62

An interval is wide where 80 % of the draws span more than WIDE of what is expected. Then the largest of three sources is named,
with its share of the variance in per cent: which open deals are won (p (1 - p) of each one's money squared, as if they shared
nothing), deals yet to be created (the variance of their draws), and what is left, the luck that deals share.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features import clock
from features.clock import Floats, Mask
from features.history import OPEN, WON
from features.kpis.value import Window
from features.snapshot import Snapshot
from training.births import Births
from training.draws import CENTS, Draws, OpenDeals, mean_ratio
from training.shock import Shock

FEW_PERIODS: Final = 4.0
WIDE: Final = 0.5
NOTHING_CLOSED: Final = "no_closed_deals"
WIDE_BY: Final = ("wide_by_open_deals", "wide_by_new_deals", "wide_by_shared_luck")


@dataclass(frozen=True)
class Note:
    """Something that the forecast lacks or leans on, and how much of it: a code, and a number for its text."""

    code: str
    number: float = 0.0


def lacks(snapshot: Snapshot, window: Window, won: Mask, births: Births, shock: Shock, watched_days: float) -> tuple[Note, ...]:
    """What a forecast lacks; of a period that is over only what its sum does, and before the first close everything at once.

    won           (deals of the Dataset,) those won inside the period
    watched_days  how far ahead deals were watched
    """
    days, silent = (float(clock.days_between(*ends)) for ends in _spans(snapshot, window))
    over = days <= 0
    bare = np.isnan(snapshot.deal_amounts)
    unknown = bool(bare[(snapshot.state == WON) & snapshot.exists].all())
    closed = bool(((snapshot.state != OPEN) & snapshot.exists).any())
    if not (closed or over):
        return (Note(NOTHING_CLOSED, 1.0),)
    uncertain = bool(len(snapshot.open_deals) or births.n_won)
    of_the_past = {
        "period_over": float(over),
        "no_amounts": float(unknown),
        "won_deals_without_amount": 0.0 if unknown else float((bare & won).sum()),
    }
    of_what_comes = {
        "stale_data": silent if silent >= clock.STALE_AFTER_DAYS else 0.0,
        "open_deals_without_amount": 0.0 if unknown else float(bare[snapshot.open_deals].sum()),
        "no_births": float(not births.n_won),
        "few_past_periods": max(0.0, FEW_PERIODS - shock.n_periods) * uncertain,
        "beyond_follow_up": max(0.0, days - watched_days),
    }
    found = of_the_past if over else of_the_past | of_what_comes
    return tuple(Note(code, number) for code, number in found.items() if number)


def _spans(snapshot: Snapshot, window: Window) -> tuple[tuple[int, int], tuple[int, int]]:
    """From as_of to the period's end, and from the newest fact to as_of, which is negative for a past as_of."""
    return (snapshot.at, clock.micros(window.end)), (clock.micros(snapshot.dataset.ends_at), snapshot.at)


def width(won: Floats, opened: OpenDeals, drawn: Draws) -> tuple[Note, ...]:
    """The main reason why the company's interval is wide; none where it is not. `won` are the cents of each cell."""
    total = drawn.open + drawn.new
    low, high = np.quantile(total, [0.1, 0.9])
    if high - low <= WIDE * (won.sum() + total.mean()):
        return ()
    money = opened.amount * mean_ratio(opened.ratios) * CENTS
    all_of_it, own, new = total.var(), (opened.p_won * (1 - opened.p_won) * money**2).sum(), drawn.new.var()
    shares = np.array([own, new, max(0.0, all_of_it - own - new)]) / max(all_of_it, own + new)
    first = int(shares.argmax())
    return (Note(WIDE_BY[first], float(100 * shares[first])),)
