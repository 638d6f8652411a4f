"""A synthetic company with every kind of dirt, and its rows for the oracles."""

from functools import cache
from typing import Final

import pandas as pd

from features.dataset import Dataset
from features.kpis.value import Window
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, generate
from tests import oracles

MOMENTS: Final = ("2025-09-10T00:00Z", "2026-09-30T17:45:00.123456Z")


@cache
def company() -> Dataset:
    return generate(Settings(n_deals=250, seed=29, months=24, dirt=Dirt.all())).dataset()


@cache
def records() -> oracles.Records:
    known = company()
    return oracles.records(known.tables, known.organisation, known.extracted_at, known.static, known.tracked_since)


@cache
def seen(moment: str) -> Snapshot:
    return Snapshot(company(), pd.Timestamp(moment).as_unit("us"))


def window(start: str, end: str) -> Window:
    return Window(f"{start} to {end}", pd.Timestamp(start, tz="UTC").as_unit("us"), pd.Timestamp(end, tz="UTC").as_unit("us"))
