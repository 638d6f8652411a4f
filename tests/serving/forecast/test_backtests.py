"""Backtests are kept whole, and an earlier moment never sees a period that was not over."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.dataset import Dataset
from features.kpis import windows
from serving.forecast import backtests
from serving.forecast.backtests import DamagedBacktestError, Kept
from serving.record_table import record_table
from tests.serving.cli.test_main import dealcast, home
from training.backtest import QUANTILES, Backtest, Replayed
from training.rivals import RIVALS
from training.shock import Evidence
from training.track_record import track_record

__all__ = ["home"]


FIRST = pd.Timestamp("2025-01-01", tz="UTC").as_unit("us")


def made_up(n_periods: int = 3) -> Backtest:
    """Quarters of 2025, each forecast at days 0 and 30; the later forecast is nearer to what came."""
    evidence = Evidence.of(np.full(40, 0.3), np.repeat([1.0, 0.0], [12, 28]), np.zeros(40, dtype=np.int64))
    rows = []
    for number in range(n_periods):
        start, end = FIRST + pd.DateOffset(months=3 * number), FIRST + pd.DateOffset(months=3 * number + 3)
        for lead, mean in ((0.0, 120.0), (30.0, 110.0)):
            cuts = tuple(mean * (0.5 + level) for level in QUANTILES)
            rivals = {**dict.fromkeys(RIVALS, 150.0), RIVALS[-1]: float("nan")}
            rows.append(Replayed(f"2025Q{number + 1}", start, end, lead, start, 100.0, mean, cuts, rivals, 0.05, evidence))
    return Backtest("quarter", tuple(rows))


AS_OF = pd.Timestamp("2025-12-01", tz="UTC").as_unit("us")


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    tested = made_up()
    path = backtests.keep(tmp_path, tested, AS_OF)
    found = backtests.kept(tmp_path, "quarter")
    assert found is not None
    assert found.as_of == AS_OF
    pd.testing.assert_frame_equal(found.tested.table(), tested.table())
    assert list(path.parent.iterdir()) == [path]
    assert backtests.kept(tmp_path, "month") is None


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    path = backtests.keep(tmp_path, made_up(), AS_OF)
    path.write_text(json.dumps({"as_of": "2025-12-01"}), encoding="utf-8")
    with pytest.raises(DamagedBacktestError, match="dealcast backtest --period-kind quarter"):
        backtests.kept(tmp_path, "quarter")


@given(st.dates(pd.Timestamp("2024-12-01").date(), pd.Timestamp("2026-02-01").date()))
def test_an_earlier_moment_knows_only_periods_that_were_over(day: object) -> None:
    as_of = pd.Timestamp(str(day), tz="UTC").as_unit("us")
    known = made_up().over_by(as_of).replayed
    assert {each.label for each in known} == {each.label for each in made_up().replayed if each.end <= as_of}


def test_the_record_is_that_of_the_nearest_lead() -> None:
    kept = Kept(AS_OF, made_up())
    found = [kept.record(AS_OF, lead) for lead in (-20.0, 14.0, 16.0, 80.0)]
    assert [each.lead for each in found if each] == [0.0, 0.0, 30.0, 30.0]
    assert kept.record(pd.Timestamp("2025-03-01", tz="UTC").as_unit("us"), 0.0) is None


def test_windows_are_told_apart_by_kind(company: Dataset) -> None:
    calendar = company.organisation.calendar
    texts = {
        "2026Q1": "quarter",
        "2026-02": "month",
        "2026": "year",
        "2026-01-05..2026-01-12": "week",
        "2026-01-05..2026-01-13": None,
    }
    assert {text: backtests.kind_of(windows.parse(text, calendar), company) for text in texts} == texts


def test_a_rival_without_a_forecast_is_no_blank_in_the_table() -> None:
    table = record_table(track_record(made_up()), "Track record")
    first = {str(column.header): next(iter(column.cells)) for column in table.columns}
    assert first["WAPE"] == "20.0%"
    assert first[f"gain over {RIVALS[0].replace('_', ' ')}"] == "+30.0 [+30.0, +30.0]"


def test_where_nothing_came_the_table_says_so() -> None:
    empty = tuple(replace(each, actual=0.0) for each in made_up().replayed)
    table = record_table(track_record(Backtest("quarter", empty)), "Track record")
    cells = [cell for column in table.columns for cell in column.cells]
    assert "nothing came" in cells
    assert not any("nan" in str(cell) for cell in cells)


def test_the_command_replays_prints_and_keeps(home: Path) -> None:
    result = dealcast("backtest", "--last", "1", DEALCAST_HOME=str(home), COLUMNS="250")
    assert result.exit_code == 0, result.output
    assert "WAPE" in result.stdout
    found = backtests.kept(home, "quarter")
    assert found is not None
    assert len({each.label for each in found.tested.replayed}) == 1
