"""Clients by contract: yearly terms, cancellations, renewals, and how satisfied each client is without saying so.

A latent level of satisfaction drives three things: the day of a cancellation (log-logistic in the time since the first term
began, so that the risk rises while a client settles in and falls after), whether a term is renewed at its end, and what tickets
and surveys say (`service.py`). A renewal is signed one to eight weeks ahead of the term's end and recorded as a successor
contract, so silence close to the end is a bad sign. The hour of the day at which a client signs or cancels is not modelled.

Terms are calendar years from the first of a month, `[starts_on, ends_on)`: a successor starts on the day its predecessor ends.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from features.clock import Floats
from features.history import Rows
from features.synthetic.batch import Batch, before, dates, draw, ids, instants, month_starts, months_of

TERM_MONTHS: Final = 12
LEVEL_SHARES: Final = np.array([0.16, 0.30, 0.34, 0.20])
CANCEL_SCALE: Final = np.array([700.0, 2200.0, 6000.0, 20_000.0])
CANCEL_SHAPE: Final = 1.6
RENEWS: Final = np.array([0.60, 0.86, 0.95, 0.985])
FIRST_RENEWAL: Final = 0.94
"""The first renewal is this much less likely than the later ones."""
LEAD: Final = (7.0, 60.0)


@dataclass(frozen=True)
class ContractClients(Batch):
    """Clients by contract. `signed` is a day, `month` the first term's first (since January 1970), `deal` -1 for old clients."""

    account: Rows
    signed: Floats
    month: Rows
    monthly: Floats
    satisfaction: Rows
    cancels: Floats
    deal: Rows


@dataclass(frozen=True)
class Terms(Batch):
    """Contract terms on record. `number` counts from 0; `extra` is 1 for an addition to a running term."""

    client: Rows
    number: Rows
    signed: Floats
    month: Rows
    ends: Rows
    monthly: Floats
    extra: Rows


def sign_up(account: Rows, signed: Floats, yearly: Floats, deal: Rows, rng: np.random.Generator) -> ContractClients:
    """Clients whose first contract was signed on the given days for the given yearly amounts."""
    n = len(account)
    satisfaction = draw(LEVEL_SHARES, n, rng)
    month = months_of(signed) + 1
    odds = rng.random(n)
    age = CANCEL_SCALE[satisfaction] * (odds / (1 - odds)) ** (1 / CANCEL_SHAPE)
    cancels = _by_day(month_starts(month) + age, rng)
    return ContractClients(account, signed, month, np.round(yearly / 12, 2), satisfaction, cancels, deal)


def renewal_chance(satisfaction: Rows, number: Rows | int) -> Floats:
    """Probability that the term of this number is followed by another."""
    return np.asarray(RENEWS[satisfaction] * np.where(np.asarray(number) == 0, FIRST_RENEWAL, 1.0))


def log_stays(level: Rows, age: Floats) -> Floats:
    """Log-probability that no cancellation has come by `age` days after the first term began."""
    return np.asarray(-np.log1p((np.maximum(age, 0.0) / CANCEL_SCALE[level]) ** CANCEL_SHAPE))


def run_terms(clients: ContractClients, end: float, rng: np.random.Generator) -> Terms:
    """All terms signed before `end`, the first ones first."""
    alive, monthly, signed = np.arange(len(clients)), clients.monthly, clients.signed
    terms: list[Terms] = []
    number = 0
    while len(alive) or not terms:
        month = clients.month[alive] + TERM_MONTHS * number
        count, none = np.full(len(alive), number), np.zeros(len(alive), dtype=np.int64)
        terms.append(Terms(alive, count, signed, month, month + TERM_MONTHS, monthly, none))
        renews = rng.random(len(alive)) < renewal_chance(clients.satisfaction[alive], number)
        signed = _by_day(month_starts(month + TERM_MONTHS) - rng.uniform(*LEAD, len(alive)), rng)
        monthly = np.round(monthly * _uplift(len(alive), rng), 2)
        going = renews & (signed < end) & (signed < clients.cancels[alive])
        alive, signed, monthly, number = alive[going], signed[going], monthly[going], number + 1
    return Terms.join(terms)


def _by_day(days: Floats, rng: np.random.Generator) -> Floats:
    """The same days, in office hours: seen from a midnight, nothing changes."""
    return np.asarray(np.floor(days) + rng.uniform(9, 17, len(days)) / 24)


def _uplift(n: int, rng: np.random.Generator) -> Floats:
    """What a renewal changes the monthly amount by: some contract, most stay or grow a little."""
    return np.array([0.8, 0.93, 1.0, 1.04, 1.12, 1.3])[draw([0.06, 0.1, 0.34, 0.28, 0.15, 0.07], n, rng)]


def leaves(clients: ContractClients, terms: Terms) -> Floats:
    """The day each client leaves, by cancellation or at the end of the last term signed."""
    last = np.zeros(len(clients), dtype=np.int64)
    np.maximum.at(last, terms.client, terms.ends)
    return np.minimum(clients.cancels, month_starts(last))


def additions(
    clients: ContractClients, terms: Terms, account: Rows, won: Floats, yearly: Floats, rng: np.random.Generator
) -> Terms:
    """Won expansions as additions to the term that runs then; they end with it."""
    client_of = np.full(int(max(account.max(initial=0), clients.account.max(initial=0))) + 1, -1)
    client_of[clients.account] = np.arange(len(clients))
    client, month = client_of[account], months_of(won)
    number = (month - clients.month[client]) // TERM_MONTHS
    ends = clients.month[client] + TERM_MONTHS * (number + 1)
    share = np.round(yearly / 12 * rng.uniform(0.8, 1.0, len(client)), 2)
    begun = (client >= 0) & (number >= 0) & (won < leaves(clients, terms)[client])
    added = Terms(client, number, won, month + 1, ends, share, np.ones(len(client), dtype=np.int64))
    return added.take(begun & (month + 1 < ends))


def with_additions(terms: Terms, added: Terms) -> Terms:
    """The terms with the additions, whose amounts the client's later terms carry on."""
    shape = int(terms.client.max(initial=-1)) + 1, int(terms.number.max(initial=0)) + 2
    carried = np.zeros(shape)
    np.add.at(carried, (added.client, added.number + 1), added.monthly)
    monthly = np.round(terms.monthly + np.cumsum(carried, axis=1)[terms.client, terms.number], 2)
    return Terms.join([replace(terms, monthly=monthly), added])


def contracts_table(clients: ContractClients, terms: Terms, end: float) -> pd.DataFrame:
    """The contracts table: a cancellation is written on every term it cuts short."""
    terms = terms.take(np.lexsort((terms.client, terms.signed)))
    cancelled = before(clients.cancels[terms.client], np.minimum(month_starts(terms.ends), end))
    return pd.DataFrame(
        {
            "contract_id": ids("C", np.arange(len(terms))),
            "account_id": ids("A", clients.account[terms.client]),
            "starts_on": dates(month_starts(terms.month)),
            "ends_on": dates(month_starts(terms.ends)),
            "monthly_amount": terms.monthly,
            "cancelled_at": instants(cancelled),
            "known_at": instants(terms.signed),
        }
    )
