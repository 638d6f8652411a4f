"""Shrunken figures and groups: the worked example, plain integration, teams without and with real differences."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom

from features.team.apart import LEVELS, SPREADS, Apart, alike, of_amounts, of_rates, of_shares


def test_three_lucky_deals_top_no_table() -> None:
    won, decided = np.array([3.0, 30, *[31] * 8]), np.array([3.0, 60, *[75] * 8])
    found = of_shares(won, decided)
    assert found.estimate[0] == pytest.approx(0.43, abs=0.01)
    assert (found.low[0], found.high[0]) == pytest.approx((0.37, 0.53), abs=0.02)
    assert found.estimate[1] > found.estimate[0]
    assert found.groups == (tuple(range(10)),)


def test_shares_agree_with_summing_over_the_grid() -> None:
    """The same posterior from scipy's probabilities, without draws."""
    won, decided = np.array([2.0, 9, 30]), np.array([20.0, 20, 60])
    weights, means = [], []
    for level in np.arange(1, LEVELS + 1) / (LEVELS + 1):
        for spread in SPREADS:
            a, b = level / spread**2, (1 - level) / spread**2
            weights.append(np.prod(betabinom.pmf(won, decided, a, b)))
            means.append((a + won) / (a + b + decided))
    assert of_shares(won, decided).estimate == pytest.approx(np.average(means, axis=0, weights=weights), abs=0.01)


def test_real_differences_are_told_and_ordered() -> None:
    found = of_shares(np.array([160.0, 40, 100]), np.array([200.0, 200, 200]))
    assert found.groups == ((0,), (2,), (1,))
    assert found.from_team.tolist() == [1, -1, 0]
    assert found.told.tolist() == [[False, True, True], [True, False, True], [True, True, False]]


def test_rates_weigh_by_exposure() -> None:
    found = of_rates(np.array([1.0, 40, 5]), np.array([2.0, 100, 100]))
    assert found.told[1, 2]
    assert not found.told[0, 1]
    assert found.estimate[1] == pytest.approx(0.4, abs=0.05)


def test_amounts_lean_on_the_team_by_their_variance() -> None:
    values = np.array([2.0, 1.0, 0.9, 1.1, 1.0])
    unsure = of_amounts(values, np.array([1.0, 0.01, 0.01, 0.01, 0.01]))
    sure = of_amounts(values, np.full(5, 0.001))
    assert unsure.estimate[0] < 1.2
    assert not unsure.told.any()
    assert sure.estimate[0] == pytest.approx(2.0, abs=0.05)
    assert sure.told[0, 1:].all()


def teams(n: int, spread: float, seed: int) -> list[tuple[np.ndarray[tuple[int], np.dtype[np.float64]], Apart]]:
    """Teams of eight with 5 to 60 decided deals each: their true rates, and what is said of them."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(n):
        rates = 1 / (1 + np.exp(-rng.normal(-0.6, spread, 8)))
        decided = rng.integers(5, 60, 8)
        found.append((rates, of_shares(rng.binomial(decided, rates).astype(float), decided.astype(float))))
    return found


def test_people_without_any_difference_are_hardly_ever_told_apart() -> None:
    """28 pairs a team. Comparing each pair at the 5 % level would find a difference in most teams."""
    assert sum(found.told.any() for _, found in teams(40, 0.0, 1)) <= 4


def test_those_told_apart_are_told_in_the_right_order() -> None:
    right = wrong = 0
    for rates, found in teams(40, 0.8, 2):
        first, second = np.nonzero(np.triu(found.told))
        agree = (found.estimate[first] > found.estimate[second]) == (rates[first] > rates[second])
        right, wrong = right + int(agree.sum()), wrong + int((~agree).sum())
    assert right > 100
    assert wrong / (right + wrong) < 0.05


def test_limits_hold_what_they_promise() -> None:
    inside = [(found.low <= rates) & (rates <= found.high) for rates, found in teams(40, 0.5, 3)]
    assert 0.9 < np.mean(inside) < 0.99


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), min_size=15, max_size=15))
def test_groups_are_all_the_largest_sets(pairs: list[bool]) -> None:
    together = np.zeros((6, 6), dtype=bool)
    together[np.triu_indices(6, 1)] = pairs
    together |= together.T
    sets = [set(each) for size in range(1, 7) for each in combinations(range(6), size)]
    whole = [each for each in sets if all(together[a, b] for a, b in combinations(each, 2))]
    largest = {tuple(sorted(each)) for each in whole if not any(each < other for other in whole)}
    assert set(alike(together, np.arange(6.0))) == largest


def test_the_same_data_give_the_same_answer() -> None:
    first, second = (of_shares(np.array([3.0, 9]), np.array([10.0, 20])) for _ in range(2))
    assert first.estimate.tobytes() == second.estimate.tobytes()
    assert first.ahead.tobytes() == second.ahead.tobytes()


def test_nobody_and_one_alone() -> None:
    assert of_shares(np.array([]), np.array([])).groups == ()
    alone = of_shares(np.array([3.0]), np.array([3.0]))
    assert alone.groups == ((0,),)
    assert alone.ahead.tolist() == [[0.5]]
