import numpy as np
from scipy.stats import kstest

from training.chance import generators, keys_of, streams, uniforms

KEYS = keys_of([f"A-{n}" for n in range(40)])


def test_numbers_belong_to_the_unit_and_not_to_its_place() -> None:
    whole, some = streams(KEYS, 7, 50), streams(KEYS[[31, 4]], 7, 50)
    assert (some == whole[[31, 4]]).all()
    assert (uniforms(some, 3) == uniforms(whole, 3)[[31, 4]]).all()
    first, second = (next(iter(generators(KEYS[rows], 7))).random(3) for rows in ([4, 5], [4]))
    assert (first == second).all()


def test_numbers_are_uniform_and_different_for_units_draws_places_and_seeds() -> None:
    drawn = np.stack([uniforms(streams(KEYS, seed, 50), number) for seed in (7, 8) for number in range(5)])
    assert kstest(drawn.ravel(), "uniform").pvalue > 0.001
    assert len(np.unique(drawn)) == drawn.size
    assert ((drawn >= 0) & (drawn < 1)).all()


def test_successive_numbers_of_a_stream_are_not_related() -> None:
    drawn = np.stack([uniforms(streams(KEYS, 7, 200), number).ravel() for number in range(6)])
    off_diagonal = np.asarray(np.corrcoef(drawn))[~np.eye(6, dtype=bool)]
    assert np.abs(off_diagonal).max() < 5 / np.sqrt(drawn.shape[1])
