"""A goal: one KPI of a company, team or person, a target, a period, an owner, a horizon. From the `plans` table or a TOML file:

    [[goal]]
    kpi = "bookings"
    scope = "team"
    scope_id = "DACH 1"
    target = 500000
    period = "2026Q4"
    owner = "U-0004"

    [[goal]]
    kpi = "market_share"
    target = 0.2
    start = 2026-01-01
    end = 2030-01-01

`scope` is the company where it is not said. A period is written as windows are, or as `start` and `end`, of which the last day is
no longer in it. The horizon follows from the length of the period: short up to a year, middle up to three, long up to five; a
file may state it, and is told where the two differ. What makes a goal a bad one (no deadline, no target) is read, and then said
by `features.goals.checks`; what cannot be read as a goal at all is refused.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features import clock
from features.calendar import FiscalCalendar
from features.errors import DataError, SourceError
from features.flat import texts
from features.kpis import windows
from features.kpis.catalog import KPIS
from features.kpis.value import Text
from features.snapshot import Snapshot

TEAM: Final = "team"
USER: Final = "user"
SHORT: Final = "short"
MIDDLE: Final = "middle"
LONG: Final = "long"
DAYS_A_YEAR: Final = 365.25
HORIZONS: Final[Mapping[str, tuple[float, Text]]] = MappingProxyType(
    {
        SHORT: (1.0, Text("short term, up to a year", "краткосрочная, до года")),
        MIDDLE: (3.0, Text("middle term, one to three years", "среднесрочная, от года до трёх лет")),
        LONG: (5.0, Text("long term, three to five years", "долгосрочная, от трёх до пяти лет")),
    }
)
"""The longest period of each horizon, in years."""
_SLACK_YEARS: Final = 3 / DAYS_A_YEAR
"""Leap years and changes of the clock do not make a year longer than a year."""


@dataclass(frozen=True)
class Goal:
    """One goal.

    scope, scope_id  company (no id), team or user
    target     in the KPI's unit, shares as 0 to 1; None where none is given, or no rate converts it
    start, end   of the period `[start, end)`; None where the file does not say
    owner      user id of whoever answers for it
    stated     the horizon that the file states, None where it states none
    currency   of a target in money that is not the organisation's, else None; `in_own_money` converts it
    source     "plans" or "file"
    """

    kpi: str
    scope: str
    scope_id: str | None
    target: float | None
    start: pd.Timestamp | None
    end: pd.Timestamp | None
    owner: str | None = None
    stated: str | None = None
    currency: str | None = None
    source: str = "plans"

    @property
    def years(self) -> float | None:
        """Length of the period in years, None without a deadline."""
        if self.start is None or self.end is None:
            return None
        return float(clock.days_between(clock.micros(self.start), clock.micros(self.end))) / DAYS_A_YEAR

    @property
    def horizon(self) -> str | None:
        """short, middle or long by the length of the period; None without one, and for one of more than five years."""
        years = self.years
        if years is None:
            return None
        return next((name for name, (longest, _) in HORIZONS.items() if years <= longest + _SLACK_YEARS), None)

    @property
    def place(self) -> tuple[str, str]:
        """Whose goal it is, to compare goals by."""
        return self.scope, self.scope_id or ""


def goals_of_plans(snapshot: Snapshot) -> tuple[Goal, ...]:
    """The plans on record as goals; a person answers for the own plan. Nothing where there are none."""
    if not snapshot.has("plans"):
        return ()
    plans = snapshot.frame("plans").sort_values(["scope", "scope_id", "kpi", "period_start"], kind="stable", ignore_index=True)
    zone = snapshot.dataset.organisation.timezone
    starts, ends = (clock.to_series(clock.dates_to_micros(plans[name], zone)) for name in ("period_start", "period_end"))
    missing = pd.Series(None, index=plans.index, dtype="str")
    ids, currencies = (texts(plans.get(name, missing)) for name in ("scope_id", "currency"))
    columns = (plans["kpi"], plans["scope"], ids, plans["target"], starts, ends, currencies)
    goals = tuple(
        Goal(str(kpi), str(scope), scope_id, float(target), start, end, scope_id if scope == USER else None, currency=currency)
        for kpi, scope, scope_id, target, start, end, currency in zip(*columns, strict=True)
    )
    return in_own_money(snapshot, goals)


def in_own_money(snapshot: Snapshot, goals: Sequence[Goal]) -> tuple[Goal, ...]:
    """The goals with targets in the organisation's currency, by the rates of as_of.

    A target without a rate becomes None and keeps its currency; a currency of what is not money is dropped.
    """
    is_money = [goal.kpi in KPIS and KPIS[goal.kpi].unit.startswith("money") for goal in goals]
    foreign = [
        money and goal.currency not in (None, snapshot.dataset.organisation.currency)
        for goal, money in zip(goals, is_money, strict=True)
    ]
    amounts = np.array([np.nan if goal.target is None else goal.target for goal in goals], dtype=np.float64)
    named = pd.Series([goal.currency if money else None for goal, money in zip(goals, is_money, strict=True)], dtype="str")
    converted = snapshot.converted(amounts, named)
    return tuple(
        replace(
            goal,
            target=None if np.isnan(amount) else float(amount),
            currency=goal.currency if other and np.isnan(amount) else None,
        )
        for goal, amount, other in zip(goals, converted, foreign, strict=True)
    )


class _Entry(BaseModel):
    """One [[goal]] of a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kpi: str
    scope: Literal["company", "team", "user"] = "company"
    scope_id: str | None = None
    target: float | None = None
    period: str | None = None
    start: date | None = None
    end: date | None = None
    owner: str | None = None
    horizon: Literal["short", "middle", "long"] | None = None
    currency: str | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    goal: list[_Entry] = Field(default_factory=list)


def read_goals(path: Path, calendar: FiscalCalendar) -> tuple[Goal, ...]:
    """The goals of a TOML file, periods by the organisation's calendar, targets as written (see `in_own_money`).

    Raises SourceError where it cannot be read, DataError where it is no list of goals, UsageError for a period that is none.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"the file of goals {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError("goals", f"{path} is not TOML: {error}", "write one [[goal]] for each goal") from None
    try:
        entries = _File.model_validate(raw).goal
    except ValidationError as error:
        rows = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()]
        raise DataError("goals", f"{path} cannot be read as goals", "see features.goals.goal for the keys", rows=rows) from None
    return tuple(_goal(entry, calendar) for entry in entries)


def _goal(entry: _Entry, calendar: FiscalCalendar) -> Goal:
    start, end = _period(entry, calendar)
    return Goal(
        entry.kpi,
        entry.scope,
        entry.scope_id,
        entry.target,
        start,
        end,
        owner=entry.owner or (entry.scope_id if entry.scope == USER else None),
        stated=entry.horizon,
        currency=entry.currency,
        source="file",
    )


def _period(entry: _Entry, calendar: FiscalCalendar) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    if entry.period:
        window = windows.parse(entry.period, calendar)
        return window.start, window.end
    start, end = _midnight(entry.start, calendar), _midnight(entry.end, calendar)
    if start is not None and end is not None:
        windows.span(start, end)
    return start, end


def _midnight(day: date | None, calendar: FiscalCalendar) -> pd.Timestamp | None:
    """The moment at which a day begins for the organisation."""
    if day is None:
        return None
    named = pd.Series([datetime(day.year, day.month, day.day)]).astype("datetime64[us]")
    return clock.instant(int(clock.dates_to_micros(named, calendar.timezone)[0]))
