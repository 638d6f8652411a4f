"""What was true of each contract client at a date: P(it leaves within h days | all that was recorded before the date).

Leaving is a cancellation, or the end of a term that no other follows. The level of satisfaction has an exact posterior:
tickets, survey scores, terms renewed, time without a cancellation, and, with a term's end in sight, that no successor is on
record yet. For each level the answer is a product in closed form, so nothing is simulated. It is exact at midnights (UTC).

Example: a term ends in 10 days, a renewal is signed 7 to 60 days ahead, and none is on record. Had it been renewed with
probability 0.9, 94 % of such renewals would show by now; so the chance of one still to come is 0.9 × 0.06 / (0.1 + 0.9 ×
0.06) = 0.35.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features import clock
from features.clock import Floats
from features.history import Rows, count_rows, last_row
from features.synthetic import service
from features.synthetic.batch import Batch, micros, month_starts, sums
from features.synthetic.contracts import (
    LEAD,
    LEVEL_SHARES,
    TERM_MONTHS,
    ContractClients,
    log_stays,
    renewal_chance,
)
from features.synthetic.story import Story

LEVELS: Final = np.arange(len(LEVEL_SHARES))


@dataclass(frozen=True)
class Running(Batch):
    """Clients with a running contract: row, first day, and the number of the newest term on record."""

    client: Rows
    start: Floats
    newest: Rows


def contract_truth(story: Story, at: int, horizons: Sequence[float], grace_days: float) -> tuple[Rows, Floats]:
    """Accounts with a contract that runs at as_of (microseconds), and for each horizon P(it leaves), (accounts, horizons)."""
    day = at / clock.MICROS_PER_DAY
    now = _running(story, at)
    levels = _posterior(story, at, day, now)
    gone = [1 - (levels * _stays(story.clients.contract, now, day, horizon, grace_days)).sum(axis=1) for horizon in horizons]
    return story.clients.contract.account[now.client], np.stack(gone, axis=1)


def _running(story: Story, at: int) -> Running:
    clients, terms = story.clients.contract, story.clients.terms.take(story.clients.terms.extra == 0)
    terms = terms.take(np.lexsort((terms.number, terms.client)))
    row = last_row(terms.client, clock.known(micros(terms.signed), at), len(clients))
    newest = np.where(row < 0, -1, terms.number[row])
    start, end = month_starts(clients.month), month_starts(clients.month + TERM_MONTHS * (newest + 1))
    begun = clock.known(micros(start), at + 1) & ~clock.known(micros(clients.cancels), at)
    runs = np.flatnonzero(begun & ~clock.known(micros(end), at + 1))
    return Running(runs, start[runs], newest[runs])


def _posterior(story: Story, at: int, day: float, now: Running) -> Floats:
    """(clients, levels) probability of each level of satisfaction."""
    clients = story.clients.contract
    later = np.maximum(now.newest - 1, 0)[:, None] * np.log(renewal_chance(LEVELS, 1))
    first = np.minimum(now.newest, 1)[:, None] * np.log(renewal_chance(LEVELS, 0))
    silent = np.log(_unsigned(clients, now, day)[0])
    stayed = log_stays(LEVELS, (day - now.start)[:, None])
    said = (_of_tickets(story, at, day, now) + _of_answers(story, at))[clients.account[now.client]]
    evidence = np.log(LEVEL_SHARES) + first + later + silent + stayed + said
    weights = np.exp(evidence - evidence.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _unsigned(clients: ContractClients, now: Running, day: float) -> tuple[Floats, Floats]:
    """(clients, levels) probability that no successor of the newest term is on record yet, and that one comes nevertheless."""
    left = month_starts(clients.month[now.client] + TERM_MONTHS * (now.newest + 1)) - day
    chance = _renewals(now.newest)
    to_come = chance * np.clip((left - LEAD[0]) / (LEAD[1] - LEAD[0]), 0.0, 1.0)[:, None]
    return 1 - chance + to_come, to_come / (1 - chance + to_come)


def _renewals(number: Rows) -> Floats:
    return renewal_chance(np.tile(LEVELS, (len(number), 1)), number[:, None])


def _of_tickets(story: Story, at: int, day: float, now: Running) -> Floats:
    """(accounts, levels) log-likelihood of the tickets of those who run."""
    n, each = len(story.accounts), story.clients.tickets
    exposed = np.zeros(n)
    start = story.season.operational(np.maximum(now.start, story.settings.start))
    exposed[story.clients.contract.account[now.client]] = story.season.operational(np.full(len(now), day)) - start
    count = count_rows(each.account, clock.known(micros(each.opened), at), n)
    return np.asarray(count[:, None] * np.log(service.TICKET_RATE) - exposed[:, None] * service.TICKET_RATE)


def _of_answers(story: Story, at: int) -> Floats:
    """(accounts, levels) log-likelihood of the scores given."""
    each = story.clients.answers
    each = each.take(clock.known(micros(each.day), at))
    chances = np.log(np.maximum(service.score_shares(), 1e-300))[:, each.kind, each.score]
    return np.stack([sums(each.account, row, len(story.accounts)) for row in chances], axis=1)


def _stays(clients: ContractClients, now: Running, day: float, horizon: float, grace_days: float) -> Floats:
    """(clients, levels) probability of not having left `horizon` days from now; an unrenewed end counts after the grace."""
    until = day + horizon
    survived = log_stays(LEVELS, (day - now.start)[:, None])
    renewed, limbo = np.ones((len(now), len(LEVELS))), np.zeros((len(now), len(LEVELS)))
    chance, number = _unsigned(clients, now, day)[1], now.newest
    ends = month_starts(clients.month[now.client] + TERM_MONTHS * (number + 1))
    while (ends < until).any():
        due = (ends < until)[:, None]
        unrenewed = renewed * (1 - chance) * np.exp(log_stays(LEVELS, (ends - now.start)[:, None]) - survived)
        limbo += np.where(due & (ends + grace_days >= until)[:, None], unrenewed, 0.0)
        renewed = np.where(due, renewed * chance, renewed)
        number = number + 1
        chance, ends = _renewals(number), month_starts(clients.month[now.client] + TERM_MONTHS * (number + 1))
    return renewed * np.exp(log_stays(LEVELS, (until - now.start)[:, None]) - survived) + limbo
