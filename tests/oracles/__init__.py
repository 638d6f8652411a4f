"""Slow, obviously right versions of what the kernels compute: plain loops over rows, for tests alone.

They are written from the meaning of the catalog and from the table contracts, and share no code with the kernels. A row is a
dict; an instant is an aware `datetime`, a date a `date`, an empty cell None. Everything a deal or a client ever had is looked up
anew for each signal, and what was known at as_of is asked by one function, `known`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise, permutations
from math import nan
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import pandas as pd

from features.organisation import Organisation
from features.tables import TABLES, TRACKED, Kind

Row: TypeAlias = dict[str, Any]
Event: TypeAlias = tuple[datetime, str]

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Opening:
    """The value that a field of a deal had before its first change, and since when it is known; None: never."""

    value: Any
    since: datetime | None


@dataclass(frozen=True)
class Records:
    """The rows of a source, and what its mapping says of them."""

    tables: Mapping[str, list[Row]]
    organisation: Organisation
    extracted_at: datetime
    static: frozenset[str] = frozenset()
    tracked_since: Mapping[str, datetime] = field(default_factory=dict)

    def rows(self, table: str) -> list[Row]:
        return self.tables.get(table, [])

    @cached_property
    def changes(self) -> dict[tuple[str, str], list[Row]]:
        """The changes of each field of each deal in the order in which they happened, values read as the field's kind."""
        found: dict[tuple[str, str], list[Row]] = {}
        for row in sorted(self.rows("deal_changes"), key=lambda row: (row["changed_at"], _sortable(row))):
            if row["field"] in TRACKED:
                found.setdefault((row["deal_id"], row["field"]), []).append(_read(row))
        return {key: chained(rows) for key, rows in found.items()}

    @cached_property
    def first_changes(self) -> dict[str, datetime]:
        firsts: dict[str, datetime] = {}
        for row in self.rows("deal_changes"):
            firsts[row["field"]] = min(firsts.get(row["field"], row["changed_at"]), row["changed_at"])
        return firsts

    @cached_property
    def kinds(self) -> dict[str, str]:
        return {row["stage"]: row["kind"] for row in self.rows("stages")}

    @cached_property
    def begins(self) -> dict[str, datetime]:
        """When the first row of each table was recorded."""
        dated = {name: [on_record(name, row) for row in rows] for name, rows in self.tables.items() if TABLES[name].time}
        return {name: min(filter(None, moments)) for name, moments in dated.items() if any(moments)}

    def recent(self, table: str, moments: Iterable[datetime], as_of: datetime, window: int) -> float:
        """How many moments lie in the last so many days; unknown where the table does not begin before they do."""
        return sum(in_days(moment, as_of, window) for moment in moments) if self.covers(table, as_of, window) else nan

    def covers(self, table: str, as_of: datetime, window: int) -> bool:
        first = self.begins.get(table)
        return first is not None and first < as_of - window * DAY

    def opening(self, deal: Row, name: str) -> Opening:
        changes = self.changes.get((deal["deal_id"], name), [])
        recorded = on_record("deals", deal)
        tracked = self.tracked_since.get(name) or self.first_changes.get(name)
        value: Any = changes[0]["old_value"] if changes else deal.get(name)
        if f"deals.{name}" in self.static:
            return Opening(value, recorded)
        if tracked:
            # The exported stage of a closed deal cannot have held before the deal was closed.
            closed = not changes and name == "stage" and self.kinds.get(value) in ("won", "lost")
            since = max(filter(None, [recorded, tracked, (deal.get("closed_at") or self.extracted_at) if closed else None]))
            return Opening(value, since)
        return Opening(value, self.extracted_at if name in deal else None)

    def values(self, deal: Row, name: str, as_of: datetime) -> list[tuple[datetime, Any]]:
        """What was known at as_of of a field: since when it held which value, the opening first."""
        opening = self.opening(deal, name)
        past = [(opening.since, opening.value)] if opening.since and opening.since < as_of else []
        return past + [(row["changed_at"], row["new_value"]) for row in self.known_changes(deal, name, as_of)]

    def known_changes(self, deal: Row, name: str, as_of: datetime) -> list[Row]:
        changes = self.changes.get((deal["deal_id"], name), [])
        return [row for row in changes if known("deal_changes", row, as_of)]

    def state(self, deal: Row, as_of: datetime) -> str:
        """open, won or lost, as known."""
        events = self.events(deal, as_of)
        return max(events, key=lambda event: event[0])[1] if events else "open"

    def events(self, deal: Row, as_of: datetime) -> list[Event]:
        """Closes and re-openings, as known at as_of: those that the stages show, and a close that only the outcome tells."""
        events: list[Event] = []
        before = "open"
        for row in self.known_changes(deal, "stage", as_of):
            kind = self.kinds.get(row["new_value"], "open")
            if kind != before:
                events.append((row["changed_at"], kind))
            before = kind
        changes = self.changes.get((deal["deal_id"], "stage"), [])
        ends_open = not changes or self.kinds.get(changes[-1]["new_value"], "open") == "open"
        outcome = deal.get("outcome") or self.kinds.get(deal["stage"], "open")
        closed_at = deal.get("closed_at") or self.extracted_at
        if outcome != "open" and ends_open and closed_at < as_of:
            events.append((closed_at, outcome))
        return events


def records(
    tables: Mapping[str, pd.DataFrame],
    organisation: Organisation,
    extracted_at: pd.Timestamp,
    static: frozenset[str],
    tracked_since: Mapping[str, pd.Timestamp],
) -> Records:
    """Tables of the contract's dtypes as rows."""
    return Records(
        {name: _rows(frame) for name, frame in tables.items()},
        organisation,
        extracted_at.to_pydatetime(),
        static,
        {name: since.to_pydatetime() for name, since in tracked_since.items()},
    )


def on_record(table: str, row: Row) -> datetime | None:
    """When a row came on record; None: it always was."""
    moments = [row.get(TABLES[table].time or ""), row.get("recorded_at")]
    return max(filter(None, moments), default=None)


def known(table: str, row: Row, as_of: datetime) -> bool:
    moment = on_record(table, row)
    return moment is None or moment < as_of


def in_days(moment: datetime | None, as_of: datetime, days: int) -> bool:
    """Whether a moment lies in the last so many days."""
    return moment is not None and as_of - days * DAY <= moment < as_of


def days(gap: timedelta) -> float:
    return gap / DAY


def midnight(day: date, zone: str) -> datetime:
    """The moment at which a day begins somewhere."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))


def chained(rows: list[Row]) -> list[Row]:
    """Changes in order; those of one instant so that each starts from the value that the one before it left, if they can."""
    ordered: list[Row] = []
    for moment in dict.fromkeys(row["changed_at"] for row in rows):
        group = [row for row in rows if row["changed_at"] == moment]
        ordered += _chain(group, ordered[-1:]) if len(group) > 1 else group
    return ordered


def _chain(group: list[Row], before: list[Row]) -> list[Row]:
    for start in (before, []):
        for order in permutations(group):
            if all(one["new_value"] == other["old_value"] for one, other in pairwise([*start, *order])):
                return list(order)
    return group


def _sortable(row: Row) -> tuple[str, str]:
    return str(row["old_value"]), str(row["new_value"])


def _read(row: Row) -> Row:
    kind = TABLES["deals"].column(row["field"]).kind
    readers: dict[Kind, Any] = {Kind.MONEY: float, Kind.PROBABILITY: float, Kind.DATE: date.fromisoformat}
    read = readers.get(kind, str)
    return row | {side: None if row[side] is None else read(row[side]) for side in ("old_value", "new_value")}


def _rows(frame: pd.DataFrame) -> list[Row]:
    columns = {str(name): _cells(frame[name]) for name in frame}
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _cells(values: pd.Series) -> list[Any]:
    empty = values.isna().tolist()
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        cells = [None if gone else value.to_pydatetime() for value, gone in zip(values, empty, strict=True)]
    elif pd.api.types.is_datetime64_any_dtype(values.dtype):
        cells = [None if gone else value.date() for value, gone in zip(values, empty, strict=True)]
    else:
        cells = [None if gone else value for value, gone in zip(values.tolist(), empty, strict=True)]
    return cells
