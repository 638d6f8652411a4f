"""Visits of stages and journeys through the funnel, deal by deal and lead by lead."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.oracles import DAY, Records, Row, known, on_record


@dataclass(frozen=True)
class Visit:
    """One stay of a deal in an open stage; None: not on record, or not yet."""

    deal: str
    stage: str
    began: datetime | None
    ended: datetime
    left: bool
    first: bool
    outcome: int
    waited: float | None


def visits(records: Records, as_of: datetime) -> list[Visit]:
    deals = [deal for deal in records.rows("deals") if known("deals", deal, as_of)]
    return [visit for deal in deals for visit in _visits_of(records, deal, as_of)]


def close(records: Records, deal: Row, as_of: datetime) -> tuple[str, datetime]:
    """The state of a deal and since when; as_of while it is open."""
    state = records.state(deal, as_of)
    return state, as_of if state == "open" else max(records.events(deal, as_of))[0]


def _visits_of(records: Records, deal: Row, as_of: datetime) -> list[Visit]:
    past: list[tuple[datetime, str]] = []
    for moment, stage in records.values(deal, "stage", as_of):
        if not past or past[-1][1] != stage:
            past.append((moment, stage))
    opening = records.opening(deal, "stage")
    recorded = on_record("deals", deal)
    late = bool(opening.since and recorded and opening.since > recorded and opening.since < as_of)
    state, closed = close(records, deal, as_of)
    found, seen = [], set[str]()
    for number, (moment, stage) in enumerate(past):
        if records.kinds.get(stage, "open") != "open":
            continue
        began = None if late and number == 0 else moment
        later = [m for m, other in past[number + 1 :] if _place(records, other) > _place(records, stage)]
        further = later[0] if later else closed if state == "won" else None
        outcome = 1 if further else 2 if state == "lost" else 0
        ended = past[number + 1][0] if number + 1 < len(past) else closed
        left = number + 1 < len(past) or state != "open"
        waited = None if began is None else max(((further or closed) - began) / DAY, 0.0)
        found.append(Visit(deal["deal_id"], stage, began, ended, left, stage not in seen, outcome, waited))
        seen.add(stage)
    return found


def _place(records: Records, stage: str) -> float:
    """Of one pipeline, with a position for each stage; a closed stage is no place."""
    positions = {row["stage"]: row["position"] for row in records.rows("stages") if row["kind"] == "open"}
    return float(positions.get(stage, -1.0))


@dataclass(frozen=True)
class Journey:
    """A lead with its deal, or a deal alone: when it reached each of the five steps or a later one; None: not yet."""

    began: datetime
    is_lead: bool
    reached: list[datetime | None]
    skipped: list[bool]
    lost: datetime | None
    reason: str | None
    deal: str | None
    owner: Any


def journeys(records: Records, as_of: datetime) -> list[Journey]:
    deals = {deal["deal_id"]: deal for deal in records.rows("deals") if known("deals", deal, as_of)}
    found, taken = [], set[str]()
    for lead in sorted(records.rows("leads"), key=lambda row: (row["created_at"], row["lead_id"])):
        if not known("leads", lead, as_of):
            continue
        converted = _if_known(lead.get("converted_at"), as_of)
        deal = deals.get(lead.get("deal_id") or "") if converted else None
        if deal and deal["deal_id"] in taken:
            continue
        taken |= {deal["deal_id"]} if deal else set()
        start = deal["created_at"] if deal else converted
        found.append(
            _journey(records, lead, deal, [lead["created_at"], _if_known(lead.get("qualified_at"), as_of), start], as_of)
        )
    alone = [deal for name, deal in deals.items() if name not in taken]
    return found + [_journey(records, None, deal, [None, None, deal["created_at"]], as_of) for deal in alone]


def _journey(records: Records, lead: Row | None, deal: Row | None, early: list[datetime | None], as_of: datetime) -> Journey:
    raw: list[datetime | None] = [*early, None, None]
    state, closed = "open", as_of
    if deal:
        state, closed = close(records, deal, as_of)
        offers = {row["stage"] for row in records.rows("stages") if row["is_offer"] and row["kind"] == "open"}
        offered = [moment for moment, stage in records.values(deal, "stage", as_of) if stage in offers]
        raw[3], raw[4] = offered[0] if offered else None, closed if state == "won" else None
    began: datetime = lead["created_at"] if lead else deal["created_at"] if deal else as_of
    entry = 0 if lead else 2
    reached = [min((m for m in raw[step:] if m), default=None) if step >= entry else None for step in range(5)]
    in_order = [max(moment, began) if moment else None for moment in reached]
    skipped = [step >= entry and raw[step] is None and reached[step] is not None for step in range(5)]
    owners = records.values(deal, "owner_id", as_of) if deal else []
    owner = [each for each in owners if each[0] <= closed][-1:] or owners[:1]
    return Journey(
        began,
        lead is not None,
        in_order,
        skipped,
        closed if state == "lost" else None,
        deal.get("lost_reason") if deal and state == "lost" else None,
        deal["deal_id"] if deal else None,
        (owner[0][1] if owner else None) or (lead.get("owner_id") if lead else None),
    )


def _if_known(moment: datetime | None, as_of: datetime) -> datetime | None:
    return moment if moment and moment < as_of else None
