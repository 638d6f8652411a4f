"""Cumulative incidence: what a hazard in each bucket adds up to, at any number of days.

Buckets are `[edges[b], edges[b + 1])` in days after as_of. In each, a row that is still at risk stays, or ends by one of the
causes; the three probabilities add up to 1. Chaining them gives P(ended by cause k by day d), which never falls with d, and with
P(still there) always adds up to 1 (Kalbfleisch & Prentice 2002, The Statistical Analysis of Failure Time Data, ch. 8).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Final, Protocol

import numpy as np

from features.clock import Floats
from features.history import Rows

NARROWER: Final = 8
NARROWINGS: Final = 7
SMALLEST: Final = float(np.finfo(np.float64).tiny)
"""The bucket of a median is cut into 8 parts seven times, to a millionth: for few rows a step takes as long as halving does."""


class Passing(Protocol):
    """How the time of each row passes: faster on some days than on others."""

    def of(self, row: Rows, days: Floats) -> Floats:
        """(pairs, causes) days of ordinary pace from the as_of of the row of each pair to its day."""


@dataclass(frozen=True)
class Curves:
    """Curves of several rows.

    edges         days, (buckets + 1,), from 0 on
    hazards       (rows, buckets, 1 + causes): P(stay), P(cause 1), … within the bucket, given at risk at its start
    extrapolated  day from which on the data behind the model has not watched anybody
    passing       how time passes inside a bucket; None: evenly
    """

    edges: Floats
    hazards: Floats
    extrapolated: float
    passing: Passing | None = None

    @cached_property
    def staying(self) -> Floats:
        """P(still there) at each edge, (rows, buckets + 1)."""
        steps = np.cumprod(self.hazards[:, :, 0], axis=1)
        return np.concatenate([np.ones((len(steps), 1)), steps], axis=1)

    @cached_property
    def incidence(self) -> Floats:
        """P(ended by each cause) at each edge, (rows, buckets + 1, causes)."""
        ended = self.staying[:, :-1, None] * self.hazards[:, :, 1:]
        summed = np.cumsum(ended, axis=1)
        return np.concatenate([np.zeros((len(summed), 1, summed.shape[2])), summed], axis=1)

    def by(self, days: float | Floats, cause: int) -> Floats:
        """P(ended by `cause` within `days` after as_of), (rows,); days past the last edge give the value there.

        Inside a bucket, at fraction f of it, P(stay) is the bucket's to the power f, and what has ended is split among the causes
        as in the whole bucket. Where time has a pace, f is the fraction of the paced time: of a bucket from Saturday to Tuesday
        nearly nothing is over on Sunday night. Causes of different pace count by their share in the bucket's ends.
        """
        return np.asarray(self._at(days)[1][:, cause - 1])

    def still(self, days: float | Floats) -> Floats:
        """P(still there `days` after as_of), (rows,)."""
        return np.asarray(self._at(days)[0])

    def ended(self, days: float | Floats, rows: Rows) -> Floats:
        """P(ended by each cause) of some of the rows, each within its own number of days, (len(rows), causes)."""
        return self._at(days, rows)[1]

    def _at(self, days: float | Floats, some: Rows | None = None) -> tuple[Floats, Floats]:
        rows = np.arange(len(self.hazards)) if some is None else some
        day = np.broadcast_to(np.clip(np.asarray(days, dtype=np.float64), 0.0, self.edges[-1]), rows.shape)
        bucket = np.clip(np.searchsorted(self.edges, day, side="right") - 1, 0, len(self.edges) - 2)
        fraction = (day - self.edges[bucket]) / (self.edges[bucket + 1] - self.edges[bucket])
        split = self._split(rows, bucket)
        if self.passing is not None:
            low, now, high = self._paced(self.passing, rows, np.stack([self.edges[bucket], day, self.edges[bucket + 1]]))
            fraction = (split * (now - low) / (high - low)).sum(axis=1)
        stay = self.hazards[rows, bucket, 0] ** fraction
        start = self.staying[rows, bucket]
        ended = start * (1.0 - stay)
        return start * stay, self.incidence[rows, bucket] + split * ended[:, None]

    def _split(self, rows: Rows, bucket: Rows) -> Floats:
        """(pairs, causes) the share of each cause in what ends in a bucket; 0 where nothing ends."""
        ends = self.hazards[rows, bucket, 1:]
        total = ends.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(ends, total, out=np.zeros_like(ends), where=total > 0))

    def _paced(self, passing: Passing, rows: Rows, days: Floats) -> Floats:
        """(n, rows, causes) paced days until each of n days of each row, (n, rows)."""
        return passing.of(np.tile(rows, len(days)), days.ravel()).reshape(*days.shape, -1)

    def days_until_still(self, still: Floats) -> Floats:
        """The day at which P(still there) has fallen to each given value; the inverse of `still`.

        `still` is (rows, values), each in (0, 1]; a value that the curve does not reach gives the last edge. log P(still there)
        is a straight line inside each bucket: for curves whose time passes evenly.
        """
        run_down = -np.log(np.maximum(self.staying, np.finfo(np.float64).tiny))
        asked = -np.log(still)
        bucket = (asked[:, :, None] >= run_down[:, None, 1:-1]).sum(axis=2)
        low, high = (np.take_along_axis(run_down, bucket + step, axis=1) for step in (0, 1))
        length = np.diff(self.edges)[bucket]
        fraction = (asked - low) / np.maximum(high - low, np.finfo(np.float64).tiny)
        return np.asarray(self.edges[bucket] + length * np.clip(fraction, 0.0, 1.0))

    def median_days(self, cause: int) -> Floats:
        """Days until half of the whole probability of `cause` is reached: the median time of an end by it, (rows,)."""
        total = self.incidence[:, :, cause - 1]
        half = total[:, -1] / 2.0
        bucket = np.clip((total < half[:, None]).sum(axis=1) - 1, 0, len(self.edges) - 2)
        rows = np.arange(len(total))
        split, stay = self._split(rows, bucket), self.hazards[rows, bucket, 0]
        ending, wanted = split[:, cause - 1] * self.staying[rows, bucket], half - total[rows, bucket]
        share = np.divide(wanted, ending, out=np.zeros_like(wanted), where=ending > 0)
        gone = np.log1p(-np.minimum(share, 1.0 - stay))
        fraction = np.divide(gone, np.log(stay), out=np.zeros_like(gone), where=(stay > 0) & (stay < 1))
        return self._day_of(bucket, np.clip(fraction, 0.0, 1.0), split)

    def _day_of(self, bucket: Rows, fraction: Floats, split: Floats) -> Floats:
        """The day at which a fraction of each row's bucket has passed, (rows,); `split` as in `_split`."""
        low, high = self.edges[bucket], self.edges[bucket + 1]
        if self.passing is None:
            return np.asarray(low + fraction * (high - low))
        rows = np.arange(len(bucket))
        begun, over = self._paced(self.passing, rows, np.stack([low, high]))
        speed = split / (over - begun)
        wanted = fraction + (begun * speed).sum(axis=1)
        parts = np.arange(1, NARROWER + 1)[:, None] / NARROWER
        for _ in range(NARROWINGS):
            days = low + (high - low) * parts
            past = (self._paced(self.passing, rows, days[:-1]) * speed).sum(axis=2) >= wanted
            first = np.where(past.any(axis=0), past.argmax(axis=0), NARROWER - 1)
            low, high = np.where(first > 0, days[first - 1, rows], low), days[first, rows]
        return np.asarray(high)


def intensities(hazards: Floats) -> Floats:
    """(…, 1 + causes) hazards of a bucket -> (…, causes) expected ends in it of somebody who never leaves."""
    # Where next to nothing is known the chance to stay through a long bucket may be too small for a number.
    stay = np.maximum(hazards[..., :1], SMALLEST)
    return np.asarray(-np.log(stay) * hazards[..., 1:] / (1.0 - stay))


def faster(hazards: Floats, factors: Floats) -> Floats:
    """(rows, buckets, 1 + causes) hazards with the intensity of each cause times its factor, (rows, buckets or 1, causes)."""
    return from_intensities(intensities(hazards) * factors)


def from_intensities(intensity: Floats) -> Floats:
    """The inverse of `intensities`; each must be above 0."""
    total = _folded(np.add, intensity)
    stay = np.exp(-total)
    return np.concatenate([stay, (1.0 - stay) * intensity / total], axis=-1)


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis."""
    shifted = np.exp(logits - _folded(np.maximum, logits))
    return np.asarray(shifted / _folded(np.add, shifted))


def _folded(combine: Callable[[Floats, Floats], Floats], values: Floats) -> Floats:
    """(…, 1) the last axis folded, column by column: of the few classes that it holds numpy takes several times as long."""
    return np.asarray(reduce(combine, (values[..., k] for k in range(values.shape[-1])))[..., None])
