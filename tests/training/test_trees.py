import lightgbm as lgb
import numpy as np
import pytest

from training.trees import read_trees


@pytest.fixture(scope="module")
def booster() -> lgb.Booster:
    """Three classes; a number without and one with missing values, and a category."""
    rng = np.random.default_rng(4)
    matrix = np.column_stack([rng.normal(size=900), rng.normal(size=900), rng.integers(0, 8, 900)]).astype(np.float32)
    matrix[rng.random(900) < 0.3, 1] = np.nan
    label = (matrix[:, 0] + np.nan_to_num(matrix[:, 1], nan=1.0) + (matrix[:, 2] % 3) > 1).astype(int) + (matrix[:, 0] > 1)
    parameters = {"objective": "multiclass", "num_class": 3, "num_leaves": 6, "verbosity": -1, "num_threads": 1, "seed": 1}
    return lgb.train(parameters, lgb.Dataset(matrix, label, categorical_feature=[2]), 12)


def test_leaves_reached_by_their_conditions_add_up_to_the_raw_score(booster: lgb.Booster) -> None:
    rng = np.random.default_rng(5)
    matrix = np.column_stack([rng.normal(size=400), rng.normal(size=400), rng.integers(-2, 40, 400)]).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.3] = np.nan
    trees = read_trees(booster)
    met = trees.goes_left(matrix)[:, trees.node] == trees.left
    failed = np.array([np.bincount(trees.leaf, ~row, len(trees.value)) for row in met])
    raw = (failed == 0) * trees.value @ np.eye(3)[trees.of_class]
    np.testing.assert_allclose(raw, booster.predict(matrix, raw_score=True), atol=1e-12)
    assert ((failed == 0).sum(axis=1) == booster.num_trees()).all()


def test_without_a_booster_there_are_no_trees() -> None:
    trees = read_trees(None)
    assert (len(trees.value), len(trees.column), trees.goes_left(np.zeros((2, 3), dtype=np.float32)).shape) == (0, 0, (2, 0))


def test_trees_that_treat_zero_as_missing_are_refused() -> None:
    matrix = np.random.default_rng(1).normal(size=(200, 1)) * (np.arange(200) % 2)[:, None]
    parameters = {"objective": "multiclass", "num_class": 2, "zero_as_missing": True, "verbosity": -1, "num_threads": 1}
    booster = lgb.train(parameters, lgb.Dataset(matrix, (matrix[:, 0] > 0).astype(int)), 2)
    with pytest.raises(ValueError, match="zero"):
        read_trees(booster)
