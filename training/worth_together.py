"""What the clients of a group are worth on average, with limits that know that good and bad years happen to all of them at once.

The expected worth of a group is the sum of its clients' (`training.lifetime`). Its limits are no sum of theirs: if every client
tossed its own coin, a thousand of them would be worth nearly the same in every draw. So each client's luck has a part that all
share,

    X = sqrt(rho) z + sqrt(1 - rho) e,

and a client under contract has left by day d where X < probit(P(left by d)), one who orders has its next order by then likewise:
the form in which open deals share a shock (`training.shock`). How large the shared part is has not been learned from clients, so
each draw takes a size from the prior, and the limits are cautious. After the first order a client goes on as BG/NBD says, on its
own.

Worked example: 400 contracts of 100 a month, each with P(stays three years) = 0.7, are worth 3,030 each over three years. If each
tossed its own coin, 80 % of the draws would lie between 2,960 and 3,090; with a shared part of 5.5 % it is 2,770 to 3,260.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import ndtr, ndtri

from features.clock import Floats
from features.history import Rows
from training.bg_nbd import BgNbd
from training.chance import Words, generators, streams, uniforms
from training.curves import Curves
from training.lifetime import (
    CHUNK,
    MONTHS_A_DAY,
    Ordering,
    Terms,
    contract_lifetimes,
    order_lifetimes,
    order_pace,
    paid,
    simulate_orders,
)
from training.shock import Shock
from training.spending import GammaGamma

TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Together:
    """Sums over the clients of each group, in money.

    value  (groups,) expected
    draws  (groups, draws)
    n      (groups,) clients
    """

    value: Floats
    draws: Floats
    n: Floats

    def __add__(self, other: "Together") -> "Together":
        return Together(self.value + other.value, self.draws + other.draws, self.n + other.n)

    def mean(self) -> Floats:
        """(groups,) of a client; NaN for a group without any."""
        return np.asarray(np.divide(self.value, self.n, out=np.full(len(self.n), np.nan), where=self.n > 0))

    def limits(self, tails: tuple[float, float]) -> tuple[Floats, Floats]:
        """(groups,) quantiles of a client's worth over the draws."""
        low, high = np.quantile(self.draws, tails, axis=1) / np.maximum(self.n, 1.0)
        return np.asarray(low), np.asarray(high)


@dataclass(frozen=True)
class Luck:
    """The shared part of each draw, and the variance of each client's own part."""

    shared: Floats
    own: Floats

    @classmethod
    def of(cls, shock: Shock, terms: Terms) -> "Luck":
        rng = np.random.default_rng(terms.seed)
        rho, tau = shock.draw(terms.draws, rng)
        return cls(np.sqrt(rho + tau) * rng.standard_normal(terms.draws), 1.0 - rho - tau)

    def still(self, begun: Words) -> Floats:
        """(clients, draws) P(still there) when each ends, by itself even between 0 and 1; spends the first of each stream."""
        own = ndtri(np.maximum(uniforms(begun, 0), TINY))
        return np.asarray(np.maximum(ndtr(-self.shared - np.sqrt(self.own) * own), TINY))


def contracts_together(curves: Curves, monthly: Floats, keys: Words, members: Any, shock: Shock, terms: Terms) -> Together:
    """Clients under contract; `members` is a sparse (groups, clients) 0 or 1, and a client may belong to several groups."""
    expected = contract_lifetimes(curves, monthly, 0.0, terms).value
    luck, total = Luck.of(shock, terms), np.zeros((members.shape[0], terms.draws))
    for rows in _chunks(len(monthly)):
        part = Curves(curves.edges, curves.hazards[rows], curves.extrapolated)
        left = part.days_until_still(luck.still(streams(keys[rows], terms.seed, terms.draws)))
        total += members[:, rows] @ (monthly[rows, None] * MONTHS_A_DAY * paid(np.minimum(left, terms.days), terms))
    return _together(expected, total, members)


def orders_together(clients: Ordering, model: BgNbd, spending: GammaGamma, members: Any, shock: Shock, terms: Terms) -> Together:
    """Clients who order; `members` as for contracts. `terms.days` must not lie beyond the last edge of the curves."""
    expected = order_lifetimes(clients, model, spending, terms.days, terms).value
    luck, total = Luck.of(shock, terms), np.zeros((members.shape[0], terms.draws))
    for rows in _chunks(len(expected)):
        total += members[:, rows] @ _ordered(clients.take(rows), model, spending, luck, terms)
    return _together(expected, total, members)


def _ordered(clients: Ordering, model: BgNbd, spending: GammaGamma, luck: Luck, terms: Terms) -> Floats:
    """(clients, draws) what each orders."""
    own = streams(clients.keys, terms.seed, terms.draws)
    first = clients.curves.days_until_still(luck.still(own))
    n_orders, worth = simulate_orders(model, clients.past, first, order_pace(clients, model, terms), terms, own)
    totals = spending.draw_totals(clients.spent, n_orders, generators(clients.keys, terms.seed))
    return np.asarray(totals * worth / np.maximum(n_orders, 1.0))


def _together(expected: Floats, total: Floats, members: Any) -> Together:
    there = ~np.isnan(expected)
    return Together(members @ np.where(there, expected, 0.0), total, members @ there.astype(np.float64))


def groups_of(member: Rows, groups: Any) -> Any:
    """(groups, clients) from the leaf of each client and a sparse (groups, leaves)."""
    n = len(member)
    leaves = sparse.csr_array((np.ones(n), (member, np.arange(n))), shape=(groups.shape[1], n))
    return sparse.csr_array(groups @ leaves)


def _chunks(n: int) -> Iterator[Rows]:
    return (np.arange(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK))
