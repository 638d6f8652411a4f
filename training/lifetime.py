"""What clients are worth over the next days, and how much of it is at risk: read off the same curves as p_leaves.

**Clients who order.** Orders are simulated forward. The first of them comes when the client's own curve says; after each, recency
and frequency are brought up to date, and BG/NBD says when the next one comes, or that there is none. What is ordered is worth
what the gamma-gamma model says (`training.spending`). **Clients under contract** are worth their monthly amount for as long as
they stay, which needs no simulation. Neither changes of price nor what comes after they have left are in it.

Value at risk is the expected loss, as credit risk has it (probability x exposure x the part of it that is lost): what the client
is worth over the days asked for if it does not leave within the horizon, less what it is worth as likely as it is to leave. So it
is never more than what would be kept, and what a leaving client still brings is not counted as lost. Example: a contract of 1,000
a month, P(leaves within 90 days) = 0.2. If it stays so long, 11.2 months of the next 12 are expected; if not, 1.5 months are paid
before: 0.8 x 11,200 + 0.2 x 1,500 = 9,260 are expected, and 1,940 of 11,200 are at risk.

Only draws in which an order comes at all are simulated, and the others are counted in afterwards by their exact probability. So a
client of whom one draw in fifty would order is estimated as well as a busy one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.clock import Floats
from training.bg_nbd import BgNbd, Purchases
from training.chance import Words, generators, streams, uniforms
from training.curves import Curves
from training.spending import GammaGamma, Spent

MONTHS_A_DAY: Final = 12.0 / 365.0
CHUNK: Final = 1000
"""Clients simulated at once."""
MOST_ORDERS: Final = 2000
"""A simulated client orders no more often than this."""
PACE_KEPT: Final = 0.5
"""The share of a client's own correction (a power of the ratio of hazards) that lasts beyond its next order (decision 11)."""
MOST_PACE: Final = 4.0
COLUMNS: Final = ("value", "low", "high", "if_kept")
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Terms:
    """What is asked: the value over how many days, at which yearly discount rate, and the share that the interval covers.

    Beyond a curve's last edge nobody leaves or orders, so `days` should not lie beyond it.
    """

    days: float = 365.0
    discount_rate: float = 0.0
    coverage: float = 0.8
    draws: int = 200
    seed: int = 7

    @property
    def tails(self) -> tuple[float, float]:
        """The quantiles at the interval's ends."""
        return (1.0 - self.coverage) / 2.0, (1.0 + self.coverage) / 2.0

    def discounted(self, days: Floats) -> Floats:
        """What one unit of money after so many days is worth today."""
        return np.asarray((1.0 + self.discount_rate) ** (-days / 365.0))


@dataclass(frozen=True)
class Lifetimes:
    """One entry a client, in money.

    value      expected value of the days asked for
    low, high  ends of the interval
    if_kept    expected value given that the client does not leave within the horizon; no less than `value`
    """

    value: Floats
    low: Floats
    high: Floats
    if_kept: Floats

    @property
    def at_risk(self) -> Floats:
        """The expected loss: from 0, where nobody leaves, to `if_kept`, where all do and bring nothing before."""
        return self.if_kept - self.value


def contract_lifetimes(curves: Curves, monthly: Floats, horizon: float, terms: Terms) -> Lifetimes:
    """Clients under contract: `monthly` is what each pays a month."""
    daily = monthly * MONTHS_A_DAY
    whole, until_horizon = (_days_paid(curves, days, terms) for days in (terms.days, min(horizon, terms.days)))
    stays = curves.still(min(horizon, terms.days))
    sure = paid(np.full(len(daily), min(horizon, terms.days)), terms)
    if_kept = sure + (whole - until_horizon) / np.maximum(stays, np.finfo(np.float64).tiny)
    # The day by which a client has left with probability q: the value's quantile is what it pays until then.
    ends = [curves.days_until_still(np.full((len(daily), 1), 1.0 - tail))[:, 0] for tail in terms.tails]
    low, high = (daily * paid(np.minimum(end, terms.days), terms) for end in ends)
    return Lifetimes(daily * whole, low, high, daily * if_kept)


def _days_paid(curves: Curves, days: float, terms: Terms) -> Floats:
    """Expected days still there, discounted bucket by bucket; inside a bucket P(still there) falls exponentially."""
    stops = np.unique(np.append(np.minimum(curves.edges, days), days))
    still = np.stack([curves.still(float(stop)) for stop in stops], axis=1)
    before, after = still[:, :-1], still[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(before > after, (before - after) / np.log(before / after), before)
    return np.asarray((mean * np.diff(stops)) @ terms.discounted((stops[:-1] + stops[1:]) / 2.0))


def paid(days: Floats, terms: Terms) -> Floats:
    """One unit a day for so many days, discounted."""
    force = np.log1p(terms.discount_rate) / 365.0
    return np.asarray(days if force == 0.0 else -np.expm1(-force * days) / force)


@dataclass(frozen=True)
class Ordering:
    """Clients who order: their curves, what they bought before, what they spent on it, and a number for each to draw by."""

    curves: Curves
    past: Purchases
    spent: Spent
    keys: Words

    def take(self, rows: Rows) -> "Ordering":
        """Some of the clients."""
        curves = Curves(self.curves.edges, self.curves.hazards[rows], self.curves.extrapolated)
        past = Purchases(self.past.x[rows], self.past.t_x[rows], self.past.T[rows])
        return Ordering(curves, past, Spent(self.spent.n[rows], self.spent.mean[rows]), self.keys[rows])


def order_lifetimes(clients: Ordering, model: BgNbd, spending: GammaGamma, horizon: float, terms: Terms) -> Lifetimes:
    """Clients who order: leaving is to have no order within the horizon.

    Simulated with the seed of `terms`; what a client draws does not depend on the clients beside it.
    """
    n = len(clients.past.x)
    chunks = [clients.take(np.arange(start, min(start + CHUNK, n))) for start in range(0, n, CHUNK)]
    parts = [_simulated(chunk, model, spending, horizon, terms) for chunk in chunks]
    return Lifetimes(*(np.concatenate([np.empty(0), *(getattr(part, name) for part in parts)]) for name in COLUMNS))


def _simulated(clients: Ordering, model: BgNbd, spending: GammaGamma, horizon: float, terms: Terms) -> Lifetimes:
    orders_at_all = 1.0 - clients.curves.still(terms.days)
    own = streams(clients.keys, terms.seed, terms.draws)
    strata = (np.arange(terms.draws) + uniforms(own, 0)) / terms.draws
    first = clients.curves.days_until_still(np.clip(1.0 - strata * orders_at_all[:, None], np.finfo(np.float64).tiny, 1.0))
    n_orders, worth = simulate_orders(model, clients.past, first, order_pace(clients, model, terms), terms, own)
    value = (
        spending.draw_totals(clients.spent, n_orders, generators(clients.keys, terms.seed)) * worth / np.maximum(n_orders, 1.0)
    )
    # Drawn amounts have heavy tails; their mean is known, and so is used where a mean is asked for.
    mean = worth * spending.expected(clients.spent)[:, None]
    expected = orders_at_all * mean.mean(axis=1)
    # Where hardly anybody orders in time, the earliest of all draws stands for who does.
    kept = first <= np.maximum(min(horizon, terms.days), first.min(axis=1))[:, None]
    if_kept = (mean * kept).sum(axis=1) / kept.sum(axis=1)
    low, high = (_quantile(value, orders_at_all, tail) for tail in terms.tails)
    return Lifetimes(expected, low, high, np.maximum(if_kept, expected))


def simulate_orders(
    model: BgNbd, past: Purchases, first: Floats, pace: Floats, terms: Terms, own_streams: Words
) -> tuple[Floats, Floats]:
    """Orders within the days asked for, the first of each draw being given: their number, and the sum of their discounts.

    `first` is (clients, draws), in days; `pace` divides the gaps after it, one a client; `own_streams` are
    the random numbers of each draw, of which the first is spent. After each order the client leaves with
    probability a / (a + b + x - 1); if it stays, the gap to the next has a closed form, because its rate is gamma distributed
    with shape r + x and rate alpha + T.
    """
    time = np.where(first < terms.days, first, np.inf).ravel()
    count, worth = np.zeros(time.size), np.zeros(time.size)
    x, age, own = (np.repeat(values, first.shape[1]) for values in (past.x, past.T, pace))
    going = np.flatnonzero(np.isfinite(time))
    streams_of = own_streams.ravel()
    for order in range(MOST_ORDERS):
        if not len(going):
            break
        count[going] += 1.0
        worth[going] += terms.discounted(time[going])
        x[going] += 1.0
        time[going] += _gaps(model, x[going], age[going] + time[going], streams_of[going], order) / own[going]
        going = going[time[going] < terms.days]
    return count.reshape(first.shape), worth.reshape(first.shape)


def _gaps(model: BgNbd, x: Floats, age: Floats, own: Words, order: int) -> Floats:
    """Days to the next order just after one at this age, infinite where the client has left; the order-th of each stream."""
    leaves = uniforms(own, 2 * order + 1) < model.a / (model.a + model.b + x - 1.0)
    waits = (model.alpha + age) * np.expm1(-np.log1p(-uniforms(own, 2 * order + 2)) / (model.r + x))
    return np.where(leaves, np.inf, waits)


def order_pace(clients: Ordering, model: BgNbd, terms: Terms) -> Floats:
    """How much faster each client goes on to order than BG/NBD alone would say, from the ratio of the two cumulative hazards."""
    own = -np.log(clients.curves.still(terms.days))
    ratio = own / -model.log_p_silent(clients.past, terms.days)
    return np.asarray(np.clip(ratio, 1.0 / MOST_PACE, MOST_PACE) ** PACE_KEPT)


def _quantile(value: Floats, orders_at_all: Floats, q: float) -> Floats:
    """The quantile over all draws, those without an order counting as 0."""
    ordered = np.sort(value, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = (q - (1.0 - orders_at_all)) / orders_at_all
    place = np.clip(np.nan_to_num(inner), 0.0, 1.0) * (value.shape[1] - 1)
    below = np.floor(place).astype(np.intp)
    above = np.minimum(below + 1, value.shape[1] - 1)
    rows = np.arange(len(value))
    found = ordered[rows, below] + (place - below) * (ordered[rows, above] - ordered[rows, below])
    return np.where(inner > 0, found, 0.0)
