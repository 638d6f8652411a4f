"""Clients by order: each buys at its own pace, and one day, unannounced, for the last time.

The gaps between orders are gamma-distributed with shape 2 (more regular than chance) in seasonal time, the lifetime of a
client is Weibull with shape 1.5 in calendar time. Pace and lifetime come from a few latent levels each, so that the truth is
a sum over a small grid. That is deliberately neither the exponential gaps nor the geometric drop-out of BG/NBD (Fader, Hardie
& Lee 2005).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features.clock import Floats
from features.history import Rows
from features.synthetic.batch import Batch, draw, ids, instants
from features.synthetic.pace import Clock

GAP_SCALE: Final = np.array([6.0, 13.0, 26.0, 50.0, 95.0])
"""Scale of the gaps by level, in seasonal days; the mean gap is twice that."""
PACE_SHARES: Final = np.array([0.12, 0.24, 0.3, 0.22, 0.12])
LIFETIME: Final = np.array([220.0, 800.0, 3000.0])
LIFETIME_SHARES: Final = np.array([0.25, 0.35, 0.4])
LIFETIME_SHAPE: Final = 1.5
MARGIN: Final = (0.28, 0.46)
OLD_CLIENTS_WITHIN: Final = 45.0


@dataclass(frozen=True)
class OrderClients(Batch):
    """Clients by order. `since` is the day of the first order, `quits` the hidden day after which none comes."""

    account: Rows
    since: Floats
    pace: Rows
    life: Rows
    quits: Floats
    spend: Floats
    deal: Rows


@dataclass(frozen=True)
class Orders(Batch):
    """Orders, sorted by client and day. `number` counts from 0."""

    client: Rows
    number: Rows
    day: Floats


def take_on(account: Rows, since: Floats, size: Floats, deal: Rows, rng: np.random.Generator) -> OrderClients:
    """Clients that placed their first order on the given days; `size` scales what they spend on later ones."""
    n = len(account)
    pace, life = draw(PACE_SHARES, n, rng), draw(LIFETIME_SHARES, n, rng)
    quits = since + LIFETIME[life] * rng.standard_exponential(n) ** (1 / LIFETIME_SHAPE)
    spend = 900.0 * size**0.5 * np.exp(rng.normal(0.0, 0.5, n))
    return OrderClients(account, since, pace, life, quits, spend, deal)


def run_orders(clients: OrderClients, season: Clock, end: float, rng: np.random.Generator) -> Orders:
    """All orders before `end`: the first of each client, then one gap after another."""
    client, day, number = np.arange(len(clients)), clients.since, 0
    placed: list[Orders] = []
    while len(client) or not placed:
        placed.append(Orders(client, np.full(len(client), number), day))
        gap = GAP_SCALE[clients.pace[client]] * rng.standard_gamma(2.0, len(client))
        day = season.calendar(season.operational(day) + gap)
        going = day < np.minimum(clients.quits[client], end)
        client, day, number = client[going], day[going], number + 1
    orders = Orders.join(placed)
    return orders.take(np.lexsort((orders.number, orders.client)))


def orders_table(clients: OrderClients, orders: Orders, first: Floats, rng: np.random.Generator) -> pd.DataFrame:
    """The orders table; `first` is the amount of each client's first order, in euros."""
    orders = orders.take(np.argsort(orders.day, kind="stable"))
    spend = clients.spend[orders.client] * np.exp(rng.normal(0.0, 0.45, len(orders)))
    amount = np.round(np.where(orders.number == 0, first[orders.client], spend), 2)
    margin = rng.uniform(*MARGIN, len(orders))
    return pd.DataFrame(
        {
            "order_id": ids("O", np.arange(len(orders)), 7),
            "account_id": ids("A", clients.account[orders.client]),
            "ordered_at": instants(orders.day),
            "amount": amount,
            "cost": np.round(amount * (1 - margin), 2),
            "deal_id": ids("D", np.where(orders.number == 0, clients.deal[orders.client], -1)),
        }
    )
