"""Training rows as numbers."""

import numpy as np
import pandas as pd
import pytest

from features.clock import MICROS_PER_DAY
from training.encoding import Encoding
from training.examples import Examples
from training.labels import Outcomes
from training.life_table import learn_cells
from training.numbered import Numbered, numbered
from training.relative_risk import RelativeRisk, learn_bins

ENCODING = Encoding(("amount",), (("product", ("Large", "Small")),))


def some(n: int, seed: int = 3) -> tuple[Examples, RelativeRisk, Numbered]:
    """Rows at four dates of deals of two products in two stages."""
    rng = np.random.default_rng(seed)
    signals = pd.DataFrame(
        {
            "stage": rng.choice(["A", "B"], n),
            "age_days": rng.uniform(0, 100, n),
            "amount": rng.uniform(0, 10, n),
            "product": rng.choice(["Large", "Small", "Other"], n),
        },
        index=[f"D{unit}" for unit in rng.integers(0, max(1, n // 3), n)],
    ).astype({"stage": "str", "product": "str"})
    days, follow_up = rng.exponential(20.0, n), rng.uniform(0, 40, n)
    seen = days < follow_up
    outcomes = Outcomes(np.where(seen, days, np.inf), np.where(seen, rng.integers(1, 3, n), 0), follow_up)
    rows = Examples(signals, rng.integers(0, 4, n) * 30 * MICROS_PER_DAY, outcomes)
    risk = learn_bins(ENCODING, signals, ("amount", "product"), 2)
    return rows, risk, numbered(rows, learn_cells(signals, "stage", "age_days"), risk, ENCODING)


def test_each_row_stands_at_its_spot() -> None:
    rows, risk, found = some(400)
    spots = found.spots
    assert len(spots) < 400
    assert (np.diff(spots.group) >= 0).all()
    np.testing.assert_array_equal(found.bins[spots.group[spots.of]], risk.bins(rows.signals))
    np.testing.assert_array_equal(spots.cell[spots.of], found.cell)
    np.testing.assert_array_equal(spots.as_of[spots.of], rows.as_of)


def test_rows_that_are_alike_differ_in_cell_and_date_alone() -> None:
    _, _, found = some(400)
    alike = found.alike.spots
    assert len(alike) == len(np.unique(np.stack([found.cell, found.moment]), axis=1).T)
    assert not alike.group.any()


@pytest.mark.parametrize("days", [0, 45, 400])
def test_a_boundary_cuts_numbers_as_it_cuts_rows(days: int) -> None:
    rows, _, found = some(200)
    for wanted, part in zip(rows.before(days * MICROS_PER_DAY), found.before(days * MICROS_PER_DAY), strict=True):
        np.testing.assert_array_equal(part.as_of, wanted.as_of)
        np.testing.assert_array_equal(part.outcomes.days, wanted.outcomes.days)
        np.testing.assert_array_equal(part.outcomes.cause, wanted.outcomes.cause)
        np.testing.assert_array_equal(found.matrix[part.row], ENCODING.rows(wanted.signals))


def test_a_unit_counts_once_however_many_rows_it_has() -> None:
    rows, _, found = some(200)
    assert found.weight.sum() == pytest.approx(rows.signals.index.nunique())
    assert found.mean_weight == rows.signals.index.nunique() / 200
    assert len({(unit, fold) for unit, fold in zip(found.unit, found.fold, strict=True)}) == rows.signals.index.nunique()
