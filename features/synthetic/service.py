"""What clients report: tickets and survey answers.

A contract client opens tickets at a rate, and gives scores, that depend on its latent satisfaction; both stop when it leaves.
An order client complains about single orders, with a satisfaction that has no bearing on whether it buys again: its tickets
and answers say nothing that its orders do not say.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import ndtr

from features.clock import Floats
from features.history import Rows
from features.synthetic.batch import Batch, before, draw, draw_by_row, ids, instants, just_before, pick
from features.synthetic.contracts import LEVEL_SHARES
from features.synthetic.pace import Clock

TICKET_RATE: Final = np.array([0.050, 0.030, 0.020, 0.014])
"""Tickets a seasonal day by level of satisfaction."""
ANSWER_RATE: Final = 1 / 150
"""Answers to a relationship survey a seasonal day."""
TICKETS_PER_ORDER: Final = 0.05
ANSWERS_PER_ORDER: Final = 0.03
SURVEYED: Final = 0.35
"""Share of tickets that are followed by a survey answer."""
PRIORITIES: Final = ("low", "normal", "high", "urgent")

KINDS: Final = ("nps", "csat", "ces")
NPS: Final = 0
SCALES: Final = np.array([[0, 10], [1, 5], [1, 7]])
_MEANS: Final = np.array([[4.6, 2.7, 3.6], [6.8, 3.4, 4.5], [8.2, 4.0, 5.3], [9.2, 4.5, 6.0]])
_SPREADS: Final = np.array([2.0, 1.0, 1.4])


@dataclass(frozen=True)
class Tickets(Batch):
    """Tickets: of which account, opened when, closed when."""

    account: Rows
    opened: Floats
    closed: Floats


@dataclass(frozen=True)
class Answers(Batch):
    """Survey answers: of which account, when, of which kind (row of KINDS), with which score."""

    account: Rows
    day: Floats
    kind: Rows
    score: Rows


def score_shares() -> Floats:
    """(levels, kinds, 11) probability of each score: a rounded normal, with the ends taking what lies beyond them."""
    edges = np.arange(11)[None, None, :] + 0.5
    below = ndtr((edges - _MEANS[:, :, None]) / _SPREADS[None, :, None])
    low, high = SCALES[None, :, 0, None], SCALES[None, :, 1, None]
    score = np.arange(11)[None, None, :]
    up_to = np.where(score >= high, 1.0, np.where(score < low, 0.0, below))
    return np.asarray(np.diff(up_to, axis=2, prepend=0.0))


def contract_events(start: Floats, stop: Floats, rate: Floats, season: Clock, rng: np.random.Generator) -> tuple[Rows, Floats]:
    """Poisson events in seasonal time within each client's `[start, stop)`: whose, and on which day."""
    begin, length = season.operational(start), np.maximum(season.operational(stop) - season.operational(start), 0.0)
    count = rng.poisson(rate * length)
    client = np.repeat(np.arange(len(start)), count)
    day = season.calendar(begin[client] + rng.random(len(client)) * length[client])
    return client, np.clip(day, start[client], just_before(stop[client]))


def order_events(day: Floats, share: float, end: float, rng: np.random.Generator) -> tuple[Rows, Floats]:
    """Events some days after a share of the orders: after which, and on which day."""
    order = np.flatnonzero(rng.random(len(day)) < share)
    after = day[order] + rng.gamma(2.0, 2.0, len(order))
    return order[after < end], after[after < end]


def tickets(account: Rows, opened: Floats, end: float, rng: np.random.Generator) -> Tickets:
    """Tickets opened on the given days; those not closed by `end` are open."""
    return Tickets(account, opened, before(opened + rng.gamma(1.3, 2.5, len(opened)), end))


def answers(account: Rows, day: Floats, kind: Rows, satisfaction: Rows, rng: np.random.Generator) -> Answers:
    """Answers with scores according to each account's satisfaction."""
    return Answers(account, day, kind, draw_by_row(score_shares()[satisfaction, kind], rng))


def after_tickets(each: Tickets, end: float, rng: np.random.Generator) -> tuple[Rows, Floats, Rows]:
    """Which closed tickets are followed by an answer before `end` (one for each ticket), when, and of which kind."""
    day = each.closed + rng.exponential(1.5, len(each))
    asked = np.flatnonzero((rng.random(len(each)) < SURVEYED) & (day < end))
    return asked, day[asked], 1 + draw([0.6, 0.4], len(asked), rng)


def order_satisfaction(n: int, rng: np.random.Generator) -> Rows:
    """Order clients are as satisfied as contract clients; it just does not matter for their orders."""
    return draw(LEVEL_SHARES, n, rng)


def tickets_table(each: Tickets, rng: np.random.Generator) -> pd.DataFrame:
    ordered = each.take(np.argsort(each.opened, kind="stable"))
    return pd.DataFrame(
        {
            "ticket_id": ids("T", np.arange(len(ordered))),
            "account_id": ids("A", ordered.account),
            "opened_at": instants(ordered.opened),
            "closed_at": instants(ordered.closed),
            "priority": pick(PRIORITIES, draw([0.25, 0.5, 0.18, 0.07], len(ordered), rng)),
        }
    )


def surveys_table(each: Answers) -> pd.DataFrame:
    ordered = each.take(np.argsort(each.day, kind="stable"))
    scale = SCALES[ordered.kind].astype(np.float64)
    return pd.DataFrame(
        {
            "response_id": ids("R", np.arange(len(ordered))),
            "account_id": ids("A", ordered.account),
            "answered_at": instants(ordered.day),
            "kind": pick(KINDS, ordered.kind),
            "score": ordered.score.astype(np.float64),
            "scale_min": scale[:, 0],
            "scale_max": scale[:, 1],
        }
    )
