"""Client signals: Snapshot -> one row for each active client.

A client with a contract in force belongs to the regime `contracts`; one without, whose last order is younger than the
organisation's active window, to the regime `orders`. Where a source has neither table, won deals are the orders.
"""

from typing import Final

import numpy as np
import pandas as pd

from features import catalog, clock
from features.clock import Floats, Mask
from features.deals import Columns
from features.history import Rows, count_rows, first_row, last_row
from features.snapshot import Snapshot

CONTRACTS: Final = "contracts"
ORDERS: Final = "orders"
BANDS: Final = ((1, "1"), (3, "2-3"), (9, "4-9"))


def cohort(snapshot: Snapshot, regime: str) -> Rows:
    """The active clients of one regime, as rows of `Dataset.client_ids`, ascending."""
    under_contract = _under_contract(snapshot)
    if regime == CONTRACTS:
        return np.flatnonzero(under_contract)
    log, organisation = snapshot.dataset.order_log, snapshot.dataset.organisation
    start = clock.after_days(snapshot.at, -organisation.active_window_days)
    recent = clock.known(log.known, snapshot.at) & clock.within(log.time, start, snapshot.at)
    return np.flatnonzero((count_rows(log.client, recent, _n(snapshot)) > 0) & ~under_contract)


def client_signals(snapshot: Snapshot, rows: Rows) -> pd.DataFrame:
    """The matrix of client signals for the given clients, indexed by account_id; columns as in the catalog, float64 or text."""
    columns = _orders(snapshot, rows)
    for table, group in (("contracts", _contracts), ("tickets", _tickets), ("surveys", _surveys), ("accounts", _account)):
        if snapshot.has(table):
            columns |= group(snapshot, rows)
    if snapshot.has("activities"):
        columns |= _attention(snapshot, rows)
    # Won deals are the orders of a source that has neither orders nor contracts.
    there = {*snapshot.dataset.tables} | (set() if snapshot.has("contracts") else {"orders"})
    names = [signal.name for signal in catalog.live(catalog.CLIENT_SIGNALS, there)]
    return pd.DataFrame({name: columns[name] for name in names}, index=snapshot.dataset.client_ids[rows].rename("account_id"))


def _n(snapshot: Snapshot) -> int:
    return len(snapshot.dataset.client_ids)


def _under_contract(snapshot: Snapshot) -> Mask:
    if not snapshot.has("contracts"):
        return np.zeros(_n(snapshot), dtype=bool)
    log = snapshot.dataset.contract_log
    return np.asarray(count_rows(log.client, _running(snapshot), _n(snapshot)) > 0)


def _running(snapshot: Snapshot) -> Mask:
    grace = round(snapshot.dataset.organisation.contract_grace_days * clock.MICROS_PER_DAY)
    return snapshot.dataset.contract_log.running(snapshot.at, grace)


def _orders(snapshot: Snapshot, rows: Rows) -> Columns:
    log, n = snapshot.dataset.order_log, _n(snapshot)
    known = clock.known(log.known, snapshot.at)
    counted = count_rows(log.client, known, n)[rows]
    first = clock.days_between(clock.time_at(log.time, first_row(log.client, known, n))[rows], snapshot.at)
    last = clock.days_between(clock.time_at(log.time, last_row(log.client, known, n))[rows], snapshot.at)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.where(counted > 1, (first - last) / (counted - 1), np.nan)
        mean = np.where(counted > 0, _summed(log.client, log.amount, known, n)[rows] / counted, np.nan)
        ratio = np.where(gap > 0, last / gap, np.nan)
    table = "orders" if snapshot.has("orders") else "deals"
    recent = {days: known & clock.within(log.time, clock.after_days(snapshot.at, -days), snapshot.at) for days in (90, 365)}
    whole = {days: snapshot.whole_window(table, days) for days in recent}
    return {
        "days_since_order": last,
        "client_age_days": first,
        "n_orders": counted,
        "order_band": _bands(counted),
        **{f"n_orders_{days}d": count_rows(log.client, mask, n)[rows] * whole[days] for days, mask in recent.items()},
        **{f"revenue_{days}d": _summed(log.client, log.amount, mask, n)[rows] * whole[days] for days, mask in recent.items()},
        "mean_order": mean,
        "mean_gap_days": gap,
        "gap_ratio": ratio,
    }


def _bands(counted: Floats) -> "np.ndarray[tuple[int], np.dtype[np.object_]]":
    """How often the client ordered, in four bands; None where it never did."""
    labels = np.array([None, *(label for _, label in BANDS), "10+"], dtype=object)
    return labels[np.searchsorted([0, *(top for top, _ in BANDS)], counted, side="left")]


def _contracts(snapshot: Snapshot, rows: Rows) -> Columns:
    """Amount and end are those of the contracts in force; of those in their grace period where a client has no other."""
    log, n = snapshot.dataset.contract_log, _n(snapshot)
    known, running = clock.known(log.known, snapshot.at), _running(snapshot)
    in_force = running & log.running(snapshot.at, grace=-1)
    served = np.asarray(count_rows(log.client, in_force, n) > 0)
    counted = running & (in_force | ~served[log.client])
    first, last = clock.repeated(clock.NEVER, n), clock.repeated(clock.UNKNOWN, n)
    np.minimum.at(first, log.client[known], log.starts[known])
    np.maximum.at(last, log.client[counted], clock.or_never(log.ends[counted]))
    return {
        "contract_age_days": clock.days_between(clock.never_as_unknown(first)[rows], snapshot.at),
        "contract_days_left": clock.days_between(snapshot.at, clock.never_as_unknown(last)[rows]),
        "monthly_amount": _summed(log.client, log.monthly, counted, n)[rows],
        "n_contracts": count_rows(log.client, known, n)[rows],
    }


def _tickets(snapshot: Snapshot, rows: Rows) -> Columns:
    tickets, n = snapshot.dataset.tables["tickets"], _n(snapshot)
    client = snapshot.dataset.clients_of("tickets")
    known = snapshot.known_rows("tickets")
    opened = clock.to_micros(tickets["opened_at"])
    closed = clock.to_micros(tickets["closed_at"]) if "closed_at" in tickets else np.full(len(tickets), clock.UNKNOWN)
    recent = known & clock.within(opened, clock.after_days(snapshot.at, -90), snapshot.at)
    still = known & ~clock.known(closed, snapshot.at)
    return {
        "n_tickets_90d": count_rows(client, recent, n)[rows] * snapshot.whole_window("tickets", 90),
        "n_open_tickets": count_rows(client, still, n)[rows],
    }


def _surveys(snapshot: Snapshot, rows: Rows) -> Columns:
    """The last answer on its own scale, 0 the worst and 1 the best."""
    known = snapshot.frame("surveys")
    known = known[known["account_id"].notna()] if "account_id" in known else known.iloc[:0].assign(account_id="")
    known = known.sort_values(["answered_at", "response_id"], kind="stable")
    share = (known["score"] - known["scale_min"]) / (known["scale_max"] - known["scale_min"])
    latest = share.groupby(known["account_id"]).last() if len(known) else share
    ids = snapshot.dataset.client_ids[rows]
    return {"survey_score": latest.reindex(ids).to_numpy(dtype=np.float64) if len(known) else np.full(len(rows), np.nan)}


def _attention(snapshot: Snapshot, rows: Rows) -> Columns:
    activities, n = snapshot.dataset.tables["activities"], _n(snapshot)
    client = snapshot.dataset.clients_of_activities
    known = snapshot.known_rows("activities") & (client >= 0)
    logged = clock.to_micros(activities["logged_at"])
    recent = known & clock.within(logged, clock.after_days(snapshot.at, -90), snapshot.at)
    latest = np.full(n, clock.UNKNOWN, dtype=np.int64)
    np.maximum.at(latest, client[known], logged[known])
    return {
        "n_contacts_90d": count_rows(client, recent, n)[rows] * snapshot.whole_window("activities", 90),
        "days_since_contact": clock.days_between(latest[rows], snapshot.at),
    }


def _account(snapshot: Snapshot, rows: Rows) -> Columns:
    accounts = snapshot.frame("accounts").set_index("account_id")
    ids = snapshot.dataset.client_ids[rows]
    absent = np.full(len(rows), None, dtype=object)
    return {
        f"account_{name}": accounts[name].reindex(ids).to_numpy(dtype=object) if name in accounts else absent
        for name in ("industry", "region")
    }


def _summed(group: Rows, values: Floats, keep: Mask, n: int) -> Floats:
    return np.bincount(group[keep], weights=values[keep], minlength=n).astype(np.float64)
