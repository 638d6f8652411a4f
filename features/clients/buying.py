"""What a client's orders say: recency, frequency, money, rhythm, trend and returns.

A row of the orders table with a negative amount is a return: it takes from the revenue, and is no order. Months are spans of 30
days back from as_of, not months of the calendar, which a model would learn by heart.
"""

from typing import Final

import numpy as np

from features import clock
from features.clients.past import Past, at_rows, change, ratio
from features.clock import Floats
from features.history import Rows
from features.signal import Columns
from features.snapshot import Snapshot

BANDS: Final = ((1, "1"), (3, "2-3"), (9, "4-9"))
MONTH_DAYS: Final = 30
MONTHS: Final = 12


def ordering(snapshot: Snapshot, rows: Rows) -> Columns:
    """Recency, frequency and rhythm."""
    past = _orders(snapshot, rows)
    counted, silence = past.count(), past.days_since_last()
    return {
        "days_since_order": silence,
        "client_age_days": past.days_since_first(),
        "n_orders": counted,
        "n_order_days": _order_days(past),
        "order_band": _bands(counted),
        **{f"n_orders_{days}d": past.counted(days) for days in (30, 90, 180, 365)},
        "n_active_months": _active_months(past),
        **_rhythm(past, silence),
        **{f"orders_trend_{days}d": past.trend(days) for days in (90, 365)},
    }


def _rhythm(past: Past, silence: Floats) -> dict[str, Floats]:
    gaps = past.gaps()
    mean, spread = past.mean(gaps), past.deviation(gaps)
    return {
        "mean_gap_days": mean,
        "median_gap_days": past.median(gaps),
        "gap_spread_days": spread,
        "gap_ratio": ratio(silence, mean),
        "longest_gap_ratio": ratio(silence, past.largest(gaps)),
        "last_gap_ratio": ratio(at_rows(gaps, past.last()), mean),
        "gap_variation": ratio(spread, mean),
    }


def _order_days(past: Past) -> Floats:
    """On how many days there is an order: an invoice in two parts is one purchase. Days are spans of 24 hours back from as_of."""
    age = clock.days_between(past.time, past.snapshot.at)
    return past.distinct(np.where(past.kept, np.maximum(np.ceil(age) - 1, 0), -1).astype(np.int64))


def _active_months(past: Past) -> Floats:
    """In how many of the last twelve spans of 30 days there is an order; the span `[as_of - 30 days, as_of)` is number 0."""
    age = clock.days_between(past.time, past.snapshot.at)
    recent = past.within(MONTHS * MONTH_DAYS)
    span = np.where(recent.kept, np.ceil(age / MONTH_DAYS) - 1, -1).astype(np.int64)
    return recent.distinct(span) * past.whole(MONTHS * MONTH_DAYS)


def spending(snapshot: Snapshot, rows: Rows) -> Columns:
    """Money, its trend, and returns."""
    log = snapshot.dataset.order_log
    orders = _orders(snapshot, rows)
    mean, last = orders.mean(log.amount), orders.last()
    return {
        **{f"revenue_{days}d": _revenue(snapshot, rows, days) * orders.whole(days) for days in (90, 365)},
        "revenue_total": _revenue(snapshot, rows),
        "mean_order": mean,
        "median_order": orders.median(log.amount),
        "largest_order": orders.largest(log.amount),
        "last_order_ratio": ratio(at_rows(log.amount, last), mean),
        "margin_365d": _margin(orders, log.amount, log.cost),
        **{f"revenue_trend_{days}d": _revenue_trend(snapshot, rows, days) * orders.whole(2 * days) for days in (90, 365)},
        **_returns(snapshot, rows),
    }


def _revenue(snapshot: Snapshot, rows: Rows, days: float = np.inf, skip: float = 0.0) -> Floats:
    """What was ordered less what was returned."""
    total = np.zeros(len(rows))
    for past, amount in ((_orders(snapshot, rows), snapshot.dataset.order_log.amount), _returned(snapshot, rows)):
        total += (past if np.isinf(days) else past.within(days, skip)).total(amount)
    return total


def _revenue_trend(snapshot: Snapshot, rows: Rows, days: float) -> Floats:
    return change(_revenue(snapshot, rows, days), _revenue(snapshot, rows, days, skip=days))


def _margin(orders: Past, amount: Floats, cost: Floats) -> Floats:
    """The share of the last year's amounts that is left after their cost, over the orders whose cost is known."""
    costed = orders.within(365).where(~np.isnan(cost) & ~np.isnan(amount))
    sold = costed.total(amount)
    return ratio(sold - costed.total(cost), sold) * orders.whole(365)


def _returns(snapshot: Snapshot, rows: Rows) -> dict[str, Floats]:
    past, amount = _returned(snapshot, rows)
    sold = _orders(snapshot, rows).within(365).total(snapshot.dataset.order_log.amount)
    whole = past.whole(365)
    return {
        "n_returns_365d": past.within(365).count() * whole,
        "returned_ratio_365d": ratio(-past.within(365).total(amount), sold) * whole,
    }


def _orders(snapshot: Snapshot, rows: Rows) -> Past:
    return Past.of(snapshot, _table(snapshot), snapshot.dataset.order_log, rows)


def _returned(snapshot: Snapshot, rows: Rows) -> tuple[Past, Floats]:
    log = snapshot.dataset.client_logs.returns
    return Past.of(snapshot, _table(snapshot), log, rows), log.amount


def _table(snapshot: Snapshot) -> str:
    """Won deals are the orders of a source without any."""
    return "orders" if snapshot.has("orders") else "deals"


def _bands(counted: Floats) -> "np.ndarray[tuple[int], np.dtype[np.object_]]":
    """How often the client ordered, in four bands; None where it never did."""
    labels = np.array([None, *(label for _, label in BANDS), "10+"], dtype=object)
    return labels[np.searchsorted([0, *(top for top, _ in BANDS)], counted, side="left")]
