"""The kernels against their slow oracles: every signal, for every open deal, at several moments."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features import catalog, sources
from features.catalog import Signal
from features.dataset import Dataset
from features.deals import deal_signals
from features.organisation import Organisation
from features.snapshot import Snapshot
from features.synthetic import Company, Dirt, Settings, generate
from tests import oracles
from tests.features.companies import AS_OF, sales
from tests.oracles import deal_signals as deal_oracle

MOMENTS = ("2025-03-15T00:00Z", "2026-01-01T00:00Z", "2026-09-30T17:45:00.123456Z")
REAL_MOMENTS = ("2011-10-20T00:00Z", "2012-01-10T12:00Z")
VARIANTS = ("as generated", "less told")


@cache
def company() -> Company:
    return generate(Settings(n_deals=200, seed=23, dirt=Dirt.all()))


@cache
def dataset(variant: str) -> Dataset:
    """The company; and one in another zone, whose mapping declares little and whose stages have a history since mid-2025."""
    if variant == "as generated":
        return company().dataset()
    return Dataset.of(
        company().tables,
        Organisation(timezone="America/New_York", active_window_days=200, contract_grace_days=10),
        static=frozenset({"deals.source", "accounts.industry"}),
        tracked_since={"stage": pd.Timestamp("2025-06-15T08:30Z")},
        extracted_at=pd.Timestamp("2026-09-30T17:00Z"),
    )


@cache
def records(variant: str) -> oracles.Records:
    """From the tables as exported, not as the Dataset holds them."""
    known = dataset(variant)
    tracked = {name: since for name, since in known.tracked_since.items() if variant == "as generated" or name == "stage"}
    return oracles.records(company().tables, known.organisation, known.extracted_at, known.static, tracked)


def drawn(known: Dataset) -> oracles.Records:
    """The tables of a Dataset itself."""
    return oracles.records(known.tables, known.organisation, known.extracted_at, known.static, known.tracked_since)


def deals_of(rows: oracles.Records, as_of: datetime) -> dict[str, dict[str, Any]]:
    others = deal_oracle.company(rows, as_of)
    cohort = deal_oracle.open_deals(rows, others)
    return {deal["deal_id"]: deal_oracle.deal_signals(rows, deal, as_of, others) for deal in cohort}


def agree(signals: Iterable[Signal], expected: dict[str, dict[str, Any]], actual: pd.DataFrame) -> None:
    """Every live signal of every row; what differs is shown beside what it should be."""
    assert sorted(actual.index) == sorted(expected)
    assert set(actual) == {signal.name for signal in signals if signal.name in next(iter(expected.values()))}
    rows = pd.DataFrame.from_dict(expected, orient="index", dtype="object").reindex(actual.index)
    wrong = {name: differing(rows[name], actual[name]) for name in actual}
    report = "\n".join(f"{name}\n{found}" for name, found in wrong.items() if len(found))
    assert not report, report


def differing(expected: pd.Series, actual: pd.Series) -> pd.DataFrame:
    if catalog.SIGNALS[str(actual.name)].is_category:
        same = expected.fillna("").eq(actual.astype(object).fillna("")).to_numpy()
    else:
        same = np.isclose(actual, expected.astype("float64"), rtol=1e-9, atol=1e-9, equal_nan=True)
    return pd.DataFrame({"oracle": expected[~same], "kernel": actual[~same]})


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_deal_signals(variant: str, moment: str) -> None:
    at = pd.Timestamp(moment).as_unit("us")
    expected = deals_of(records(variant), at.to_pydatetime())
    assert len(expected) > 5
    agree(catalog.DEAL_SIGNALS, expected, deal_signals(Snapshot(dataset(variant), at)))


def test_the_oracle_knows_the_worked_example() -> None:
    expected = deals_of(drawn(sales()), AS_OF.to_pydatetime())
    agree(catalog.DEAL_SIGNALS, expected, deal_signals(Snapshot(sales(), AS_OF)))


@cache
def export(folder: str) -> tuple[Dataset, oracles.Records]:
    """Real sales: the BPI Challenge 2012 written as a Salesforce export. It has no table of stages; these close a deal."""
    source = sources.read(folder, "salesforce")
    closing = pd.DataFrame({"stage": ["Closed Won", "Closed Lost"], "kind": ["won", "lost"]})
    known = source.dataset()
    tables = {**source.tables, "stages": closing}
    return known, oracles.records(tables, known.organisation, known.extracted_at, source.static, source.tracked_since)


@pytest.mark.real_data
@pytest.mark.parametrize("moment", REAL_MOMENTS)
def test_deal_signals_of_a_real_export(moment: str, real_data: Path) -> None:
    known, rows = export(str(real_data / "bpic2012_salesforce"))
    at = pd.Timestamp(moment).as_unit("us")
    as_of = at.to_pydatetime()
    others = deal_oracle.company(rows, as_of)
    cohort = deal_oracle.open_deals(rows, others)
    actual = deal_signals(Snapshot(known, at))
    assert sorted(actual.index) == [deal["deal_id"] for deal in cohort]
    sample = {deal["deal_id"]: deal_oracle.deal_signals(rows, deal, as_of, others) for deal in cohort[:: len(cohort) // 25]}
    agree(catalog.DEAL_SIGNALS, sample, actual.loc[list(sample)])
