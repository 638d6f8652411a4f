import numpy as np
import pytest
from sklearn import metrics as reference

from training.metrics import auc, brier, calibration_error, log_loss

RNG = np.random.default_rng(1)
PREDICTED = RNG.uniform(0.01, 0.99, 500)
ACTUAL = RNG.random(500) < PREDICTED


def test_they_agree_with_scikit_learn() -> None:
    assert log_loss(ACTUAL, PREDICTED) == pytest.approx(reference.log_loss(ACTUAL, PREDICTED))
    assert brier(ACTUAL, PREDICTED) == pytest.approx(reference.brier_score_loss(ACTUAL, PREDICTED))
    assert auc(ACTUAL, PREDICTED) == pytest.approx(reference.roc_auc_score(ACTUAL, PREDICTED))


def test_a_certain_and_wrong_answer_costs_much_but_not_everything() -> None:
    assert 15 < log_loss(np.array([True]), np.array([0.0])) < 25


def test_auc_of_rows_that_all_agree_is_unknown() -> None:
    assert np.isnan(auc(np.array([True, True]), np.array([0.2, 0.8])))


def test_calibration_error_is_small_for_the_truth_and_large_for_a_shifted_one() -> None:
    rng = np.random.default_rng(2)
    truth = rng.uniform(0.1, 0.6, 50_000)
    happened = rng.random(50_000) < truth
    assert calibration_error(happened, truth) < 0.01
    assert calibration_error(happened, truth + 0.2) == pytest.approx(0.2, abs=0.01)
