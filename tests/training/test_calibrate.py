import json

import numpy as np
import pytest

from training.calibrate import METHODS, UNCALIBRATED, Calibration, Pairs, calibration_table, fit_calibration, learn_calibration
from training.curves import Curves, softmax

N_BUCKETS = 6


def foretold(n: int, scale: float = 1.0, shift: float = 0.0, seed: int = 1) -> Pairs:
    """Pairs over 90 days whose true logits are scale x foretold + shift, for both causes."""
    rng = np.random.default_rng(seed)
    ends, bucket = rng.normal(-2.0, 0.8, (n, 2)), rng.integers(0, N_BUCKETS, n)
    hazards = softmax(np.column_stack([np.zeros(n), scale * ends + shift]))
    ended = (rng.random((n, 1)) > np.cumsum(hazards, axis=1)).sum(axis=1)
    as_of = rng.integers(0, 90, n).astype(np.float64)
    return Pairs(np.column_stack([np.zeros(n), ends]), bucket, ended, rng.integers(0, n // 3, n), as_of, as_of + 1.0)


def mean_loss(calibration: Calibration, pairs: Pairs) -> float:
    every = np.repeat(pairs.logits[:, None], N_BUCKETS, axis=1)
    pair = np.arange(len(pairs))
    return float(-np.log(calibration.hazards(every)[pair, pairs.bucket, pairs.ended]).mean())


def test_hazards_that_are_right_are_left_alone() -> None:
    kept = sum(learn_calibration(foretold(3000, seed=seed), N_BUCKETS).method == "none" for seed in range(8))
    assert kept >= 6


def test_a_level_that_is_off_is_found() -> None:
    calibration = learn_calibration(foretold(9000, shift=-0.4), N_BUCKETS)
    assert calibration.method != "none"
    np.testing.assert_allclose(fit_calibration("shift", foretold(9000, shift=-0.4), N_BUCKETS).shift, -0.4, atol=0.08)
    assert mean_loss(calibration, foretold(9000, shift=-0.4, seed=2)) < mean_loss(
        UNCALIBRATED, foretold(9000, shift=-0.4, seed=2)
    )


def test_overconfidence_is_found_by_the_temperature() -> None:
    learned = fit_calibration("temperature", foretold(20_000, scale=0.7), N_BUCKETS)
    np.testing.assert_allclose(learned.scale, 0.7, atol=0.05)
    assert (learned.shift == 0).all()


@pytest.mark.parametrize("method", METHODS[1:])
def test_each_method_lessens_the_loss_it_was_learned_on(method: str) -> None:
    pairs = foretold(4000, scale=0.8, shift=-0.3)
    assert mean_loss(fit_calibration(method, pairs, N_BUCKETS), pairs) < mean_loss(UNCALIBRATED, pairs)


@pytest.mark.parametrize("method", METHODS[1:])
def test_few_pairs_move_nothing_far(method: str) -> None:
    learned = fit_calibration(method, foretold(12, shift=3.0), N_BUCKETS)
    assert np.abs(learned.shift).max() < 1.5
    assert np.abs(learned.scale - 1).max() < 1.0


def test_a_level_that_comes_and_goes_is_not_corrected() -> None:
    parts = [foretold(4000, shift=shift, seed=seed) for seed, shift in enumerate((0.5, -0.5, 0.5))]
    logits, bucket, ended, unit = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("logits", "bucket", "ended", "unit")
    )
    as_of = np.concatenate([part.as_of / 3 + 30 * number for number, part in enumerate(parts)])
    assert learn_calibration(Pairs(logits, bucket, ended, unit, as_of, as_of + 1.0), N_BUCKETS).method == "none"


def test_without_pairs_nothing_is_corrected() -> None:
    nobody = foretold(30).take(np.zeros(30, dtype=np.bool_))
    assert learn_calibration(nobody, N_BUCKETS).method == "none"
    assert learn_calibration(nobody, N_BUCKETS).evidence == ()


@pytest.mark.parametrize("method", METHODS[1:])
def test_curves_stay_consistent_across_horizons(method: str) -> None:
    calibration = fit_calibration(method, foretold(4000, scale=0.6, shift=0.5), N_BUCKETS)
    logits = np.random.default_rng(3).normal(-1.0, 2.0, (50, N_BUCKETS, 3))
    curves = Curves(np.arange(N_BUCKETS + 1.0), calibration.hazards(logits), float(N_BUCKETS))
    days = np.linspace(0, N_BUCKETS, 40)
    won, lost = (np.array([curves.by(day, cause) for day in days]) for cause in (1, 2))
    still = np.array([curves.still(day) for day in days])
    np.testing.assert_allclose(won + lost + still, 1.0)
    assert (np.diff(won, axis=0) >= -1e-12).all()
    assert (np.diff(lost, axis=0) >= -1e-12).all()


@pytest.mark.parametrize("method", METHODS[1:])
def test_json_gives_the_same_hazards_to_the_bit(method: str) -> None:
    calibration = fit_calibration(method, foretold(2000, scale=0.8), N_BUCKETS)
    again = Calibration.from_json(json.loads(json.dumps(calibration.to_json())))
    logits = np.random.default_rng(4).normal(size=(20, N_BUCKETS - 2, 3))
    np.testing.assert_array_equal(calibration.hazards(logits), again.hazards(logits))


def test_the_table_counts_each_stage_and_slice() -> None:
    happened = np.array([True, False, False, True])
    before, after = np.array([0.9, 0.1, 0.2, 0.6]), np.array([0.8, 0.1, 0.3, 0.6])
    table = calibration_table({"stage": ["A", "A", "B", "B"], "slice": [0, 1, 0, 1]}, happened, before, after)
    assert table["group"].tolist() == ["all", "A", "B", "0", "1"]
    assert table["observed"].tolist() == [0.5, 0.5, 0.5, 0.5, 0.5]
    np.testing.assert_allclose(table["uncalibrated"], [0.45, 0.5, 0.4, 0.55, 0.35])


def test_the_correction_does_not_hang_on_the_number_of_threads() -> None:
    pairs = foretold(9000, shift=-0.4)
    one, two = (learn_calibration(pairs, N_BUCKETS, threads).to_json() for threads in (1, 2))
    assert one == two
    assert one["method"] == "shift"
