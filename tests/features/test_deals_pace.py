"""Places in a pipeline and moves along it, and pulls and quarters of the expected close, by hand."""

from typing import Any

import pandas as pd
import pytest

from features.dataset import Dataset
from features.deals import deal_signals
from features.organisation import Organisation
from features.snapshot import Snapshot
from tests.features.companies import AS_OF, dataset

DEALS = "deal_id | created_at | pipeline | stage\nD1 | 2026-01-01 | {} | C"
STAGES = """
    pipeline | stage | position | kind
    Sales    | A     | 10       | open
    Sales    | B     | 20       | open
    Sales    | C     | 30       | open
    Sales    | D     | 40       | open
    Sales    | Lost  | 50       | lost
"""
SHORT = """    Short    | C     | 1        | open
    Short    | A     | 2        | open
"""


def walked(*moves: str, stages: str = STAGES, pipeline: str = "Sales") -> "pd.Series[Any]":
    """The signals of a deal of 1 January that made these moves, written `day old new`."""
    header = "deal_id | changed_at | field | old_value | new_value"
    lines = [f"D1 | {day} | stage | {old} | {new}" for day, old, new in map(str.split, moves)]
    known = dataset(
        tracked_since="2026-01-01",
        extracted_at="2026-05-01",
        deals=DEALS.format(pipeline),
        deal_changes="\n".join([header, *lines]),
        stages=stages,
    )
    return deal_signals(Snapshot(known, AS_OF)).T["D1"]


def test_a_walk_along_the_pipeline() -> None:
    row = walked("2026-01-11 A D", "2026-02-01 D B", "2026-03-01 B C")
    assert (row["stage_position"], row["n_stages_ahead"], row["furthest_position"]) == (3, 1, 4)
    assert row["days_since_furthest"] == 80  # 11 January
    assert (row["n_stage_skips"], row["n_stage_backs"]) == (2, 1)  # B and C on the way to D; D to B
    assert row["days_since_forward"] == 31  # 1 March


def test_a_deal_that_never_moved_has_gone_nowhere() -> None:
    row = walked()
    assert row[["n_stage_skips", "n_stage_backs"]].tolist() == [0, 0]
    assert (row["stage_position"], row["days_since_furthest"]) == (3, 90)
    assert pd.isna(row["days_since_forward"])


def test_the_furthest_place_counts_from_when_it_was_first_reached() -> None:
    assert walked("2026-01-11 A C", "2026-02-01 C A", "2026-03-01 A C")["days_since_furthest"] == 80


def test_a_close_that_was_taken_back_is_no_place() -> None:
    row = walked("2026-02-01 B Lost", "2026-03-01 Lost C")
    assert (row["furthest_position"], row["n_stage_skips"], row["n_stage_backs"], row["days_since_forward"]) == (3, 0, 0, 31)


def test_places_are_those_of_the_deals_own_pipeline() -> None:
    row = walked("2026-02-01 A C", stages=STAGES + SHORT, pipeline="Short")
    assert (row["stage_position"], row["n_stages_ahead"], row["n_stage_backs"]) == (1, 1, 1)


@pytest.mark.parametrize(("stages", "place"), [(STAGES, 3), (STAGES + SHORT, None)])
def test_a_pipeline_without_stages_takes_those_of_the_only_one(stages: str, place: float | None) -> None:
    found = walked(stages=stages, pipeline="Elsewhere")["stage_position"]
    assert pd.isna(found) if place is None else found == place


def test_stages_that_name_no_pipeline_are_for_all_that_have_none_of_their_own() -> None:
    general = STAGES.replace("Sales", "     ")
    assert walked(stages=general + SHORT, pipeline="Elsewhere")["stage_position"] == 3
    assert walked(stages=general + SHORT, pipeline="Short")["stage_position"] == 1


def test_stages_in_one_position_share_a_place() -> None:
    row = walked("2026-02-01 B C", stages=STAGES.replace("30", "20"))
    assert (row["stage_position"], row["n_stages_ahead"], row["n_stage_backs"]) == (2, 1, 0)


def dated(expected: str, organisation: Organisation | None = None) -> Dataset:
    deals = f"deal_id | created_at | stage | expected_close_on\nD1 | 2026-01-01 | A | {expected}"
    changes = "deal_id | changed_at | field | old_value | new_value\nD9 | 2025-01-01 | expected_close_on | 2025-02-01 |"
    return dataset(organisation, deals=deals, deal_changes=changes)


@pytest.mark.parametrize(("start_month", "past"), [(1, 0), (2, 61), (3, 30)])
def test_the_quarter_is_the_fiscal_one(start_month: int, past: int) -> None:
    # As of 1 April the quarter ends on 1 July, on 1 May, or on 1 June.
    known = dated("2026-07-01", Organisation(fiscal_year_start_month=start_month))
    assert deal_signals(Snapshot(known, AS_OF))["days_past_quarter"].tolist() == [past]


@pytest.mark.parametrize(("expected", "overdue", "missing"), [("2026-03-02", 30, 0), ("2026-04-02", 0, 0), ("", None, 1)])
def test_overdue_and_missing_dates(expected: str, overdue: float | None, missing: int) -> None:
    row = deal_signals(Snapshot(dated(expected), AS_OF)).T["D1"]
    assert row["expected_close_missing"] == missing
    assert pd.isna(row["overdue_days"]) if overdue is None else row["overdue_days"] == overdue
