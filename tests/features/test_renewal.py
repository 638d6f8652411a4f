"""What is taken up after a write is what loading everything would give."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import clients
from features.dataset import Dataset
from features.deals import deal_signals
from features.excerpt import excerpt, prepare
from features.rates import of_the_day
from features.snapshot import Snapshot
from features.sources import IngestReport, SourceData
from features.store import Store
from features.synthetic import Settings, generate
from tests.features.puts import put
from tests.features.test_store import assert_same

COMPANY = generate(Settings(n_deals=150)).dataset()
LATER = pd.Timestamp(COMPANY.ends_at + pd.Timedelta(hours=5)).as_unit("us")
DEAL, OTHER, LOST = (COMPANY.deals.iloc[row] for row in (10, 60, 100))
ACCOUNTS = COMPANY.tables["accounts"]["account_id"].tolist()


def opened_store() -> Store:
    opened = Store("sqlite://")
    tables, static = dict(COMPANY.tables), COMPANY.static
    report = IngestReport("synthetic", {})
    opened.replace(SourceData(tables, COMPANY.organisation, static, dict(COMPANY.tracked_since), report, COMPANY.extracted_at))
    return opened


@pytest.fixture
def store() -> Iterator[Store]:
    opened = opened_store()
    yield opened
    opened.close()


def signals(dataset: Dataset, lender: Dataset) -> list[pd.DataFrame]:
    """All signals of all deals and clients, with the rates of one Dataset."""
    snapshot = Snapshot(dataset, LATER + pd.Timedelta(days=1))
    rates = of_the_day(Snapshot(lender, LATER))
    found = [deal_signals(snapshot, rates)]
    return found + [clients.client_signals(snapshot, clients.cohort(snapshot, regime)) for regime in ("contracts", "orders")]


def assert_renewed(store: Store, before: Dataset, revision: int) -> Dataset:
    """The renewal has the tables of a full load, and gives the bytes of its signals."""
    renewal, loaded = store.renew(before, revision), store.load()
    assert renewal is not None
    assert_same(renewal.dataset, loaded)
    for one, other in zip(signals(renewal.dataset, before), signals(loaded, before), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    return renewal.dataset


def warm(dataset: Dataset) -> Dataset:
    """With everything compiled that a server compiles."""
    prepare(dataset)
    signals(dataset, dataset)
    return dataset


CALL = {"activity_id": "X-1", "kind": "call", "logged_at": LATER.isoformat()}
ORDER = {"order_id": "O-1", "account_id": ACCOUNTS[3], "ordered_at": LATER.isoformat(), "amount": 12.5}
LEAD = {"lead_id": "L-1", "created_at": LATER.isoformat(), "source": "fair"}
NEW = {"deal_id": "A-first", "account_id": "A-new", "created_at": LATER.isoformat(), "stage": "Brand new", "owner_id": "U-new"}
WRITES: dict[str, tuple[str, dict[str, Any]]] = {
    "a stage": ("deals", {"deal_id": DEAL["deal_id"], "stage": "Proposal"}),
    "an amount": ("deals", {"deal_id": OTHER["deal_id"], "amount": 123.0}),
    "another account": ("deals", {"deal_id": DEAL["deal_id"], "account_id": ACCOUNTS[5]}),
    "no account": ("deals", {"deal_id": LOST["deal_id"], "account_id": None}),
    "a new deal": ("deals", NEW),
    "a deal at the end": ("deals", NEW | {"deal_id": "zzz", "account_id": ACCOUNTS[0]}),
    "an activity": ("activities", CALL | {"deal_id": DEAL["deal_id"], "account_id": DEAL["account_id"]}),
    "an activity of two accounts": (
        "activities",
        CALL | {"activity_id": "A-2", "deal_id": DEAL["deal_id"], "account_id": ACCOUNTS[7]},
    ),
    "an activity of an account": ("activities", CALL | {"activity_id": "z-3", "account_id": ACCOUNTS[9]}),
    "an activity of nobody": ("activities", CALL | {"activity_id": "X-4"}),
    "an activity of a deal to come": ("activities", CALL | {"activity_id": "X-5", "deal_id": "A-first"}),
    "an order": ("orders", ORDER),
    "a lead": ("leads", LEAD),
    "a lead of a deal": ("leads", LEAD | {"lead_id": "L-2", "deal_id": OTHER["deal_id"], "account_id": ACCOUNTS[2]}),
    "an account": ("accounts", {"account_id": ACCOUNTS[4], "name": "renamed"}),
    "a ticket": ("tickets", {"ticket_id": "T-1", "account_id": ACCOUNTS[1], "opened_at": LATER.isoformat(), "priority": "high"}),
    "a cost": ("costs", {"period_start": "2026-01-01", "period_end": "2026-02-01", "category": "sales", "amount": 5.0}),
}


@pytest.mark.parametrize("name", WRITES)
def test_each_kind_of_write_is_taken_up(store: Store, name: str) -> None:
    before = warm(store.load())
    table, row = WRITES[name]
    assert put(store, table, row, at=LATER).revision == 2
    assert_renewed(store, before, 1)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.lists(st.sampled_from(sorted(WRITES)), min_size=1, max_size=4), min_size=1, max_size=3), st.booleans())
def test_renewals_of_renewals_stay_equal_to_loading_everything(steps: list[list[str]], compiled: bool) -> None:
    store = opened_store()
    dataset, revision = store.load(), store.revision()
    for step, names in enumerate(steps):
        dataset = warm(dataset) if compiled else dataset
        for name in names:
            table, row = WRITES[name]
            put(store, table, row, at=LATER + pd.Timedelta(minutes=step))
        dataset, revision = assert_renewed(store, dataset, revision), store.revision()
    store.close()


def test_what_reaches_all_deals_is_loaded_whole(store: Store) -> None:
    before = store.load()
    put(store, "users", {"user_id": "U-new", "name": "Ann"}, at=LATER)
    assert store.renew(before, 1) is None
    before = store.load()
    put(store, "activities", CALL | {"activity_id": "old", "logged_at": "1999-01-01T00:00:00Z"}, at=LATER, history=True)
    assert store.renew(before, 2) is None
    store.merge(replace(again(), extracted_at=LATER + pd.Timedelta(hours=1)))
    assert store.renew(store.load(), 0) is None


def again() -> SourceData:
    report = IngestReport("again", {})
    return SourceData({"deals": COMPANY.deals}, COMPANY.organisation, frozenset(), {}, report)


def test_a_renewal_serves_posted_deals_as_a_full_load_does(store: Store) -> None:
    before = warm(store.load())
    put(store, "deals", NEW | {"account_id": DEAL["account_id"]}, at=LATER)
    renewal, loaded = store.renew(before, 1), store.load()
    assert renewal is not None
    posted = {
        "deals": COMPANY.deals[COMPANY.deals["deal_id"] == DEAL["deal_id"]].drop(columns=["outcome", "closed_at", "lost_reason"])
    }
    at = LATER + pd.Timedelta(days=1)
    rates = of_the_day(Snapshot(before, LATER))
    one, other = (deal_signals(Snapshot(excerpt(each, posted, at), at), rates) for each in (renewal.dataset, loaded))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
