"""Backtests that are kept below `home`: where a forecast's track record and the size of its shock come from.

One file for each kind of period, `backtests/quarter.json`, with the moment as of which it was made. A later run replaces it. An
answer as of an earlier moment uses only the periods that were over by then.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from features import clock
from features.dataset import Dataset
from features.errors import DealcastError
from features.kpis.value import Window
from training.backtest import KINDS, WEEK, Backtest
from training.track_record import Record, track_record

WEEK_DAYS: Final = 7.0
KINDS_BY_MONTHS: Final = {months: kind for kind, months in KINDS.items()}


class DamagedBacktestError(DealcastError):
    """A kept backtest cannot be read."""


@dataclass(frozen=True)
class Kept:
    """A backtest and the moment as of which it was made."""

    as_of: pd.Timestamp
    tested: Backtest

    def record(self, as_of: pd.Timestamp, lead: float) -> Record | None:
        """The track record at the lead nearest to so many days into the period; None where no period was over by then."""
        known = self.tested.over_by(as_of)
        records = track_record(known) if known.replayed else ()
        return min(records, key=lambda each: abs(each.lead - lead), default=None)


def place(home: Path, kind: str) -> Path:
    """Where the backtest of a kind of period is kept."""
    return home / "backtests" / f"{kind}.json"


def keep(home: Path, tested: Backtest, as_of: pd.Timestamp) -> Path:
    """Write a backtest beside its place first, then into it: it is there as a whole or not at all."""
    path = place(home, tested.kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps({"as_of": as_of.isoformat(), **tested.to_json()}), encoding="utf-8")
    temporary.replace(path)
    return path


def kept(home: Path, kind: str) -> Kept | None:
    """The backtest of a kind of period; None where there is none. Raises DamagedBacktestError."""
    path = place(home, kind)
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Kept(pd.Timestamp(stored["as_of"]).as_unit("us"), Backtest.from_json(stored))
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedBacktestError(
            f"{path} cannot be read ({error}); run 'dealcast backtest --period-kind {kind}' again"
        ) from None


def kind_of(window: Window, dataset: Dataset) -> str | None:
    """The kind of period that a window is; None for any other stretch of days."""
    if window.months:
        return KINDS_BY_MONTHS.get(window.months)
    zone = dataset.organisation.timezone
    first, last = (int(clock.local_days(clock.repeated(clock.micros(each), 1), zone)[0]) for each in (window.start, window.end))
    return WEEK if last - first == WEEK_DAYS else None
