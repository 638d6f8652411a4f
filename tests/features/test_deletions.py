"""A deletion is a fact with a time: nothing before it moves, and from then on the record is gone from everything."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from features.dataset import Dataset
from features.deletions import Deletion, DeletionReport
from features.errors import UsageError
from features.store import Store
from tests.features.exports import rows
from tests.features.puts import NOW, held, put
from tests.features.test_store import MAY_1, assert_same, change, deal, source

LATER = NOW + pd.Timedelta(days=1)
DEALS = [deal("D1", account_id="A1", amount=5), deal("D2", account_id="A2", amount=7), deal("D3", account_id="A1")]
ACCOUNTS: list[dict[str, object]] = [{"account_id": "A1", "name": "one"}, {"account_id": "A2", "name": "two"}]
CALLS: list[dict[str, object]] = [
    {"activity_id": "X1", "deal_id": "D1", "kind": "call", "logged_at": "2026-04-20T00:00:00Z"},
    {"activity_id": "X2", "deal_id": "D2", "account_id": "A2", "kind": "call", "logged_at": "2026-04-21T00:00:00Z"},
]


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    moves = [change("Proposal", "2026-04-20T00:00:00Z"), change("Proposal", "2026-04-20T00:00:00Z", deal_id="D2")]
    stages: list[dict[str, object]] = [{"stage": "Discovery", "kind": "open"}, {"stage": "Proposal", "kind": "open"}]
    tables: dict[str, Any] = {"deals": DEALS, "accounts": ACCOUNTS, "activities": CALLS, "deal_changes": moves, "stages": stages}
    opened.merge(source(MAY_1, **tables))
    yield opened
    opened.close()


def delete(store: Store, table: str, *keys: str, into: str | None = None, at: pd.Timestamp = NOW) -> DeletionReport:
    return store.delete(Deletion(table, keys, "tester", into), at)


def ids(dataset: Dataset, table: str = "deals") -> list[str]:
    return list(dataset.tables[table].iloc[:, 0])


def test_a_deleted_deal_is_gone_from_then_on_with_its_history(store: Store) -> None:
    report = delete(store, "deals", "D1", "D9")
    assert (report.deleted, report.unknown, report.revision) == (1, 1, 2)
    now = store.load()
    assert (ids(now), ids(now, "deal_changes"), ids(now, "activities")) == (["D2", "D3"], ["D2"], ["X1", "X2"])
    assert now.openings["deal_id"].tolist() == ["D2", "D3"]
    assert (delete(store, "deals", "D1").already, store.revision()) == (1, 2)


DELETIONS = [("deals", ["D1"], None), ("accounts", ["A2"], "A1"), ("activities", ["X2"], None)]


@pytest.mark.parametrize(("table", "keys", "into"), DELETIONS)
def test_nothing_before_a_deletion_moves(store: Store, table: str, keys: list[str], into: str | None) -> None:
    before = store.load()
    delete(store, table, *keys, into=into)
    as_it_was = store.load(NOW)  # at the instant of the deletion itself it is not known yet
    for name, frame in before.tables.items():
        pd.testing.assert_frame_equal(frame, as_it_was.tables[name], check_exact=True)
    pd.testing.assert_frame_equal(before.openings, as_it_was.openings, check_exact=True)
    assert ids(store.load(NOW + pd.Timedelta(microseconds=1)), table) != ids(as_it_was, table) or into


def test_a_merged_account_leaves_its_rows_to_the_other(store: Store) -> None:
    delete(store, "accounts", "A2", into="A1")
    now = store.load()
    assert (ids(now, "accounts"), now.deals["account_id"].tolist()) == (["A1"], ["A1", "A1", "A1"])
    put(store, "deals", deal("D4", account_id="A2"), at=LATER)
    assert store.load().deals["account_id"].tolist()[-1] == "A1"
    assert store.load(NOW).deals["account_id"].tolist() == ["A1", "A2", "A1", "A2"]


def test_a_merged_deal_leaves_its_activities_to_the_other(store: Store) -> None:
    delete(store, "deals", "D1", into="D3")
    delete(store, "deals", "D3", into="D2", at=LATER)
    now = store.load()
    assert (ids(now), now.tables["activities"]["deal_id"].tolist()) == (["D2"], ["D2", "D2"])
    assert store.load(LATER).tables["activities"]["deal_id"].tolist() == ["D3", "D2"]


def test_a_put_revives_a_record_and_an_ingest_does_not(store: Store) -> None:
    delete(store, "deals", "D1")
    store.merge(source(LATER, deals=DEALS))
    assert ids(store.load()) == ["D2", "D3"]
    report = put(store, "deals", {"deal_id": "D1"}, at=LATER + pd.Timedelta(days=1))
    assert (report.revived, report.inserted, report.changed) == (1, 0, 0)
    assert rows(store.load().deals, "deal_id", "amount")[0] == ("D1", 5.0)
    assert ids(store.load(LATER)) == ["D2", "D3"]
    delete(store, "deals", "D1", at=LATER + pd.Timedelta(days=2))
    assert ids(store.load()) == ["D2", "D3"]


def test_an_epoch_is_the_time_in_which_the_same_is_deleted(store: Store) -> None:
    assert store.epoch(MAY_1) is None
    delete(store, "deals", "D1")
    put(store, "deals", {"deal_id": "D1"}, at=LATER)
    delete(store, "deals", "D2", at=LATER + pd.Timedelta(days=1))
    days = [MAY_1, NOW, LATER, LATER + pd.Timedelta(hours=1), LATER + pd.Timedelta(days=2)]
    first, same, without, again, now = (store.epoch(day) for day in days)
    assert first == same == again
    assert (now, len({first, without})) == (None, 2)
    assert [ids(store.load(day)) for day in days[1:]] == [["D1", "D2", "D3"], ["D2", "D3"], ["D1", "D2", "D3"], ["D1", "D3"]]


def test_replacing_everything_forgets_deletions(store: Store) -> None:
    delete(store, "deals", "D1")
    store.replace(source(LATER, deals=DEALS))
    assert ids(store.load()) == ["D1", "D2", "D3"]


def test_rows_with_composed_keys_are_deleted_too(store: Store) -> None:
    usd = {"currency": "USD", "rate": 1.0}
    put(store, "rates", usd | {"date": "2026-01-01"}, usd | {"date": "2026-02-01", "rate": 2.0})
    assert delete(store, "rates", '["USD", "2026-01-01"]').deleted == 1
    assert store.load().tables["rates"]["rate"].tolist() == [2.0]
    with pytest.raises(UsageError, match="a key of rates is a JSON list of currency, date"):
        delete(store, "rates", "USD")


@pytest.mark.parametrize(
    ("table", "key", "into", "why"),
    [
        ("deals", "D1", "D1", "into itself"),
        ("deals", "D1", "D9", "to merge into is not stored"),
        ("deals", "D9", "D1", "to be merged is not stored"),
        ("activities", "X1", "X2", "cannot be merged; accounts and deals can"),
    ],
)
def test_a_merge_that_makes_no_sense_is_refused(store: Store, table: str, key: str, into: str, why: str) -> None:
    before = held(store)
    with pytest.raises(UsageError, match=why):
        delete(store, table, key, into=into)
    assert held(store) == before


STEPS = [("deals", "D3", None), ("accounts", "A2", "A1"), ("deals", "D2", "D1"), ("accounts", "A1", None)]


def test_deletions_and_merges_are_taken_up_without_loading_everything(store: Store) -> None:
    put(store, "deals", {"deal_id": "D3", "amount": 1.0})
    for step, (table, key, into) in enumerate(STEPS):
        before, revision = store.load(), store.revision()
        delete(store, table, key, into=into, at=NOW + pd.Timedelta(hours=step + 1))
        renewal = store.renew(before, revision)
        assert renewal is not None
        assert_same(renewal.dataset, store.load())


def test_a_first_row_that_goes_is_no_renewal(store: Store) -> None:
    put(store, "deals", {"deal_id": "D3", "amount": 1.0})
    delete(store, "deals", "D1")
    before = store.load()
    delete(store, "deals", "D2", at=LATER)
    assert store.renew(before, 3) is None
