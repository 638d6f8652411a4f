import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features import clock
from features.calendar import FiscalCalendar
from features.clock import Floats
from training.curves import Curves, faster, intensities, softmax
from training.pace import N_COLUMNS, Pace, PacedTime

EDGES = np.array([0.0, 3.0, 7.0, 14.0, 30.0])
logits = arrays(np.float64, (3, 4, 3), elements=st.floats(-8, 8))
days = st.floats(0, 40)


def curves(values: Floats) -> Curves:
    return Curves(EDGES, softmax(values), 30.0)


@given(logits, days)
def test_won_lost_and_open_add_up_to_one(values: Floats, day: float) -> None:
    made = curves(values)
    np.testing.assert_allclose(made.by(day, 1) + made.by(day, 2) + made.still(day), 1.0, atol=1e-12)


@given(logits, days, days)
def test_incidence_never_falls_with_the_horizon(values: Floats, one: float, other: float) -> None:
    made = curves(values)
    early, late = sorted((one, other))
    assert (made.by(early, 1) <= made.by(late, 1) + 1e-12).all()
    assert (made.still(early) >= made.still(late) - 1e-12).all()


def test_a_bucket_is_chained_to_the_one_before_it() -> None:
    made = Curves(np.array([0.0, 1.0, 2.0]), np.array([[[0.5, 0.3, 0.2], [0.4, 0.6, 0.0]]]), 2.0)
    np.testing.assert_allclose(made.by(1.0, 1), 0.3)
    np.testing.assert_allclose(made.by(2.0, 1), 0.3 + 0.5 * 0.6)
    np.testing.assert_allclose(made.still(2.0), 0.5 * 0.4)


def test_inside_a_bucket_survival_is_a_power_and_the_ended_are_split_as_in_the_whole() -> None:
    made = Curves(np.array([0.0, 4.0]), np.array([[[0.25, 0.5, 0.25]]]), 4.0)
    np.testing.assert_allclose(made.still(2.0), 0.5)
    np.testing.assert_allclose(made.by(2.0, 1), 0.5 * 2 / 3)


def test_days_past_the_last_edge_give_the_value_there() -> None:
    made = curves(np.zeros((1, 4, 3)))
    np.testing.assert_array_equal(made.by(1e9, 1), made.by(30.0, 1))


def test_each_row_may_have_its_own_horizon() -> None:
    made = curves(np.zeros((3, 4, 3)))
    both = made.by(np.array([3.0, 7.0, 30.0]), 2)
    np.testing.assert_allclose(both, [made.by(day, 2)[0] for day in (3.0, 7.0, 30.0)])


def test_the_median_is_where_half_of_the_whole_is_reached() -> None:
    made = curves(np.random.default_rng(3).normal(size=(3, 4, 3)))
    np.testing.assert_allclose(made.by(made.median_days(1), 1), made.by(30.0, 1) / 2, atol=1e-5)


@given(logits, st.floats(0.0, 30.0))
def test_the_day_at_which_so_many_are_still_there_is_found_again(values: Floats, day: float) -> None:
    made = curves(values)
    left = made.still(day)
    again = made.days_until_still(np.maximum(left, 1e-300)[:, None])[:, 0]
    np.testing.assert_allclose(made.still(again), left, rtol=1e-6, atol=1e-12)


def test_a_share_that_is_never_reached_gives_the_last_day() -> None:
    half = Curves(EDGES, np.full((1, 4, 2), 0.5), 30.0)
    assert half.days_until_still(np.array([[1.0, 0.5, 1e-9]])).tolist() == [[0.0, 3.0, 30.0]]


def test_twice_the_intensity_is_staying_twice_over() -> None:
    hazards = np.array([[[0.7, 0.2, 0.1]]])
    again = faster(hazards, np.array([[[2.0, 2.0]]]))
    np.testing.assert_allclose(again[0, 0], [0.49, 0.51 * 2 / 3, 0.51 / 3])
    np.testing.assert_allclose(intensities(again), 2 * intensities(hazards))


def test_a_chance_to_stay_too_small_for_a_number_stays_one() -> None:
    hazards = np.array([[[0.0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]]])
    slower, quicker = faster(hazards, np.full((1, 1, 2), 0.5)), faster(hazards, np.full((1, 1, 2), 2.0))
    assert slower[0, 0] == pytest.approx([0.0, 0.5, 0.5], abs=1e-100)
    assert faster(quicker, np.full((1, 1, 2), 0.5)) == pytest.approx(hazards)


def test_some_rows_asked_several_times_pass_at_their_own_pace() -> None:
    moments = np.array([clock.micros(pd.Timestamp(text, tz="UTC")) for text in ("2026-10-02", "2026-10-05")], dtype=np.int64)
    weights = np.zeros((2, N_COLUMNS))
    weights[:, :3] = 1.0
    edges, hazards = np.array([0.0, 7.0, 30.0]), np.full((2, 2, 3), 1 / 3)
    time = PacedTime(Pace(FiscalCalendar("UTC", 1), weights), moments, 30.0)
    curves = Curves(edges, hazards, np.inf, time)
    rows, days = np.array([1, 0, 1]), np.array([3.0, 3.0, 10.0])
    alone = [curves.by(day, 1)[row] for row, day in zip(rows, days, strict=True)]
    assert curves.ended(days, rows)[:, 0].tolist() == alone
