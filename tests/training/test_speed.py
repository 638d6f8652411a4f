"""How fast the days of a deal count."""

import numpy as np
import pandas as pd
import pytest

from features.calendar import FiscalCalendar
from features.clock import Floats
from training.encoding import Encoding
from training.examples import Examples
from training.labels import Outcomes
from training.life_table import Cells
from training.numbered import Numbered, numbered
from training.pace import Pace
from training.person_periods import PersonPeriods, person_periods
from training.relative_risk import RelativeRisk
from training.speed import GRID, fit_speeds

EDGES = np.array([0.0, 3, 7, 14, 21, 30, 45, 60, 90, 120, 180])
ENCODING = Encoding((), (("product", ("Large", "Small")),))
BINS = RelativeRisk((), ENCODING.categories, np.zeros((2, 4)), np.ones((1, 2)))
WAIT = 40.0


def hazards(n: int) -> Floats:
    """Of a walk through two stages of 40 days each, won at the end: the hazard rises from 0."""
    stays = (1 + EDGES / WAIT) * np.exp(-EDGES / WAIT)
    won = 1 - stays[1:] / stays[:-1]
    return np.tile(np.stack([1 - won - 1e-9, won, np.full(len(won), 1e-9)], axis=1), (n, 1, 1))


def walked(n: int, speed: Floats, seed: int = 4) -> PersonPeriods:
    days = np.random.default_rng(seed).gamma(2.0, WAIT, n) / speed
    seen = days < EDGES[-1]
    return person_periods(Outcomes(np.where(seen, days, np.inf), seen.astype(np.int64), np.full(n, EDGES[-1])), EDGES, 3)


def products(n: int, dates: int = 1) -> Numbered:
    """Every other row of each date is large."""
    signals = pd.DataFrame({"product": np.where(np.arange(n) % 2, "Large", "Small")}, index=[f"D{k}" for k in range(n)])
    everywhere = pd.concat([signals.astype("str")] * dates)
    size = len(everywhere)
    rows = Examples(everywhere, np.zeros(size, dtype=np.int64), Outcomes(*np.zeros((3, size))))
    return numbered(rows, Cells(None, None, (), ()), BINS, ENCODING)


def learned(rows: Numbered, periods: PersonPeriods) -> Floats:
    even, nowhere = Pace.even(FiscalCalendar(), 2), np.zeros(1, dtype=np.int64)
    at = [even.paced(hazards(1), nowhere, EDGES, np.array([speed])) for speed in np.exp(GRID)]
    return fit_speeds(BINS.columns(rows.bins), rows, periods, at, np.zeros(len(rows), dtype=np.int64))


def test_slow_and_fast_products_are_told_apart() -> None:
    large, small = learned(products(4000), walked(4000, np.where(np.arange(4000) % 2, 0.7, 1.3)))[:2]
    assert large - small == pytest.approx(np.log(0.7 / 1.3), abs=0.06)
    assert large + small == pytest.approx(0.0, abs=0.01)


def test_a_handful_of_deals_stays_near_one_speed() -> None:
    large, small = learned(products(8), walked(8, np.where(np.arange(8) % 2, 0.5, 1.5)))[:2]
    assert abs(large - small) < 0.6


def test_a_deal_that_stands_at_ten_dates_counts_as_one() -> None:
    periods = walked(60, np.where(np.arange(60) % 2, 0.7, 1.3))
    shifted = [periods.row + 60 * k for k in range(10)]
    ten = PersonPeriods(np.concatenate(shifted), np.tile(periods.bucket, 10), np.tile(periods.ended, 10), 3)
    np.testing.assert_allclose(learned(products(60, dates=10), ten), learned(products(60), periods), atol=1e-6)


def test_a_slow_deal_loses_more_the_farther_it_is_from_a_signature() -> None:
    even = Pace.even(FiscalCalendar(), 2)
    near = np.tile([0.9, 0.1 - 1e-9, 1e-9], (1, len(EDGES) - 1, 1))
    loses = []
    for each in (hazards(1), near):
        slow = even.paced(each, np.zeros(1, dtype=np.int64), EDGES, np.array([0.7]))
        stays = [own[0, :7, 0].prod() for own in (each, slow)]
        loses.append((1 - stays[1]) / (1 - stays[0]))
    assert loses[0] < 0.72
    assert loses[0] < loses[1] < 1.0
