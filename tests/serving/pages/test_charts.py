from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.pages.charts import LABEL_GAP, NARROW, WIDE, Point, curve_chart, worth_drawing

POINTS = [Point(30, 0.1, 0.05), Point(90, 0.3, 0.2)]


def test_the_bands_are_stacked_from_won_over_open_to_lost() -> None:
    won, still_open, lost = curve_chart(POINTS).bands
    assert (won.name, still_open.name, lost.name) == ("won", "open", "lost")
    assert (won.share, still_open.share, lost.share) == pytest.approx((0.3, 0.5, 0.2))
    assert won.label_y > still_open.label_y > lost.label_y


def test_a_curve_begins_open() -> None:
    chart = curve_chart(POINTS)
    bottom = WIDE.y(0.0)
    assert chart.bands[0].path.startswith(f"M{WIDE.left:.1f} {bottom}L")
    assert chart.last == POINTS[-1]


@given(st.floats(0, 1), st.floats(0, 1))
def test_labels_never_overlap_and_stay_below_the_top(won: float, rest: float) -> None:
    chart = curve_chart([Point(10, won, (1 - won) * rest)], shape=NARROW)
    labels = [band.label_y for band in chart.bands]
    assert all(lower - upper >= LABEL_GAP - 0.11 for lower, upper in pairwise(labels))
    assert labels[-1] >= NARROW.top


@given(st.floats(1, 5000))
def test_a_few_round_ticks_lie_inside_the_plot(last_day: float) -> None:
    ticks = curve_chart([Point(last_day, 0.5, 0.2)]).days
    assert 1 <= len(ticks) <= WIDE.n_ticks + 1
    assert all(WIDE.left <= tick.at <= WIDE.width - WIDE.right for tick in ticks)


def test_markers_outside_the_curve_are_left_out_and_the_others_keep_apart() -> None:
    markers = curve_chart(POINTS, [("late", 91), ("b", 60), ("past", -3), ("a", 59)]).markers
    assert [(marker.name, marker.row) for marker in markers] == [("a", 0), ("b", 1)]


def test_the_flat_end_of_a_curve_is_not_drawn() -> None:
    decided = [*POINTS, Point(180, 0.7, 0.28), Point(365, 0.71, 0.285), Point(1095, 0.71, 0.29)]
    assert [point.day for point in worth_drawing(decided)] == [30, 90, 180]
    assert worth_drawing(POINTS) == POINTS
