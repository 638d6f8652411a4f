"""What one deal borrows from the others, and how values of a deal are looked up: plain loops, one deal at a time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import isnan, nan
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracles import DAY, Records, Row, days, in_days, known, midnight

PRIOR_DEALS = 20
ENOUGH_WON = 5
SEGMENTS = ("product", "source", "type")


@dataclass(frozen=True)
class Company:
    """What one deal borrows from the others: the deals on record, and how each stood at as_of."""

    records: Records
    as_of: datetime

    @cached_property
    def this_morning(self) -> "Company":
        """As all stood when the organisation's day began: what is borrowed of others is borrowed from then."""
        zone = self.records.organisation.timezone
        return Company(self.records, midnight(self.as_of.astimezone(ZoneInfo(zone)).date(), zone))

    @cached_property
    def deals(self) -> dict[str, Row]:
        return {deal["deal_id"]: deal for deal in self.records.rows("deals") if known("deals", deal, self.as_of)}

    @cached_property
    def states(self) -> dict[str, str]:
        return {name: self.records.state(deal, self.as_of) for name, deal in self.deals.items()}

    @cached_property
    def closed_at(self) -> dict[str, datetime]:
        """When each closed deal came to its state."""
        return {name: self._closed(self.deals[name]) for name, state in self.states.items() if state != "open"}

    def _closed(self, deal: Row) -> datetime:
        return max(moment for moment, _ in self.records.events(deal, self.as_of))

    @cached_property
    def segments(self) -> dict[str, dict[str, Any]]:
        """For each field the value of each deal."""
        held = {field: {name: self._held(deal, field) for name, deal in self.deals.items()} for field in ("owner_id", *SEGMENTS)}
        for field in ("industry", "region"):
            held[field] = {
                name: of_account(self.records, deal.get("account_id"), field, self.as_of) for name, deal in self.deals.items()
            }
        return held

    @cached_property
    def amounts(self) -> dict[str, float]:
        return {name: amount_of(self.records, deal, self.as_of) for name, deal in self.deals.items()}

    def _held(self, deal: Row, field: str) -> Any:
        return latest(self.records, deal, field, self.as_of)

    def lately(self, state: str) -> list[str]:
        """Deals that closed so within a year."""
        closed = [name for name in self.closed_at if self.states[name] == state]
        return [name for name in closed if in_days(self.closed_at[name], self.as_of, 365)]

    def of(self, field: str, value: Any, names: Iterable[str]) -> list[str]:
        return [name for name in names if self.segments[field][name] == value]

    def win_rate(self, field: str, value: Any) -> float:
        """Won of closed, pulled towards the company's share by twenty deals of it."""
        won, lost = self.lately("won"), self.lately("lost")
        if value is None or not won + lost:
            return nan
        overall = len(won) / len(won + lost)
        return (len(self.of(field, value, won)) + PRIOR_DEALS * overall) / (len(self.of(field, value, won + lost)) + PRIOR_DEALS)

    @cached_property
    def exposure(self) -> dict[str, float]:
        """For each owner the days of the last year in which deals were open with them."""
        found: dict[str, float] = {}
        for name, deal in self.deals.items():
            for owner, start, end in self.stays(deal, "owner_id", self.closed_at.get(name, self.as_of)):
                spent = days(end - max(start, self.as_of - 365 * DAY))
                if owner is not None:
                    found[owner] = found.get(owner, 0) + max(spent, 0)
        return found

    def stays(self, deal: Row, field: str, end: datetime) -> list[tuple[Any, datetime, datetime]]:
        """Each value of a field with when it came and when it went."""
        past = self.records.values(deal, field, self.as_of)
        ends = [*(moment for moment, _ in past[1:]), end][: len(past)]
        return [(value, start, gone) for (start, value), gone in zip(past, ends, strict=True)]

    def hazard(self, owner: str | None, state: str) -> float:
        """Closes of one kind per open deal-day, pulled towards the company's by the time in which it closes twenty deals."""
        owned = {kind: [n for n in self.lately(kind) if self.segments["owner_id"][n] is not None] for kind in ("won", "lost")}
        total, closed = sum(self.exposure.values()), len(owned["won"] + owned["lost"])
        if owner is None or not closed or not total:
            return nan
        prior = PRIOR_DEALS * total / closed
        own = len(self.of("owner_id", owner, owned[state]))
        return (own + len(owned[state]) / total * prior) / (self.exposure.get(owner, 0) + prior)

    def won_amounts(self, names: Iterable[str]) -> list[float]:
        return [self.amounts[name] for name in names if self.states[name] == "won" and not isnan(self.amounts[name])]

    def usual_amount(self, field: str, value: Any) -> float:
        """Median won amount; that of the company where there are few."""
        own = self.won_amounts(self.of(field, value, self.deals))
        return nan if value is None else median(own) if len(own) >= ENOUGH_WON else self.company_amount

    @cached_property
    def company_amount(self) -> float:
        won = self.won_amounts(self.deals)
        return median(won) if won else nan

    @cached_property
    def won_cycle(self) -> float:
        cycles = [days(self.closed_at[n] - deal["created_at"]) for n, deal in self.deals.items() if self.states[n] == "won"]
        return median(cycles) if cycles else nan

    @cached_property
    def stage_days(self) -> dict[str, float]:
        found: dict[str, list[float]] = {}
        for name, deal in self.deals.items():
            for stage, start, end in self.stays(deal, "stage", self.closed_at[name]) if self.states[name] == "won" else ():
                found.setdefault(stage, []).append(max(days(end - start), 0))
        return {stage: median(spent) for stage, spent in found.items()}

    def open_of(self, owner: str) -> list[str]:
        return [name for name in self.of("owner_id", owner, self.deals) if self.states[name] == "open"]


def of_account(records: Records, account_id: str | None, name: str, as_of: datetime) -> Any:
    """What is known of an account; a column without a history is known from the export on, unless it never changes."""
    return of_row(records, "accounts", "account_id", account_id, name, as_of)


def of_row(records: Records, table: str, key: str, value: str | None, name: str, as_of: datetime) -> Any:
    if f"{table}.{name}" not in records.static and not records.extracted_at < as_of:
        return None
    rows = [row for row in records.rows(table) if row[key] == value and known(table, row, as_of)]
    return rows[0].get(name) if rows else None


def latest(records: Records, deal: Row, name: str, as_of: datetime) -> Any:
    past = records.values(deal, name, as_of)
    return past[-1][1] if past else None


def since(records: Records, deal: Row, name: str, as_of: datetime) -> float:
    past = records.values(deal, name, as_of)
    return days(as_of - past[-1][0]) if past else nan


def over(value: float, usual: float) -> float:
    return value / usual if usual > 0 else nan


def ago(as_of: datetime, moments: list[datetime]) -> float:
    """Days since the latest of some moments."""
    return days(as_of - max(moments)) if moments else nan


def amount_of(records: Records, deal: Row, as_of: datetime) -> float:
    amount = latest(records, deal, "amount", as_of)
    return nan if amount is None else float(amount * _rate(records, deal.get("currency"), as_of))


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


def total(amounts: list[float]) -> float:
    """The sum of what is known of some amounts; unknown where there are some and none of them is known."""
    there = [amount for amount in amounts if not isnan(amount)]
    return sum(there) if there or not amounts else nan
