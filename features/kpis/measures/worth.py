"""What clients bring in and what they cost: profit, margin, lifetime value, cost of winning one."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask, Micros
from features.history import Rows
from features.kpis import windows
from features.kpis.clientele import ALL, CONTRACTS, DEALS, ORDERS, contract_revenue
from features.kpis.grid import Coded
from features.kpis.measures.clients import clients_at, monthly_churn, new_clients, of_clients, table_of
from features.kpis.periods import Spread, spread
from features.kpis.sheet import DAYS_PER_MONTH, Rule, Sheet, ratio
from features.kpis.slices import SOURCE
from features.kpis.value import Cells

SMALLEST_EXPOSURE: Final = 1.0
"""Months that a new client counts at least: its first order came a day ago, and is not a daily one."""


@dataclass(frozen=True)
class _Orders:
    """Orders and returns on record, by when they were placed. A return is a negative amount."""

    coded: Coded
    amount: Floats
    cost: Floats

    @property
    def costed(self) -> Mask:
        return ~np.isnan(self.cost)


def gross_profit(sheet: Sheet, _variant: str) -> Cells:
    """Order amounts less their costs, returns included; orders without a cost are left out."""
    if not sheet.has(ORDERS):
        return sheet.nothing("no_table")
    orders = _orders(sheet)
    total, n = orders.coded.total(orders.amount - orders.cost, orders.costed), orders.coded.count(orders.costed)
    rules = (((n == 0) & (orders.coded.count() > 0), "no_order_costs"),)
    return sheet.answer(ORDERS, total, n=n, numerator=total, rules=rules, excluded=_uncosted(orders))


def return_on_sales(sheet: Sheet, variant: str) -> Cells:
    """gross: by the cost of the orders alone. operating: less what sales and marketing cost, which is the company's alone."""
    orders = _orders(sheet)
    revenue, n = orders.coded.total(orders.amount, orders.costed), orders.coded.count(orders.costed)
    profit = revenue - orders.coded.total(orders.cost, orders.costed)
    flags: dict[str, Mask] = {}
    uncosted = (n == 0) & (orders.coded.count() > 0)
    rules: tuple[Rule, ...] = ((uncosted, "no_order_costs"), (revenue <= 0, "revenue_not_positive"))
    if variant == "operating":
        spent = _costs(sheet, lag=0)
        profit, n = profit - sheet.grid.company_only(spent.total[:, 0]), sheet.grid.company_only(n[:, 0])
        flags = spent.flags(sheet)
        rules = ((sheet.grid.by_window(spent.covered == 0), "no_costs"), *rules)
    return sheet.answer(
        ORDERS,
        ratio(profit, revenue),
        n=n,
        numerator=profit,
        denominator=revenue,
        rules=rules,
        excluded=_uncosted(orders),
        flags=flags,
    )


def ltv(sheet: Sheet, variant: str) -> Cells:
    """Monthly revenue per client x margin x lifetime, which is 1 / monthly churn and at most the horizon of the options."""
    start, end = (clients_at(sheet, variant, ends=ends).astype(np.float64) for ends in (False, True))
    places = sheet.facts.places.clients
    begin, mean = sheet.grid.at_moments(places, start), sheet.grid.at_moments(places, (start + end) / 2)
    monthly = ratio(ratio(_revenue(sheet, variant), mean), np.broadcast_to(sheet.months[:, None], sheet.shape))
    churned, margin = monthly_churn(sheet, variant), _margin(sheet, variant)
    longest = sheet.facts.options.lifetime_months
    with np.errstate(divide="ignore"):
        lifetime = np.minimum(1.0 / churned, longest)
    value = monthly * np.where(np.isnan(margin), 1.0, margin) * lifetime
    return sheet.answer(
        table_of(sheet, variant),
        value,
        n=begin,
        numerator=value / lifetime,
        denominator=1.0 / lifetime,
        rules=((begin == 0, "no_clients"),),
        beside={"monthly_revenue": monthly, "margin": margin, "monthly_churn": churned, "lifetime_months": lifetime},
        flags={"lifetime_capped": lifetime == longest, "margin_unknown": np.isnan(margin)},
    )


def cac(sheet: Sheet, variant: str) -> Cells:
    """All costs, or those of `marketing` alone, of as many months earlier as the options say.

    Of a source: the costs of its channel over the clients that came from it. Costs without a channel and clients without a source
    belong together for no reason, so they have both numbers and no quotient; over all nodes each adds up to the company's.
    """
    spent, come = _costs(sheet, lag=sheet.facts.options.cost_lag_months, only=variant), new_clients(sheet, ALL)
    n = np.where(np.isnan(spent.total), np.nan, come.n)
    nobodys = _unattributed(sheet)
    return sheet.answer(
        table_of(sheet, ALL),
        ratio(spent.total, n),
        n=n,
        numerator=spent.total,
        denominator=n,
        rules=((nobodys, "unattributed"), (spent.n == 0, "no_costs"), (n == 0, "no_new_clients")),
        beside={"covered": sheet.grid.by_window(spent.covered)},
        flags=spent.flags(sheet) | {"own_costs_alone": _of_source(sheet) & ~nobodys},
    )


def _of_source(sheet: Sheet) -> Mask:
    """The cells that are about a source, (windows, nodes)."""
    narrowed = any(each.places.slicing.dimension == SOURCE for each in sheet.facts.places.filters)
    own = np.array([narrowed or node.dimension == SOURCE for node in sheet.grid.slicing.nodes])
    return np.broadcast_to(own, sheet.shape)


def _unattributed(sheet: Sheet) -> Mask:
    """The cells that are about what has no source, (windows, nodes)."""
    nobodys = sheet.facts.places.nobodys
    none = np.array([nobodys or (node.dimension == SOURCE and node.id is None) for node in sheet.grid.slicing.nodes])
    return np.broadcast_to(none, sheet.shape)


def ltv_cac(sheet: Sheet, variant: str) -> Cells:
    worth, cost = ltv(sheet, variant), cac(sheet, "")
    return sheet.answer(
        table_of(sheet, variant),
        ratio(worth.value, cost.value),
        n=cost.n,
        numerator=worth.value,
        denominator=cost.value,
        rules=_inherited(cost, worth),
        flags=dict(cost.flags) | {name: worth.flags[name] for name in ("lifetime_capped", "margin_unknown")},
    )


def cac_payback(sheet: Sheet, variant: str) -> Cells:
    """Months until the margin of an average new client has paid what it cost to win it."""
    cost, monthly, margin = cac(sheet, ""), _monthly_of_new(sheet, variant), _margin(sheet, variant)
    earned = monthly * np.where(np.isnan(margin), 1.0, margin)
    return sheet.answer(
        table_of(sheet, variant),
        np.where(earned > 0, ratio(cost.value, earned), np.nan),
        n=cost.n,
        numerator=cost.value,
        denominator=earned,
        rules=(*_inherited(cost), (np.nan_to_num(earned) <= 0, "revenue_not_positive")),
        beside={"monthly_revenue": monthly, "margin": margin},
        flags=dict(cost.flags) | {"margin_unknown": np.isnan(margin)},
    )


def _inherited(*parts: Cells) -> tuple[tuple[Mask, str], ...]:
    """A quotient is null for the reasons for which its parts are."""
    codes = dict.fromkeys(str(code) for part in parts for code in np.unique(part.reason.astype(str)) if code)
    return tuple((part.reason == code, code) for part in parts for code in codes)


def _orders(sheet: Sheet) -> _Orders:
    if "orders" not in sheet.cache:
        snapshot = sheet.snapshot
        frame = snapshot.dataset.tables[ORDERS]
        leaf = sheet.facts.places.of_clients(snapshot.dataset.clients_of(ORDERS))
        coded = sheet.grid.coded(clock.to_micros(frame["ordered_at"]), leaf, snapshot.known_rows(ORDERS))
        cost = frame["cost"] if "cost" in frame else pd.Series(np.nan, index=frame.index, dtype="float64")
        amounts, costs = (np.asarray(each, dtype=np.float64) for each in (frame["amount"], cost))
        sheet.cache["orders"] = _Orders(coded, amounts, costs)
    orders: _Orders = sheet.cache["orders"]
    return orders


def _uncosted(orders: _Orders) -> dict[str, Floats]:
    return {"null_cost": orders.coded.count(~orders.costed)}


def _costs(sheet: Sheet, *, lag: int, only: str = "") -> Spread:
    """The costs of each window, or of the window so many months before it."""
    table = sheet.snapshot.dataset.tables["costs"]
    calendar = sheet.snapshot.dataset.organisation.calendar
    moved = sheet if not lag else sheet.elsewhere(tuple(windows.earlier(window, calendar, lag) for window in sheet.grid.windows))
    keep = np.asarray(table["category"] == only) if only == "marketing" else None
    return spread(moved, "costs", table["amount"].to_numpy(dtype=np.float64), keep)


def _margin(sheet: Sheet, variant: str) -> Floats:
    """Gross margin of the orders with a cost, NaN where none is known or clients do not pay by order."""
    if variant != ORDERS:
        return np.full(sheet.shape, np.nan)
    orders = _orders(sheet)
    revenue, cost = (orders.coded.total(values, orders.costed) for values in (orders.amount, orders.cost))
    return np.where(revenue > 0, 1.0 - ratio(cost, revenue), np.nan)


def _revenue(sheet: Sheet, variant: str) -> Floats:
    """What clients brought in in each window: by contract, by order less returns, or else won deals."""
    if variant == CONTRACTS:
        return _contract_revenue(sheet)
    client, time, amount = _sold(sheet, variant)
    return sheet.grid.coded(time, sheet.facts.places.of_clients(client), client >= 0).total(amount)


def _contract_revenue(sheet: Sheet) -> Floats:
    places, client = sheet.facts.places.clients, sheet.snapshot.dataset.contract_log.client
    paid = np.stack([contract_revenue(sheet.snapshot, start, end, DAYS_PER_MONTH) for start, end in sheet.limits])
    return sheet.grid.at_moments(None if places is None else places[client], paid)


def _monthly_of_new(sheet: Sheet, variant: str) -> Floats:
    """Monthly revenue of a client that is new in the window.

    By contract what it signed first; else what it ordered from its first order to the end of the window, by the months between.
    """
    brought, months = zip(*(_of_newcomers(sheet, variant, start, end) for start, end in sheet.limits), strict=True)
    places = sheet.facts.places.clients
    above, below = (sheet.grid.at_moments(places, np.stack(each)) for each in (brought, months))
    return ratio(above, below)


def _of_newcomers(sheet: Sheet, variant: str, start: int, end: int) -> tuple[Floats, Floats]:
    """(clients,) what each client that is new between two moments brought in, over how many months; 0 for the others."""
    spells, snapshot = of_clients(sheet, variant), sheet.snapshot
    n = len(snapshot.dataset.client_ids)
    new = spells.first & clock.within(spells.begin, start, end)
    since = clock.repeated(clock.UNKNOWN, n + 1)
    since[spells.client[new]] = spells.begin[new]
    months = np.zeros(n)
    if variant == CONTRACTS:
        months[spells.client[new]] = 1.0
        log = snapshot.dataset.contract_log
        first = clock.known(log.known, snapshot.at) & (clock.days_between(since[log.client], log.starts) == 0)
        return np.bincount(log.client[first], log.monthly[first], minlength=n).astype(np.float64), months
    gone = clock.days_between(spells.begin[new], end) / DAYS_PER_MONTH
    months[spells.client[new]] = np.maximum(gone, SMALLEST_EXPOSURE)
    client, time, amount = _sold(sheet, variant)
    theirs = (since[client] != clock.UNKNOWN) & clock.within(time, start, end) & ~np.isnan(amount)
    return np.bincount(client[theirs], amount[theirs], minlength=n).astype(np.float64), months


def _sold(sheet: Sheet, variant: str) -> tuple[Rows, Micros, Floats]:
    """Client (-1: none), time and amount of each order or return, or of each won deal."""
    snapshot = sheet.snapshot
    if variant == DEALS:
        deals = sheet.facts.deals
        return snapshot.dataset.clients_of("deals"), np.where(deals.won, deals.closed, clock.UNKNOWN), deals.amount
    frame = snapshot.dataset.tables[ORDERS]
    time = np.where(snapshot.known_rows(ORDERS), clock.to_micros(frame["ordered_at"]), clock.UNKNOWN)
    return snapshot.dataset.clients_of(ORDERS), time, frame["amount"].to_numpy(dtype=np.float64)
