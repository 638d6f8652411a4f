"""Level and ranking apart."""

import numpy as np
import pytest
from scipy.special import expit, logit

from training.curves import softmax
from training.level import incidence_overshot, level_gained, level_overshot, months_overshot, weekly_levels


def test_each_week_ends_as_often_as_it_did() -> None:
    rng = np.random.default_rng(1)
    week = np.repeat([0, 1], 4000)
    start = rng.normal(logit(0.06), 0.5, len(week))
    ended = (rng.random(len(week)) < expit(start + np.where(week == 1, 0.7, -0.4))).astype(np.int64)
    levels = weekly_levels(start, ended, days=week * 7.0 + 2.0)
    for number in (0, 1):
        own = week == number
        assert abs(expit((start + levels)[own]).sum() - ended[own].sum()) < 2.0


def test_a_week_without_an_end_leans_on_the_start() -> None:
    levels = weekly_levels(np.full(30, logit(0.02)), np.zeros(30, dtype=np.int64), np.zeros(30))
    assert -0.5 < levels[0] < 0


def test_no_pairs_have_no_levels() -> None:
    assert weekly_levels(np.empty(0), np.empty(0, dtype=np.int64), np.empty(0)).shape == (0,)


def test_what_is_gained_is_taken_off_to_the_mean_hazard_of_the_start() -> None:
    rng = np.random.default_rng(2)
    start = rng.normal(-2.0, 1.0, (500, 3))
    moved = start + rng.normal(0.4, 0.6, (500, 3)) + np.array([0.0, 0.5, -1.0])
    kept = expit(moved - level_gained(start, moved))
    at_risk = np.cumprod(np.c_[np.ones(500), 1.0 - expit(start)], axis=1)[:, :3]
    np.testing.assert_allclose((at_risk * kept).sum(axis=0), (at_risk * expit(start)).sum(axis=0), rtol=1e-9)


def test_what_did_not_move_gained_nothing() -> None:
    start = np.random.default_rng(3).normal(-2.0, 1.0, (40, 2))
    np.testing.assert_allclose(level_gained(start, start), 0.0, atol=1e-12)


def test_a_level_overshot_is_found_for_each_bucket_and_cause() -> None:
    rng = np.random.default_rng(4)
    bucket = np.repeat([0, 1], 20_000)
    logits = np.c_[np.zeros(40_000), rng.normal(-3.0, 0.6, 40_000), rng.normal(-2.0, 0.6, 40_000)]
    over = np.array([[0.5, 0.0], [0.0, -0.3]])
    p = softmax(logits - np.c_[np.zeros(40_000), over[bucket]])
    ended = (rng.random((40_000, 1)) > np.cumsum(p, axis=1)[:, :2]).sum(axis=1)
    np.testing.assert_allclose(level_overshot(logits, ended, bucket, 2, 1.0), over, atol=0.08)


def test_each_month_has_the_level_at_which_as_many_ended() -> None:
    rng = np.random.default_rng(5)
    days = rng.uniform(19_000, 19_120, 30_000)
    luck = np.where(days > 19_060, 0.6, 0.0)
    logits = np.c_[np.zeros(30_000), rng.normal(-2.5, 0.5, 30_000)]
    ended = (rng.random(30_000) < softmax(logits + np.c_[np.zeros(30_000), luck])[:, 1]).astype(np.int64)
    over = months_overshot(logits, ended, days, 1.0)
    early, late = over[days < 19_050, 0].mean(), over[days > 19_070, 0].mean()
    assert late - early == pytest.approx(-0.6, abs=0.1)


def test_a_bucket_without_an_end_does_not_fall_for_ever() -> None:
    over = level_overshot(np.log([[0.96, 0.04]] * 25), np.zeros(25, dtype=np.int64), np.zeros(25, dtype=np.int64), 1, 1.0)
    assert 0.1 < over[0, 0] < 1.0


def test_as_many_of_all_rows_end_in_each_bucket_as_did_though_trees_have_learned_the_winners_by_heart() -> None:
    rng = np.random.default_rng(8)
    n, hazard = 20_000, 0.2
    ended_in = np.minimum(rng.geometric(hazard, n) - 1, 4).astype(np.int64)
    ended = (ended_in < 3).astype(np.int64)
    # Overfitted: who ended early has higher hazards everywhere.
    heart = np.where(ended_in[:, None] == 0, 1.0, -0.3) + np.zeros((n, 3))
    logits = np.stack([np.zeros((n, 3)), np.log(hazard / (1 - hazard)) + heart], axis=2)
    n_seen = np.where(np.arange(n) % 2, 3, 2)
    over = incidence_overshot(logits, ended, np.where(ended > 0, ended_in, 9), n_seen, 1.0)
    p = expit(logits[:, :, 1] - over[:, 0])
    came = p * np.cumprod(np.concatenate([np.ones((n, 1)), 1 - p[:, :-1]], axis=1), axis=1)
    for bucket in range(3):
        seen = n_seen > bucket
        assert came[seen, bucket].sum() == pytest.approx((ended_in[seen] == bucket).sum(), rel=0.01)
