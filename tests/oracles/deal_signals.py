"""Deal signals by plain loops: the meaning of each line of the catalog, one deal at a time."""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import nan
from typing import Any

from tests.oracles import Records, Row, days, known, midnight

COUNTED = ("stage", "owner_id", "amount", "expected_close_on")
PRIOR_DEALS = 20


@dataclass(frozen=True)
class Company:
    """What one deal borrows from the others: each deal on record with its state and its owner, as known."""

    states: dict[str, str]
    owners: dict[str, Any]

    def win_rate(self, owner: str | None) -> float:
        """Won of closed, pulled towards the company's share by twenty deals of it."""
        closed = [state for state in self.states.values() if state != "open"]
        if not closed:
            return nan
        overall = closed.count("won") / len(closed)
        own = [state for deal, state in self.states.items() if owner and self.owners[deal] == owner and state != "open"]
        return (own.count("won") + PRIOR_DEALS * overall) / (len(own) + PRIOR_DEALS)

    def n_open(self, owner: str | None) -> int:
        return sum(1 for deal, state in self.states.items() if owner and self.owners[deal] == owner and state == "open")


def company(records: Records, as_of: datetime) -> Company:
    on_record = [deal for deal in records.rows("deals") if known("deals", deal, as_of)]
    return Company(
        {deal["deal_id"]: records.state(deal, as_of) for deal in on_record},
        {deal["deal_id"]: _now(records, deal, "owner_id", as_of) for deal in on_record},
    )


def open_deals(records: Records, others: Company) -> list[Row]:
    return [deal for deal in records.rows("deals") if others.states.get(deal["deal_id"]) == "open"]


def deal_signals(records: Records, deal: Row, as_of: datetime, others: Company) -> dict[str, Any]:
    """Every signal of one open deal that the source has tables for."""
    signals = {
        **_pace(records, deal, as_of),
        **_time(records, deal, as_of),
        **_size(records, deal, as_of),
        **_owner(records, deal, as_of, others),
        **_client(records, deal, others),
        **{name: _now(records, deal, name, as_of) for name in ("pipeline", "product", "source", "type")},
    }
    if "activities" in records.tables:
        signals |= _contact(records, deal, as_of)
    if "accounts" in records.tables:
        signals |= {name: of_account(records, deal.get("account_id"), name, as_of) for name in ("industry", "region")}
    return signals


def of_account(records: Records, account_id: str | None, name: str, as_of: datetime) -> Any:
    """What is known of an account; a column without a history is known from the export on, unless it never changes."""
    if f"accounts.{name}" not in records.static and not records.extracted_at < as_of:
        return None
    rows = [row for row in records.rows("accounts") if row["account_id"] == account_id and known("accounts", row, as_of)]
    return rows[0].get(name) if rows else None


def _now(records: Records, deal: Row, name: str, as_of: datetime) -> Any:
    past = records.values(deal, name, as_of)
    return past[-1][1] if past else None


def _since(records: Records, deal: Row, name: str, as_of: datetime) -> float:
    past = records.values(deal, name, as_of)
    return days(as_of - past[-1][0]) if past else nan


def _pace(records: Records, deal: Row, as_of: datetime) -> dict[str, Any]:
    changes = records.known_changes(deal, "stage", as_of)
    stages = [stage for _, stage in records.values(deal, "stage", as_of)]
    first_change = len(stages) - len(changes)
    revisits = [stage for place, stage in enumerate(stages) if place >= first_change and stage in stages[:place]]
    moves = [row["changed_at"] for name in COUNTED for row in records.known_changes(deal, name, as_of)]
    return {
        "stage": _now(records, deal, "stage", as_of),
        "days_in_stage": _since(records, deal, "stage", as_of),
        "n_stage_changes": len(changes),
        "n_stage_revisits": len(revisits),
        "n_changes_30d": records.recent("deal_changes", moves, as_of, 30),
        "days_since_change": days(as_of - max(moves, default=deal["created_at"])),
    }


def _time(records: Records, deal: Row, as_of: datetime) -> dict[str, Any]:
    signals = {"age_days": days(as_of - deal["created_at"]), "days_to_expected_close": nan, "n_pushes": nan, "pushed_days": nan}
    dates = [day for _, day in records.values(deal, "expected_close_on", as_of)]
    if not dates or dates[-1] is None:
        return signals
    zone = records.organisation.timezone
    expected = midnight(dates[-1], zone)
    pushes = [after for before, after in pairwise(dates) if before and after and after > before]
    signals |= {"days_to_expected_close": days(expected - as_of), "n_pushes": len(pushes)}
    if (opening := records.opening(deal, "expected_close_on")).value:
        signals["pushed_days"] = days(expected - midnight(opening.value, zone))
    return signals


def _size(records: Records, deal: Row, as_of: datetime) -> dict[str, Any]:
    amount = _now(records, deal, "amount", as_of)
    if amount is None:
        return {"amount": nan, "amount_ratio": nan}
    first = records.opening(deal, "amount").value
    return {"amount": amount * _rate(records, deal.get("currency"), as_of), "amount_ratio": amount / first if first else nan}


def _rate(records: Records, currency: str | None, as_of: datetime) -> float:
    """The newest rate whose day had begun; 1 for the organisation's own currency."""
    if currency in (None, records.organisation.currency):
        return 1.0
    begun = [
        row
        for row in records.rows("rates")
        if row["currency"] == currency
        and known("rates", row, as_of)
        and midnight(row["date"], records.organisation.timezone) < as_of
    ]
    return float(max(begun, key=lambda row: row["date"])["rate"]) if begun else nan


def _contact(records: Records, deal: Row, as_of: datetime) -> dict[str, Any]:
    own = [row for row in records.rows("activities") if row.get("deal_id") == deal["deal_id"] and known("activities", row, as_of)]
    inbound = [row for row in own if row.get("direction") == "in"]
    logged, answered = [row["logged_at"] for row in own], [row["logged_at"] for row in inbound]
    undone = [row for row in own if row.get("done_at") is None or row["done_at"] >= as_of]
    return {
        "n_activities": len(own),
        "n_activities_7d": records.recent("activities", logged, as_of, 7),
        "n_activities_30d": records.recent("activities", logged, as_of, 30),
        "n_meetings": len([row for row in own if row["kind"] in ("meeting", "demo")]),
        "n_inbound_30d": records.recent("activities", answered, as_of, 30),
        "n_undone": len(undone),
        "n_people": len({row["user_id"] for row in own if row.get("user_id")}),
        "days_since_activity": days(as_of - max(logged)) if logged else nan,
        "days_since_inbound": days(as_of - max(answered)) if answered else nan,
    }


def _owner(records: Records, deal: Row, as_of: datetime, others: Company) -> dict[str, Any]:
    owner = _now(records, deal, "owner_id", as_of)
    return {
        "owner_win_rate": others.win_rate(owner),
        "owner_n_open": others.n_open(owner),
        "n_owner_changes": len(records.known_changes(deal, "owner_id", as_of)) if owner else nan,
        "days_with_owner": _since(records, deal, "owner_id", as_of),
    }


def _client(records: Records, deal: Row, others: Company) -> dict[str, Any]:
    account = deal.get("account_id")
    if account is None:
        return dict.fromkeys(("client_n_won", "client_n_lost", "client_n_open"), nan)
    beside = [row["deal_id"] for row in records.rows("deals") if row["account_id"] == account and row is not deal]
    states = [others.states.get(each) for each in beside]
    return {f"client_n_{state}": states.count(state) for state in ("won", "lost", "open")}
