from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.kpis import windows
from features.snapshot import Snapshot
from tests.training.forecasts import day, foretold_by_stage, small_company, stage_curves
from training.bridge import STEPS, Bridge, along, bridge, position, stretches
from training.places import DIMENSIONS, places

QUARTER = windows.parse("2026Q2", small_company().organisation.calendar)


def between(first: pd.Timestamp, last: pd.Timestamp, *, dirty: bool = True, other: float | None = None) -> Bridge:
    dataset = small_company(dirty)
    before, after = Snapshot(dataset, first), Snapshot(dataset, last)
    where = places(after)
    start = position(before, foretold_by_stage(before), QUARTER, where)
    end = position(after, foretold_by_stage(after, other or 1.0), QUARTER, where)
    same = None if other is None else stage_curves(after)
    return bridge(start, end, QUARTER, where, same_model=same)


@settings(max_examples=12)
@given(start=st.integers(0, 150), length=st.integers(1, 120))
def test_every_column_and_node_adds_up_to_the_cent(start: int, length: int) -> None:
    found = between(day("2026-02-01") + pd.Timedelta(days=start), day("2026-02-01") + pd.Timedelta(days=min(start + length, 230)))
    for dimension in DIMENSIONS:
        table = found.table(dimension)
        assert (table[list(STEPS)].sum(axis=1) == table["change"]).all()
    company = found.table().iloc[0]
    assert company["change"] == Decimal(found.end - found.start) / 100
    assert company["moved"] == 0


def test_the_nodes_of_a_dimension_add_up_to_the_company_step_by_step() -> None:
    found = between(day("2026-04-01"), day("2026-05-20"))
    for dimension in ("owner", "product", "region"):
        table = found.table(dimension)
        parts, whole = table.iloc[1:], table.iloc[0]
        assert all(parts[step].sum() == whole[step] for step in (*STEPS, "change"))


def test_the_path_adds_up_to_the_same_change_and_shows_more_moves() -> None:
    first, last = day("2026-04-01"), day("2026-05-20")
    direct = between(first, last)
    path = along([between(a, b) for a, b in stretches(first, last, days=7.0)])
    assert path.table().iloc[0]["change"] == direct.table().iloc[0]["change"]
    gross = [abs(each.entries.cents).sum() for each in (path, direct)]
    assert gross[0] > gross[1]


def test_won_deals_go_from_their_chance_to_their_amount() -> None:
    dataset, first, last = small_company(), day("2026-04-10"), day("2026-05-10")
    found = between(first, last, dirty=False)
    behind = found.deals("won")
    closed = Snapshot(dataset, last)
    assert len(behind) > 0
    assert (closed.state[behind["deal"]] == 1).all()
    assert (behind["money"] > 0).all()


def test_another_model_is_told_from_news_about_the_deals() -> None:
    found = between(day("2026-04-10"), day("2026-04-20"), other=1.5).table().iloc[0]
    same = between(day("2026-04-10"), day("2026-04-20")).table().iloc[0]
    assert found["model"] != 0
    assert same["model"] == 0
    assert found["rescored"] == same["rescored"]


def test_without_time_nothing_changes() -> None:
    found = between(day("2026-04-10"), day("2026-04-10"))
    assert not found.entries.cents[found.entries.step != STEPS.index("to_come")].any()
    assert found.table().iloc[0]["change"] == 0


def test_the_largest_change_stands_first() -> None:
    money = between(day("2026-04-01"), day("2026-06-01")).deals("new")["money"].abs().to_list()
    assert money == sorted(money, reverse=True)


def test_stretches_adjoin_and_end_where_they_should() -> None:
    parts = stretches(day("2026-04-01"), day("2026-04-10"), days=4.0)
    assert [b for _, b in parts][-1] == day("2026-04-10")
    assert all(parts[i][1] == parts[i + 1][0] for i in range(len(parts) - 1))
    assert np.isclose(sum((b - a).days for a, b in parts), 9)


def test_an_unknown_step_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="not in"):
        between(day("2026-04-01"), day("2026-04-02")).deals("magic")
