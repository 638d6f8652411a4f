import numpy as np
import pandas as pd

from features.clock import Floats
from training.labels import Outcomes
from training.life_table import LifeTable, _weight, count_life_table, fit_life_table, fold_of, learn_cells
from training.person_periods import spells

EDGES = np.array([0.0, 10.0, 20.0, 40.0])


def table(stages: list[str], cause: list[int], n_watched: int = 2) -> tuple[LifeTable, pd.DataFrame]:
    signals = pd.DataFrame(
        {"stage": stages, "age_days": np.arange(len(stages), dtype=float)}, index=[f"D{i}" for i in range(len(stages))]
    )
    ended = np.array(cause)
    outcomes = Outcomes(np.where(ended > 0, 5.0, np.inf), ended, np.full(len(stages), 20.0))
    watched = spells(outcomes, EDGES[: n_watched + 1], 3)
    return fit_life_table(learn_cells(signals, "stage", "age_days"), signals, watched, EDGES, n_watched), signals


def rates(stages: list[str], cause: list[int]) -> Floats:
    made, signals = table(stages, cause)
    return made.hazards(signals)


def test_rates_add_up_and_none_is_zero() -> None:
    hazards = rates(["A"] * 30 + ["B"] * 30, [1] * 10 + [0] * 50)
    np.testing.assert_allclose(hazards.sum(axis=2), 1.0)
    assert (hazards > 0).all()


def test_a_large_cell_stands_near_its_own_rate_and_a_small_one_near_the_whole() -> None:
    stages = ["Large"] * 6000 + ["Small"] * 2
    hazards = rates(stages, [1, 0] * 3000 + [0] * 2)
    assert abs(hazards[:6000, 0, 1].mean() - 0.5) < 0.02
    assert hazards[-1, 0, 1] > 0.4


def test_without_a_single_win_the_win_rate_is_small_but_not_zero() -> None:
    hazards = rates(["A"] * 50, [2] * 25 + [0] * 25)
    assert 0 < hazards[0, 0, 1] < 0.02


def test_with_nothing_seen_every_class_is_equally_likely() -> None:
    made, signals = table(["A"], [0], n_watched=2)
    empty = fit_life_table(
        made.cells,
        signals.iloc[:0],
        spells(Outcomes(np.empty(0), np.empty(0, dtype=np.int64), np.empty(0)), EDGES, 3),
        EDGES,
        2,
    )
    np.testing.assert_allclose(empty.hazards(signals)[0, 0], 1 / 3)


def test_an_unknown_stage_and_a_missing_age_have_cells_of_their_own() -> None:
    made, _ = table(["A"] * 50, [1] * 25 + [0] * 25)
    strange = pd.DataFrame({"stage": ["New", None], "age_days": [np.nan, 3.0]})
    np.testing.assert_allclose(made.hazards(strange)[0, 0], made.hazards(strange)[1, 0], atol=0.2)


def test_beyond_follow_up_the_daily_rate_goes_on() -> None:
    hazards = rates(["A"] * 400, [1] * 200 + [0] * 200)
    assert 0 < hazards[0, 2, 0] < 1
    np.testing.assert_allclose(hazards[:, 2], hazards[:1, 2].repeat(400, axis=0))


def test_a_table_survives_json() -> None:
    made, signals = table(["A", "B"] * 30, [1, 2] * 30)
    np.testing.assert_array_equal(LifeTable.from_json(made.to_json()).hazards(signals), made.hazards(signals))


def test_folds_depend_on_the_unit_alone() -> None:
    ids = pd.Index([f"D{i}" for i in range(1000)])
    folds = fold_of(ids, 5)
    assert (fold_of(ids[::-1], 5)[::-1] == folds).all()
    assert np.bincount(folds).min() > 140


def test_each_cause_is_counted_in_its_own_time() -> None:
    signals = pd.DataFrame({"stage": ["A"] * 4000, "age_days": np.arange(4000.0)}, index=[f"D{i}" for i in range(4000)])
    ended = np.array([1] * 1000 + [2] * 400 + [0] * 2600)
    first, second = (
        spells(Outcomes(np.where(ended > 0, days, np.inf), ended, np.full(4000, 40.0)), EDGES, 3) for days in (5.0, 15.0)
    )
    cells, cell = learn_cells(signals, "stage", None), np.ones(4000, dtype=np.int64)
    hazards = count_life_table(cells, cell, np.arange(4000), [first, second], EDGES, 3).hazards(signals)[0]
    # Won in the first ten days of its own time: 1,000 of 4,000; lost in the second ten: 400 of the 4,000 at risk then.
    np.testing.assert_allclose(hazards[:2, 1:], [[0.25, 0.0], [0.0, 0.1]], atol=0.003)
    np.testing.assert_allclose(hazards.sum(axis=-1), 1.0)


def test_a_stage_that_deals_hurry_through_keeps_its_own_rate() -> None:
    """A hundred deals stand in it at one date each, as many in the other at twenty: both cells have seen a hundred."""
    stages, cause = ["Fast"] * 100 + ["Slow"] * 2000, [0] * 100 + [1] * 1000 + [0] * 1000
    ids = [f"F{k}" for k in range(100)] + [f"S{k % 100}" for k in range(2000)]
    many = pd.DataFrame({"stage": pd.Series(stages, dtype="str"), "age_days": 1.0}).set_axis(ids)
    ended = np.array(cause)
    outcomes = Outcomes(np.where(ended > 0, 5.0, np.inf), ended, np.full(len(stages), 20.0))
    made = fit_life_table(learn_cells(many, "stage", "age_days"), many, spells(outcomes, EDGES, 3), EDGES, len(EDGES) - 1)
    assert made.hazards(many)[0, 0, 1] < 0.12


def test_cells_that_differ_lean_less_on_the_whole_than_cells_that_do_not() -> None:
    alike, apart = np.array([[50.0, 50.0]] * 30), np.array([[5.0, 95.0], [95.0, 5.0]] * 15)
    whole = np.full(2, 0.5)
    assert _weight(apart, whole) < 5 < 20 < _weight(alike, whole)
