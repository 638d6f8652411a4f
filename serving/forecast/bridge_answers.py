"""What changed between two dates, as an answer."""

from itertools import pairwise
from typing import Any, Final

import pandas as pd

from features import clock
from features.errors import UsageError
from features.kpis.value import COMPANY, Window
from serving.forecast.answers import instant, stamp
from serving.forecast.forecaster import Forecaster, Known
from serving.forecast.schemas import BridgeAnswer, BridgeQuery
from serving.forecast.sight import narrowed_bridge
from training.alignment import aligned
from training.bridge import STEPS, Bridge, Position, along, bridge, position, stretches
from training.places import Places

MOST_STRETCHES: Final = 31
"""The path mode walks day by day over a month, and in longer steps over a longer time."""
CENT: Final = 100


def change(forecaster: Forecaster, asked: BridgeQuery) -> BridgeAnswer:
    """The change that a query asks for. Raises UsageError for a model trained after its first date, and dates the wrong way."""
    first, last = instant(forecaster, asked.from_), instant(forecaster, asked.to)
    if clock.days_between(clock.micros(first), clock.micros(last)) <= 0:
        raise UsageError(f"the first date, {first:%Y-%m-%d}, must lie before the second, {last:%Y-%m-%d}")
    found = explained(forecaster, forecaster.window(asked.period, last), first, last, path=asked.mode == "path")
    return BridgeAnswer.model_validate(
        {
            **stamp(forecaster, last),
            "period": found.window.label,
            "first": first,
            "last": last,
            "mode": asked.mode,
            "start": _money(found.start),
            "end": _money(found.end),
            "lines": _lines(found, asked.by),
        }
    )


def explained(forecaster: Forecaster, window: Window, first: pd.Timestamp, last: pd.Timestamp, *, path: bool = False) -> Bridge:
    """The bridge from one moment to another; both are seen in the hierarchy of the later one, by one model."""
    where = forecaster.known(last).places
    days = float(clock.days_between(clock.micros(first), clock.micros(last)))
    step = max(1.0, float(-(-days // MOST_STRETCHES))) if path else days
    moments = [first, *(end for _, end in stretches(first, last, step))]
    positions = aligned([_position(forecaster.known(each), window, where) for each in moments])
    found = along([bridge(before, after, window, where) for before, after in pairwise(positions)])
    return found if forecaster.sight is None else narrowed_bridge(found, positions[0], forecaster.sight)


def _position(known: Known, window: Window, where: Places) -> tuple[Position, "pd.Index[str]"]:
    """The position of one moment, with the ids of its deals: between two moments some may have been deleted."""
    return position(known.snapshot, known.foretold, window, where), known.snapshot.dataset.deal_rows


def _lines(found: Bridge, by: str) -> list[dict[str, Any]]:
    rows = found.table(by).to_dict("records")
    return [
        {
            "dimension": row["dimension"],
            "id": None if pd.isna(row["id"]) else row["id"],
            "title": "Company" if row["dimension"] == COMPANY else row["title"],
            "steps": {step: f"{row[step]:.2f}" for step in STEPS},
            "change": f"{row['change']:.2f}",
        }
        for row in rows
        if not pd.isna(row["id"]) or any(row[step] for step in STEPS)
    ]


def _money(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // CENT}.{abs(cents) % CENT:02d}"
