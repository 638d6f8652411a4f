"""When things came on record: the instants that decide what a Snapshot may see."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from features import clock
from features.clock import Micros
from features.tables import TABLES

FACTS: Final = ("deals", "deal_changes", "activities", "leads", "orders", "contracts", "tickets", "surveys")
"""The tables whose rows are dated events: the newest of them says how far the data reaches."""


def recorded(table: str, frame: pd.DataFrame) -> Micros:
    """When each row came on record: its own time, or `recorded_at` where that is later. Undated rows always were."""
    time = TABLES[table].time
    happened = clock.to_micros(frame[time]) if time in frame else clock.repeated(clock.UNKNOWN, len(frame))
    return since_recorded(happened, clock.to_micros(frame["recorded_at"]) if "recorded_at" in frame else None)


def since_recorded(happened: Micros, told: Micros | None) -> Micros:
    """As `recorded`, from each row's own time and, where the table has it, its `recorded_at`."""
    if (happened == clock.UNKNOWN).any():
        happened = clock.later(happened, clock.repeated(clock.ALWAYS, len(happened)))
    return happened if told is None else clock.later(happened, told)


def newest_fact(tables: Mapping[str, pd.DataFrame]) -> pd.Timestamp:
    """The instant of the newest dated fact in the data."""
    newest = [int(recorded(name, tables[name]).max()) for name in FACTS if name in tables and len(tables[name])]
    ends = [clock.to_micros(tables["deals"]["closed_at"]).max(initial=clock.UNKNOWN)] if "closed_at" in tables["deals"] else []
    return clock.instant(max([*newest, *map(int, ends)]))


def first_changes(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.Timestamp]:
    """When the history of each field begins: its first change."""
    if "deal_changes" not in tables:
        return {}
    return {str(name): first for name, first in tables["deal_changes"].groupby("field")["changed_at"].min().items()}


def first_records(tables: Mapping[str, pd.DataFrame]) -> dict[str, int]:
    """When the first row of each dated table was recorded, in microseconds."""
    return {name: int(recorded(name, tables[name]).min()) for name in FACTS if name in tables and len(tables[name])}
