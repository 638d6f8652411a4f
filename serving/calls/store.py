"""What people expect, kept beside what the model expects: a **call** on a deal, or on the bookings of a node of the forecast.

    measure     of                             value
    p_won       a deal, in a period            P(won inside the period), 0 to 1
    amount      a deal                         what it will be won for, in the organisation's currency
    close_on    a deal                         the day on which it will be won
    commit      a node of the forecast         bookings of the period that are promised
    best_case   a node of the forecast         bookings of the period if things go well

A call is never mixed into the model's answer. Each keeps its author, its moment, and what the model said at that very moment: so
the two are judged side by side later on, knowing the same (`serving.calls.record`). Nothing is overwritten: a later call stands
in for an earlier one of the same subject and measure, and a call without a value takes it back.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, TypeAlias

import pandas as pd
import sqlalchemy as sa

from features import clock
from serving.database import CALLS, Database

Scope: TypeAlias = Literal["deal", "owner", "manager", "team", "company"]
Measure: TypeAlias = Literal["p_won", "amount", "close_on", "commit", "best_case"]

OF_DEALS: Final[tuple[Measure, ...]] = ("p_won", "amount", "close_on")
OF_NODES: Final[tuple[Measure, ...]] = ("commit", "best_case")
NODES: Final[tuple[Scope, ...]] = ("company", "team", "manager", "owner")
IN_A_PERIOD: Final[tuple[Measure, ...]] = ("p_won", *OF_NODES)


@dataclass(frozen=True)
class Call:
    """One thing that one person expected at one moment.

    author         who said so
    scope_id       id of the deal or node; empty for the company
    period         label of the period for measures that have one, else None
    value          None for a day, and for a call that takes back
    day            of `close_on` alone
    model_value    what the model said at that moment; None where it said nothing; likewise `model_day`
    model_version  of the champion that said so
    """

    made_at: pd.Timestamp
    author: str
    scope: Scope
    scope_id: str
    period: str | None
    measure: Measure
    value: float | None = None
    day: date | None = None
    note: str | None = None
    model_value: float | None = None
    model_day: date | None = None
    model_version: str | None = None
    call_id: str = ""

    @property
    def subject(self) -> tuple[str, str, str | None, str]:
        """What it is about: of equal subjects the newest call stands."""
        return self.scope, self.scope_id, self.period, self.measure

    @property
    def taken_back(self) -> bool:
        return self.value is None and self.day is None


class Calls:
    """The calls in a database, those that `shows` lets through. Raises NotReadyError where it does not answer."""

    def __init__(self, database: Database, shows: Callable[["Call"], bool] = lambda _: True) -> None:
        self.database = database
        self.shows = shows

    def add(self, call: Call) -> str:
        """Keep a call; its id."""
        call_id = uuid.uuid4().hex
        with self.database.transaction() as connection:
            connection.execute(sa.insert(CALLS).values(_row(call) | {"call_id": call_id}))
        return call_id

    def history(self, scope: Scope | None = None, scope_id: str | None = None, period: str | None = None) -> list[Call]:
        """The calls on a subject, or all of them, the oldest first."""
        asked = {CALLS.c.scope: scope, CALLS.c.scope_id: scope_id, CALLS.c.period: period}
        given = [column == wanted for column, wanted in asked.items() if wanted is not None]
        query = sa.select(CALLS).where(*given).order_by(CALLS.c.made_at, CALLS.c.call_id)
        with self.database.transaction() as connection:
            found = [_call(row._asdict()) for row in connection.execute(query)]
        return [call for call in found if self.shows(call)]


def standing(history: Iterable[Call]) -> list[Call]:
    """The newest call of each subject, but for those that were taken back; `history` has the oldest first."""
    newest = {call.subject: call for call in history}
    return [call for call in newest.values() if not call.taken_back]


def _row(call: Call) -> dict[str, Any]:
    days = {name: None if day is None else day.isoformat() for name, day in (("day", call.day), ("model_day", call.model_day))}
    return {**vars(call), **days, "made_at": clock.micros(call.made_at)}


def _call(row: dict[str, Any]) -> Call:
    days = {name: None if row[name] is None else date.fromisoformat(row[name]) for name in ("day", "model_day")}
    return Call(**{**row, **days, "made_at": clock.instant(row["made_at"])})
