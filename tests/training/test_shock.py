import numpy as np
import pytest

from training.shock import RHO, Evidence, Shock, fit_shock, given_luck, probit


def periods(rho: float, tau: float, n: int, seed: int = 0, deals: int = 300) -> list[Evidence]:
    """Periods of a company whose deals share a shock of this size."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        team, p = rng.integers(0, 4, deals), rng.beta(1, 3, deals)
        shared = np.sqrt(rho) * rng.normal() + np.sqrt(tau) * rng.normal(size=4)[team]
        luck = shared + np.sqrt(1 - rho - tau) * rng.normal(size=deals)
        found.append(Evidence.of(p, (luck < probit(p)).astype(np.float64), team))
    return found


def test_a_deal_keeps_its_own_probability_whatever_the_shock() -> None:
    luck = np.random.default_rng(1).normal(size=200_000)
    for rho in (0.0, 0.05, 0.4):
        chances = given_luck(probit(np.array([0.3])), np.sqrt(rho) * luck, 1 - rho)
        assert chances.mean() == pytest.approx(0.3, abs=0.002)


@pytest.mark.parametrize("rho", [0.0, 0.02, 0.12])
def test_the_size_of_a_shock_is_found_again(rho: float) -> None:
    fitted = fit_shock(periods(rho, 0.0, 60))
    assert fitted.rho == pytest.approx(rho, abs=0.01 + 0.25 * rho)
    assert fitted.tau < 0.01


def test_a_shock_of_teams_is_told_from_one_of_the_company() -> None:
    fitted = fit_shock(periods(0.0, 0.06, 40))
    assert fitted.tau > 0.03
    assert fitted.rho < 0.03


def test_without_evidence_the_prior_is_wide_and_with_it_the_answer_narrows() -> None:
    bare, taught = fit_shock([]), fit_shock(periods(0.02, 0.0, 40))

    def spread(shock: Shock) -> float:
        weights = shock.weights.sum(axis=1)
        return float(np.sqrt(weights @ (RHO - weights @ RHO) ** 2))

    assert bare.n_periods == 0
    assert spread(taught) < 0.3 * spread(bare)


def test_several_forecasts_of_one_period_count_as_one() -> None:
    once = periods(0.05, 0.0, 10)
    thrice = [Evidence(each.expected, each.won, 1 / 3) for each in once for _ in range(3)]
    assert fit_shock(thrice).weights == pytest.approx(fit_shock(once).weights)
    assert fit_shock(thrice).n_periods == pytest.approx(10)


def test_evidence_survives_json() -> None:
    own = periods(0.05, 0.0, 1)[0]
    again = Evidence.from_json(own.to_json())
    assert (again.expected == own.expected).all()
    assert (again.won == own.won).all()


def test_the_worked_example_of_one_hundred_deals() -> None:
    """Coins alone say 24 to 36; of periods with a shock of 0.05 these limits hold about half."""
    rng, n = np.random.default_rng(2), 100_000
    chance = given_luck(probit(np.array([0.3])), np.sqrt(0.05) * rng.normal(size=n), 0.95)
    wins = rng.binomial(100, chance)
    assert ((wins >= 24) & (wins <= 36)).mean() == pytest.approx(0.52, abs=0.03)
