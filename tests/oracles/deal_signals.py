"""Deal signals by plain loops: the meaning of each line of the catalog, one deal at a time."""

from datetime import date, datetime
from itertools import pairwise
from math import nan
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracles import Records, Row, days, known, midnight
from tests.oracles.deal_client import OF_ACCOUNTS, client
from tests.oracles.deal_company import SEGMENTS, Company, ago, amount_of, latest, of_account, of_row, over, since, total
from tests.oracles.deal_contact import contact

COUNTED = ("stage", "owner_id", "amount", "expected_close_on")


def company(records: Records, as_of: datetime) -> Company:
    return Company(records, as_of)


def open_deals(records: Records, others: Company) -> list[Row]:
    return [deal for deal in records.rows("deals") if others.states.get(deal["deal_id"]) == "open"]


def deal_signals(records: Records, deal: Row, as_of: datetime, others: Company) -> dict[str, Any]:
    """Every signal of one open deal that the source has tables for."""
    lent = others.this_morning
    signals = {
        **_pace(records, deal, as_of, lent),
        **_steps(records, deal, as_of),
        **_time(records, deal, as_of, lent),
        **_size(records, deal, as_of, lent),
        **_owner(records, deal, as_of, lent, others),
        **client(records, deal, as_of, others),
        **_context(records, deal, as_of, lent),
    }
    account = deal.get("account_id")
    for table, group in OF_ACCOUNTS.items():
        if table in records.tables:
            found = group(records, account, as_of)
            signals |= found if account is not None else dict.fromkeys(found, nan)
    if "activities" in records.tables:
        signals |= contact(records, deal, as_of)
    if "accounts" in records.tables:
        signals |= _account(records, account, as_of, lent)
    if "users" in records.tables:
        signals |= _person(records, latest(records, deal, "owner_id", as_of), as_of)
    if "leads" in records.tables:
        signals |= _lead(records, deal, as_of)
    return signals


def _pace(records: Records, deal: Row, as_of: datetime, others: Company) -> dict[str, Any]:
    changes = records.known_changes(deal, "stage", as_of)
    stages = [stage for _, stage in records.values(deal, "stage", as_of)]
    first_change = len(stages) - len(changes)
    revisits = [stage for place, stage in enumerate(stages) if place >= first_change and stage in stages[:place]]
    moves = [row["changed_at"] for name in COUNTED for row in records.known_changes(deal, name, as_of)]
    held = since(records, deal, "stage", as_of)
    return {
        "stage": latest(records, deal, "stage", as_of),
        "days_in_stage": held,
        "stage_days_ratio": over(held, others.stage_days.get(latest(records, deal, "stage", as_of), nan)),
        "n_stage_changes": len(changes),
        "n_stage_revisits": len(revisits),
        "n_changes_30d": records.recent("deal_changes", moves, as_of, 30),
        "days_since_change": days(as_of - max(moves, default=deal["created_at"])),
    }


def ladder(records: Records, pipeline: str | None) -> list[str]:
    """The open stages of a pipeline in their order; of the only one, or of stages without one, where it has none of its own."""
    rows = [row for row in records.rows("stages") if row["kind"] == "open" and row.get("position") is not None]
    named = {row.get("pipeline") for row in rows}
    wanted = pipeline if pipeline in named else None if None in named or len(named) != 1 else next(iter(named))
    return [row["stage"] for row in sorted(rows, key=lambda row: float(row["position"])) if row.get("pipeline") == wanted]


def _steps(records: Records, deal: Row, as_of: datetime) -> dict[str, Any]:
    stages = ladder(records, latest(records, deal, "pipeline", as_of))
    past = records.values(deal, "stage", as_of)
    walk = [(moment, stages.index(stage) + 1) for moment, stage in past if stage in stages]
    names = ("stage_position", "n_stages_ahead", "furthest_position", "days_since_furthest")
    moved = ("n_stage_skips", "n_stage_backs", "days_since_forward")
    if not walk:
        return dict.fromkeys((*names, *moved), nan)
    now = stages.index(past[-1][1]) + 1 if past[-1][1] in stages else nan
    furthest = max(place for _, place in walk)
    pairs = list(pairwise(walk))
    return {
        "stage_position": now,
        "n_stages_ahead": len(stages) - now,
        "furthest_position": furthest,
        "days_since_furthest": days(as_of - next(moment for moment, place in walk if place == furthest)),
        "n_stage_skips": sum(max(after - before - 1, 0) for (_, before), (_, after) in pairs),
        "n_stage_backs": sum(after < before for (_, before), (_, after) in pairs),
        "days_since_forward": ago(as_of, [moment for (_, before), (moment, after) in pairs if after > before]),
    }


def _time(records: Records, deal: Row, as_of: datetime, others: Company) -> dict[str, Any]:
    names = ("days_to_expected_close", "overdue_days", "days_past_quarter", "n_pushes", "n_pulls", "pushed_days")
    age = days(as_of - deal["created_at"])
    past = records.values(deal, "expected_close_on", as_of)
    dates = [day for _, day in past]
    signals = {"age_days": age, "age_ratio": over(age, others.won_cycle), **dict.fromkeys(names, nan)}
    pushes = [moment for (_, before), (moment, after) in pairwise(past) if before and after and after > before]
    pulls = [after for before, after in pairwise(dates) if before and after and after < before]
    signals["days_since_push"] = ago(as_of, pushes)
    signals["expected_close_missing"] = float(dates[-1] is None) if dates else nan
    if not dates or dates[-1] is None:
        return signals
    zone = records.organisation.timezone
    expected = midnight(dates[-1], zone)
    left = days(expected - as_of)
    signals |= {"days_to_expected_close": left, "overdue_days": max(-left, 0), "n_pushes": len(pushes), "n_pulls": len(pulls)}
    signals["days_past_quarter"] = days(expected - _quarter_end(records, as_of))
    if (opening := records.opening(deal, "expected_close_on")).value:
        signals["pushed_days"] = days(expected - midnight(opening.value, zone))
    return signals


def _quarter_end(records: Records, as_of: datetime) -> datetime:
    zone, start = records.organisation.timezone, records.organisation.fiscal_year_start_month
    local = as_of.astimezone(ZoneInfo(zone))
    ahead = next(n for n in (1, 2, 3) if (local.month + n - start) % 3 == 0)
    month = local.month - 1 + ahead
    return midnight(date(local.year + month // 12, month % 12 + 1, 1), zone)


def _size(records: Records, deal: Row, as_of: datetime, others: Company) -> dict[str, Any]:
    past = records.values(deal, "amount", as_of)
    amount = amount_of(records, deal, as_of)
    first, now = records.opening(deal, "amount").value, past[-1][1] if past else None
    changes = [row["changed_at"] for row in records.known_changes(deal, "amount", as_of)]
    owner, product = (latest(records, deal, name, as_of) for name in ("owner_id", "product"))
    return {
        "amount": amount,
        "amount_ratio": over(now, first or nan) if now is not None else nan,
        "amount_to_owner_ratio": over(amount, others.usual_amount("owner_id", owner)),
        "amount_to_product_ratio": over(amount, others.usual_amount("product", product)),
        "amount_to_company_ratio": over(amount, others.company_amount),
        "amount_missing": float(now is None) if past else nan,
        "n_amount_changes": len(changes) if past else nan,
        "days_since_amount_change": ago(as_of, changes),
    }


def _owner(records: Records, deal: Row, as_of: datetime, lent: Company, others: Company) -> dict[str, Any]:
    owner = latest(records, deal, "owner_id", as_of)
    stays = others.stays(deal, "owner_id", as_of)
    told = owner is not None and any(held is not None for held in lent.segments["owner_id"].values())
    load = lent.open_of(owner) if owner else []
    return {
        "owner_win_rate": lent.win_rate("owner_id", owner),
        "owner_win_hazard": lent.hazard(owner, "won"),
        "owner_loss_hazard": lent.hazard(owner, "lost"),
        "owner_n_open": len(load) if told else nan,
        "owner_open_amount": total([lent.amounts[name] for name in load]) if told else nan,
        "n_owner_changes": len(records.known_changes(deal, "owner_id", as_of)) if owner else nan,
        "days_with_owner": since(records, deal, "owner_id", as_of),
        "days_without_owner": sum(max(days(end - start), 0) for who, start, end in stays if who is None) if stays else nan,
    }


def _person(records: Records, owner: str | None, as_of: datetime) -> dict[str, Any]:
    rows = [row for row in records.rows("users") if row["user_id"] == owner and known("users", row, as_of)]
    hired = rows[0].get("hired_at") if rows else None
    left = rows[0].get("left_at") if rows else None
    return {
        "owner_tenure_days": days(as_of - hired) if hired else nan,
        "days_since_owner_left": days(as_of - left) if left and left < as_of else nan,
        "owner_team": of_row(records, "users", "user_id", owner, "team", as_of),
    }


def _context(records: Records, deal: Row, as_of: datetime, others: Company) -> dict[str, Any]:
    names = ("pipeline", "product", "source", "type", "forecast_category")
    now = {name: latest(records, deal, name, as_of) for name in (*names, "crm_probability")}
    probability, first = now["crm_probability"], records.opening(deal, "crm_probability").value
    return {
        **now,
        "currency": deal.get("currency"),
        "crm_probability": nan if probability is None else probability,
        "crm_probability_ratio": nan if probability is None else over(probability, first or nan),
        **{f"{name}_win_rate": others.win_rate(name, now[name]) for name in SEGMENTS},
    }


def _account(records: Records, account: str | None, as_of: datetime, others: Company) -> dict[str, Any]:
    columns = ("industry", "region", "country", "employees", "annual_revenue")
    found = {name: of_account(records, account, name, as_of) for name in columns}
    rows = [row for row in records.rows("accounts") if row["account_id"] == account and known("accounts", row, as_of)]
    created = rows[0].get("created_at") if rows else None
    rates = {f"{name}_win_rate": others.win_rate(name, found[name]) for name in ("industry", "region")}
    return {**found, **rates, "client_known_days": days(as_of - created) if created else nan}


def _lead(records: Records, deal: Row, as_of: datetime) -> dict[str, Any]:
    rows = [
        row
        for row in records.rows("leads")
        if row.get("deal_id") == deal["deal_id"]
        and known("leads", row, as_of)
        and row["converted_at"]
        and row["converted_at"] < as_of
    ]
    if not rows:
        return {"lead_source": None, "lead_response_days": nan, "lead_conversion_days": nan}
    last = max(rows, key=lambda row: (row["converted_at"], row["lead_id"]))
    answered = last.get("first_response_at")
    return {
        "lead_source": last["source"],
        "lead_response_days": days(answered - last["created_at"]) if answered and answered < as_of else nan,
        "lead_conversion_days": days(last["converted_at"] - last["created_at"]),
    }
