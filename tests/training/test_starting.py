"""Where boosting starts."""

from dataclasses import replace

import numpy as np
import pytest

from features.calendar import FiscalCalendar
from features.clock import Floats
from tests.training.test_numbered import some
from training.boosting import Parameters
from training.curves import intensities
from training.examples import Examples
from training.hazard import HazardModel
from training.numbered import Numbered, numbered
from training.pace import N_COLUMNS, Pace
from training.person_periods import person_periods
from training.starting import BACKFITS, bare, learn_start, out_of_fold, started
from training.targets import DEALS

N = 3000


@pytest.fixture(scope="module")
def company() -> tuple[Examples, HazardModel, Numbered]:
    """Rows, what is learned of them at an uneven pace, and the rows as numbers."""
    rows, _, _ = some(N)
    model = bare(rows, DEALS.spec, FiscalCalendar(), Parameters(threads=1))
    start, found = learn_start(model, numbered(rows, model.life_table.cells, model.risk, model.encoding))
    weights = np.random.default_rng(2).normal(0, 0.3, (2, N_COLUMNS))
    return rows, replace(start, pace=Pace(start.calendar, weights)), found


def test_a_start_by_spots_is_that_of_the_model_to_the_bit(company: tuple[Examples, HazardModel, Numbered]) -> None:
    rows, model, found = company
    assert model.risk is not None
    assert model.risk.speeds.any()
    np.testing.assert_array_equal(started(model, found)[found.spots.of], model.started(rows.signals, rows.as_of))
    even = replace(model, pace=Pace.even(model.calendar, 2), risk=None)
    np.testing.assert_array_equal(started(even, found)[found.spots.of], even.started(rows.signals, rows.as_of))


def test_factors_are_those_of_a_count_pair_by_pair(company: tuple[Examples, HazardModel, Numbered]) -> None:
    rows, _, _ = company
    model = bare(rows, DEALS.spec, FiscalCalendar(), Parameters(threads=1))
    start, _ = learn_start(model, numbered(rows, model.life_table.cells, model.risk, model.encoding))
    assert start.risk is not None
    assert start.risk.weights.any()
    wanted, usual = _by_pairs(start, rows)
    np.testing.assert_allclose(start.risk.weights, wanted, atol=1e-9)
    np.testing.assert_allclose(start.risk.usual, usual, atol=1e-9)


def _by_pairs(model: HazardModel, rows: Examples) -> tuple[Floats, Floats]:
    """The factors and their means by bucket, from every person-period of every row."""
    assert model.risk is not None
    n_watched, bins = model.life_table.n_watched, model.risk.bins(rows.signals)
    periods = person_periods(rows.outcomes, model.edges[: n_watched + 1], 3)
    bare_hazards = replace(model, risk=model.risk.even()).started(rows.signals, rows.as_of)
    each = intensities(bare_hazards[periods.row, periods.bucket]) * np.where(periods.ended > 0, 0.5, 1.0)[:, None]
    weight = 1 / rows.signals.groupby(level=0).size().reindex(rows.signals.index).to_numpy()[:, None]
    ended, usual, risk = np.zeros((len(rows), 2)), np.ones((len(model.edges) - 1, 2)), model.risk
    np.add.at(ended, periods.row, periods.ended[:, None] == [1, 2])
    for _ in range(BACKFITS):
        expected = np.zeros((len(rows), 2))
        np.add.at(expected, periods.row, each / usual[periods.bucket])
        risk = risk.fitted(bins, weight * ended, weight * expected)
        for bucket in range(n_watched):
            here = periods.bucket == bucket
            usual[bucket] = (each * risk.factors_of(bins)[periods.row])[here].sum(axis=0) / each[here].sum(axis=0)
    return risk.weights, usual


def test_no_row_starts_from_its_own_outcome(company: tuple[Examples, HazardModel, Numbered]) -> None:
    _, model, found = company
    inside = found.fold == 2
    turned = replace(found.outcomes, cause=np.where(inside & (found.outcomes.cause > 0), 3 - found.outcomes.cause, 0))
    turned = replace(turned, cause=np.where(inside, turned.cause, found.outcomes.cause))
    other = replace(found, outcomes=turned, own=tuple(replace(own, cause=turned.cause) for own in found.own))
    first, second = (out_of_fold(model, rows) for rows in (found, other))
    np.testing.assert_array_equal(first[inside], second[inside])
    assert np.abs(first[~inside] - second[~inside]).max() > 1e-3
