"""What LightGBM is told: one signal at a time beside the kind and the bucket."""

from dataclasses import replace

import numpy as np

from training.boosting import Parameters, Prepared, boost, one_at_a_time
from training.encoding import BUCKET_SIGNALS, Encoding
from training.trees import read_trees

ENCODING = Encoding(("amount", "age_days"), (("product", ("A", "B")), ("stage", ("Call", "Offer"))), BUCKET_SIGNALS)
SIGNALS = 3
"""Columns that are neither kind nor bucket: amount, age_days, product."""


def only_pairs_tell(n: int = 8000) -> Prepared:
    """Ends that hang on amount and age together, and on neither alone."""
    rng = np.random.default_rng(3)
    matrix = np.column_stack([rng.normal(size=(n, 2)), rng.integers(0, 2, (n, 2)), rng.integers(0, 4, n), np.ones((n, 2))])
    ended = (rng.random(n) < np.where(matrix[:, 0] * matrix[:, 1] > 0, 0.7, 0.1)).astype(np.int64)
    return Prepared(matrix.astype(np.float32), ended, np.zeros((n, 2)), matrix[:, 4].astype(np.int64))


def signals_that_meet(kind: str | None) -> int:
    """The most signals that stand on one way through a tree."""
    settings = Parameters(threads=1, bagging_fraction=1.0, lambda_l2=1.0)
    trees = read_trees(boost(ENCODING, only_pairs_tell(), settings, 10, kind))
    columns = trees.column[trees.node]
    ways = [set(columns[(trees.leaf == leaf) & (columns < SIGNALS)].tolist()) for leaf in np.unique(trees.leaf)]
    return max(map(len, ways))


def test_each_signal_may_meet_the_kind_and_the_bucket() -> None:
    assert one_at_a_time(ENCODING, "stage") == [[0, 3, 4, 5, 6], [1, 3, 4, 5, 6], [2, 3, 4, 5, 6]]


def test_without_a_kind_any_may_meet() -> None:
    assert one_at_a_time(ENCODING, None) == []
    assert one_at_a_time(replace(ENCODING, categories=()), "stage") == []


def test_two_signals_meet_in_no_tree_where_there_is_a_kind() -> None:
    assert signals_that_meet("stage") == 1
    assert signals_that_meet(None) > 1


def test_what_a_signal_says_may_hang_on_the_stage() -> None:
    rows = only_pairs_tell()
    by_stage = np.random.default_rng(4).random(len(rows.ended)) < np.where((rows.matrix[:, 0] > 0) == rows.matrix[:, 3], 0.7, 0.1)
    taught = replace(rows, ended=by_stage.astype(np.int64))
    booster = boost(ENCODING, taught, Parameters(threads=1), 60, "stage")
    logits = np.asarray(booster.predict(taught.matrix, raw_score=True))
    assert taught.losses(logits).mean() < 0.9 * taught.losses(taught.offset).mean()
