"""The deal signals against the same signals as SQL: the benchmark's other side, on a small company."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import signals_sql
from benchmarks.workload import CORE, Workload, workload, write
from features.deals import deal_signals
from features.snapshot import Snapshot
from features.synthetic import Settings

SETTINGS = Settings(n_deals=300)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Workload:
    folder: Path = tmp_path_factory.mktemp("workload")
    rows = write(folder, SETTINGS.n_deals, SETTINGS.seed)
    assert rows["deal_changes"] + rows["activities"] == 10 * SETTINGS.n_deals
    return workload(folder, SETTINGS)


@pytest.mark.parametrize("months", [0, 5])
def test_sql_finds_the_same_values(source: Workload, months: int) -> None:
    as_of = SETTINGS.end_at - pd.DateOffset(months=months)
    connection = signals_sql.connect(source, threads=1)
    signals_sql.examples(connection, source, [as_of])
    theirs = signals_sql.fetch(connection).drop(columns=["days", "cause"])
    ours = deal_signals(Snapshot(source.dataset(CORE), as_of)).reset_index(drop=True)
    assert set(theirs) == set(ours)
    numbers = ours.select_dtypes("float64").columns
    np.testing.assert_allclose(theirs[numbers].to_numpy(dtype=np.float64), ours[numbers], rtol=1e-9, atol=1e-9)
    for name in set(ours) - set(numbers):
        pd.testing.assert_series_equal(theirs[name].astype("str"), ours[name].astype("str"))
