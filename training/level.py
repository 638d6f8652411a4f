"""Level and ranking apart: the start says how many clients order, boosting says which.

How many clients order in a week hangs on the season more than on anything a signal knows: before Christmas twice as many as
after. A year or two of history cannot tell such a season from a trend, so a level that is learned from the last months is wrong
in the next. BG/NBD's level comes from whole lives of clients and stays near the truth. So boosting learns differences alone:

* while it learns, each week of the calendar has a level of its own (as the strata of a Cox regression have; Kalbfleisch &
  Prentice 2002, 4.4), so a tree that finds the season again gains nothing by it;
* when it has learned, the hazards of each bucket are moved back so that their mean over the newest clients is the start's.

Example: the start foretells orders of 6 in 100 clients for some week in November, and 10 come. The week's offset is
log-odds(0.10) - log-odds(0.06) = 0.55; trees see what sets those 10 apart, and the hazard of the next spring is not raised.

The level of deals is learned, and yet trees get it wrong within a bucket: they add the same to a row's near and far buckets as
long as they have not split by bucket, and where hazards are high a gain saturates. Held together over all buckets, the nearest
come out too high: on young synthetic companies wins within a week by a quarter, on the very rows that taught the model. So once
trees stand, each bucket and cause gets the level back at which as many end as did (`level_overshot`), as the baseline hazard of
a Cox model is estimated last (Breslow 1974, Biometrics 30).

Deals too are won and lost together, in good months and in bad ones (decision 18), and a signal that grows with the years takes
the luck of the last months for its own. So while trees of deals learn, each month has a level of its own (`months_overshot`), and
the later time that says when to stop has its own as well.

The first two functions take logits of one cause against staying, the others those of all causes.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from features.clock import Floats
from training.curves import softmax

WEEK_DAYS: Final = 7.0
MONTH_DAYS: Final = 365.25 / 12
PRIOR_EVENTS: Final = 2.0
"""A week leans on the start's level with the weight of so much information (p (1 - p) summed over pairs)."""
STEPS: Final = 20
FURTHEST: Final = 8.0
CLOSE: Final = 1e-9

Codes = npt.NDArray[np.int64]


def weekly_levels(logits: Floats, ended: Codes, days: Floats) -> Floats:
    """For each pair the shift of its week that makes as many end as ended, (pairs,).

    `days` are those of the pairs' bucket middles on any calendar; the prior keeps a week without an end finite.
    """
    week = ((days - days.min(initial=np.inf)) // WEEK_DAYS).astype(np.int64)
    shift = np.zeros(int(week.max(initial=-1)) + 1)
    for _ in range(STEPS):
        expected = expit(logits + shift[week])
        slope = np.bincount(week, ended - expected) - PRIOR_EVENTS * shift
        shift = np.clip(shift + slope / (np.bincount(week, expected * (1.0 - expected)) + PRIOR_EVENTS), -FURTHEST, FURTHEST)
    return np.asarray(shift[week])


def level_gained(start: Floats, moved: Floats) -> Floats:
    """By how much `moved` lies above `start` in each bucket, (buckets,): without it the mean hazards are equal.

    Both are (rows, buckets) logits. Rows count with the start's probability to be at risk when the bucket begins.
    """
    hazard = expit(start)
    at_risk = np.concatenate([np.ones((len(start), 1)), np.cumprod(1.0 - hazard, axis=1)[:, :-1]], axis=1)
    gained = np.zeros(start.shape[1])
    for _ in range(STEPS):
        now = expit(moved - gained)
        slope = (at_risk * now * (1.0 - now)).sum(axis=0)
        step = (at_risk * (now - hazard)).sum(axis=0) / np.maximum(slope, np.finfo(np.float64).tiny)
        gained = np.clip(gained + np.clip(step, -1.0, 1.0), -FURTHEST, FURTHEST)
    return gained


def level_overshot(logits: Floats, ended: Codes, bucket: Codes, n_buckets: int, weight: float) -> Floats:
    """By how much the logits of each bucket and cause lie too high, (buckets, causes): without it as many end as ended.

    `logits` are (pairs, 1 + causes) and `ended` is 0 for stayed, else the cause; a pair counts as `weight` of a unit. A bucket
    leans on 0 with the weight of PRIOR_EVENTS.
    """
    prior, causes = PRIOR_EVENTS / weight, range(1, logits.shape[1])
    p = np.ascontiguousarray(softmax(logits).T)
    ends = np.stack([_sums(ended == cause, bucket, n_buckets) for cause in causes], axis=1)
    over = np.zeros((n_buckets, len(causes)))
    for _ in range(STEPS):
        now = _lowered(p, np.exp(-over).T[:, bucket])[1:]
        expected = np.stack([_sums(each, bucket, n_buckets) for each in now], axis=1)
        slope = np.stack([_sums(each * (1.0 - each), bucket, n_buckets) for each in now], axis=1)
        step = np.clip((expected - ends - prior * over) / (slope + prior), -1.0, 1.0)
        over = np.clip(over + step, -FURTHEST, FURTHEST)
        if np.abs(step).max(initial=0.0) < CLOSE:
            break
    return over


def incidence_overshot(logits: Floats, ended: Codes, in_bucket: Codes, n_seen: Codes, weight: float) -> Floats:
    """By how much the logits of each bucket and cause lie too high, (buckets, causes): without it as many of all rows are
    expected to end in it as did, those expected to have ended before left out.

    `logits` are (rows, buckets, 1 + causes); a row ended by the cause `ended` (0: it stayed) in bucket `in_bucket`, and its first
    `n_seen` buckets were watched to their end. A row counts as `weight` of a unit; a bucket leans on 0 as in `level_overshot`.
    """
    n_causes, prior = logits.shape[2] - 1, PRIOR_EVENTS / weight
    over, still = np.zeros((logits.shape[1], n_causes)), np.ones(len(logits))
    for bucket in range(logits.shape[1]):
        seen, here = n_seen > bucket, in_bucket == bucket
        ends = np.array([np.count_nonzero(seen & here & (ended == cause)) for cause in range(1, n_causes + 1)])
        p = softmax(logits[:, bucket]).T
        over[bucket] = _overshot(p[:, seen], still[seen], ends, prior)
        still *= _lowered(p, np.exp(-over[bucket])[:, None])[0]
    return over


def _overshot(p: Floats, still: Floats, ends: Codes, prior: float) -> Floats:
    """(causes,) the shift of one bucket; `p` is (1 + causes, rows), rows count by the chance that they are `still` there."""
    over = np.zeros(len(ends))
    for _ in range(STEPS):
        now = _lowered(p, np.exp(-over)[:, None])[1:]
        step = np.clip((now @ still - ends - prior * over) / ((now * (1.0 - now)) @ still + prior), -1.0, 1.0)
        over = np.clip(over + step, -FURTHEST, FURTHEST)
        if np.abs(step).max(initial=0.0) < CLOSE:
            break
    return over


def _lowered(p: Floats, factors: Floats) -> Floats:
    """(1 + causes, pairs) probabilities with the odds of each cause times its factor, (causes, pairs or 1).

    One exponential for a pair is enough that way, however many steps it takes to find the level.
    """
    ends = p[1:] * factors
    return np.asarray(np.concatenate([p[:1], ends]) / (p[0] + ends.sum(axis=0)))


def months_overshot(logits: Floats, ended: Codes, days: Floats, weight: float) -> Floats:
    """By how much the logits of each pair's month lie too high, (pairs, causes): without it as many end in each as ended.

    `days` are those of the pairs' bucket middles on any calendar; the others are as in `level_overshot`.
    """
    month = ((days - days.min(initial=np.inf)) // MONTH_DAYS).astype(np.int64)
    return np.asarray(level_overshot(logits, ended, month, int(month.max(initial=-1)) + 1, weight)[month])


def _sums(values: npt.NDArray[Any], bucket: Codes, n_buckets: int) -> Floats:
    return np.bincount(bucket, values, n_buckets).astype(np.float64)
