"""When a deal is expected to close, as its owner writes it down, and how the amount is haggled over.

The first date is a guess at what the stages still take. It is pushed in two ways: when it comes due with the deal still open,
and when the buyer lets on that it will take longer. The latter, a *slip*, is a Poisson process in operational time that is
slower in deals of good quality, and so part of the truth; the dates themselves are not.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.clock import Floats, Mask
from features.history import Rows
from features.synthetic.batch import Batch, month_starts, months_of
from features.synthetic.deals import Deals
from features.synthetic.pace import Clock
from features.synthetic.process import BACK, N_OPEN, SCALE, Steps

SLIP_RATE: Final = np.array([0.0090, 0.0070, 0.0054, 0.0042, 0.0030])
"""Slips an operational day, by level of quality."""
GUESS: Final = 0.5
"""Sellers guess this much of the time that all remaining stages take on average."""
GUESS_SD: Final = 0.35
OPTIMISM: Final = 0.08
PUSH_DAYS: Final = (10.0, 45.0)
MORNING: Final = 0.36
HAGGLED: Final = 0.28
HAGGLE: Final = (-0.03, 0.14)


@dataclass(frozen=True)
class Pushes(Batch):
    """Changes of the expected close, sorted by deal and day: to which date (a day number); `slip` is 1 for a slip."""

    deal: Rows
    day: Floats
    date: Floats
    slip: Rows


def first_dates(deals: Deals, optimism: Floats, rng: np.random.Generator) -> Floats:
    """The expected close (a day number) with which each deal is entered."""
    remaining = np.cumsum(SCALE[::-1])[::-1]
    left = remaining[np.minimum(deals.stage, N_OPEN - 1)] * deals.stride * (1 + BACK.sum() / 2)
    guess = GUESS * left * np.exp(rng.normal(-OPTIMISM * optimism[deals.owner], GUESS_SD))
    return np.asarray(np.floor(deals.created + np.maximum(guess, 2.0)))


def push(deals: Deals, first: Floats, stop: Floats, neglect: Floats, clock: Clock, rng: np.random.Generator) -> Pushes:
    """All pushes before `stop` (the close, or the end).

    `neglect` is for how many days an owner leaves a date overdue; a neglected date goes to the end of a month.
    """
    deal, day, date = np.arange(len(deals)), deals.created, first
    pushes: list[Pushes] = []
    while len(deal) or not pushes:
        wait = rng.standard_exponential(len(deal)) / SLIP_RATE[deals.quality[deal]]
        slips_at = clock.calendar(clock.operational(day) + wait)
        due_at = np.maximum(date + MORNING + neglect[deal], day) + rng.uniform(0.001, 0.1, len(deal))
        slip = slips_at < due_at
        day = np.where(slip, slips_at, due_at)
        date = _later_date(np.maximum(date, day), neglect[deal] > 0, rng)
        going = day < stop[deal]
        deal, day, date = deal[going], day[going], date[going]
        pushes.append(Pushes(deal, day, date, slip[going].astype(np.int64)))
    found = Pushes.join(pushes)
    return found.take(np.lexsort((found.day, found.deal)))


def _later_date(start: Floats, careless: Mask, rng: np.random.Generator) -> Floats:
    date = np.floor(start + rng.uniform(*PUSH_DAYS, len(start)))
    month_end = month_starts(months_of(date) + 1) - 1
    return np.where(careless, month_end, date)


def haggle(steps: Steps, rng: np.random.Generator) -> Floats:
    """For each step the log-change of the amount: mostly none, and never on a loss or a move back."""
    moved = (rng.random(len(steps)) < HAGGLED) & (steps.to == steps.stage + 1)
    return np.where(moved, rng.normal(*HAGGLE, len(steps)), 0.0)
