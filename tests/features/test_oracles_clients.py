"""The kernels of client signals against their slow oracles: every signal, for every active client, at several moments."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features import catalog, clients
from features.dataset import Dataset
from features.snapshot import Snapshot
from features.synthetic import Company, Dirt, Settings, generate
from tests import oracles
from tests.oracles import client_signals as oracle

REGIMES = (clients.CONTRACTS, clients.ORDERS)
MOMENTS = ("2025-03-15T00:00Z", "2025-10-29T00:00Z", "2026-01-01T00:00Z", "2026-09-30T17:45:00.123456Z")


@cache
def company() -> Company:
    return generate(Settings(n_deals=200, seed=23, dirt=Dirt.all()))


@cache
def tables() -> dict[str, pd.DataFrame]:
    """The company's tables, with some things that it has not by itself: returns, costs that nobody entered, a second region."""
    orders, accounts = company().tables["orders"].copy(), company().tables["accounts"].copy()
    rng = np.random.default_rng(5)
    orders["amount"] *= np.where(rng.random(len(orders)) < 0.15, -0.5, 1.0)
    orders["cost"] = orders["cost"].mask(rng.random(len(orders)) < 0.2)
    accounts["region"] = accounts["region"].mask(rng.random(len(accounts)) < 0.3, "North")
    return {**company().tables, "orders": orders, "accounts": accounts}


@cache
def dataset() -> Dataset:
    return company().dataset().with_tables(tables())


@cache
def records() -> oracles.Records:
    """From the tables as exported, not as the Dataset holds them."""
    known = dataset()
    return oracles.records(tables(), known.organisation, known.extracted_at, known.static, known.tracked_since)


def differing(expected: pd.Series, actual: pd.Series) -> pd.DataFrame:
    if catalog.SIGNALS[str(actual.name)].is_category:
        same = expected.fillna("").eq(actual.astype(object).fillna("")).to_numpy()
    else:
        same = np.isclose(actual, expected.astype("float64"), rtol=1e-9, atol=1e-9, equal_nan=True)
    return pd.DataFrame({"oracle": expected[~same], "kernel": actual[~same]})


@cache
def told_by_the_kernels(moment: str) -> pd.DataFrame:
    """Of every client that any table names, active or not."""
    snapshot = Snapshot(dataset(), pd.Timestamp(moment).as_unit("us"))
    return clients.client_signals(snapshot, np.arange(len(dataset().client_ids)))


def told_by_the_oracle(moment: str) -> pd.DataFrame:
    as_of = pd.Timestamp(moment).to_pydatetime()
    rows: dict[str, dict[str, Any]] = {id_: oracle.client_signals(records(), id_, as_of) for id_ in oracle.named(records())}
    return pd.DataFrame.from_dict(rows, orient="index", dtype="object")


@pytest.mark.parametrize("moment", MOMENTS)
def test_every_signal_of_every_client(moment: str) -> None:
    expected, actual = told_by_the_oracle(moment), told_by_the_kernels(moment)
    assert list(actual.index) == sorted(expected.index)
    assert set(actual) == set(expected) == {signal.name for signal in catalog.CLIENT_SIGNALS}
    wrong = {name: differing(expected[name].reindex(actual.index), actual[name]) for name in actual}
    report = "\n".join(f"{name}\n{found}" for name, found in wrong.items() if len(found))
    assert not report, report


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("moment", MOMENTS)
def test_every_cohort(moment: str, regime: str) -> None:
    at = pd.Timestamp(moment).as_unit("us")
    active = clients.cohort(Snapshot(dataset(), at), regime)
    assert len(active) > 1
    assert dataset().client_ids[active].tolist() == oracle.cohorts(records(), at.to_pydatetime())[regime]


@cache
def seen() -> pd.DataFrame:
    """Every matrix at every moment."""
    return pd.concat([told_by_the_kernels(moment) for moment in MOMENTS])


def test_the_moments_try_every_signal() -> None:
    """A signal that is never there, or always the same, would agree with any oracle."""
    assert [name for name in seen() if seen()[name].nunique() < 2] == []


@pytest.mark.parametrize("signal", [s for s in catalog.CLIENT_SIGNALS if not s.is_category], ids=lambda signal: signal.name)
def test_values_lie_in_the_range_that_the_catalog_gives(signal: catalog.Signal) -> None:
    values = seen()[signal.name].dropna()
    assert not np.isinf(values).any()
    assert (values >= (-np.inf if signal.low is None else signal.low)).all()
    assert (values <= (np.inf if signal.high is None else signal.high)).all()
