import numpy as np
import pytest

from features.clock import Floats
from training.births import Expected
from training.draws import LUCK, LUCKS, PART_DEALS, Births, Draws, OpenDeals, draw
from training.shock import RHO, TAU, Shock, probit

N_CELLS = 6


def shock_of(rho: float) -> Shock:
    weights = np.zeros((len(RHO), len(TAU)))
    weights[np.argmin(np.abs(RHO - rho)), 0] = 1.0
    return Shock(weights, 1.0)


def deals(n: int = 300, seed: int = 3, ratios: Floats | None = None) -> OpenDeals:
    rng = np.random.default_rng(seed)
    shape = np.ones(2) if ratios is None else ratios
    spread = np.broadcast_to(shape, (n, len(shape)))
    return OpenDeals(
        np.zeros(n),
        rng.beta(1, 2, n),
        np.round(rng.lognormal(10, 1, n), 2),
        spread,
        rng.integers(0, N_CELLS, n),
        rng.integers(0, 2, n),
    )


def births(spread: float = 0.02) -> Births:
    number = np.array([[20.0, 20.0], [5.0, 5.0]])
    chance = np.array([[0.3, 0.1], [0.5, 0.2]])
    expected = Expected(number, np.zeros((2, 2)), chance, spread, (np.array([100.0, 300.0]), np.array([1000.0])))
    return Births(expected, (np.array([0, 0, 1]), np.array([5])))


def none() -> Births:
    return Births(Expected(np.zeros((0, 1)), np.zeros((0, 1)), np.zeros((0, 1)), 0.0, ()), ())


def drawn(own: OpenDeals, to_come: Births, shock: Shock, n: int = 4000, threads: int = 1, seed: int = 1) -> Draws:
    return draw(own, to_come, shock, N_CELLS, n_draws=n, seed=seed, threads=threads)


def test_the_mean_of_the_draws_is_the_analytic_one_with_and_without_a_shock() -> None:
    own = deals(ratios=np.array([0.5, 1.0, 1.2]))
    for rho in (0.0, 0.12):
        found = drawn(own, births(), shock_of(rho))
        error = found.open.std() / np.sqrt(len(found.open))
        assert found.open.mean() / 100 == pytest.approx(own.mean.sum(), abs=4 * error / 100)


def test_births_bring_what_is_expected_of_them_under_a_shock_too() -> None:
    found = drawn(deals(), births(), shock_of(0.08), n=20_000)
    assert found.new.mean() / 100 == pytest.approx(births().expected.mean.sum(), rel=0.03)


def test_without_a_shock_the_number_of_wins_is_that_of_coins_and_with_one_wider() -> None:
    own = deals()
    coins = np.sqrt((own.p_won * (1 - own.p_won)).sum())
    assert drawn(own, none(), Shock.none()).n_won.std() == pytest.approx(coins, rel=0.06)
    assert drawn(own, none(), shock_of(0.12)).n_won.std() > 2 * coins


def test_threads_and_repetition_change_nothing() -> None:
    first = drawn(deals(), births(), shock_of(0.05))
    again = drawn(deals(), births(), shock_of(0.05), threads=2)
    assert (first.total == again.total).all()


def test_deals_in_several_parts_bring_what_they_should_and_share_their_luck() -> None:
    own = deals(2 * PART_DEALS + 7)
    found = drawn(own, none(), shock_of(0.05), n=1000, threads=2)
    assert (found.total == drawn(own, none(), shock_of(0.05), n=1000).total).all()
    assert found.n_won.mean() == pytest.approx(own.p_won.sum(), abs=4 * found.n_won.std() / np.sqrt(1000))
    assert found.n_won.std() > 5 * np.sqrt((own.p_won * (1 - own.p_won)).sum())
    coins = drawn(own, none(), Shock.none(), n=1000)
    assert coins.n_won.std() == pytest.approx(np.sqrt((own.p_won * (1 - own.p_won)).sum()), rel=0.1)


def test_the_table_of_luck_shifts_no_chance_by_more_than_it_says() -> None:
    p = np.random.default_rng(5).beta(0.3, 3, 2000)
    found = np.searchsorted(LUCK, probit(p).astype(np.float32)) / LUCKS
    assert np.abs(found - p).max() <= 0.5 / LUCKS + 1e-6
    assert LUCK.mean() == pytest.approx(0.0, abs=1e-6)
    assert LUCK.std() == pytest.approx(1.0, abs=1e-3)


def test_amounts_are_drawn_evenly_from_each_deals_quantiles() -> None:
    own = deals(1, ratios=np.array([0.5, 1.0, 1.1, 2.0]))
    sure = OpenDeals(own.by_start, np.ones(1), own.amount, own.ratios, own.cell, own.team)
    ratio = drawn(sure, none(), Shock.none(), n=20_000).open / own.amount[0] / 100
    assert np.quantile(ratio, [1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6]) == pytest.approx([0.75, 1.0, 1.05, 1.1, 1.55], abs=0.02)


def test_cells_are_whole_cents_and_add_up_exactly() -> None:
    found = drawn(deals(), births(), shock_of(0.05))
    assert (found.total == np.rint(found.total)).all()
    assert (found.total.sum(axis=1) == found.open + found.new).all()


def test_a_deal_that_is_changed_changes_its_own_draws_only() -> None:
    own = deals(ratios=np.array([0.5, 0.9, 1.2]))
    sure = OpenDeals(own.by_start, np.where(np.arange(300) == 7, 1.0, own.by_end), own.amount, own.ratios, own.cell, own.team)
    shift = drawn(sure, none(), shock_of(0.05)).total - drawn(own, none(), shock_of(0.05)).total
    assert set(np.unique(np.delete(shift, own.cell[7], axis=1))) == {0.0}
    gained = shift[:, own.cell[7]] / own.amount[7] / 100
    assert (((gained > 0.499) & (gained < 1.201)) | (gained == 0)).all()
    assert gained.max() > 1.1


def test_a_period_that_has_not_begun_leaves_out_what_is_won_before() -> None:
    own = deals()
    later = OpenDeals(own.by_end / 2, own.by_end, own.amount, own.ratios, own.cell, own.team)
    found = drawn(later, none(), shock_of(0.05), n=20_000)
    assert found.n_won.mean() == pytest.approx(own.by_end.sum() / 2, rel=0.02)


def test_no_deals_at_all_bring_nothing() -> None:
    nobody = np.empty(0, dtype=np.int64)
    empty = OpenDeals(np.empty(0), np.empty(0), np.empty(0), np.ones((0, 2)), nobody, nobody)
    assert drawn(empty, none(), Shock.none(), n=10).total.sum() == 0
