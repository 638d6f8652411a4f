"""A bridge over a deletion: the deal's money goes away in a step of its own, and everything adds up to the cent."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from features.dataset import Dataset
from features.kpis import windows
from features.snapshot import Snapshot
from tests.training.forecasts import day, foretold_by_stage, small_company
from training.alignment import aligned
from training.bridge import STEPS, Bridge, Position, bridge, position
from training.places import Places, places

FIRST, LAST = day("2026-04-10"), day("2026-05-10")
QUARTER = windows.parse("2026Q2", small_company().organisation.calendar)


def at(dataset: Dataset, moment: pd.Timestamp, where: Places) -> tuple[Position, "pd.Index[Any]"]:
    snapshot = Snapshot(dataset, moment)
    return position(snapshot, foretold_by_stage(snapshot), QUARTER, where), dataset.deal_rows


def over(gone: list[str]) -> tuple[Bridge, list[Position]]:
    """The bridge between two dates, after which these deals are deleted."""
    whole = small_company()
    left = whole.with_tables({**whole.tables, "deals": whole.deals[~whole.deals["deal_id"].isin(gone)]})
    where = places(Snapshot(left, LAST))
    before, after = aligned([at(whole, FIRST, where), at(left, LAST, where)])
    return bridge(before, after, QUARTER, where), [before, after]


def test_deleted_deals_go_from_their_chance_to_nothing() -> None:
    whole = Snapshot(small_company(), FIRST)
    rows = whole.open_deals[[3, 11]]
    found, (before, after) = over(whole.dataset.deals["deal_id"].iloc[rows].tolist())
    assert before.exists[rows].all()
    assert not after.exists[rows].any()
    company = found.table().iloc[0]
    assert company["deleted"] == -Decimal(int(before.cents[rows].sum())) / 100 < 0
    assert company["change"] == Decimal(found.end - found.start) / 100
    owners = found.table("owner")
    assert (owners[list(STEPS)].iloc[1:].sum() == owners[list(STEPS)].iloc[0]).all()


def test_where_nothing_is_deleted_positions_stay_as_they_are() -> None:
    found, both = over([])
    assert found.table().iloc[0]["deleted"] == 0
    assert [len(each.exists) for each in both] == [small_company().n_deals] * 2
    assert np.array_equal(both[0].open_deals, Snapshot(small_company(), FIRST).open_deals)
