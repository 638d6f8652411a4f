"""Each weighted metric is the plain one on the rows that were drawn, written out as often as they were."""

import numpy as np
import pytest
from sklearn import metrics as reference

from features.clock import Floats
from training import metrics, weighted
from training.metrics import Flags
from training.resampling import Clusters, Draws

RNG = np.random.default_rng(5)
CLUSTERS = Clusters(RNG.integers(0, 60, 400), 60)
PREDICTED = RNG.uniform(0.02, 0.98, 400).round(2)
ACTUAL = RNG.random(400) < PREDICTED
DRAWS = next(CLUSTERS.draws(1, 4))


def written_out(draw: int) -> tuple[Flags, Floats]:
    rows = np.repeat(np.arange(400), DRAWS.of_rows[draw].astype(int))
    return ACTUAL[rows], PREDICTED[rows]


@pytest.mark.parametrize("name", ["log_loss", "brier", "auc"])
def test_a_replicate_is_the_metric_of_its_rows(name: str) -> None:
    drawn = getattr(weighted, name)(ACTUAL, PREDICTED)(DRAWS)
    assert drawn == pytest.approx([getattr(metrics, name)(*written_out(draw)) for draw in range(4)])


def test_a_replicate_is_what_scikit_learn_says_with_sample_weights() -> None:
    drawn = weighted.auc(ACTUAL, PREDICTED)(DRAWS)
    assert drawn == pytest.approx([reference.roc_auc_score(ACTUAL, PREDICTED, sample_weight=each) for each in DRAWS.of_rows])


def test_gains_of_a_replicate() -> None:
    shares = np.array([0.1, 0.25, 0.9])
    drawn = weighted.gains(ACTUAL, PREDICTED, shares)(DRAWS)
    assert drawn == pytest.approx(np.stack([metrics.gains(*written_out(draw), shares) for draw in range(4)]))


def test_concordance_of_a_replicate_weighs_a_pair_by_both_of_its_rows() -> None:
    first, second = RNG.integers(0, 400, 50), RNG.integers(0, 400, 50)
    drawn = weighted.concordance(PREDICTED, (first, second))(DRAWS)
    times = (DRAWS.of_rows[0, first] * DRAWS.of_rows[0, second]).astype(int)
    assert drawn[0] == pytest.approx(metrics.concordance(PREDICTED, (np.repeat(first, times), np.repeat(second, times))))


def test_on_the_data_itself_they_are_the_plain_metrics() -> None:
    once = CLUSTERS.as_they_are()
    parts = metrics.brier_parts(ACTUAL, PREDICTED)
    found = weighted.brier_parts(ACTUAL, PREDICTED)(once)[0]
    assert found == pytest.approx([parts.reliability, parts.resolution, parts.uncertainty])
    assert weighted.calibration_error(ACTUAL, PREDICTED)(once)[0] == pytest.approx(metrics.calibration_error(ACTUAL, PREDICTED))


def test_the_parts_of_the_brier_score_add_up_in_every_replicate() -> None:
    reliability, resolution, uncertainty = weighted.brier_parts(ACTUAL, PREDICTED)(DRAWS).T
    assert reliability - resolution + uncertainty == pytest.approx(weighted.brier(ACTUAL, PREDICTED)(DRAWS))


def test_a_mean_in_groups_is_the_mean_of_each_group() -> None:
    groups = np.eye(3)[RNG.integers(0, 3, 400)]
    found = weighted.mean_in(PREDICTED, groups)(CLUSTERS.as_they_are())[0]
    assert found == pytest.approx([PREDICTED[groups[:, place] == 1].mean() for place in range(3)])


@pytest.mark.parametrize("name", ["log_loss", "brier", "auc", "calibration_error", "brier_parts"])
def test_a_replicate_without_a_row_has_no_value_and_no_warning(name: str) -> None:
    nobody = Draws(Clusters(np.array([0, 0]), 2), np.array([[0.0, 2.0]]))
    assert np.isnan(getattr(weighted, name)(np.array([False, True]), np.array([0.2, 0.8]))(nobody)).all()


def test_a_replicate_without_an_event_has_no_auc() -> None:
    nobody = Draws(Clusters(np.array([0, 1]), 2), np.array([[1.0, 0.0]]))
    assert np.isnan(weighted.auc(np.array([False, True]), np.array([0.2, 0.8]))(nobody)).all()
