"""Stage conversion and time in stage: by hand, and against the oracle on untidy data."""

from functools import cache

import numpy as np
import pytest

from features.kpis.card import Scorecard
from features.kpis.interval import share_interval
from features.kpis.scorecard import scorecard
from features.kpis.value import Value, Window
from features.snapshot import Snapshot
from tests.features.companies import dataset, moment, sales
from tests.features.funnel.dirty import MOMENTS, records, seen, window
from tests.features.funnel.example import QUARTER, snapshot
from tests.oracles import funnel as oracle
from tests.oracles.survival import median, shares

BOTH = ("stage_conversion", "time_in_stage")
WINDOWS = (window("2025-01-01", "2025-07-01"), window("2025-07-01", "2025-10-01"), window("2026-07-01", "2026-10-01"))


def card(known: Snapshot, *windows: Window, by: str = "stage") -> Scorecard:
    return scorecard(known, BOTH, windows or [QUARTER], by=by)


@cache
def by_stage(kpi: str) -> dict[str | None, Value]:
    return {value.node.id: value for value in card(snapshot()).values() if value.kpi == kpi}


def test_stages_come_in_the_order_of_their_places() -> None:
    assert list(by_stage("stage_conversion")) == ["", "Discovery", "Solution", "Proposal", None]


def test_a_skipped_stage_was_not_entered_and_a_repeated_one_once() -> None:
    """Into Solution came D01, D02, D05 (twice) and D10; D03, D04 and D07 skipped it."""
    solution = by_stage("stage_conversion")["Solution"]
    assert (solution.denominator, solution.numerator, solution.censored) == (4, 2, 1)


def test_conversion_by_hand() -> None:
    """All ten entered Discovery. D04 came further on day 5, D01, D02, D03, D05 and D10 on day 10, D07 on day 30; D06 was lost on
    day 15; D09 was watched for 12 days, D08, which came back, for 81: one of ten, five of nine, one lost of three, one of two."""
    discovery = by_stage("stage_conversion")["Discovery"]
    left = 9 / 10 * 4 / 9
    moved = 1 / 10 + 9 / 10 * 5 / 9 + left * 2 / 3 * 1 / 2
    assert discovery.value == pytest.approx(moved)
    assert discovery.beside["eventual"] == pytest.approx(moved / (moved + left / 3))
    assert (discovery.numerator, discovery.denominator, discovery.n, discovery.censored) == (7, 10, 10, 2)
    assert discovery.immature


def test_nothing_open_makes_conversion_a_plain_share_with_the_plain_interval() -> None:
    proposal = by_stage("stage_conversion")["Proposal"]
    assert proposal.value == proposal.beside["eventual"] == pytest.approx(3 / 4)
    assert proposal.interval == pytest.approx((0.3006, 0.9544), abs=1e-3)
    assert not proposal.immature


def test_the_company_counts_the_entries_into_all_stages() -> None:
    of = by_stage("stage_conversion")
    assert of[""].denominator == sum(of[stage].n for stage in ("Discovery", "Solution", "Proposal")) == 18
    assert of[""].value == card(snapshot(), by="company").value("stage_conversion").value


def test_time_counts_each_stay() -> None:
    """Solution: 10, 10, 10 (D05, then back), 10 (D05 again, then lost), and D10 still there after 50 days."""
    solution = by_stage("time_in_stage")["Solution"]
    assert (solution.value, solution.n, solution.censored) == (10, 5, 1)


def test_a_median_that_was_not_reached_says_so() -> None:
    early = card(Snapshot(snapshot().dataset, moment("2026-01-12"))).value("time_in_stage", node="Discovery")
    assert (early.value, early.reason) == (None, "median_not_reached")


def test_an_empty_window_and_stages_without_places_give_reasons() -> None:
    at = Snapshot(snapshot().dataset, moment("2026-12-01"))
    later = card(at, window("2026-07-01", "2026-10-01"))
    assert {value.reason for value in later.values()} == {"nothing_counted"}
    unplaced = card(Snapshot(sales(), moment("2026-04-01")), by="company").value("stage_conversion")
    assert (unplaced.reason, unplaced.excluded["no_position"] > 0) == ("no_position", True)


def test_what_stood_in_a_stage_when_the_history_began_is_set_apart() -> None:
    """D1 was created a month before the history of stages begins: nobody knows when it came to Solution."""
    known = dataset(
        tracked_since="2026-02-01",
        extracted_at="2026-05-01",
        deals="deal_id | created_at | stage\nD1 | 2026-01-01 | Solution",
        stages="pipeline | stage | position | kind\n | Solution | 1 | open\n | Won | 2 | won",
    )
    found = card(Snapshot(known, moment("2026-04-01"))).value("stage_conversion", node="Solution")
    assert (found.n, found.excluded["entry_unknown"]) == (0, 1)


def test_a_person_has_the_entries_of_own_deals() -> None:
    assert card(snapshot(), by="owner").value("stage_conversion", node="U1").n == 5 + 2 + 3


def test_what_has_no_stage_of_its_own_is_given_for_the_company_alone() -> None:
    found = scorecard(snapshot(), ["bookings"], [QUARTER], by="stage")
    assert found.value("bookings").value == 6000
    assert found.value("bookings", node="Solution").reason == "not_sliced"


def test_a_share_without_variance_has_the_interval_of_its_decided_rows() -> None:
    low, high = share_interval(np.array([1.0, 0.5]), np.array([0.0, 0.025]), np.array([10.0, 99.0]))
    assert low == pytest.approx([0.7225, 0.2366], abs=1e-4)
    assert high == pytest.approx([1.0, 0.7634], abs=1e-4)


@pytest.mark.parametrize("at", MOMENTS)
def test_conversion_and_time_agree_with_the_oracle(at: str) -> None:
    found = card(seen(at), *WINDOWS)
    whole = oracle.visits(records(), seen(at).as_of.to_pydatetime())
    for row, each in enumerate(WINDOWS):
        entered = [visit for visit in whole if visit.began and each.start <= visit.began < each.end]
        for stage in {visit.stage for visit in entered}:
            own = [visit for visit in entered if visit.stage == stage]
            first = [(0, float(np.ceil(visit.waited or 0.0)), visit.outcome, -np.inf) for visit in own if visit.first]
            stays = [(0, (v.ended - v.began).total_seconds() / 86400, int(v.left), -np.inf) for v in own if v.began]
            converted, stayed = (found.value(kpi, node=stage, window=row) for kpi in BOTH)
            assert (converted.n, stayed.n) == (len(first), len(stays))
            assert converted.value == (pytest.approx(shares(first, 0)[0]) if first else None)
            middle, low, high = median(stays, 0)
            assert stayed.value == (None if np.isnan(middle) else pytest.approx(middle))
            if stayed.interval:
                assert stayed.interval == pytest.approx((low, high))
