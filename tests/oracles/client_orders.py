"""What a client bought, by plain loops: recency, frequency, money, rhythm, trend and returns."""

from datetime import datetime
from itertools import pairwise
from math import ceil, nan
from statistics import mean, median, stdev
from typing import Any

from tests.oracles import DAY, Records, Row, days, in_days, on_record
from tests.oracles.client_rows import change, of, over, since, trend


def sold_to(records: Records, client: str, as_of: datetime) -> list[Row]:
    """Without the returns."""
    sold = [row for row in of(records, "orders", client, as_of) if row["amount"] >= 0]
    return sorted(sold, key=lambda row: (row["ordered_at"], on_record("orders", row), row["amount"], row["cost"] or 0))


def _returned(records: Records, client: str, as_of: datetime) -> list[Row]:
    return [row for row in of(records, "orders", client, as_of) if row["amount"] < 0]


def buying(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    times = [row["ordered_at"] for row in sold_to(records, client, as_of)]
    counted = {f"n_orders_{window}d": records.recent("orders", times, as_of, window) for window in (30, 90, 180, 365)}
    trends = {f"orders_trend_{window}d": trend(records, "orders", times, as_of, window) for window in (90, 365)}
    return {
        "days_since_order": since(max(times, default=None), as_of),
        "client_age_days": since(min(times, default=None), as_of),
        "n_orders": len(times),
        "n_order_days": len({max(ceil((as_of - time) / DAY), 1) for time in times}),
        "order_band": _band(len(times)),
        **counted,
        **trends,
    }


def months(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    times = [row["ordered_at"] for row in sold_to(records, client, as_of)]
    spans = [any(as_of - (k + 1) * 30 * DAY <= time < as_of - k * 30 * DAY for time in times) for k in range(12)]
    return {"n_active_months": sum(spans) if records.covers("orders", as_of, 360) else nan}


def rhythm(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    times = [row["ordered_at"] for row in sold_to(records, client, as_of)]
    gaps = [days(after - before) for before, after in pairwise(times)]
    usual = mean(gaps) if gaps else nan
    spread = stdev(gaps) if len(gaps) > 1 else nan
    silence = since(max(times, default=None), as_of)
    return {
        "mean_gap_days": usual,
        "median_gap_days": median(gaps) if gaps else nan,
        "gap_spread_days": spread,
        "gap_ratio": over(silence, usual),
        "longest_gap_ratio": over(silence, max(gaps, default=nan)),
        "last_gap_ratio": over(gaps[-1] if gaps else nan, usual),
        "gap_variation": over(spread, usual),
    }


def spending(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    orders = sold_to(records, client, as_of)
    rows = orders + _returned(records, client, as_of)
    amounts = [row["amount"] for row in orders]
    usual = mean(amounts) if amounts else nan
    signals = {
        "revenue_total": sum(row["amount"] for row in rows),
        "mean_order": usual,
        "median_order": median(amounts) if amounts else nan,
        "largest_order": max(amounts, default=nan),
        "last_order_ratio": over(amounts[-1] if amounts else nan, usual),
    }
    for window in (90, 365):
        now, before = (sum(row["amount"] for row in _between(rows, as_of, window, skip)) for skip in (0, window))
        signals[f"revenue_{window}d"] = now if records.covers("orders", as_of, window) else nan
        whole = records.covers("orders", as_of, 2 * window)
        signals[f"revenue_trend_{window}d"] = change(now, before) if whole and now >= 0 and before >= 0 else nan
    return signals


def returns(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    if not records.covers("orders", as_of, 365):
        return dict.fromkeys(("n_returns_365d", "returned_ratio_365d", "margin_365d"), nan)
    orders = _between(sold_to(records, client, as_of), as_of, 365, 0)
    returned = _between(_returned(records, client, as_of), as_of, 365, 0)
    costed = [row for row in orders if row["cost"] is not None]
    sold = sum(row["amount"] for row in costed)
    return {
        "n_returns_365d": len(returned),
        "returned_ratio_365d": over(-sum(row["amount"] for row in returned), sum(row["amount"] for row in orders)),
        "margin_365d": over(sum(row["amount"] - row["cost"] for row in costed), sold),
    }


def _between(rows: list[Row], as_of: datetime, window: int, skip: int) -> list[Row]:
    """The orders of so many days, those that end so many days ago."""
    return [row for row in rows if in_days(row["ordered_at"], as_of - skip * DAY, window)]


def _band(n: int) -> str | None:
    if n == 0:
        return None
    if n == 1:
        return "1"
    if n <= 3:
        return "2-3"
    return "4-9" if n <= 9 else "10+"
