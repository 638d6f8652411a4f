"""How fast deals close in each month of the year, and how much of what was seen may have been chance.

Every month has its own luck: a campaign, a strike, a price list. Two years show each month of the year twice, so a factor read
off them is as much luck as season. What tells them apart is whether the same months stand out again. So the logarithms of the
months' totals, relative to what the open deals would have brought at an ordinary pace, are seen as a sum of normal parts:

    total = level + trend + season of its month of the year + luck of this one month + noise of counting

The trend changes within years. How large season, luck and trend are is not known: each has a half-normal prior on its standard
deviation, the data weigh all combinations of a grid by their marginal likelihood, and the season is the mean over them (Rasmussen
& Williams 2006, Gaussian Processes for Machine Learning, 2.7 and 5.4.1). With nothing seen, or with months that do not come
again alike, it stays near 1.

Worked example: over four years July and August brought 0.75 of an ordinary month each time, give or take a tenth: they get 0.79.
With two years whose months go up and down by a quarter anyway, the same two summers get 0.9.
"""

from itertools import product
from typing import Final

import numpy as np

from features.clock import Floats
from features.history import Rows

MONTHS: Final = 12
MIN_EXPECTED: Final = 5.0
"""A month with fewer expected ends is left out."""
SEASON_SD: Final = np.array([0.0, 0.04, 0.08, 0.12, 0.18, 0.26, 0.38])
LUCK_SD: Final = np.array([0.0, 0.05, 0.1, 0.15, 0.2, 0.26, 0.34, 0.45])
TREND_SD: Final = np.array([0.0, 0.15, 0.4])
PRIOR_SD: Final = 0.15
"""Half-normal prior of the season's standard deviation: most trades have one of a tenth or two."""
LUCK_PRIOR_SD: Final = 0.25
"""The same for luck and trend."""
TREND_MONTHS: Final = 12.0
LEVEL_SD: Final = 1.0


def fit_season(month: Rows, ended: Floats, expected: Floats) -> Floats:
    """(12,) logarithm of each month's factor, January first.

    `month` is the number since January 1970 of each entry (of each day, say), `ended` how many ended then, and `expected` how
    many would have at an ordinary pace, up to a constant factor.
    """
    first = int(month.min()) if len(month) else 0
    came, of = (np.bincount(month - first, values).astype(np.float64) for values in (ended, expected))
    seen = np.flatnonzero(of * came.sum() >= MIN_EXPECTED * of.sum())
    if not len(seen) or not came.sum():
        return np.zeros(MONTHS)
    ratio = np.log((came[seen] + 0.5) / (of[seen] * (came.sum() / of.sum()) + 0.5))
    return _season(seen + first, np.asarray(ratio), np.asarray(1.0 / (came[seen] + 0.5)))


def _season(month: Rows, ratio: Floats, noise: Floats) -> Floats:
    """Mean season over all sizes of season, luck and trend."""
    again = np.equal.outer(month % MONTHS, month % MONTHS).astype(np.float64)
    near = np.exp(-0.5 * (np.subtract.outer(month, month) / TREND_MONTHS) ** 2)
    of_year = np.equal.outer(np.arange(MONTHS), month % MONTHS).astype(np.float64)
    sizes = list(product(*map(_sizes, (SEASON_SD, LUCK_SD, TREND_SD), (PRIOR_SD, LUCK_PRIOR_SD, LUCK_PRIOR_SD))))
    logs, means = np.empty(len(sizes)), np.empty((len(sizes), MONTHS))
    for place, each in enumerate(sizes):
        season, luck, trend = (sd for sd, _ in each)
        whole = season**2 * again + trend**2 * near + LEVEL_SD**2 + np.diag(noise + luck**2)
        weighed = np.linalg.solve(whole, ratio)
        logs[place] = sum(log for _, log in each) - 0.5 * (ratio @ weighed + np.linalg.slogdet(whole)[1])
        means[place] = season**2 * (of_year @ weighed)
    weight = np.exp(logs - logs.max())
    found = weight @ means / weight.sum()
    # A season has no level: that is the rates' own.
    return np.asarray(found - found.mean())


def _sizes(grid: Floats, prior_sd: float) -> list[tuple[float, float]]:
    """The points of a grid with the logarithm of their half-normal prior; they stand for stretches of different length."""
    logs = np.log(np.gradient(grid)) - 0.5 * (grid / prior_sd) ** 2
    return list(zip(grid.tolist(), logs.tolist(), strict=True))
