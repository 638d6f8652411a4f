"""Client signals by plain loops: the meaning of each line of the catalog, one client at a time."""

from datetime import datetime
from math import nan
from typing import Any

from tests.oracles import DAY, Records, Row, days, in_days, known, midnight
from tests.oracles.deal_signals import of_account


def cohorts(records: Records, as_of: datetime) -> dict[str, list[str]]:
    """The active clients by regime: those under contract, and of the others those that ordered lately."""
    named: set[str] = {row["account_id"] for rows in records.tables.values() for row in rows if row.get("account_id")}
    under_contract = {client for client in named if _current(records, client, as_of)}
    window = records.organisation.active_window_days
    last = {client: [row["ordered_at"] for row in _orders(records, client, as_of)][-1:] for client in named}
    ordered = {client for client, times in last.items() if times and in_days(times[0], as_of, window)}
    return {"contracts": sorted(under_contract), "orders": sorted(ordered - under_contract)}


def client_signals(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    """Every signal of one client that the source has tables for; it has a table of orders here."""
    signals = _buying(records, client, as_of)
    if "contracts" in records.tables:
        signals |= _contracts(records, client, as_of)
    if "tickets" in records.tables:
        signals |= _tickets(records, client, as_of)
    if "surveys" in records.tables:
        signals |= {"survey_score": _survey(records, client, as_of)}
    if "activities" in records.tables:
        signals |= _attention(records, client, as_of)
    if "accounts" in records.tables:
        signals |= {f"account_{name}": of_account(records, client, name, as_of) for name in ("industry", "region")}
    return signals


def _of(records: Records, table: str, client: str, as_of: datetime) -> list[Row]:
    return [row for row in records.rows(table) if row.get("account_id") == client and known(table, row, as_of)]


def _orders(records: Records, client: str, as_of: datetime) -> list[Row]:
    return sorted(_of(records, "orders", client, as_of), key=lambda row: row["ordered_at"])


def _buying(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    orders = _orders(records, client, as_of)
    times, n = [row["ordered_at"] for row in orders], len(orders)
    last, first = (days(as_of - times[-1]), days(as_of - times[0])) if orders else (nan, nan)
    gap = (first - last) / (n - 1) if n > 1 else nan
    recent = {window: [row for row in orders if in_days(row["ordered_at"], as_of, window)] for window in (90, 365)}
    signals: dict[str, Any] = {
        "days_since_order": last,
        "client_age_days": first,
        "n_orders": n,
        "order_band": _band(n),
        "mean_order": sum(row["amount"] for row in orders) / n if n else nan,
        "mean_gap_days": gap,
        "gap_ratio": last / gap if gap > 0 else nan,
    }
    for window, rows in recent.items():
        whole = records.covers("orders", as_of, window)
        signals[f"n_orders_{window}d"] = len(rows) if whole else nan
        signals[f"revenue_{window}d"] = sum(row["amount"] for row in rows) if whole else nan
    return signals


def _band(n: int) -> str | None:
    if n == 0:
        return None
    if n == 1:
        return "1"
    if n <= 3:
        return "2-3"
    return "4-9" if n <= 9 else "10+"


def _end(records: Records, contract: Row) -> datetime | None:
    """When the first day begins that a contract no longer covers; None: it has no end."""
    end = contract.get("ends_on")
    return midnight(end, records.organisation.timezone) if end else None


def _current(records: Records, client: str, as_of: datetime) -> list[Row]:
    """The contracts in force; where there is none, those that ended so lately that a successor may still come."""
    begun = [
        row
        for row in _of(records, "contracts", client, as_of)
        if midnight(row["starts_on"], records.organisation.timezone) <= as_of
        and not (row.get("cancelled_at") and row["cancelled_at"] < as_of)
    ]
    in_force = [row for row in begun if (end := _end(records, row)) is None or end > as_of]
    grace = records.organisation.contract_grace_days * DAY
    return in_force or [row for row in begun if (end := _end(records, row)) is not None and end + grace >= as_of]


def _contracts(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    signed, current = _of(records, "contracts", client, as_of), _current(records, client, as_of)
    ends = [_end(records, row) for row in current]
    starts = [midnight(row["starts_on"], records.organisation.timezone) for row in signed]
    return {
        "contract_age_days": days(as_of - min(starts)) if starts else nan,
        "contract_days_left": nan if None in ends or not ends else max(days(end - as_of) for end in ends if end),
        "monthly_amount": sum(row["monthly_amount"] for row in current),
        "n_contracts": len(signed),
    }


def _tickets(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    tickets = _of(records, "tickets", client, as_of)
    return {
        "n_tickets_90d": records.recent("tickets", [row["opened_at"] for row in tickets], as_of, 90),
        "n_open_tickets": len([row for row in tickets if row.get("closed_at") is None or row["closed_at"] >= as_of]),
    }


def _survey(records: Records, client: str, as_of: datetime) -> float:
    answers = sorted(_of(records, "surveys", client, as_of), key=lambda row: (row["answered_at"], row["response_id"]))
    if not answers:
        return nan
    last = answers[-1]
    return float((last["score"] - last["scale_min"]) / (last["scale_max"] - last["scale_min"]))


def _attention(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    accounts = {deal["deal_id"]: deal.get("account_id") for deal in records.rows("deals")}
    logged = [
        row["logged_at"]
        for row in records.rows("activities")
        if known("activities", row, as_of) and (row.get("account_id") or accounts.get(row.get("deal_id"))) == client
    ]
    return {
        "n_contacts_90d": records.recent("activities", logged, as_of, 90),
        "days_since_contact": days(as_of - max(logged)) if logged else nan,
    }
