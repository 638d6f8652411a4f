"""Client signals by plain loops: the meaning of each line of the catalog, one client at a time."""

from datetime import datetime
from itertools import pairwise
from math import isnan, nan
from statistics import mean
from typing import Any

from tests.oracles import DAY, Records, Row, days, in_days, known, midnight
from tests.oracles.client_orders import buying, months, returns, rhythm, sold_to, spending
from tests.oracles.client_rows import of, over, since, trend

PRESSING = ("high", "urgent", "critical", "highest", "blocker", "p0", "p1")
CONTACTS = ("call", "email", "meeting", "demo", "proposal")
ATTRIBUTES = ("industry", "region", "country", "employees", "annual_revenue")
ANSWERED_WITHIN = 14


def cohorts(records: Records, as_of: datetime) -> dict[str, list[str]]:
    """The active clients by regime: those under contract, and of the others those that ordered lately."""
    everybody = named(records)
    under_contract = {client for client in everybody if _current(records, client, as_of)}
    window = records.organisation.active_window_days
    last = {client: [row["ordered_at"] for row in sold_to(records, client, as_of)][-1:] for client in everybody}
    ordered = {client for client, times in last.items() if times and in_days(times[0], as_of, window)}
    return {"contracts": sorted(under_contract), "orders": sorted(ordered - under_contract)}


def named(records: Records) -> set[str]:
    """Every client that any table names."""
    return {row["account_id"] for rows in records.tables.values() for row in rows if row.get("account_id")}


def client_signals(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    """Every signal of one client that the source has tables for; it has a table of orders here."""
    groups = {
        "orders": (buying, months, rhythm, spending, returns),
        "contracts": (_contracts, _contract_after_contract),
        "tickets": (_tickets,),
        "surveys": (_surveys,),
        "activities": (_attention, _directions),
        "deals": (_deals,),
        "accounts": (_profile,),
    }
    signals: dict[str, Any] = {}
    for group in (group for table, each in groups.items() if table in records.tables for group in each):
        signals |= group(records, client, as_of)
    return signals


def _start(records: Records, contract: Row) -> datetime:
    return midnight(contract["starts_on"], records.organisation.timezone)


def _end(records: Records, contract: Row) -> datetime | None:
    """When the first day begins that a contract no longer covers; None: it has no end."""
    end = contract.get("ends_on")
    return midnight(end, records.organisation.timezone) if end else None


def _cancelled(contract: Row, as_of: datetime) -> bool:
    return bool(contract.get("cancelled_at") and contract["cancelled_at"] < as_of)


def _begun(records: Records, client: str, as_of: datetime) -> list[Row]:
    """In the order in which they began."""
    begun = [row for row in of(records, "contracts", client, as_of) if _start(records, row) <= as_of]
    return sorted(begun, key=lambda row: (row["starts_on"], row["known_at"], row["ends_on"] or row["starts_on"]))


def _current(records: Records, client: str, as_of: datetime) -> list[Row]:
    """The contracts in force; where there is none, those that ended so lately that a successor may still come."""
    begun = [row for row in _begun(records, client, as_of) if not _cancelled(row, as_of)]
    in_force = [row for row in begun if (end := _end(records, row)) is None or end > as_of]
    grace = records.organisation.contract_grace_days * DAY
    return in_force or [row for row in begun if (end := _end(records, row)) is not None and end + grace >= as_of]


def _contracts(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    signed, current = of(records, "contracts", client, as_of), _current(records, client, as_of)
    ends = [_end(records, row) for row in current]
    ahead = [row for row in signed if _start(records, row) > as_of and not _cancelled(row, as_of)]
    return {
        "contract_age_days": since(min((_start(records, row) for row in signed), default=None), as_of),
        "contract_days_left": nan if None in ends or not ends else max(days(end - as_of) for end in ends if end),
        "monthly_amount": sum(row["monthly_amount"] for row in current),
        "n_contracts": len(signed),
        "n_running_contracts": len(current),
        "n_contracts_ahead": len(ahead),
        "n_contracts_cancelled": len([row for row in signed if _cancelled(row, as_of)]),
    }


def _contract_after_contract(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    begun = _begun(records, client, as_of)
    grace = records.organisation.contract_grace_days * DAY
    ends = [(_end(records, before), _start(records, after)) for before, after in pairwise(begun)]
    signals = {
        "days_since_contract_start": since(_start(records, begun[-1]) if begun else None, as_of),
        "contract_term_days": nan,
        "n_renewals": len([start for end, start in ends if end and end - grace <= start <= end + grace]),
        "monthly_ratio": over(begun[-1]["monthly_amount"], begun[-2]["monthly_amount"]) if len(begun) > 1 else nan,
    }
    if begun and (end := _end(records, begun[-1])):
        signals["contract_term_days"] = days(end - _start(records, begun[-1]))
    return signals


def _tickets(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    tickets = of(records, "tickets", client, as_of)
    opened = [row["opened_at"] for row in tickets]
    still_open = [row["opened_at"] for row in tickets if row["closed_at"] is None or row["closed_at"] >= as_of]
    taken = [days(row["closed_at"] - row["opened_at"]) for row in tickets if row["closed_at"] and row["closed_at"] < as_of]
    pressing = [row["opened_at"] for row in tickets if row["priority"] in PRESSING]
    counted = {f"n_tickets_{window}d": records.recent("tickets", opened, as_of, window) for window in (30, 90, 365)}
    return counted | {
        "tickets_trend_90d": trend(records, "tickets", opened, as_of, 90),
        "days_since_ticket": since(max(opened, default=None), as_of),
        "n_open_tickets": len(still_open),
        "oldest_ticket_days": since(min(still_open, default=None), as_of),
        "mean_days_to_close": mean(taken) if taken else nan,
        "n_high_tickets_90d": records.recent("tickets", pressing, as_of, 90),
    }


def _surveys(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    answers = sorted(of(records, "surveys", client, as_of), key=lambda row: (row["answered_at"], row["response_id"]))
    signals = {"survey_score": _share(answers[-1]) if answers else nan}
    for kind in ("nps", "csat", "ces"):
        own = [row for row in answers if row["kind"] == kind]
        signals |= {
            f"{kind}_score": _share(own[-1]) if own else nan,
            f"{kind}_change": _share(own[-1]) - _share(own[-2]) if len(own) > 1 else nan,
            f"days_since_{kind}": since(own[-1]["answered_at"] if own else None, as_of),
            f"n_{kind}": len(own),
        }
    return signals


def _share(answer: Row) -> float:
    """Where a score lies on its scale."""
    return float((answer["score"] - answer["scale_min"]) / (answer["scale_max"] - answer["scale_min"]))


def _contacts(records: Records, client: str, as_of: datetime) -> list[Row]:
    deals = [deal for deal in records.rows("deals") if known("deals", deal, as_of)]
    accounts = {deal["deal_id"]: deal.get("account_id") for deal in deals}
    return [
        row
        for row in records.rows("activities")
        if row["kind"] in CONTACTS
        and known("activities", row, as_of)
        and (row.get("account_id") or accounts.get(row.get("deal_id"))) == client
    ]


def _attention(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    contacts = _contacts(records, client, as_of)
    logged = [row["logged_at"] for row in contacts]
    recent = [row for row in contacts if in_days(row["logged_at"], as_of, 90)]
    whole = records.covers("activities", as_of, 90)
    return {
        "n_contacts_30d": records.recent("activities", logged, as_of, 30),
        "n_contacts_90d": records.recent("activities", logged, as_of, 90),
        "contacts_trend_90d": trend(records, "activities", logged, as_of, 90),
        "days_since_contact": since(max(logged, default=None), as_of),
        "n_own_people_90d": _different(recent, "user_id") if whole else nan,
        "n_client_people_90d": _different(recent, "contact_id") if whole else nan,
    }


def _different(rows: list[Row], name: str) -> float:
    """How many different ones; unknown where there are rows and none of them tells."""
    named = {row[name] for row in rows if row[name]}
    return len(named) if named or not rows else nan


def _directions(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    contacts = _contacts(records, client, as_of)
    came = [row["logged_at"] for row in contacts if row["direction"] == "in"]
    went = [row["logged_at"] for row in contacts if row["direction"] == "out"]
    recent = [time for time in went if in_days(time, as_of, 90)]
    answered = [any(time < reply <= time + ANSWERED_WITHIN * DAY for reply in came) for time in recent]
    whole = records.covers("activities", as_of, 90)
    signals = {
        "days_since_contact_in": since(max(came, default=None), as_of),
        "days_since_contact_out": since(max(went, default=None), as_of),
        "answered_share_90d": mean(answered) if answered and whole else nan,
    }
    for window in (30, 90):
        told = [row["direction"] for row in contacts if in_days(row["logged_at"], as_of, window)]
        unknown = told and not any(told)
        signals[f"n_contacts_in_{window}d"] = nan if unknown else records.recent("activities", came, as_of, window)
        signals[f"n_contacts_out_{window}d"] = nan if unknown else records.recent("activities", went, as_of, window)
    return signals


def _deals(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    ended: dict[str, list[datetime]] = {"won": [], "lost": []}
    amounts = []
    for deal in of(records, "deals", client, as_of):
        state = records.state(deal, as_of)
        if state == "open":
            amounts.append(_amount(records, deal, as_of))
        else:
            ended[state].append(max(moment for moment, _ in records.events(deal, as_of)))
    told = [amount for amount in amounts if not isnan(amount)]
    return {
        "n_open_deals": len(amounts),
        "n_won_deals_365d": records.recent("deals", ended["won"], as_of, 365),
        "n_lost_deals_365d": records.recent("deals", ended["lost"], as_of, 365),
        "days_since_won_deal": since(max(ended["won"], default=None), as_of),
        "open_deal_amount": sum(told) if told or not amounts else nan,
    }


def _amount(records: Records, deal: Row, as_of: datetime) -> float:
    """What a deal is worth in the organisation's currency, by the newest rate whose day had begun."""
    past = records.values(deal, "amount", as_of)
    if not past or past[-1][1] is None:
        return nan
    if deal["currency"] in (None, records.organisation.currency):
        return float(past[-1][1])
    zone = records.organisation.timezone
    begun = [row for row in records.rows("rates") if known("rates", row, as_of) and midnight(row["date"], zone) < as_of]
    begun = [row for row in begun if row["currency"] == deal["currency"]]
    return float(past[-1][1] * max(begun, key=lambda row: row["date"])["rate"]) if begun else nan


def _profile(records: Records, client: str, as_of: datetime) -> dict[str, Any]:
    rows = of(records, "accounts", client, as_of)
    told = rows[0] if rows else {}
    seen = {name for name in ATTRIBUTES if f"accounts.{name}" in records.static or records.extracted_at < as_of}
    signals = {f"account_{name}": told.get(name) if name in seen else None for name in ATTRIBUTES}
    return signals | {"account_age_days": since(told.get("created_at"), as_of)}
