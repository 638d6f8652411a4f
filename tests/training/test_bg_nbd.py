"""BG/NBD: closed forms against stories of single clients, parameters recovered, and what the curve must never do."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta, gamma

from features.clock import Floats
from tests.training.repeat_buyers import MODEL, told
from training.bg_nbd import BgNbd, BgNbdStart, Purchases, fit_bg_nbd, newest
from training.labels import Outcomes

EDGES = np.array([0.0, 7.0, 30.0, 90.0, 365.0, 1095.0])


def one(x: float, t_x: float, age: float) -> Purchases:
    return Purchases(*(np.array([value]) for value in (x, t_x, age)))


def signals(days: Floats, silence: Floats, age: Floats) -> pd.DataFrame:
    index = pd.Index([f"A{i}" for i in range(len(days))], name="account_id")
    return pd.DataFrame({"n_order_days": days, "days_since_order": silence, "client_age_days": age}, index=index)


def test_parameters_come_back_from_clients_who_buy_that_way() -> None:
    past, _ = told(MODEL, np.random.default_rng(2).uniform(200, 700, 6000), ahead=0.0)
    found = fit_bg_nbd(past)
    np.testing.assert_allclose([found.r, found.alpha], [MODEL.r, MODEL.alpha], rtol=0.12)
    np.testing.assert_allclose(found.a / (found.a + found.b), MODEL.a / (MODEL.a + MODEL.b), rtol=0.12)


def test_silence_and_orders_are_those_of_told_stories() -> None:
    past, later = told(MODEL, np.random.default_rng(3).uniform(50, 500, 12_000), ahead=90.0)
    silent, expected = MODEL.p_silent(past, 90.0), MODEL.expected_orders(past, 90.0)
    for group in np.array_split(np.argsort(silent), 6):
        assert silent[group].mean() == pytest.approx((later[group] == 0).mean(), abs=0.03)
        assert expected[group].mean() == pytest.approx(later[group].mean(), rel=0.12, abs=0.02)


def test_the_likelihood_is_the_integral_over_rates_and_coins() -> None:
    # Equations 3 and 6 of the paper: for one client, rate and coin are known; then they are integrated out.
    x, t_x, age = 2.0, 30.0, 50.0
    coin, pace = beta(MODEL.a, MODEL.b), gamma(MODEL.r, scale=1 / MODEL.alpha)
    stays = quad(lambda p: (1 - p) ** x * coin.pdf(p), 0, 1)[0]
    left = quad(lambda p: p * (1 - p) ** (x - 1) * coin.pdf(p), 0, 1)[0]
    whole = quad(lambda rate: rate**x * (stays * np.exp(-rate * age) + left * np.exp(-rate * t_x)) * pace.pdf(rate), 0, 3)[0]
    assert float(MODEL.log_likelihood(one(x, t_x, age))[0]) == pytest.approx(np.log(whole), rel=1e-5)


def test_who_never_came_back_is_still_a_client() -> None:
    assert MODEL.p_alive(one(0, 0, 300))[0] == 1.0


def test_the_same_silence_says_more_of_a_frequent_buyer() -> None:
    alive = MODEL.p_alive(Purchases(np.array([1.0, 19.0]), np.array([40.0, 40.0]), np.array([100.0, 100.0])))
    assert alive[0] > 0.5 > 0.05 > alive[1]


@settings(deadline=None)
@given(x=st.integers(0, 600), age=st.floats(1.0, 3000.0), share=st.floats(0.0, 1.0))
def test_silence_falls_with_the_days_down_to_who_has_left(x: int, age: float, share: float) -> None:
    past = one(float(x), age * share if x else 0.0, age)
    silent = np.array([MODEL.p_silent(past, days)[0] for days in (0.0, 1.0, 30.0, 365.0, 1e9)])
    assert silent[0] == pytest.approx(1.0)
    assert (np.diff(silent) <= 0).all()
    assert silent[-1] >= 1.0 - MODEL.p_alive(past)[0] - 1e-12
    hazards = MODEL.hazards(past, EDGES)
    assert ((hazards > 0) & (hazards < 1)).all()


def test_hazards_chain_to_the_closed_form_at_every_edge() -> None:
    past, _ = told(MODEL, np.linspace(5, 900, 50), ahead=0.0)
    chained = np.cumprod(MODEL.hazards(past, EDGES)[:, :, 0], axis=1)
    closed = np.stack([MODEL.p_silent(past, float(edge)) for edge in EDGES[1:]], axis=1)
    np.testing.assert_allclose(chained, closed, rtol=1e-9)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_handful_of_clients_gives_finite_parameters(n: int) -> None:
    found = fit_bg_nbd(Purchases(np.zeros(n), np.zeros(n), np.full(n, 20.0)))
    assert np.isfinite([found.r, found.alpha, found.a, found.b]).all()
    assert 0 < found.p_silent(one(0, 0, 20), 90.0)[0] < 1


def test_purchases_are_days_with_an_order_beyond_the_first() -> None:
    past = Purchases.of(signals(np.array([1.0, 3.0]), np.array([30.0, 10.0]), np.array([30.0, 70.0])))
    assert (past.x.tolist(), past.t_x.tolist(), past.T.tolist()) == ([0, 2], [0, 60], [30, 70])


def test_the_newest_row_is_followed_to_the_next_order_or_to_the_end() -> None:
    rows = signals(np.array([1.0, 1.0, 2.0]), np.array([5.0, 5.0, 10.0]), np.array([5.0, 5.0, 40.0]))
    rows.index = pd.Index(["A", "B", "A"], name="account_id")
    seen = Outcomes(np.array([35.0, np.inf, 8.0]), np.array([1, 0, 1]), np.array([60.0, 60.0, 25.0]))
    past = newest(rows, seen)  # B of its only row, A of its second
    assert (past.x.tolist(), past.t_x.tolist(), past.T.tolist()) == ([0, 2], [0, 48], [65, 48])


def test_a_start_survives_json() -> None:
    start = BgNbdStart(BgNbd(0.733, 68.9, 0.124, 5.65), EDGES)
    again = BgNbdStart.from_json(start.to_json())
    rows = signals(np.array([1.0, 9.0]), np.array([50.0, 3.0]), np.array([50.0, 200.0]))
    np.testing.assert_array_equal(start.hazards(rows), again.hazards(rows))
