"""Correction of the hazard logits, learned on later time, and the evidence for it.

A model that ranks well may still be off in level: the world moved on since most of its rows. The correction stands on the hazard
of each bucket, never on the answer at one horizon, so that curves stay monotone and P(won) + P(lost) + P(open) stays 1. With the
logit z_k = log(P(cause k) / P(stay)) of a bucket, the corrected one is scale_k z_k + shift_k. Candidates, from the plainest:

    none                nothing is corrected
    shift               one shift for each cause
    temperature         one scale for all (Guo et al. 2017, On Calibration of Modern Neural Networks, 4.2)
    vector              a scale and a shift for each cause (the same, "vector scaling")
    shift by buckets    a shift for each cause in each of three groups of buckets, near, middle and far
    vector by buckets   a scale and a shift for each cause in each group

The choice rests on evidence: hazards that models foretold of time later than all they had learned from (`training.fitting`), for
the last two fifths of the history, so that one season does not pass for a change. That time is cut into four parts. Each
candidate is learned on what was over when the second part began and judged on the second, and so on with the third and the
fourth. It has to gain more than 2.3 standard errors, over deals or clients (whose rows hang together) or over the parts (which
share shocks), whichever is larger: with five candidates one of them gains a single error by chance in every third company, and
then moves the level of all its answers. Of those that do, the one with the largest gain is learned again on all pairs. Where none
does, nothing is corrected.

Example: 3,000 orders are foretold where 2,700 come. The mean hazard is too high by a ninth in every bucket; `shift` finds -0.12.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logsumexp, ndtri

from features.clock import Floats, Mask
from training.curves import softmax

NONE: Final = "none"
METHODS: Final = (NONE, "shift", "temperature", "vector", "shift by buckets", "vector by buckets")
N_GROUPS: Final = 3
N_PARTS: Final = 4
PRIOR_SD: Final = 0.5
"""A correction is believed as if it came from a normal around "nothing" with this standard deviation, on the logit."""
SURE: Final = float(ndtri(1 - 0.05 / (len(METHODS) - 1)))
"""Standard errors that a chance of 5 % leaves, shared among the candidates (Bonferroni)."""
MIN_EVENTS: Final = 50
"""A part of the time in which fewer deals or clients ended neither teaches nor judges a correction."""

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Person-periods that were foretold: what the model says, and what happened.

    logits  (pairs, 1 + causes), in any scale that softmax turns into the uncorrected hazards
    bucket  number of the bucket
    ended   0 for stayed, else the cause
    unit    number of the deal or client; rows of one hang together
    as_of   days from some moment, the same for all, to the row's as_of
    over    days from that moment to the end of the bucket
    """

    logits: Floats
    bucket: Codes
    ended: Codes
    unit: Codes
    as_of: Floats
    over: Floats

    def __len__(self) -> int:
        return len(self.bucket)

    def take(self, keep: Mask) -> "Pairs":
        """The pairs that are kept."""
        whose = (self.bucket[keep], self.ended[keep], self.unit[keep])
        return Pairs(self.logits[keep], *whose, self.as_of[keep], self.over[keep])

    @property
    def n_ended(self) -> int:
        """How many different deals or clients ended."""
        return len(np.unique(self.unit[self.ended > 0]))

    @cached_property
    def weight(self) -> float:
        """What one pair counts for: a deal that stands at ten dates is not ten deals."""
        different = np.unique(self.unit * (1 + self.bucket.max(initial=0)) + self.bucket)
        return len(different) / max(1, len(self))


def joined(parts: Sequence[Pairs]) -> Pairs:
    """All pairs together, the units numbered from 0 on."""
    names = ("bucket", "ended", "unit")
    bucket, ended, unit = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    as_of, over = (np.concatenate([getattr(part, name) for part in parts]) for name in ("as_of", "over"))
    logits = np.concatenate([part.logits for part in parts])
    return Pairs(logits, bucket, ended, np.unique(unit, return_inverse=True)[1], as_of, over)


@dataclass(frozen=True)
class Evidence:
    """What a candidate gained on time later than that it was learned on.

    method  name of the candidate
    gains   mean gain in log loss (nats a pair) over no correction, one for each judged part
    gain    over all judged parts
    error   its standard error, over units or over parts, whichever is larger
    """

    method: str
    gains: tuple[float, ...]
    gain: float
    error: float

    @property
    def holds(self) -> bool:
        """Whether it gains by more than SURE standard errors."""
        return self.gain > SURE * self.error


@dataclass(frozen=True)
class Calibration:
    """A correction of hazard logits; the empty arrays of `none` leave them as they are.

    scale, shift  (buckets, causes)
    evidence      of all candidates that were tried, in the order of METHODS
    """

    method: str
    scale: Floats
    shift: Floats
    evidence: tuple[Evidence, ...] = ()

    def hazards(self, logits: Floats) -> Floats:
        """(rows, buckets, 1 + causes) logits of the first buckets -> P(stay), P(cause 1), … of each."""
        if self.method == NONE:
            return softmax(logits)
        n = logits.shape[1]
        ends = self.scale[:n] * (logits[..., 1:] - logits[..., :1]) + self.shift[:n]
        return softmax(np.concatenate([np.zeros_like(ends[..., :1]), ends], axis=-1))

    def to_json(self) -> dict[str, Any]:
        evidence = [[each.method, list(each.gains), each.gain, each.error] for each in self.evidence]
        return {"method": self.method, "scale": self.scale.tolist(), "shift": self.shift.tolist(), "evidence": evidence}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Calibration":
        scale, shift = (np.array(data[name], dtype=np.float64) for name in ("scale", "shift"))
        evidence = (Evidence(method, tuple(gains), gain, error) for method, gains, gain, error in data["evidence"])
        return cls(data["method"], scale, shift, tuple(evidence))


UNCALIBRATED: Final = Calibration(NONE, np.empty((0, 0)), np.empty((0, 0)))


def learn_calibration(pairs: Pairs, n_buckets: int, threads: int = 1) -> Calibration:
    """Choose a method by evidence on later time, and learn it on all pairs. Without enough events nothing is corrected."""
    folds = _folds(pairs)
    with ThreadPoolExecutor(threads) as pool:
        evidence = tuple(pool.map(lambda method: _evidence(method, folds, n_buckets), METHODS[1:] if len(folds) > 1 else ()))
    best = max((each for each in evidence if each.holds), key=lambda each: each.gain, default=None)
    if best is None:
        return Calibration(NONE, np.empty((0, 0)), np.empty((0, 0)), evidence)
    learned = fit_calibration(best.method, pairs, n_buckets)
    return Calibration(best.method, learned.scale, learned.shift, evidence)


def fit_calibration(method: str, pairs: Pairs, n_buckets: int) -> Calibration:
    """The most probable correction of this form, given the pairs and the prior.

    Minimises the pairs' log loss, each weighed by `Pairs.weight`, plus the squared distance from "nothing" over 2 PRIOR_SD².
    """
    scale_of, shift_of, n = _parameters(method, _groups(pairs, n_buckets), pairs.logits.shape[1] - 1)
    ends = np.ascontiguousarray((pairs.logits[:, 1:] - pairs.logits[:, :1]).T)
    happened = pairs.ended == np.arange(1, pairs.logits.shape[1])[:, None]
    bucket, weight = pairs.bucket, pairs.weight

    def summed(values: Floats, into: Codes) -> Floats:
        # By bucket first, which all parameters are made of.
        by_bucket = np.stack([np.bincount(bucket, each, n_buckets) for each in values], axis=1)
        return np.bincount(into.ravel(), by_bucket.ravel(), n + 1)[:n].astype(np.float64)

    def loss(theta: Floats) -> tuple[float, Floats]:
        scale, shift = _unpacked(theta, scale_of, shift_of)
        corrected = scale.T[:, bucket] * ends + shift.T[:, bucket]
        top = corrected.max(axis=0, initial=0.0)
        log_sum = top + np.log(np.exp(-top) + np.exp(corrected - top).sum(axis=0))
        over = np.exp(corrected - log_sum) - happened
        value = (log_sum.sum() - corrected[happened].sum()) * weight + (theta @ theta) / (2 * PRIOR_SD**2)
        return float(value), (summed(over * ends, scale_of) + summed(over, shift_of)) * weight + theta / PRIOR_SD**2

    from scipy.optimize import minimize  # not above: who only answers never fits

    theta = minimize(loss, np.zeros(n), jac=True, method="L-BFGS-B").x
    return Calibration(method, *_unpacked(theta, scale_of, shift_of))


def calibration_table(groups: Mapping[str, Any], happened: Mask, before: Floats, after: Floats) -> pd.DataFrame:
    """Predicted and observed shares of one question, all rows first, then by each of `groups`: name -> the group of each row.

    Returns a row for each group with `by`, `group`, `n_rows`, `observed`, `uncalibrated` and `calibrated` (mean probabilities, 0
    to 1).
    """
    values = pd.DataFrame({"n_rows": 1, "observed": happened, "uncalibrated": before, "calibrated": after})
    parts = []
    for by, keys in {"all": "all", **groups}.items():
        grouped = values.assign(group=keys).groupby("group", dropna=False)
        counted = grouped.mean().assign(n_rows=grouped.size()).reset_index()
        parts.append(counted.assign(by=by, group=counted["group"].astype("str")))
    return pd.concat(parts, ignore_index=True)[["by", "group", *values.columns]]


def _evidence(method: str, folds: Sequence[tuple[Pairs, Pairs]], n_buckets: int) -> Evidence:
    gained = [_gain(fit_calibration(method, taught, n_buckets), judged) for taught, judged in folds]
    gain, unit = np.concatenate(gained), np.concatenate([judged.unit for _, judged in folds])
    over_units = standard_error(gain, unit)
    means = np.array([each.mean() for each in gained])
    over_parts = float(means.std(ddof=1) / np.sqrt(len(means)))
    return Evidence(method, tuple(means.tolist()), float(gain.mean()), max(over_units, over_parts))


def standard_error(gain: Floats, unit: Codes) -> float:
    """Standard error of the mean of `gain`, whose entries of one unit (numbers from 0 on) hang together."""
    by_unit = np.bincount(unit, gain - gain.mean())
    return float(np.sqrt((by_unit**2).sum()) / len(gain))


def _folds(pairs: Pairs) -> list[tuple[Pairs, Pairs]]:
    """(learned on, judged on) for each part of the time after the first; those with too few ends are left out."""
    if not len(pairs):
        return []
    starts = np.quantile(np.unique(pairs.as_of), np.arange(1, N_PARTS) / N_PARTS)
    folds = [
        (pairs.take(pairs.over <= start), pairs.take((pairs.as_of >= start) & (pairs.as_of < end)))
        for start, end in pairwise([*starts.tolist(), np.inf])
    ]
    return [fold for fold in folds if min(side.n_ended for side in fold) >= MIN_EVENTS]


def _gain(calibration: Calibration, judged: Pairs) -> Floats:
    """How much less each pair loses with the correction than without, in nats."""
    corrected = _log_softmax(_corrected(calibration.scale, calibration.shift, judged))
    pair = np.arange(len(judged))
    return np.asarray(corrected[pair, judged.ended] - _log_softmax(judged.logits)[pair, judged.ended])


def _corrected(scale: Floats, shift: Floats, pairs: Pairs) -> Floats:
    ends = scale[pairs.bucket] * (pairs.logits[:, 1:] - pairs.logits[:, :1]) + shift[pairs.bucket]
    return np.concatenate([np.zeros((len(ends), 1)), ends], axis=1)


def _log_softmax(logits: Floats) -> Floats:
    return np.asarray(logits - logsumexp(logits, axis=1, keepdims=True))


def _groups(pairs: Pairs, n_buckets: int) -> Codes:
    """The group of each bucket: N_GROUPS of about equally many ends, in order of time."""
    ends = np.bincount(pairs.bucket[pairs.ended > 0], minlength=n_buckets)[:n_buckets]
    before = np.cumsum(ends) - ends
    share = (before + ends / 2) / max(1, int(ends.sum()))
    return np.asarray(np.minimum(N_GROUPS - 1, (N_GROUPS * share).astype(np.int64)))


def _parameters(method: str, groups: Codes, n_causes: int) -> tuple[Codes, Codes, int]:
    """Which parameter is the scale, and which the shift, of each (bucket, cause); the number after the last is "fixed"."""
    causes = np.arange(n_causes)
    cell = groups[:, None] * n_causes + causes if method.endswith("buckets") else np.zeros_like(groups)[:, None] + causes
    n_cells = int(cell.max()) + 1
    fixed = np.full_like(cell, n_cells)
    if method == "temperature":
        return np.zeros_like(cell), np.ones_like(cell), 1
    if method.startswith("shift"):
        return fixed, cell, n_cells
    return cell, cell + n_cells, 2 * n_cells


def _unpacked(theta: Floats, scale_of: Codes, shift_of: Codes) -> tuple[Floats, Floats]:
    with_fixed = np.append(theta, 0.0)
    return 1.0 + with_fixed[scale_of], with_fixed[shift_of]
