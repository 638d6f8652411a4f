"""Worth of clients against closed forms: a constant hazard, BG/NBD's expected orders, stories told one by one."""

import numpy as np
import pytest

from features.clock import Floats
from tests.training.repeat_buyers import MODEL, told
from training.bg_nbd import BgNbd, Purchases
from training.curves import Curves
from training.lifetime import Lifetimes, Ordering, Terms, contract_lifetimes, order_lifetimes
from training.spending import GammaGamma, Spent

EDGES = np.array([0.0, 7.0, 30.0, 90.0, 180.0, 365.0, 730.0])
ALIKE = GammaGamma(p=1000.0, q=1001.0, gamma=100.0)
"""Every purchase of everybody is worth about 100."""


def constant(daily: float, n: int = 1) -> Curves:
    """Curves of a hazard that never changes."""
    leaves = -np.expm1(-daily * np.diff(EDGES))
    return Curves(EDGES, np.tile(np.stack([1 - leaves, leaves], axis=1), (n, 1, 1)), 365.0)


def never(n: int) -> Spent:
    return Spent(np.zeros(n), np.zeros(n))


def worth(model: BgNbd, past: Purchases, terms: Terms, horizon: float = 90.0) -> Lifetimes:
    curves = Curves(EDGES, model.hazards(past, EDGES), 730.0)
    return order_lifetimes(
        Ordering(curves, past, never(len(past.x)), np.arange(len(past.x), dtype=np.uint64)), model, ALIKE, horizon, terms
    )


def pasts(n: int) -> Purchases:
    return told(MODEL, np.linspace(20, 600, n), ahead=0.0)[0]


@pytest.mark.parametrize("rate", [0.0, 0.25])
def test_a_contract_of_constant_hazard_is_worth_the_closed_form(rate: float) -> None:
    hazard, terms = 0.002, Terms(days=365.0, discount_rate=rate)
    force = hazard + np.log1p(rate) / 365.0
    found = contract_lifetimes(constant(hazard), np.array([1000.0]), 90.0, terms)
    daily = 1000.0 * 12 / 365
    # Discounting is done bucket by bucket.
    assert found.value[0] == pytest.approx(daily * -np.expm1(-force * 365) / force, rel=1e-12 if rate == 0 else 2e-3)


def test_a_contract_that_lasts_the_horizon_is_worth_the_horizon_and_then_as_before() -> None:
    hazard = 0.002
    found = contract_lifetimes(constant(hazard), np.array([365.0 / 12]), 90.0, Terms(days=365.0))
    assert found.if_kept[0] == pytest.approx(90.0 - np.expm1(-hazard * 275) / hazard, rel=1e-12)
    assert found.low[0] == pytest.approx(-np.log(0.9) / hazard)  # one in ten has left by then
    assert found.high[0] == pytest.approx(365.0)  # fewer than nine in ten leave within the year


def test_what_is_at_risk_of_a_contract_is_the_expected_loss() -> None:
    hazard, terms = 0.002, Terms(days=365.0)
    found = contract_lifetimes(constant(hazard), np.array([365.0 / 12]), 90.0, terms)
    leaves = -np.expm1(-hazard * 90)
    paid_before = 1 / hazard - 90 * (1 - leaves) / leaves  # the mean of an exponential time that is below 90
    assert found.at_risk[0] == pytest.approx(leaves * (found.if_kept[0] - paid_before), rel=1e-9)


def test_nobody_has_more_at_risk_than_would_be_kept_and_what_nobody_keeps_is_still_worth_something() -> None:
    found = worth(MODEL, pasts(300), Terms(draws=50))
    assert ((found.at_risk >= 0) & (found.at_risk <= found.if_kept)).all()
    gone = worth(MODEL, Purchases(np.array([20.0]), np.array([10.0]), np.array([900.0])), Terms(), horizon=1e-3)
    assert gone.if_kept[0] > 0


def test_at_risk_and_kept_make_up_the_whole_of_a_client_who_orders() -> None:
    terms, past = Terms(days=90.0), pasts(40)
    found = worth(MODEL, past, terms, horizon=90.0)
    np.testing.assert_allclose(found.value, (1 - MODEL.p_silent(past, 90.0)) * found.if_kept, rtol=1e-9)


def test_simulated_orders_are_as_many_as_the_closed_form_expects() -> None:
    past = pasts(300)
    found = worth(MODEL, past, Terms(days=365.0, draws=400)).value / 100.0
    expected = MODEL.expected_orders(past, 365.0)
    assert found.sum() == pytest.approx(expected.sum(), rel=0.02)
    np.testing.assert_allclose(found, expected, rtol=0.25)


def test_a_rate_known_exactly_gives_a_poisson_number_of_orders() -> None:
    # r and alpha large: everybody orders every 20 days; a is so small that nobody leaves.
    model = BgNbd(r=2e6, alpha=4e7, a=1e-9, b=1.0)
    past = Purchases(np.array([3.0]), np.array([60.0]), np.array([70.0]))
    found = worth(model, past, Terms(days=365.0, draws=4000))
    assert found.value[0] == pytest.approx(100 * 365 / 20, rel=0.02)
    spread = 100 * 1.2816 * np.sqrt(365 / 20)
    assert (found.high[0] - found.low[0]) / 2 == pytest.approx(spread, rel=0.1)


def test_the_interval_holds_what_told_stories_bring() -> None:
    past, later = told(MODEL, np.random.default_rng(5).uniform(50, 500, 2000), ahead=180.0)
    found = worth(MODEL, past, Terms(days=180.0))
    assert ((found.low <= 101 * later) & (100 * later <= 1.2 * found.high)).mean() > 0.85
    assert (100 * later > 1.2 * found.high).mean() < 0.12


def test_who_hardly_ever_orders_is_worth_next_to_nothing_and_its_interval_begins_at_nothing() -> None:
    gone = Purchases(np.array([20.0]), np.array([40.0]), np.array([400.0]))
    found = worth(MODEL, gone, Terms())
    assert 0 < found.value[0] < 5
    assert (found.low[0], found.high[0]) == (0, 0)
    assert found.if_kept[0] > 100


def test_the_seed_decides_and_no_client_is_worth_nothing() -> None:
    same, again, other = (worth(MODEL, pasts(5), Terms(seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(same.low, again.low)
    assert (same.value != other.value).any()
    assert worth(MODEL, Purchases(*(np.empty(0),) * 3), Terms()).value.shape == (0,)


def test_more_days_are_worth_more() -> None:
    values: list[Floats] = [worth(MODEL, pasts(60), Terms(days=days)).value for days in (90.0, 180.0, 365.0)]
    assert values[0].sum() < values[1].sum() < values[2].sum()
