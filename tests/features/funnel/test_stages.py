"""Visits, stage conversion and time in stage: by hand, and against the oracle on untidy data."""

import numpy as np
import pytest

from features import clock
from features.funnel.stages import (
    STAGE_CONVERSION,
    TIME_IN_STAGE,
    share_interval,
    stage_conversion,
    stage_nodes,
    stage_values,
    time_in_stage,
)
from features.funnel.visits import visits
from features.kpis.value import Value
from features.snapshot import Snapshot
from tests.features.companies import dataset, moment, sales
from tests.features.funnel.dirty import MOMENTS, company, records, seen, window
from tests.features.funnel.example import QUARTER, snapshot
from tests.oracles import funnel as oracle
from tests.oracles.survival import median, shares

WINDOWS = (window("2025-01-01", "2025-07-01"), window("2025-07-01", "2025-10-01"), window("2026-07-01", "2026-10-01"))


def conversions() -> dict[str, Value]:
    visited = visits(snapshot())
    cells = stage_conversion(visited, (QUARTER,))
    return {str(value.node.id): value for value in stage_values(STAGE_CONVERSION, cells, (QUARTER,), stage_nodes(visited))}


def times() -> dict[str, Value]:
    visited = visits(snapshot())
    cells = time_in_stage(visited, (QUARTER,))
    return {str(value.node.id): value for value in stage_values(TIME_IN_STAGE, cells, (QUARTER,), stage_nodes(visited))}


def test_stages_come_in_the_order_of_their_places() -> None:
    assert list(conversions()) == ["Discovery", "Solution", "Proposal"]


def test_a_skipped_stage_was_not_entered_and_a_repeated_one_once() -> None:
    """Into Solution came D01, D02, D05 (twice) and D10; D03, D04 and D07 skipped it."""
    solution = conversions()["Solution"]
    assert (solution.denominator, solution.numerator, solution.censored) == (4, 2, 1)


def test_conversion_by_hand() -> None:
    """All ten entered Discovery. D04 came further on day 5, D01, D02, D03, D05 and D10 on day 10, D07 on day 30; D06 was lost on
    day 15; D09 was watched for 12 days, D08, which came back, for 81: one of ten, five of nine, one lost of three, one of two."""
    discovery = conversions()["Discovery"]
    left = 9 / 10 * 4 / 9
    moved = 1 / 10 + 9 / 10 * 5 / 9 + left * 2 / 3 * 1 / 2
    assert discovery.value == pytest.approx(moved)
    assert discovery.beside["eventual"] == pytest.approx(moved / (moved + left / 3))
    assert (discovery.numerator, discovery.denominator, discovery.n, discovery.censored) == (7, 10, 10, 2)
    assert discovery.immature


def test_nothing_open_makes_conversion_a_plain_share_with_the_plain_interval() -> None:
    proposal = conversions()["Proposal"]
    assert proposal.value == proposal.beside["eventual"] == pytest.approx(3 / 4)
    assert proposal.interval == pytest.approx((0.3006, 0.9544), abs=1e-3)
    assert not proposal.immature


def test_time_counts_each_stay() -> None:
    """Solution: 10, 10, 10 (D05, then back), 10 (D05 again, then lost), and D10 still there after 50 days."""
    solution = times()["Solution"]
    assert (solution.value, solution.n, solution.censored) == (10, 5, 1)


def test_a_median_that_was_not_reached_says_so() -> None:
    at = Snapshot(snapshot().dataset, moment("2026-01-12"))
    cells = time_in_stage(visits(at), (QUARTER,))
    assert np.isnan(cells.value[0, 0])
    assert cells.reason[0, 0] == "median_not_reached"


def test_an_empty_stage_and_stages_without_places_give_reasons() -> None:
    cells = stage_conversion(visits(snapshot()), (window("2025-01-01", "2025-04-01"),))
    assert set(cells.reason[0]) == {"nothing_counted"}
    unplaced = stage_conversion(visits(Snapshot(sales(), moment("2026-04-01"))), (QUARTER,))
    assert set(unplaced.reason[0]) == {"no_position"}


def test_what_stood_in_a_stage_when_the_history_began_is_set_apart() -> None:
    """D1 was created a month before the history of stages begins: nobody knows when it came to Solution."""
    known = dataset(
        tracked_since="2026-02-01",
        extracted_at="2026-05-01",
        deals="deal_id | created_at | stage\nD1 | 2026-01-01 | Solution",
        stages="pipeline | stage | position | kind\n | Solution | 1 | open\n | Won | 2 | won",
    )
    cells = stage_conversion(visits(Snapshot(known, moment("2026-04-01"))), (QUARTER,))
    assert (cells.n[0, 0], cells.excluded["entry_unknown"][0, 0]) == (0, 1)


def test_a_slice_is_of_its_own_deals() -> None:
    keep = snapshot().texts("owner_id") == "U1"
    cells = stage_conversion(visits(snapshot()), (QUARTER,), keep)
    assert cells.n[0].tolist() == [5, 2, 3]


def test_a_share_without_variance_has_the_interval_of_its_decided_rows() -> None:
    low, high = share_interval(np.array([1.0, 0.5]), np.array([0.0, 0.025]), np.array([10.0, 99.0]))
    assert low == pytest.approx([0.7225, 0.2366], abs=1e-4)
    assert high == pytest.approx([1.0, 0.7634], abs=1e-4)


@pytest.mark.parametrize("at", MOMENTS)
def test_visits_agree_with_the_oracle(at: str) -> None:
    visited, snap = visits(seen(at)), seen(at)
    expected = oracle.visits(records(), snap.as_of.to_pydatetime())
    assert len(visited.deal) == len(expected) > 200
    ids = company().deals["deal_id"].to_numpy(dtype=object)[visited.deal]
    moments = {each: clock.to_series(getattr(visited, each)) for each in ("began", "ended")}
    for row, visit in enumerate(expected):
        assert (ids[row], visited.stages[visited.stage[row]]) == (visit.deal, visit.stage)
        assert (moments["began"][row] if visit.began else None) == visit.began
        assert (moments["ended"][row], visited.left[row], visited.first[row]) == (visit.ended, visit.left, visit.first)
        assert visited.outcome[row] == visit.outcome
        assert visited.waited[row] == pytest.approx(visit.waited if visit.waited is not None else np.nan, nan_ok=True)


@pytest.mark.parametrize("at", MOMENTS)
def test_conversion_and_time_agree_with_the_oracle(at: str) -> None:
    visited = visits(seen(at))
    converted, stayed = stage_conversion(visited, WINDOWS), time_in_stage(visited, WINDOWS)
    whole = oracle.visits(records(), seen(at).as_of.to_pydatetime())
    for row, each in enumerate(WINDOWS):
        entered = [visit for visit in whole if visit.began and each.start <= visit.began < each.end]
        for column, stage in enumerate(visited.stages):
            own = [visit for visit in entered if visit.stage == stage]
            first = [(0, visit.waited or 0.0, visit.outcome, -np.inf) for visit in own if visit.first]
            stays = [(0, (v.ended - v.began).total_seconds() / 86400, int(v.left), -np.inf) for v in own if v.began]
            if first:
                assert converted.value[row, column] == pytest.approx(shares(first, 0)[0])
            assert converted.n[row, column] == len(first)
            found = [getattr(stayed, name)[row, column] for name in ("value", "low", "high")]
            assert found[0] == pytest.approx(median(stays, 0)[0], nan_ok=True)
            assert found[1:] == pytest.approx(median(stays, 0)[1:] if found[0] == found[0] else [np.nan] * 2, nan_ok=True)
