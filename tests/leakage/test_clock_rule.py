"""The clock rule as properties: whatever is recorded at or after as_of leaves every matrix byte-identical."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features import clients
from features.clients import client_signals
from features.dataset import Dataset
from features.deals import deal_signals
from features.history import count_rows
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, generate
from tests.leakage.rewrite import MICROSECOND, Rewrite, rewritten

Matrices = Callable[[Snapshot], list[pd.DataFrame]]

COMPANY = generate(
    Settings(n_deals=150, seed=11, months=12, dirt=Dirt(late_entry=0.2, reopened=0.1, leavers=True, duplicated_activities=0.05))
).dataset()
TIMES = pd.concat(
    [
        COMPANY.deals["created_at"],
        COMPANY.tables["deal_changes"]["changed_at"],
        COMPANY.tables["activities"]["logged_at"],
        COMPANY.tables["orders"]["ordered_at"],
        COMPANY.tables["tickets"]["opened_at"],
        COMPANY.tables["contracts"]["known_at"],
        COMPANY.tables["surveys"]["answered_at"],
    ]
).sort_values(ignore_index=True)
OFFSETS = {"event at as_of": pd.Timedelta(0), "one microsecond before": MICROSECOND, "one microsecond after": -MICROSECOND}

moments = st.builds(
    lambda row, offset: TIMES.iloc[row] + OFFSETS[offset],
    st.integers(len(TIMES) // 10, len(TIMES) - 1),
    st.sampled_from(list(OFFSETS)),
)
futures = st.builds(Rewrite, st.integers(0, 10**6), st.booleans(), st.booleans(), st.booleans()).filter(
    lambda how: how.delete or how.alter or how.append
)
thorough = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def matrices(snapshot: Snapshot) -> list[pd.DataFrame]:
    """Everything that training or serving would see at this moment."""
    of_clients = [client_signals(snapshot, clients.cohort(snapshot, regime)) for regime in (clients.CONTRACTS, clients.ORDERS)]
    return [deal_signals(snapshot), *of_clients]


def as_bytes(frame: pd.DataFrame) -> list[bytes]:
    """Column by column, so that NaN equals NaN and -0.0 differs from 0.0."""
    columns = [frame.index.to_series(), *(frame[name] for name in frame)]
    return [
        values.to_numpy(dtype=np.float64).tobytes() if pd.api.types.is_numeric_dtype(values) else repr(values.tolist()).encode()
        for values in columns
    ]


def check(dataset: Dataset, other: Dataset, as_of: pd.Timestamp, signals: Matrices = matrices) -> None:
    for before, after in zip(signals(Snapshot(dataset, as_of)), signals(Snapshot(other, as_of)), strict=True):
        assert list(before) == list(after)
        assert as_bytes(before) == as_bytes(after)


@thorough
@given(moments, futures)
def test_another_future_changes_nothing(as_of: pd.Timestamp, how: Rewrite) -> None:
    check(COMPANY, rewritten(COMPANY, as_of, how), as_of)


@pytest.mark.parametrize("offset", list(OFFSETS))
@pytest.mark.parametrize("table", ["deal_changes", "activities", "orders", "tickets", "contracts", "surveys"])
def test_events_on_the_edge_are_always_tried(table: str, offset: str) -> None:
    column = {"deal_changes": "changed_at", "activities": "logged_at", "orders": "ordered_at", "tickets": "opened_at"}
    times = COMPANY.tables[table][column.get(table, "known_at" if table == "contracts" else "answered_at")]
    as_of = times.sort_values().iloc[len(times) // 2] + OFFSETS[offset]
    check(COMPANY, rewritten(COMPANY, as_of, Rewrite(5, delete=True, alter=True, append=True)), as_of)


@thorough
@given(moments, st.integers(0, 10**6))
def test_the_order_of_rows_changes_nothing(as_of: pd.Timestamp, seed: int) -> None:
    shuffled = {name: frame.sample(frac=1.0, random_state=seed) for name, frame in COMPANY.tables.items()}
    check(COMPANY, COMPANY.with_tables(shuffled), as_of)


def leaky(snapshot: Snapshot) -> list[pd.DataFrame]:
    """A signal with <= where < belongs: it counts an activity that is logged at as_of itself."""
    log = snapshot.dataset.activity_log
    counted = count_rows(log.deal, log.known <= snapshot.at, snapshot.dataset.n_deals)[snapshot.open_deals]
    ids = snapshot.dataset.deals["deal_id"].to_numpy(dtype=object)[snapshot.open_deals]
    return [pd.DataFrame({"planted": counted}, index=pd.Index(ids))]


def test_a_planted_leak_is_found() -> None:
    @settings(thorough, phases=[Phase.generate])
    @given(moments, futures)
    def property_with_leak(as_of: pd.Timestamp, how: Rewrite) -> None:
        check(COMPANY, rewritten(COMPANY, as_of, how), as_of, leaky)

    with pytest.raises((AssertionError, ExceptionGroup)):
        property_with_leak()
