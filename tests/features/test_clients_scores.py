"""Clients of a source that has only one of the two regimes are trained on and scored like any others."""

from functools import cache

import pandas as pd
import pytest

from features.clients import CONTRACTS, ORDERS, cohort
from features.dataset import Dataset
from features.snapshot import Snapshot
from features.synthetic import Settings, generate
from serving.scoring.score import score_clients
from training.run import fit


@cache
def company() -> Dataset:
    return generate(Settings(n_deals=300, seed=3, months=15)).dataset()


@pytest.mark.parametrize(("table", "regime"), [("orders", ORDERS), ("contracts", CONTRACTS)])
def test_one_table_is_enough_to_train_and_score(table: str, regime: str) -> None:
    whole = company()
    alone = Dataset.of({table: whole.tables[table]}, whole.organisation)
    as_of = (whole.ends_at - pd.Timedelta(days=60)).floor("D")
    scored = score_clients(alone, fit(alone, "clients", as_of, threads=1), as_of, [30.0, 90.0])
    active = alone.client_ids[cohort(Snapshot(alone, as_of), regime)]
    assert scored["account_id"].tolist() == active.tolist()
    assert set(scored["regime"]) == {regime}
    assert scored["p_leaves_90d"].between(0, 1).all()
