import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.encoding import Encoding
from training.space import Space, learn_space, medoid

ENCODING = Encoding(("amount", "days_in_stage"), (("product", ("A", "B")),))
NAN = np.nan


def space() -> Space:
    """Amounts of 0 to 100, days of 0 to 10, three products."""
    spread = np.linspace(0, 1, 101)
    return learn_space(ENCODING, np.column_stack([100 * spread, 10 * spread, np.arange(101) % 3]).astype(np.float32))


def distance(one: list[float], two: list[float]) -> float:
    places = space().of(np.array([one, two], dtype=np.float32))
    return float(np.abs(places[0] - places[1]).sum())


def test_a_span_a_gap_and_another_category_are_each_one_unit_of_a_third() -> None:
    assert distance([90, 5, 0], [10, 5, 0]) == pytest.approx(1 / 3)
    assert distance([NAN, 5, 0], [50, 5, 0]) == pytest.approx(1 / 3)
    assert distance([50, 5, 0], [50, 5, 1]) == pytest.approx(1 / 3)
    assert distance([50, 5, NAN], [50, 5, 1]) == pytest.approx(1 / 3)
    assert distance([NAN, 5, NAN], [NAN, 5, NAN]) == 0


def test_an_absurd_number_is_far_and_not_farther() -> None:
    assert distance([1e9, 5, 0], [50, 5, 0]) == pytest.approx(3 / 3)


@pytest.mark.parametrize("column", [np.full(20, 7.0), np.full(20, NAN)])
def test_a_signal_without_a_spread_or_a_value_keeps_its_own_unit(column: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    flat = learn_space(Encoding(("amount",), ()), column[:, None].astype(np.float32))
    assert flat.scale.tolist() == [1.0]
    assert np.isfinite(flat.of(column[:, None].astype(np.float32))).all()


@settings(max_examples=50, deadline=None, derandomize=True)
@given(arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.integers(-5, 5).map(float)))
def test_the_medoid_is_that_of_all_pairs(places: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    sums = np.abs(places[:, None] - places[None]).sum(axis=(1, 2))
    assert sums[medoid(places)] == sums.min()


def test_it_survives_json() -> None:
    matrix = np.array([[40, NAN, 2]], dtype=np.float32)
    np.testing.assert_array_equal(Space.from_json(space().to_json()).of(matrix), space().of(matrix))
