"""95 % intervals of proportions, means and the net promoter score, on arrays of any shape; NaN where nothing was counted."""

from typing import Final

import numpy as np
from scipy.special import stdtrit

from features.clock import Floats

Z: Final = 1.959963984540054
"""Quantile .975 of the standard normal."""


def wilson(successes: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Interval of a proportion (Wilson 1927, JASA 22: 209-212), within 0 to 1. 0 of 5 gives (0, 0.434).

    `n` may be an effective size where records weigh unequally.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share, weight = successes / n, Z * Z / n
        centre = (share + weight / 2) / (1 + weight)
        half = Z / (1 + weight) * np.sqrt(share * (1 - share) / n + weight / (4 * n))
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)


def share_interval(share: Floats, variance: Floats, decided: Floats) -> tuple[Floats, Floats]:
    """Wilson's interval of a censored share: by the size of the sample that would give its variance without censoring.

    A share of 0 or 1 has no variance; then the decided rows are the sample.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = share * (1.0 - share) / variance
    n = np.where((variance > 0) & (share > 0) & (share < 1), effective, decided)
    return wilson(share * n, n)


def mean_interval(
    n: Floats, mean: Floats, sum_of_squares: Floats, lowest: float = -np.inf, highest: float = np.inf
) -> tuple[Floats, Floats]:
    """Student's interval of a mean of n values; NaN for fewer than two. `sum_of_squares` is of the values themselves.

    It is cut at `lowest` and `highest`, between which every value lies.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.maximum(sum_of_squares - n * mean * mean, 0.0) / (n - 1)
        half = stdtrit(np.maximum(n - 1, 1), 0.975) * np.sqrt(variance / n)
    half = np.where(n > 1, half, np.nan)
    return np.maximum(mean - half, lowest), np.minimum(mean + half, highest)


def promoter_interval(promoters: Floats, detractors: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Adjusted Wald interval of promoters' less detractors' share, -1 to 1 (Rocks 2016, The American Statistician 70: 365-372).

    Three answers are added, three quarters to either side and one and a half to the middle, so that few answers of one kind do
    not give an interval without width.
    """
    size = n + 3.0
    above, below = (promoters + 0.75) / size, (detractors + 0.75) / size
    score = above - below
    half = Z * np.sqrt((above + below - score * score) / size)
    there = n > 0
    low, high = np.clip(score - half, -1.0, 1.0), np.clip(score + half, -1.0, 1.0)
    return np.where(there, low, np.nan), np.where(there, high, np.nan)
