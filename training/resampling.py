"""How sure a number is, when one account gives many rows.

A deal stands in a row for each as_of date, and an account has many deals: their outcomes rise and fall together. A thousand rows
of fifty accounts say about as much as fifty rows. So whole **clusters** are drawn with replacement: the account where there is
one, else the deal itself (Davison & Hinkley 1997, Bootstrap Methods and their Application, 3.8). All rows of a cluster come and
go together, and a metric of the drawn rows is one replicate. Example: of the clusters A, B, C a draw takes A twice and C once;
the rows of A weigh 2, those of C 1 and those of B nothing.

The interval is the range of the middle 95 % of the replicates. Some metrics are pushed up by noise, and once more by drawing:
reliability, resolution, calibration error. For them the interval is mirrored at the estimate (the "basic" interval, ibid. 5.2)
and cut at 0; of the calibration error, a mean of absolute values, the square is mirrored, because there the two pushes are equal:
a calibrated model then keeps 0 in its interval. What the draws cannot show is a shock that hits all clusters of a month alike: so
the spread from period to period stands beside every interval.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from features.clock import Floats, Mask
from features.history import Rows

REPLICATES: Final = 500
FEWEST_REPLICATES: Final = 200
LEVEL: Final = 0.95
BUDGET: Final = 20_000_000
"""Weights drawn in all, replicates x rows: many rows are given fewer replicates, never less than the fewest."""
CHUNK: Final = 2_000_000


NONE: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval; the ends are NaN where there are too few clusters to tell."""

    value: float
    low: float = float("nan")
    high: float = float("nan")

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.high < 0.0

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0.0


@dataclass(frozen=True)
class Clusters:
    """Which rows come and go together: a number 0 to n - 1 for each row."""

    of_row: Rows
    n: int

    @classmethod
    def of(cls, names: pd.Series) -> "Clusters":
        """Rows with equal names are one cluster."""
        codes, found = pd.factorize(names)
        return cls(codes.astype(np.int64), len(found))

    def __len__(self) -> int:
        return len(self.of_row)

    @property
    def n_present(self) -> int:
        """How many clusters have a row."""
        return len(np.unique(self.of_row))

    def take(self, keep: Mask) -> "Clusters":
        """The rows that are kept; the same seed draws the same clusters, so that numbers of different rows can be compared."""
        return Clusters(self.of_row[keep], self.n)

    def draws(self, seed: int, replicates: int = REPLICATES) -> Iterator["Draws"]:
        """Replicates, some at a time."""
        wanted = int(np.clip(BUDGET // max(1, len(self)), FEWEST_REPLICATES, replicates))
        rng, step = np.random.default_rng(seed), max(1, CHUNK // max(1, len(self), self.n))
        for begun in range(0, wanted, step):
            some = min(step, wanted - begun)
            drawn = rng.integers(0, self.n, (some, self.n)) + self.n * np.arange(some)[:, None]
            times = np.bincount(drawn.ravel(), minlength=some * self.n).reshape(some, self.n)
            yield Draws(self, times.astype(np.float64))

    def as_they_are(self) -> "Draws":
        """The one replicate in which each cluster comes once: the data itself."""
        return Draws(self, np.ones((1, self.n)))


@dataclass(frozen=True)
class Draws:
    """Some replicates: how often each draws each cluster, (replicates, clusters)."""

    clusters: Clusters
    times: Floats

    def total(self, values: Floats) -> Floats:
        """The sum over the drawn rows of (rows,) or (rows, k) values: (replicates,) or (replicates, k).

        Rows are summed within their clusters first, so a replicate costs as much as there are clusters and not rows.
        """
        columns = values.reshape(len(values), -1).T
        sums = np.stack([np.bincount(self.clusters.of_row, column, self.clusters.n) for column in columns], axis=1)
        return np.asarray((self.times @ sums).reshape(len(self.times), *values.shape[1:]))

    @cached_property
    def of_rows(self) -> Floats:
        """How often each replicate draws each row, (replicates, rows)."""
        return self.times[:, self.clusters.of_row]


Statistic: TypeAlias = Callable[[Draws], Floats]
"""(replicates,) or (replicates, k) values; NaN in a replicate in which there is none."""


def intervals(
    statistics: Mapping[str, Statistic],
    clusters: Clusters,
    seed: int,
    *,
    mirrored: Mapping[str, int] = NONE,
    replicates: int = REPLICATES,
) -> dict[str, list[Interval]]:
    """Estimate and interval of each statistic, all from the same draws; a statistic with k values gives k intervals.

    One thread: the products are small, and threads that wait for each other cost more than they do. Those named in `mirrored` get
    the basic interval of their power given there. With fewer than two clusters the ends are NaN.
    """
    with threadpool_limits(1, user_api="blas"):
        return _intervals(statistics, clusters, seed, mirrored, replicates)


def _intervals(
    statistics: Mapping[str, Statistic], clusters: Clusters, seed: int, mirrored: Mapping[str, int], replicates: int
) -> dict[str, list[Interval]]:
    whole = {name: statistic(clusters.as_they_are()).reshape(-1) for name, statistic in statistics.items()}
    drawn: dict[str, list[Floats]] = {name: [] for name in statistics}
    for draws in clusters.draws(seed, replicates) if clusters.n_present > 1 else ():
        for name, statistic in statistics.items():
            drawn[name].append(statistic(draws).reshape(len(draws.times), -1))
    return {name: _ranges(whole[name], drawn[name], mirrored.get(name, 0)) for name in statistics}


def _ranges(values: Floats, drawn: list[Floats], power: int) -> list[Interval]:
    if not drawn:
        return [Interval(float(value)) for value in values]
    replicates = np.concatenate(drawn)
    known = ~np.isnan(replicates).all(axis=0)
    low, high = np.full(len(values), np.nan), np.full(len(values), np.nan)
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    if known.any():
        low[known], high[known] = np.nanquantile(replicates[:, known], tails, axis=0)
    if power:
        low, high = (np.maximum(0.0, 2 * values**power - end**power) ** (1 / power) for end in (high, low))
    return [Interval(*map(float, found)) for found in zip(values, low, high, strict=True)]
