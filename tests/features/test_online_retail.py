"""A wholesaler's real invoices: what the declared rules did, and the signals of three clients worked out from the raw lines.

The expectation is computed here, invoice line by invoice line, from the two files as they were published.
"""

from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from math import ceil
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from features import sources
from features.clients import ORDERS, client_signals, cohort
from features.snapshot import Snapshot
from features.sources.result import SourceData

MAPPING = Path(__file__).resolve().parents[2] / "examples" / "mappings" / "online_retail.toml"
AS_OF = pd.Timestamp("2011-03-01", tz="UTC").as_unit("us")
DAY = timedelta(days=1)
NO_GOODS = {"POST", "DOT", "C2", "C3", "D", "M", "m", "S", "B", "ADJUST", "ADJUST2", "BANK CHARGES", "AMAZONFEE", "CRUK"}
NO_GOODS |= {"TEST001", "TEST002"}

pytestmark = pytest.mark.real_data


@cache
def read(folder: Path) -> SourceData:
    return sources.read(str(folder), str(MAPPING))


@cache
def lines(folder: Path) -> pd.DataFrame:
    """The lines of both years under one set of names, the first file without the days that stand in both."""
    names = {"InvoiceNo": "Invoice", "UnitPrice": "Price", "CustomerID": "Customer ID"}
    first = pd.read_parquet(folder / "online_retail_II_2009_2010.parquet")
    second = pd.read_parquet(folder / "online_retail_2010_2011.parquet").rename(columns=names)
    both = pd.concat([first[first["InvoiceDate"] < "2010-12-01"], second], ignore_index=True)
    return both.assign(Invoice=both["Invoice"].astype(str), StockCode=both["StockCode"].astype(str))


@cache
def invoices(folder: Path) -> dict[str, dict[str, tuple[datetime, float]]]:
    """By client and number of the invoice: its moment, and what the goods on it cost."""
    kept: dict[str, dict[str, tuple[datetime, float]]] = {}
    columns = (
        lines(folder)[name].tolist() for name in ("Invoice", "StockCode", "Customer ID", "InvoiceDate", "Quantity", "Price")
    )
    for number, code, client, moment, quantity, price in zip(*columns, strict=True):
        if number.startswith("C") or pd.isna(client) or quantity <= 0 or price <= 0:
            continue
        at = moment.replace(tzinfo=ZoneInfo("Europe/London"))
        own = kept.setdefault(str(int(float(client))), {})
        begun, amount = own.get(number, (at, 0.0))
        own[number] = (min(begun, at), amount + (0.0 if code in NO_GOODS else quantity * price))
    return kept


def worked_out(orders: list[tuple[datetime, float]]) -> dict[str, Any]:
    """What the signals of a client are that placed these orders, all of them before AS_OF."""
    as_of = AS_OF.to_pydatetime()
    orders = sorted((at.astimezone(ZoneInfo("UTC")), amount) for at, amount in orders)
    amounts, gaps = [amount for _, amount in orders], [(after - before) / DAY for (before, _), (after, _) in pairwise(orders)]

    def last(days: int, skip: int = 0) -> list[float]:
        return [amount for at, amount in orders if as_of - (days + skip) * DAY <= at < as_of - skip * DAY]

    silence, usual = (as_of - orders[-1][0]) / DAY, mean(gaps) if gaps else np.nan
    return {
        "days_since_order": silence,
        "client_age_days": (as_of - orders[0][0]) / DAY,
        "n_orders": len(orders),
        "n_order_days": len({ceil((as_of - at) / DAY) for at, _ in orders}),
        **{f"n_orders_{days}d": len(last(days)) for days in (30, 90, 180, 365)},
        **{f"revenue_{days}d": sum(last(days)) for days in (90, 365)},
        "n_active_months": sum(bool(last(30, skip=30 * span)) for span in range(12)),
        "revenue_total": sum(amounts),
        "mean_order": mean(amounts),
        "median_order": median(amounts),
        "largest_order": max(amounts),
        "last_order_ratio": amounts[-1] / mean(amounts),
        "mean_gap_days": usual,
        "median_gap_days": median(gaps) if gaps else np.nan,
        "gap_spread_days": stdev(gaps) if len(gaps) > 1 else np.nan,
        "gap_ratio": silence / usual,
        "longest_gap_ratio": silence / max(gaps, default=np.nan),
        "orders_trend_90d": compared(len(last(90)), len(last(90, skip=90))),
        "revenue_trend_90d": compared(sum(last(90)), sum(last(90, skip=90))),
        "orders_trend_365d": np.nan,  # the first invoice is of December 2009
        "margin_365d": np.nan,
        "n_returns_365d": 0,
    }


def compared(now: float, then: float) -> float:
    return (now - then) / (now + then) if now + then else np.nan


def chosen(folder: Path, rule: str) -> tuple[str, list[tuple[datetime, float]]]:
    """The active client with the most orders before AS_OF, with the median number of them, or the first with a single one."""
    as_of = AS_OF.to_pydatetime()
    before = {client: [order for order in own.values() if order[0] < as_of] for client, own in invoices(folder).items()}
    active = {client: own for client, own in before.items() if own and max(own)[0] >= as_of - 365 * DAY}
    ranked = sorted(active, key=lambda client: (len(active[client]), client))
    client = {"most": ranked[-1], "median": ranked[len(ranked) // 2], "single": ranked[0]}[rule]
    return client, active[client]


@pytest.mark.parametrize(("rule", "least"), [("most", 100), ("median", 2), ("single", 1)])
def test_the_signals_of_a_client_are_what_its_invoices_say(real_data: Path, rule: str, least: int) -> None:
    folder = real_data / "online_retail"
    client, orders = chosen(folder, rule)
    snapshot = Snapshot(read(folder).dataset(), AS_OF)
    found = client_signals(snapshot, cohort(snapshot, ORDERS)).T[client]
    expected = worked_out(orders)
    assert len(orders) >= least
    np.testing.assert_allclose([float(found[name]) for name in expected], list(expected.values()), rtol=1e-9, err_msg=rule)


def test_the_cohort_is_who_ordered_in_the_last_year(real_data: Path) -> None:
    folder, as_of = real_data / "online_retail", AS_OF.to_pydatetime()
    snapshot = Snapshot(read(folder).dataset(), AS_OF)
    times = {client: [at for at, _ in own.values()] for client, own in invoices(folder).items()}
    active = [client for client, own in times.items() if any(as_of - 365 * DAY <= at < as_of for at in own)]
    assert snapshot.dataset.client_ids[cohort(snapshot, ORDERS)].tolist() == sorted(active)


def test_what_the_declared_rules_did_is_counted(real_data: Path) -> None:
    """Line by line in the order of the rules: a line counts for the first that drops it."""
    folder = real_data / "online_retail"
    raw = lines(folder)
    report = read(folder).report.tables["orders"]
    cancelled, nobody = raw["Invoice"].str.startswith("C"), raw["Customer ID"].isna()
    nothing, free = raw["Quantity"] <= 0, raw["Price"] <= 0
    assert report.dropped == {
        "stands in the second file too": report.read - len(raw),
        "cancellation": cancelled.sum(),
        "no client": (~cancelled & nobody).sum(),
        "nothing sold": (~cancelled & ~nobody & nothing).sum(),
        "no price": (~cancelled & ~nobody & ~nothing & free).sum(),
    }
    goods = raw[~cancelled & ~nobody & ~nothing & ~free]
    assert report.nulled == {
        "not goods: counts as part of the invoice, not of its amount": goods["StockCode"].isin(NO_GOODS).sum()
    }
    assert (report.kept, report.kept + report.aggregated) == (goods["Invoice"].nunique(), len(goods))


def test_both_years_are_there_and_no_row_is_a_return(real_data: Path) -> None:
    dataset = read(real_data / "online_retail").dataset()
    orders = dataset.tables["orders"]
    assert set(orders["ordered_at"].dt.year) == {2009, 2010, 2011}
    assert (orders["amount"] >= 0).all()
    assert len(dataset.client_logs.returns.client) == 0
