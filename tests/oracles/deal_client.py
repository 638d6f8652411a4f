"""The client signals of a deal by plain loops."""

from datetime import datetime
from math import nan
from typing import Any

from tests.oracles import Records, Row, days, in_days, known, midnight
from tests.oracles.deal_company import Company, ago, total


def client(records: Records, deal: Row, as_of: datetime, others: Company) -> dict[str, Any]:
    account = deal.get("account_id")
    names = ("client_n_won", "client_n_lost", "client_n_open")
    if account is None:
        more = ("client_days_since_won", "client_days_since_lost", "client_won_amount_365d")
        return dict.fromkeys((*names, *more), nan)
    beside = [row["deal_id"] for row in records.rows("deals") if row["account_id"] == account and row is not deal]
    states = [others.states.get(each) for each in beside]
    signals: dict[str, Any] = {f"client_n_{state}": states.count(state) for state in ("won", "lost", "open")}
    for state in ("won", "lost"):
        closes = [others.closed_at[each] for each in beside if others.states.get(each) == state]
        signals[f"client_days_since_{state}"] = ago(as_of, closes)
    won = total([others.amounts[each] for each in beside if each in others.lately("won")])
    return signals | {"client_won_amount_365d": won if records.covers("deals", as_of, 365) else nan}


def _of(records: Records, table: str, account: str | None, as_of: datetime) -> list[Row]:
    return [row for row in records.rows(table) if account and row.get("account_id") == account and known(table, row, as_of)]


def _orders(records: Records, account: str | None, as_of: datetime) -> dict[str, Any]:
    rows = [row for row in _of(records, "orders", account, as_of) if not row["amount"] < 0]
    times = [row["ordered_at"] for row in rows]
    year = [row["amount"] for row in rows if in_days(row["ordered_at"], as_of, 365)]
    return {
        "client_n_orders": len(rows),
        "client_n_orders_365d": records.recent("orders", times, as_of, 365),
        "client_order_amount_365d": total(year) if records.covers("orders", as_of, 365) else nan,
        "client_days_since_order": ago(as_of, times),
    }


def _contracts(records: Records, account: str | None, as_of: datetime) -> dict[str, Any]:
    zone, rows = records.organisation.timezone, _of(records, "contracts", account, as_of)
    in_force = [row for row in rows if _in_force(row, as_of, zone)]
    ends = [midnight(row["ends_on"], zone) for row in in_force if row.get("ends_on")]
    starts = [midnight(row["starts_on"], zone) for row in rows]
    return {
        "client_n_contracts": len(in_force),
        "client_monthly_amount": total([row["monthly_amount"] for row in in_force]),
        "client_contract_days": days(as_of - min(starts)) if starts else nan,
        "client_contract_days_left": days(min(ends) - as_of) if ends else nan,
    }


def _in_force(row: Row, as_of: datetime, zone: str) -> bool:
    ended = row.get("ends_on") is not None and midnight(row["ends_on"], zone) <= as_of
    cancelled = row.get("cancelled_at") is not None and row["cancelled_at"] < as_of
    return midnight(row["starts_on"], zone) <= as_of and not ended and not cancelled


def _tickets(records: Records, account: str | None, as_of: datetime) -> dict[str, Any]:
    rows = _of(records, "tickets", account, as_of)
    return {
        "client_n_open_tickets": len([row for row in rows if row.get("closed_at") is None or row["closed_at"] >= as_of]),
        "client_n_tickets_90d": records.recent("tickets", [row["opened_at"] for row in rows], as_of, 90),
    }


def _surveys(records: Records, account: str | None, as_of: datetime) -> dict[str, Any]:
    rows = _of(records, "surveys", account, as_of)
    if not rows:
        return dict.fromkeys(("client_survey_score", "client_days_since_survey"), nan)
    last = max(rows, key=lambda row: (row["answered_at"], row["response_id"]))
    return {
        "client_survey_score": (last["score"] - last["scale_min"]) / (last["scale_max"] - last["scale_min"]),
        "client_days_since_survey": days(as_of - last["answered_at"]),
    }


def _attention(records: Records, account: str | None, as_of: datetime) -> dict[str, Any]:
    homes = {deal["deal_id"]: deal.get("account_id") for deal in records.rows("deals") if known("deals", deal, as_of)}
    rows = [row for row in records.rows("activities") if known("activities", row, as_of)]
    own = [row for row in rows if (row.get("account_id") or homes.get(row.get("deal_id"))) == account]
    moments = [row["logged_at"] for row in own if account]
    return {
        "client_n_activities_90d": records.recent("activities", moments, as_of, 90),
        "client_days_since_activity": ago(as_of, moments),
    }


OF_ACCOUNTS = {
    "orders": _orders,
    "contracts": _contracts,
    "tickets": _tickets,
    "surveys": _surveys,
    "activities": _attention,
}
