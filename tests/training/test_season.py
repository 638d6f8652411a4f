"""The month of the year, told apart from the luck of single months."""

import numpy as np
import pytest

from features.clock import Floats
from training.season import MONTHS, fit_season

SUMMER = np.log(np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.7, 0.7, 1.1, 1.1, 1.1, 1.0]))


def found(
    n_months: int, luck: float, season: Floats = SUMMER, trend: float = 0.0, monthly: float = 400.0, seed: int = 1
) -> Floats:
    """The season learned from a history that begins in April."""
    rng = np.random.default_rng(seed)
    month = 600 + 3 + np.arange(n_months)
    expected = np.full(n_months, monthly)
    went = season[month % MONTHS] + rng.normal(0.0, luck, n_months) + trend * np.arange(n_months) / 12
    return fit_season(month, rng.poisson(expected * np.exp(went)).astype(np.float64), expected)


def test_a_season_that_comes_again_is_found() -> None:
    assert found(48, luck=0.02) == pytest.approx(SUMMER - SUMMER.mean(), abs=0.06)


def test_luck_passes_for_no_season() -> None:
    flat = np.zeros(MONTHS)
    errors = [np.sqrt((found(48, luck=0.25, season=flat, seed=seed) ** 2).mean()) for seed in range(10)]
    assert np.mean(errors) < 0.5 * 0.25 / np.sqrt(4)


def test_with_luck_the_season_is_believed_in_part_and_more_with_years() -> None:
    def error(n_months: int) -> float:
        each = [found(n_months, luck=0.2, seed=seed) - (SUMMER - SUMMER.mean()) for seed in range(10)]
        return float(np.sqrt(np.mean(np.square(each))))

    assert error(96) < error(30) < float(SUMMER.std())


def test_growth_is_no_season() -> None:
    assert np.abs(found(30, luck=0.02, season=np.zeros(MONTHS), trend=0.3)).max() < 0.1


def test_a_season_has_no_level_of_its_own() -> None:
    assert found(36, luck=0.1).mean() == pytest.approx(0.0, abs=1e-12)


def test_too_few_ends_say_nothing() -> None:
    assert not found(30, luck=0.0, monthly=2.0).any()
    assert not fit_season(np.arange(30), np.zeros(30), np.ones(30)).any()
