import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import weighted
from training.resampling import Clusters, intervals


def test_rows_of_a_cluster_come_and_go_together() -> None:
    clusters = Clusters.of(pd.Series(["a", "b", "a", "c"]))
    for draws in clusters.draws(3, 300):
        assert (draws.of_rows[:, 0] == draws.of_rows[:, 2]).all()
        assert (draws.times.sum(axis=1) == 3).all()


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=40))
def test_a_total_over_clusters_is_the_total_over_rows(names: list[str]) -> None:
    clusters = Clusters.of(pd.Series(names))
    values = np.arange(2.0 * len(names)).reshape(-1, 2)
    draws = next(clusters.draws(1, 10))
    assert draws.total(values) == pytest.approx(draws.of_rows @ values)


def test_the_same_seed_draws_the_same_clusters_for_any_rows() -> None:
    clusters = Clusters.of(pd.Series(list("abcabc")))
    whole, some = (np.concatenate([d.times for d in each.draws(9, 50)]) for each in (clusters, clusters.take(np.arange(6) < 2)))
    assert (whole == some).all()


def coverage(clustered: bool) -> float:
    """How often the interval of a mean holds the truth, when the 8 rows of each of 40 clusters are alike."""
    held = 0
    for trial in range(200):
        rng = np.random.default_rng(trial)
        values = np.repeat(rng.normal(size=40), 8) + 0.3 * rng.normal(size=320)
        names = np.repeat(np.arange(40), 8) if clustered else np.arange(320)
        found = intervals({"mean": weighted.mean(values)}, Clusters(names, int(names.max()) + 1), trial, replicates=200)["mean"][
            0
        ]
        held += found.low <= 0.0 <= found.high
    return held / 200


def test_the_interval_holds_the_truth_nearly_as_often_as_it_says() -> None:
    assert 0.89 <= coverage(clustered=True) <= 0.98


def test_drawing_rows_one_by_one_would_be_far_too_sure() -> None:
    assert coverage(clustered=False) < 0.65


def test_a_calibrated_answer_is_not_said_to_be_wrong() -> None:
    held = 0
    for trial in range(100):
        rng = np.random.default_rng(trial)
        truth = rng.uniform(0.1, 0.9, 400)
        statistics = {"ece": weighted.calibration_error(rng.random(400) < truth, truth)}
        found = intervals(statistics, Clusters(np.arange(400), 400), trial, mirrored={"ece": 2}, replicates=200)
        held += found["ece"][0].low < 0.01
    assert held >= 90


def test_a_metric_without_a_value_has_no_interval() -> None:
    never = weighted.auc(np.zeros(4, dtype=bool), np.arange(4.0))
    found = intervals({"auc": never}, Clusters(np.arange(4), 4), 7)["auc"][0]
    assert np.isnan([found.value, found.low, found.high]).all()


def test_one_cluster_has_an_estimate_and_no_interval() -> None:
    found = intervals({"mean": weighted.mean(np.array([1.0, 3.0]))}, Clusters(np.zeros(2, dtype=np.int64), 1), 7)["mean"][0]
    assert found.value == 2.0
    assert np.isnan([found.low, found.high]).all()
    assert not found.below_zero
    assert not found.above_zero
