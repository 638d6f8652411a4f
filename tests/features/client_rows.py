"""The matrix of client signals, and its values compared."""

from typing import Any

import numpy as np
import pandas as pd

from features.clients import client_signals, cohort
from features.dataset import Dataset
from features.snapshot import Snapshot


def matrix(known: Dataset, as_of: pd.Timestamp, regime: str) -> pd.DataFrame:
    snapshot = Snapshot(known, as_of)
    return client_signals(snapshot, cohort(snapshot, regime))


def same(actual: Any, expected: Any) -> bool:
    if expected is None or pd.isna(expected):
        return bool(pd.isna(actual))
    return bool(actual == expected) if isinstance(expected, str) else bool(np.isclose(actual, expected, rtol=1e-12, atol=0))
