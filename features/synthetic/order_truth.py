"""What was true of each order client at a date: P(no order within h days | all orders recorded before the date).

The posterior runs over a grid of five paces × three lifetimes. Write M(x) for the probability that no order came between the last
one on record and x: either the client had quit at some time D before x, and the gap is longer than until D; or it had not, and the
gap is longer than until x. Then P(no order before as_of + h, given none before as_of) is M(as_of + h) / M(as_of), and the weight of
a grid point is prior × densities of the gaps × M(as_of). The sum over D has an error under 0.001; nothing else is approximate.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from features import clock
from features.clock import Floats
from features.history import Rows, count_rows, last_row
from features.synthetic.batch import micros
from features.synthetic.orders import (
    GAP_SCALE,
    LIFETIME,
    LIFETIME_SHAPE,
    LIFETIME_SHARES,
    PACE_SHARES,
    OrderClients,
)
from features.synthetic.pace import Clock
from features.synthetic.story import Story

GRID: Final = np.linspace(0.0, 1.0, 97)


def order_truth(story: Story, at: int, horizons: Sequence[float], window_days: float) -> tuple[Rows, Floats]:
    """Accounts with an order in the `window_days` before as_of (microseconds), and P(no order within h), (accounts, horizons)."""
    clients, placed = story.clients.order, story.clients.orders
    known = clock.known(micros(placed.day), at)
    last = last_row(placed.client, known, len(clients))
    day = placed.day[last]
    active = np.flatnonzero((last >= 0) & clock.within(micros(day), clock.after_days(at, -window_days), at))
    gaps = count_rows(placed.client, known, len(clients))[active] - 1
    now, newest = clients.take(active), day[active]
    weights = _pace_weights(now, newest, gaps, story.season)[:, :, None] * LIFETIME_SHARES
    as_of = at / clock.MICROS_PER_DAY
    until_now = weights * _silence(now, newest, as_of, story.season)
    until = [weights * _silence(now, newest, as_of + horizon, story.season) for horizon in horizons]
    return now.account, np.stack([each.sum(axis=(1, 2)) for each in until], axis=1) / until_now.sum(axis=(1, 2))[:, None]


def _pace_weights(clients: OrderClients, newest: Floats, gaps: Floats, season: Clock) -> Floats:
    """(clients, paces) prior × likelihood of the gaps up to the newest order, up to a factor for each client."""
    total = season.operational(newest) - season.operational(clients.since)
    evidence = np.log(PACE_SHARES) - 2 * gaps[:, None] * np.log(GAP_SCALE) - total[:, None] / GAP_SCALE
    return np.asarray(np.exp(evidence - evidence.max(axis=1, keepdims=True, initial=-np.inf)))


def _silence(clients: OrderClients, newest: Floats, until: float, season: Clock) -> Floats:
    """(clients, paces, lifetimes) probability of a client at its newest order to place none until a day, and to live that long.

    It is M of the module's description, times the probability of living until the newest order.
    """
    edges = newest[:, None] + (until - newest)[:, None] * GRID
    middles = (edges[:, 1:] + edges[:, :-1]) / 2
    begun = season.operational(newest)[:, None]
    waited, ends = season.operational(middles) - begun, season.operational(edges[:, -1:]) - begun
    silence = np.empty((len(newest), len(GAP_SCALE), len(LIFETIME)))
    for life, scale in enumerate(LIFETIME):
        living = np.exp(-(((edges - clients.since[:, None]) / scale) ** LIFETIME_SHAPE))
        for pace, gap in enumerate(GAP_SCALE):
            quit_before = (-np.diff(living, axis=1) * _longer(waited, gap)).sum(axis=1)
            silence[:, pace, life] = quit_before + living[:, -1] * _longer(ends, gap)[:, 0]
    return silence


def _longer(waited: Floats, scale: float) -> Floats:
    """Probability that a gap (gamma, shape 2) is longer than the seasonal time waited."""
    return np.asarray((1 + waited / scale) * np.exp(-waited / scale))
