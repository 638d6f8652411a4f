"""Gamma-gamma: parameters recovered, means between a client's own and everybody's, and sums as drawn."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import gamma

from training.chance import generators
from training.spending import GammaGamma, Spent, fit_gamma_gamma

MODEL = GammaGamma(p=6.0, q=4.0, gamma=150.0)


def spenders(n: int, seed: int = 1) -> tuple[Spent, "np.ndarray[tuple[int], np.dtype[np.float64]]"]:
    """Clients who spend that way, and the mean of each that they do not know."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(MODEL.q, 1 / MODEL.gamma, n)
    purchases = rng.integers(1, 8, n).astype(np.float64)
    return Spent(purchases, rng.gamma(MODEL.p * purchases, 1 / rate) / purchases), MODEL.p / rate


def test_parameters_come_back() -> None:
    found = fit_gamma_gamma(spenders(8000)[0])
    np.testing.assert_allclose([found.p, found.q, found.gamma], [MODEL.p, MODEL.q, MODEL.gamma], rtol=0.12)


def test_the_likelihood_is_the_integral_over_rates() -> None:
    n, mean = 3.0, 60.0
    shape = MODEL.p * n
    whole = quad(
        lambda rate: gamma.pdf(mean, shape, scale=1 / (n * rate)) * gamma.pdf(rate, MODEL.q, scale=1 / MODEL.gamma), 0, 1
    )[0]
    assert float(MODEL.log_likelihood(Spent(np.array([n]), np.array([mean])))[0]) == pytest.approx(np.log(whole), rel=1e-6)


def test_the_expected_amount_is_the_mean_of_those_who_spent_alike() -> None:
    spent, mean = spenders(40_000)
    expected = MODEL.expected(spent)
    for group in np.array_split(np.argsort(expected), 5):
        assert expected[group].mean() == pytest.approx(mean[group].mean(), rel=0.05)


def test_one_purchase_leans_on_the_others_and_fifty_on_themselves() -> None:
    none, once, often = MODEL.expected(Spent(np.array([0.0, 1.0, 50.0]), np.array([0.0, 3000.0, 3000.0])))
    assert none == pytest.approx(MODEL.p * MODEL.gamma / (MODEL.q - 1))
    assert none < once < 2600 < often < 3000


def test_drawn_totals_have_the_expected_mean_and_nothing_bought_is_nothing() -> None:
    spent = Spent(np.array([4.0]), np.array([80.0]))
    bought = np.tile([0.0, 2.0], 40_000)[None, :]
    totals = MODEL.draw_totals(spent, bought, generators(np.arange(len(bought), dtype=np.uint64), 1))
    assert not totals[bought == 0].any()
    assert totals[bought == 2].mean() == pytest.approx(2 * MODEL.expected(spent)[0], rel=0.02)


def test_orders_of_a_day_are_one_purchase_and_amounts_that_are_not_known_are_none() -> None:
    rows = pd.DataFrame({"n_orders": [4.0, 2.0, 1.0], "n_order_days": [2.0, 2.0, 1.0], "mean_order": [50.0, np.nan, 0.0]})
    spent = Spent.of(rows)
    assert (spent.n.tolist(), spent.mean.tolist()) == ([2, 0, 0], [100, 0, 0])


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_handful_of_clients_gives_finite_amounts(n: int) -> None:
    found = fit_gamma_gamma(Spent(np.ones(n), np.full(n, 120.0)))
    assert np.isfinite(found.expected(Spent(np.array([0.0, 1.0]), np.array([0.0, 120.0])))).all()
