"""What changed between two dates, as an answer."""

from collections.abc import Sequence
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
from training.curves import Curves
from training.places import Places
from training.rollup import Foretold
from training.targets import DEALS

MOST_STRETCHES: Final = 31
"""The path mode walks day by day over a month, and in longer steps over a longer time."""
CENT: Final = 100


def change(forecaster: Forecaster, asked: BridgeQuery) -> BridgeAnswer:
    """The change that a query asks for. Raises UsageError for dates the wrong way, and for one that neither the champion nor
    the journal has scores of."""
    first, last = instant(forecaster, asked.from_), instant(forecaster, asked.to)
    if clock.days_between(clock.micros(first), clock.micros(last)) <= 0:
        raise UsageError(f"the first date, {first:%Y-%m-%d}, must lie before the second, {last:%Y-%m-%d}")
    found, versions = _walked(forecaster, forecaster.window(asked.period, last), _moments(first, last, path=asked.mode == "path"))
    return BridgeAnswer.model_validate(
        {
            **stamp(forecaster, last),
            "period": found.window.label,
            "first": first,
            "last": last,
            "mode": asked.mode,
            "start": _money(found.start),
            "end": _money(found.end),
            "by_record": versions,
            "lines": _lines(found, asked.by),
        }
    )


def explained(forecaster: Forecaster, window: Window, first: pd.Timestamp, last: pd.Timestamp, *, path: bool = False) -> Bridge:
    """The bridge from one moment to another; both are seen in the hierarchy of the later one.

    The champion scores both; a date before its own has the scores that were issued then, where the journal holds them.
    """
    return _walked(forecaster, window, _moments(first, last, path=path))[0]


def _walked(forecaster: Forecaster, window: Window, moments: Sequence[pd.Timestamp]) -> tuple[Bridge, list[str]]:
    """The bridge over some moments, and the versions of the models whose recorded scores it rests on."""
    where = forecaster.known_or_recorded(moments[-1]).places
    known = [forecaster.known_or_recorded(each) for each in moments]
    versions = sorted({version for each in known for version in each.by_record})
    positions = aligned([_position(each, window, where, bare=bool(versions)) for each in known])
    found = along(
        [
            bridge(before, after, window, where, same_model=_by_former(forecaster, *moments))
            for (before, after), moments in zip(pairwise(positions), pairwise(known), strict=True)
        ]
    )
    return found if forecaster.sight is None else narrowed_bridge(found, positions[0], forecaster.sight), versions


def _by_former(forecaster: Forecaster, before: Known, after: Known) -> Curves | None:
    """What the model whose recorded scores the first moment has says at the second; None where the same one answers there, where
    there were several, or where it is not kept any more."""
    if len(before.by_record) != 1 or before.by_record == (after.by_record or (forecaster.bundles[DEALS.name].version,)):
        return None
    return forecaster.by_version(before.by_record[0], after.snapshot)


def _moments(first: pd.Timestamp, last: pd.Timestamp, *, path: bool) -> list[pd.Timestamp]:
    days = float(clock.days_between(clock.micros(first), clock.micros(last)))
    step = max(1.0, float(-(-days // MOST_STRETCHES))) if path else days
    return [first, *(end for _, end in stretches(first, last, step))]


def _position(known: Known, window: Window, where: Places, *, bare: bool) -> tuple[Position, "pd.Index[str]"]:
    """The position of one moment, with the ids of its deals: between two moments some may have been deleted.

    The journal says nothing of how amounts change until a deal is won, so beside it they stand as they are (`bare`).
    """
    foretold = Foretold.as_it_stands(known.foretold.curves) if bare else known.foretold
    return position(known.snapshot, foretold, window, where), known.snapshot.dataset.deal_rows


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
