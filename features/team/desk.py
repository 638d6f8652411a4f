"""Desk: what each person did in a window, counted from the deals.

A deal counts for whoever owned it when it closed, an open one for its owner of now; the days that it was open count for whoever
had it on each of them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features import clock
from features.clock import Floats, Mask
from features.flat import Texts
from features.history import Rows, add_up, count_rows, held_days
from features.kpis.facts import DealFacts, deal_facts, deal_people, people_of
from features.kpis.value import Window
from features.snapshot import Snapshot
from features.survival import LEAN, cumulative_incidence

WON: Final = 1
LOST: Final = 2


@dataclass(frozen=True)
class Desk:
    """One entry a person, in the order asked for.

    won, lost       deals decided in the window
    bookings        of them, the amount won; deals without an amount are left out and counted in `unpriced`
    n_open, open_amount   the load at as_of
    exposure        days in the window that deals were open with the person, added up over deals
    days_to_win     median days to the win of what is won, open deals counted, leaning on the others; NaN where nothing was won
    usual_square    mean square of the amounts won in the window by all of them, NaN where there are none
    """

    people: Texts
    won: Floats
    lost: Floats
    bookings: Floats
    unpriced: Floats
    n_open: Floats
    open_amount: Floats
    exposure: Floats
    days_to_win: Floats
    usual_square: float


def desk(snapshot: Snapshot, people: Texts, window: Window) -> Desk:
    """The figures of these people (user ids) in a window; the part of it after as_of holds nothing."""
    deals, n = deal_facts(snapshot), len(people)
    person = deal_people(snapshot, deals, people)
    start, end = clock.micros(window.start), min(clock.micros(window.end), snapshot.at)
    here = clock.within(deals.closed, start, end)
    won = deals.won & here
    priced = won & ~np.isnan(deals.amount) & (person >= 0)
    n_won = count_rows(person, won, n)
    return Desk(
        people,
        n_won,
        count_rows(person, deals.lost & here, n),
        np.nan_to_num(add_up(np.maximum(person, 0), deals.amount, priced, n)),
        count_rows(person, won & np.isnan(deals.amount), n),
        count_rows(person, deals.is_open, n),
        np.nan_to_num(add_up(np.maximum(person, 0), deals.amount, deals.is_open & (person >= 0), n)),
        _exposure(snapshot, people, deals, start, end),
        np.where(n_won > 0, _days_to_win(snapshot, deals, person, n, start, end), np.nan),
        float(np.mean(deals.amount[priced] ** 2)) if priced.any() else float("nan"),
    )


def _exposure(snapshot: Snapshot, people: Texts, deals: DealFacts, start: int, end: int) -> Floats:
    past = snapshot.dataset.history("owner_id")
    known = clock.known(past.known, snapshot.at) & snapshot.exists[past.deal]
    ends = np.where(deals.closed == clock.UNKNOWN, snapshot.at, deals.closed)
    held = held_days(past, known, ends, start) - held_days(past, known, ends, max(start, end))
    person = people_of(snapshot, people)[past.value.astype(np.int64)]
    return add_up(np.maximum(person, 0), held, known & (person >= 0), len(people))


def _days_to_win(snapshot: Snapshot, deals: DealFacts, person: Rows, n: int, start: int, end: int) -> Floats:
    """From the deals watched in the window, each from the age it had at its start on; ages in whole days begun."""
    over = clock.earlier(clock.or_never(deals.closed), clock.repeated(end, len(person)))
    watched: Mask = snapshot.exists & ~deals.reversed & clock.known(deals.created, end)
    cause = np.where(clock.known(clock.or_never(deals.closed), end), np.where(deals.won, WON, LOST), 0)
    entry = np.ceil(clock.days_between(deals.created, start)) - 1
    age = np.maximum(np.ceil(clock.days_between(deals.created, over)), 1.0)
    curve = cumulative_incidence(np.where(watched, person, -1), age, cause, n, 2, entry, LEAN)
    return np.where(curve.n > 0, curve.quantile(WON), np.nan) if len(curve.time) else np.full(n, np.nan)
