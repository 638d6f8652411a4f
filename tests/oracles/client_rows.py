"""What the oracles of client signals share: a client's rows, and how two numbers compare."""

from datetime import datetime
from math import nan

from tests.oracles import DAY, Records, Row, days, in_days, known


def of(records: Records, table: str, client: str, as_of: datetime) -> list[Row]:
    return [row for row in records.rows(table) if row.get("account_id") == client and known(table, row, as_of)]


def trend(records: Records, table: str, times: list[datetime], as_of: datetime, window: int) -> float:
    if not records.covers(table, as_of, 2 * window):
        return nan
    now, before = (sum(in_days(time, as_of - skip * DAY, window) for time in times) for skip in (0, window))
    return change(now, before)


def change(now: float, before: float) -> float:
    return (now - before) / (now + before) if now + before > 0 else nan


def over(part: float, whole: float) -> float:
    return part / whole if whole > 0 else nan


def since(moment: datetime | None, as_of: datetime) -> float:
    return days(as_of - moment) if moment else nan
