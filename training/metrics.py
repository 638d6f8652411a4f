"""Pure functions (actual, predicted) -> number. `actual` is boolean, `predicted` a probability, one entry a row."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from features.clock import Floats

Flags: TypeAlias = npt.NDArray[np.bool_]

FLOOR = 1e-9


def log_loss(actual: Flags, predicted: Floats) -> float:
    """Mean of -log of the probability given to what happened, in nats: 0 is perfect, 0.693 what one half for all gives."""
    given = np.clip(np.where(actual, predicted, 1.0 - predicted), FLOOR, 1.0)
    return float(-np.log(given).mean())


def brier(actual: Flags, predicted: Floats) -> float:
    """Mean squared distance of the probability from what happened, 0 (perfect) to 1 (Brier 1950)."""
    return float(((predicted - actual) ** 2).mean())


def auc(actual: Flags, predicted: Floats) -> float:
    """P(a random row with the event is ranked above one without): 0.5 is chance, 1 perfect; NaN when all rows agree."""
    if actual.all() or not actual.any():
        return float("nan")
    return float(roc_auc_score(actual, predicted))


def calibration_error(actual: Flags, predicted: Floats, n_bins: int = 10) -> float:
    """Mean distance between predicted and observed frequency over bins of equally many rows, 0 (perfect) to 1."""
    bins = np.array_split(np.argsort(predicted, kind="stable"), n_bins)
    gaps = [abs(predicted[rows].mean() - actual[rows].mean()) * len(rows) for rows in bins if len(rows)]
    return float(sum(gaps) / len(predicted))
