"""Companies that several training tests share, made once a session."""

from functools import cache

import numpy as np
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


@cache
def fair_coins(n_deals: int = 900, seed: int = 11) -> Dataset:
    """A company in which nothing can be known: deals end at a constant rate, and a coin says how."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2025-01-01", tz="UTC")
    created = start + pd.to_timedelta(rng.uniform(0, 500, n_deals), unit="D").as_unit("us")
    closed = created + pd.to_timedelta(rng.exponential(45, n_deals), unit="D").as_unit("us")
    seen = closed < start + pd.Timedelta(days=520)
    won = rng.random(n_deals) < 0.4
    deals = pd.DataFrame(
        {
            "deal_id": [f"D{number:04}" for number in range(n_deals)],
            "account_id": [f"A{number}" for number in rng.integers(0, n_deals // 2, n_deals)],
            "owner_id": [f"U{number}" for number in rng.integers(0, 5, n_deals)],
            "created_at": created,
            "stage": np.where(seen, np.where(won, "Won", "Lost"), "Open"),
            "outcome": pd.Series(np.where(won, "won", "lost")).where(seen),
            "closed_at": closed.where(seen),
            "amount": rng.lognormal(8, 1, n_deals).round(2),
        }
    )
    return Dataset.of({"deals": deals}, static=frozenset({"deals.amount", "deals.owner_id"}))
