"""The worth of many clients: expected as each by itself, and uncertain together."""

import numpy as np
import pytest
from scipy import sparse

from training.bg_nbd import BgNbd, Purchases
from training.chance import keys_of
from training.curves import Curves
from training.lifetime import MONTHS_A_DAY, Ordering, Terms, contract_lifetimes, order_lifetimes
from training.shock import Shock, fit_shock
from training.spending import GammaGamma, Spent
from training.worth_together import Together, contracts_together, groups_of, orders_together

TERMS = Terms(days=1095.0, draws=2000)
N = 300
STAY = 0.7 ** (1 / 3)
ALONE = Shock.none()
MEMBERS = sparse.csr_array(np.array([np.ones(N), np.arange(N) < 100, np.zeros(N)]))


def curves(n: int = N) -> Curves:
    """Three years of which each loses as many as any."""
    hazards = np.tile([STAY, 1 - STAY], (n, 3, 1))
    return Curves(np.array([0.0, 365.0, 730.0, 1095.0]), hazards, 1095.0)


def names(n: int = N) -> list[str]:
    return [f"A{number}" for number in range(n)]


def contracts(shock: Shock, monthly: float = 100.0) -> Together:
    return contracts_together(curves(), np.full(N, monthly), keys_of(names()), MEMBERS, shock, TERMS)


def test_the_mean_is_that_of_the_clients_and_shared_luck_does_not_move_it() -> None:
    each = contract_lifetimes(curves(1), np.array([100.0]), 90.0, TERMS).value[0]
    for shock in (ALONE, fit_shock([])):
        found = contracts(shock)
        assert found.mean()[:2] == pytest.approx(each)
        assert found.draws[0].mean() / N == pytest.approx(each, rel=0.01)
        assert found.n.tolist() == [N, 100, 0]
        assert np.isnan(found.mean()[2])


def test_alone_a_mean_varies_as_coins_do() -> None:
    """The days of one client under contract: exponential, cut at three years."""
    rate, days = -np.log(STAY) / 365.0, 1095.0
    mean = (1 - np.exp(-rate * days)) / rate
    square = 2 / rate**2 * (1 - np.exp(-rate * days) * (1 + rate * days))
    one = 100.0 * MONTHS_A_DAY * np.sqrt(square - mean**2)
    assert (contracts(ALONE).draws[:2].std(axis=1) / [N, 100]) == pytest.approx(one / np.sqrt([N, 100]), rel=0.06)


def test_shared_luck_does_not_average_out() -> None:
    alone, shared = (np.subtract(*contracts(shock).limits(TERMS.tails)) for shock in (ALONE, fit_shock([])))
    assert shared[0] / alone[0] > 2
    assert alone[1] / alone[0] == pytest.approx(np.sqrt(3), rel=0.1)
    assert shared[1] / shared[0] < 1.3


def ordering(n: int) -> Ordering:
    past = Purchases(np.full(n, 4.0), np.full(n, 300.0), np.full(n, 330.0))
    return Ordering(curves(n), past, Spent(np.full(n, 4.0), np.linspace(50.0, 150.0, n)), keys_of(names(n)))


MODEL, SPENDING = BgNbd(1.0, 60.0, 0.6, 2.5), GammaGamma(6.0, 4.0, 15.0)


def test_orders_are_expected_as_each_client_by_itself() -> None:
    clients, everybody = ordering(60), sparse.csr_array(np.ones((1, 60)))
    each = order_lifetimes(clients, MODEL, SPENDING, 90.0, TERMS).value
    found = orders_together(clients, MODEL, SPENDING, everybody, fit_shock([]), TERMS)
    assert found.value[0] == pytest.approx(each.sum())
    assert found.draws[0].mean() == pytest.approx(each.sum(), rel=0.05)
    low, high = found.limits(TERMS.tails)
    assert low[0] < found.mean()[0] < high[0]


def test_a_client_draws_the_same_beside_others() -> None:
    clients, terms = ordering(5), Terms(days=365.0, draws=50)
    members = sparse.csr_array(np.eye(5))
    whole = orders_together(clients, MODEL, SPENDING, members, fit_shock([]), terms)
    alone = orders_together(clients.take(np.array([3])), MODEL, SPENDING, sparse.csr_array(np.ones((1, 1))), fit_shock([]), terms)
    assert whole.draws[3] == pytest.approx(alone.draws[0])


def test_a_client_counts_in_every_group_of_its_leaf() -> None:
    leaves = sparse.csr_array(np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]]))
    assert groups_of(np.array([0, 1, 1, 2]), leaves).toarray().tolist() == [[1, 1, 1, 1], [0, 1, 1, 0]]
