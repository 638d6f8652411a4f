"""Rows of the matrix of deal signals, and values to compare them with."""

from typing import Any

import numpy as np
import pandas as pd

from features.dataset import Dataset
from features.deals import deal_signals
from features.snapshot import Snapshot


def one(known: Dataset, as_of: pd.Timestamp, deal: str = "D1") -> "pd.Series[Any]":
    """The row of one deal."""
    return deal_signals(Snapshot(known, as_of)).T[deal]


def same(actual: Any, expected: Any) -> bool:
    """Whether a value is the expected one; None and NaN are both unknown."""
    if expected is None or pd.isna(expected):
        return bool(pd.isna(actual))
    return bool(actual == expected) if isinstance(expected, str) else bool(np.isclose(actual, expected, rtol=1e-12, atol=0))
