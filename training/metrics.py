"""Pure functions (actual, predicted) -> number. `actual` is boolean, `predicted` a probability, one entry a row.

Two kinds of skill are told apart. A **proper score** (log loss, Brier) is best, on average, for whoever says the true
probability, so it alone may decide which model answers. AUC, lift and gains look at the order of the rows and nothing else: a
model that ranks well and says 90 % where 30 % is true has a fine AUC. The same numbers for thousands of weightings at once, which
is what a bootstrap asks for, stand in `training.weighted`; both are held to scikit-learn by tests.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from features.clock import Floats
from features.history import Rows

Flags: TypeAlias = npt.NDArray[np.bool_]

FLOOR: Final = 1e-9
N_BINS: Final = 10


@dataclass(frozen=True)
class BrierParts:
    """Brier = reliability - resolution + uncertainty, exactly; each 0 to 1 but for resolution, which chance can push below 0.

    reliability  mean squared distance of prediction and observed frequency over bins: 0 is calibrated
    resolution   how far the answers tell rows apart: 0 for one answer to all, at most `uncertainty`. What predictions within one
                 bin add counts here (Stephenson, Coelho & Jolliffe 2008, Weather and Forecasting 23, 752-757)
    uncertainty  variance of what happened, at most 0.25: the Brier score of knowing the base rate
    """

    reliability: float
    resolution: float
    uncertainty: float


def log_loss(actual: Flags, predicted: Floats) -> float:
    """Mean of -log of the probability given to what happened, in nats: 0 is perfect, 0.693 what one half for all gives."""
    return float(surprise(np.where(actual, predicted, 1.0 - predicted)).mean())


def surprise(given: Floats) -> Floats:
    """-log of the probability given to what happened, in nats, 0 to 20.7: an impossibility costs much, not everything."""
    return np.asarray(-np.log(np.clip(given, FLOOR, 1.0)))


def brier(actual: Flags, predicted: Floats) -> float:
    """Mean squared distance of the probability from what happened, 0 (perfect) to 1 (Brier 1950)."""
    return float(((predicted - actual) ** 2).mean())


def brier_parts(actual: Flags, predicted: Floats, n_bins: int = N_BINS) -> BrierParts:
    """Murphy's decomposition over bins of about equally many rows (Murphy 1973, J. Applied Meteorology 12, 595-600)."""
    bins = bins_of(predicted, n_bins)
    counts = np.bincount(bins).astype(np.float64)
    happened = np.bincount(bins, actual) / counts
    said = np.bincount(bins, predicted) / counts
    reliability = float((counts * (said - happened) ** 2).sum() / counts.sum())
    uncertainty = float(actual.mean() * (1.0 - actual.mean()))
    return BrierParts(reliability, reliability + uncertainty - brier(actual, predicted), uncertainty)


def auc(actual: Flags, predicted: Floats) -> float:
    """P(a random row with the event is ranked above one without): 0.5 is chance, 1 perfect; NaN when all rows agree.

    On rows that were all watched for the whole horizon this is the cumulative/dynamic time-dependent AUC at that horizon
    (Heagerty & Zheng 2005, Biometrics 61, 92-105).
    """
    if actual.all() or not actual.any():
        return float("nan")
    above, below = int(actual.sum()), int((~actual).sum())
    return float((rankdata(predicted)[actual].sum() - above * (above + 1) / 2) / (above * below))


def calibration_error(actual: Flags, predicted: Floats, n_bins: int = N_BINS) -> float:
    """Expected calibration error: mean distance of predicted and observed frequency over bins, 0 (perfect) to 1."""
    bins = bins_of(predicted, n_bins)
    return float(np.abs(np.bincount(bins, predicted - actual)).sum() / len(predicted))


def gains(actual: Flags, predicted: Floats, shares: Floats) -> Floats:
    """Cumulative gains: the share of all events among the best-ranked `shares` (0 to 1) of the rows, each 0 to 1.

    Rows with equal predictions have no order: they count in proportion. NaN without events.
    """
    _, group = np.unique(-predicted, return_inverse=True)
    n_rows = np.cumsum(np.bincount(group))
    events = np.cumsum(np.bincount(group, actual))
    if not actual.any():
        return np.full(len(shares), np.nan)
    return np.asarray(np.interp(shares, np.append(0.0, n_rows / n_rows[-1]), np.append(0.0, events / events[-1])))


def lift(actual: Flags, predicted: Floats, share: float) -> float:
    """How many times more events the best-ranked share (0 to 1) of the rows holds than as many rows at random: 1 is chance."""
    return float(gains(actual, predicted, np.array([share]))[0] / share)


def concordance(predicted: Floats, pairs: tuple[Rows, Rows]) -> float:
    """C-index: the share of comparable pairs whose first row is ranked higher; ties count half. 0.5 is chance, 1 perfect."""
    first, second = pairs
    return float(_ordered(predicted[first], predicted[second]).mean()) if len(first) else float("nan")


def comparable_pairs(
    days: Floats, cause: Rows, group: Rows, wanted: int, limit: int = 10_000, seed: int = 7
) -> tuple[Rows, Rows]:
    """Pairs of rows of one group of which the first had the wanted event, and had it earlier.

    Inside a group all rows are watched equally long, as those of one as_of date are. The second row had the event later, was not
    seen to have it, or ended by another cause, and then it never can (Wolbers et al. 2009, Epidemiology 20, 555-561). Where there
    are more than `limit` pairs, about as many are drawn with the seed: an incomplete U-statistic (Blom 1976, Biometrika 63).
    """
    first, second = _candidates(np.flatnonzero(cause == wanted), group, limit, seed)
    later = (days[second] > days[first]) | (cause[second] != wanted)
    return first[later], second[later]


def _candidates(events: Rows, group: Rows, limit: int, seed: int) -> tuple[Rows, Rows]:
    """Each event beside each other row of its group, or a sample of such pairs."""
    order = np.argsort(group, kind="stable")
    start = np.searchsorted(group[order], group[events], side="left")
    size = np.searchsorted(group[order], group[events], side="right") - start
    total = int(size.sum())
    chosen = np.arange(total) if total <= limit else np.sort(np.random.default_rng(seed).integers(0, total, limit))
    which = np.searchsorted(np.cumsum(size), chosen, side="right")
    place = chosen - (np.cumsum(size) - size)[which]
    first, second = events[which], order[start[which] + place]
    return first[first != second], second[first != second]


def _ordered(higher: Floats, lower: Floats) -> Floats:
    """1 where the pair is in order, 0.5 where it is tied, else 0."""
    return np.asarray((higher > lower) + 0.5 * (higher == lower), dtype=np.float64)


def bins_of(predicted: Floats, n_bins: int = N_BINS) -> Rows:
    """A bin for each row, 0, 1, … without gaps: about equally many rows in each, and equal predictions in one bin."""
    cuts = np.unique(np.quantile(predicted, np.arange(1, n_bins) / n_bins))
    return np.asarray(np.unique(np.searchsorted(cuts, predicted, side="right"), return_inverse=True)[1], dtype=np.int64)
