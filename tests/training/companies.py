"""Companies that several training tests share, made once a session."""

from functools import cache

import pandas as pd

from features.dataset import Dataset
from features.synthetic import Settings, generate


@cache
def company(n_deals: int = 600, seed: int = 3, months: int = 18) -> Dataset:
    """A clean synthetic company."""
    return generate(Settings(n_deals=n_deals, seed=seed, months=months)).dataset()


def midway(dataset: Dataset) -> pd.Timestamp:
    """A moment with history before it and outcomes after it."""
    times = dataset.deals["created_at"].sort_values()
    return pd.Timestamp(times.iloc[int(len(times) * 0.75)]).floor("D")
