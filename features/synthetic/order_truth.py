"""What was true of each order client at a date: P(no order within h days | all orders recorded before the date).

The posterior runs over a grid of five paces × three lifetimes. Write M(x) for the probability that no order came between the
last one on record and x: either the client had quit at some time D before x, and the gap is longer than until D; or it had
not, and the gap is longer than until x. Then P(no order before as_of + h, given none before as_of) is M(as_of + h) /
M(as_of), and the weight of a grid point is prior × densities of the gaps × M(as_of). The sum over D has an error under 0.001;
nothing else is approximate.
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

GRID: Final = np.linspace(0.0, 1.0, 97) ** 2
"""Where a stretch of days is cut: finely at its start, where the chance of a longer gap falls fastest."""


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
    as_of = np.full(len(now), at / clock.MICROS_PER_DAY)
    quit_ = _quits(now, newest, newest, as_of, story.season)
    silent_now = (weights * (quit_ + _waits(now, newest, as_of, story.season))).sum(axis=(1, 2))
    silent = []
    for horizon in horizons:
        longer = _quits(now, newest, as_of, as_of + horizon, story.season) + _waits(now, newest, as_of + horizon, story.season)
        silent.append((weights * (quit_ + longer)).sum(axis=(1, 2)) / silent_now)
    return now.account, np.stack(silent, axis=1)


def _pace_weights(clients: OrderClients, newest: Floats, gaps: Floats, season: Clock) -> Floats:
    """(clients, paces) prior × likelihood of the gaps up to the newest order, up to a factor for each client."""
    total = season.operational(newest) - season.operational(clients.since)
    evidence = np.log(PACE_SHARES) - 2 * gaps[:, None] * np.log(GAP_SCALE) - total[:, None] / GAP_SCALE
    return np.asarray(np.exp(evidence - evidence.max(axis=1, keepdims=True, initial=-np.inf)))


def _quits(clients: OrderClients, newest: Floats, start: Floats, stop: Floats, season: Clock) -> Floats:
    """(clients, paces, lifetimes) probability of quitting in `[start, stop)` without an order after the newest."""
    edges = start[:, None] + (stop - start)[:, None] * GRID
    middles = (edges[:, 1:] + edges[:, :-1]) / 2
    waited = season.operational(middles) - season.operational(newest)[:, None]
    quits = -np.diff(_living(clients, edges), axis=2)
    return np.stack([(quits * _longer(waited, scale)[None]).sum(axis=2).T for scale in GAP_SCALE], axis=1)


def _waits(clients: OrderClients, newest: Floats, day: Floats, season: Clock) -> Floats:
    """(clients, paces, lifetimes) probability of being a client still on a day, without an order after the newest."""
    waited = season.operational(day) - season.operational(newest)
    longer = np.stack([_longer(waited, scale) for scale in GAP_SCALE], axis=1)
    return np.asarray(longer[:, :, None] * _living(clients, day[:, None])[:, :, 0].T[:, None, :])


def _living(clients: OrderClients, days: Floats) -> Floats:
    """(lifetimes, clients, days) probability of still being a client on each day."""
    age = np.maximum(days - clients.since[:, None], 0.0)
    return np.asarray(np.exp(-((age / LIFETIME[:, None, None]) ** LIFETIME_SHAPE)))


def _longer(waited: Floats, scale: float) -> Floats:
    """Probability that a gap (gamma, shape 2) is longer than the seasonal time waited."""
    return np.asarray((1 + waited / scale) * np.exp(-waited / scale))
