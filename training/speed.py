"""How fast the days of a deal count: a large deal goes through the same stages as a small one, only slower.

A factor on the hazards says of a large deal in its first stage that it is won a little less often in every bucket. In truth it
is hardly ever won this quarter and as often as others in a year, while one that waits for a signature has lost little: on
synthetic companies the largest eighth of the deals in their first stage were promised twelve times what they were worth within
a quarter, and those in the last stage three quarters of it. One number does both: of 90 days of the calendar, 60 count. That is
accelerated failure time (Kalbfleisch & Prentice 2002, The Statistical Analysis of Failure Time Data, 7.2), with the life table
as its baseline.

The logarithm of a row's speed is the sum of those of its plain signals' bins (`training.relative_risk`), with a normal prior of
a standard deviation of 0.3 on each. They maximise the likelihood of what became of the rows under the life table: that
likelihood is found at a few speeds for all rows, and is a cubic spline in between. A deal that stands at ten dates counts as
one. The life table is counted again in the days that these speeds say, and the two are learned in turn.

Worked example: Press Line deals spend 1.4 times as long in each stage. Their speed is 0.7, so that of 91 ordinary days they live
64; a deal two stages from a signature has P(won within the quarter) 0.06 where others have 0.15, one before it 0.50 and not 0.58.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.interpolate import CubicSpline

from features.clock import Floats
from features.history import Rows
from training.numbered import Numbered
from training.person_periods import PersonPeriods

PRIOR_SD: Final = 0.3
GRID: Final = np.linspace(-1.2, 1.2, 9)
"""Logarithms of the speeds at which the likelihood is found."""
STEPS: Final = 20
CLOSE: Final = 1e-6


def fit_speeds(columns: Floats, rows: Numbered, periods: PersonPeriods, hazards: Sequence[Floats], of: Rows) -> Floats:
    """(bins,) logarithms of the speeds of the bins; the mean over the rows is 0.

    `columns` (groups, bins) are the bins of each group of rows; `hazards` at each speed of GRID, each (spots, buckets,
    1 + causes), where `of` is the spot of each row.
    """
    n_groups = len(columns)
    weight, group = rows.weight, rows.group
    place = (of[periods.row], periods.bucket, periods.ended)
    logs = (np.log(np.maximum(each, np.finfo(np.float64).tiny))[place] for each in hazards)
    found = [np.bincount(group[periods.row], weight[periods.row] * log, n_groups).astype(np.float64) for log in logs]
    learned = _maximum(CubicSpline(GRID, np.stack(found), axis=0), columns)
    return _centred(learned, columns, np.bincount(group, weight, n_groups).astype(np.float64))


def _maximum(likelihood: CubicSpline, columns: Floats) -> Floats:
    """Newton's method; where the likelihood is not concave, the prior alone bends it."""
    speeds, groups = np.zeros(columns.shape[1]), np.arange(len(columns))
    slope, bend = likelihood.derivative(1), likelihood.derivative(2)
    for _ in range(STEPS):
        at = np.clip(columns @ speeds, GRID[0], GRID[-1])
        gradient = columns.T @ slope(at)[groups, groups] - speeds / PRIOR_SD**2
        curved = np.maximum(-bend(at)[groups, groups], 0.0)
        hessian = (columns * curved[:, None]).T @ columns + np.eye(columns.shape[1]) / PRIOR_SD**2
        step = np.clip(np.linalg.solve(hessian, gradient), -PRIOR_SD, PRIOR_SD)
        speeds += step
        if np.abs(step).max(initial=0.0) < CLOSE:
            break
    return speeds


def _centred(speeds: Floats, columns: Floats, weight: Floats) -> Floats:
    """The same differences with a mean speed of 1: the level of time is the life table's."""
    usual = float(np.average(columns @ speeds, weights=weight)) if len(columns) else 0.0
    n_signals = columns[0].sum() if len(columns) else 1.0
    return np.asarray(speeds - usual / n_signals)
