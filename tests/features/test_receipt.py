"""What is put live is known from its receipt; a first load of history, which says so, from when it happened."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.dataset import Dataset
from features.deals import deal_signals
from features.rates import of_the_day
from features.snapshot import Snapshot
from features.store import Store
from features.tables import TABLES
from tests.features.puts import NOW, copied, held, put
from tests.features.test_store import MAY_1, assert_same, change, deal, source

BEFORE = NOW - pd.Timedelta(days=2)
MAY_4 = "2026-05-04T00:00:00Z"
STAGES: list[dict[str, object]] = [
    {"stage": "Discovery", "kind": "open"},
    {"stage": "Proposal", "kind": "open"},
    {"stage": "Won", "kind": "won"},
]
HAPPENED: dict[str, dict[str, Any]] = {
    "deals": {"deal_id": "D9", "created_at": MAY_4, "closed_at": MAY_4, "stage": "Won", "amount": 9.0, "account_id": "A1"},
    "deal_changes": change("Proposal", MAY_4),
    "accounts": {"account_id": "A9", "created_at": MAY_4, "name": "nine"},
    "activities": {"activity_id": "X9", "deal_id": "D1", "account_id": "A1", "kind": "call", "logged_at": MAY_4},
    "users": {"user_id": "U9", "name": "Ann", "hired_at": MAY_4},
    "leads": {"lead_id": "L9", "created_at": MAY_4, "converted_at": MAY_4, "deal_id": "D1"},
    "orders": {"order_id": "O9", "account_id": "A1", "ordered_at": MAY_4, "amount": 3.0},
    "contracts": {"contract_id": "C9", "account_id": "A1", "starts_on": "2026-05-04", "monthly_amount": 1.0, "known_at": MAY_4},
    "tickets": {"ticket_id": "T9", "account_id": "A1", "opened_at": MAY_4, "closed_at": MAY_4},
    "surveys": {
        "response_id": "S9", "account_id": "A1", "answered_at": MAY_4, "kind": "nps", "score": 9.0, "scale_min": 0.0,
        "scale_max": 10.0,
    },
    "rates": {"currency": "USD", "date": "2026-05-04", "rate": 0.9},
    "plans": {
        "scope": "company", "kpi": "bookings", "period_start": "2026-05-01", "period_end": "2026-06-01", "target": 5.0,
    },
    "costs": {"period_start": "2026-05-01", "period_end": "2026-06-01", "category": "sales", "amount": 5.0},
}  # fmt: skip


def early(table: str) -> dict[str, Any]:
    """A row of the table that was on record long before."""
    key = {name: f"{value}0" for name, value in HAPPENED[table].items() if name == TABLES[table].key[0] and name.endswith("_id")}
    days = {name: str(value).replace("2026-05", "2026-04") for name, value in HAPPENED[table].items() if "2026-05" in str(value)}
    return HAPPENED[table] | days | key


def filled(url: str) -> Store:
    """A store in which every table has an early row."""
    opened = Store(url)
    first = {name: [early(name)] for name in HAPPENED if name not in ("deals", "deal_changes")}
    first["deal_changes"] = [change("7", "2026-04-12T00:00Z", "5", "amount")]
    opened.merge(source(MAY_1, deals=[deal("D1", account_id="A1", amount=7)], stages=STAGES, **first))
    return opened


@pytest.fixture(scope="module")
def early_store() -> Iterator[Store]:
    opened = filled("sqlite://")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def before(early_store: Store) -> dict[str, Any]:
    """What was seen as of BEFORE when nothing else had come in."""
    return seen(early_store.load(), BEFORE)


@pytest.fixture
def store(early_store: Store) -> Iterator[Store]:
    """A store of one's own with the early rows."""
    opened = copied(early_store)
    yield opened
    opened.close()


def seen(dataset: Dataset, at: pd.Timestamp) -> dict[str, Any]:
    """Everything that is known as of a moment: each table that has rows, and the signals of the deals."""
    snapshot = Snapshot(dataset, at)
    frames = {name: snapshot.frame(name) for name in dataset.tables} | {"signals": deal_signals(snapshot, of_the_day(snapshot))}
    return {name: frame.dropna(axis=1, how="all").to_dict("records") for name, frame in frames.items() if len(frame)}


@pytest.mark.parametrize("table", sorted(HAPPENED))
def test_a_replay_sees_the_same_before_and_after_a_late_row(store: Store, before: dict[str, Any], table: str) -> None:
    report = put(store, table, HAPPENED[table])
    assert (report.inserted, report.late) == (1, int(TABLES[table].time is not None))
    after = store.load()
    np.testing.assert_equal(seen(after, BEFORE), before)
    assert len(Snapshot(after, NOW + pd.Timedelta(seconds=1)).frame(table)) > len(before.get(table, ()))


def test_a_replay_sees_the_same_after_all_of_them_in_each_database(url: str, before: dict[str, Any]) -> None:
    store = filled(url)
    for table in sorted(HAPPENED):
        put(store, table, HAPPENED[table])
    after = store.load()
    np.testing.assert_equal(seen(after, BEFORE), before)
    later = Snapshot(after, NOW + pd.Timedelta(seconds=1))
    assert all(len(later.frame(table)) > len(before.get(table, ())) for table in HAPPENED)
    store.close()


@pytest.mark.parametrize("table", sorted(set(HAPPENED) - {"costs", "plans", "rates"}))
def test_what_is_loaded_as_history_counts_from_when_it_happened(store: Store, before: dict[str, Any], table: str) -> None:
    n = len(before.get(table, ()))
    assert put(store, table, HAPPENED[table], history=True).late == 0
    assert len(Snapshot(store.load(), BEFORE).frame(table)) == n + 1


def test_a_late_row_sent_again_changes_nothing(store: Store) -> None:
    put(store, "deal_changes", HAPPENED["deal_changes"])
    put(store, "activities", HAPPENED["activities"])
    before = held(store)
    later = NOW + pd.Timedelta(days=1)
    assert put(store, "deal_changes", HAPPENED["deal_changes"], at=later).unchanged == 1
    assert put(store, "activities", HAPPENED["activities"] | {"recorded_at": None}, at=later).unchanged == 1
    assert held(store) == before


def test_a_late_row_is_taken_up_as_a_full_load_takes_it(store: Store) -> None:
    put(store, "deals", {"deal_id": "D1", "amount": 8.0})
    opened = deal("D8", created_at=MAY_4, account_id="A1")
    for table, row in {"activities": HAPPENED["activities"], "orders": HAPPENED["orders"], "deals": opened}.items():
        before, revision = store.load(), store.revision()
        put(store, table, row, at=NOW + pd.Timedelta(hours=1))
        renewal = store.renew(before, revision)
        assert renewal is not None
        assert_same(renewal.dataset, store.load())
        np.testing.assert_equal(seen(renewal.dataset, BEFORE), seen(store.load(), BEFORE))


def test_a_win_that_came_in_late_is_no_win_of_a_replay(store: Store) -> None:
    put(store, "deals", HAPPENED["deals"])
    moves = store.load().transitions
    assert list(moves.known) == [clock.micros(NOW)]


CHANGES = [
    change("Proposal", "2026-04-20T00:00:00Z"),
    change("Won", "2026-04-25T00:00:00Z", "Proposal"),
    change("Proposal", "2026-04-18T00:00:00Z", deal_id="D2"),
    change("9", "2026-04-22T00:00:00Z", "4", "amount", deal_id="D2"),
]
EXPORTED: dict[str, list[dict[str, Any]]] = {
    "deals": [
        deal("D1", stage="Won", account_id="A1", amount=5.0, closed_at="2026-04-25T00:00:00Z"),
        deal("D2", stage="Proposal", account_id="A2", amount=9.0),
        deal("D3", account_id="A2", amount=2.0),
    ],
    "stages": [{"pipeline": None} | stage for stage in STAGES],
    "deal_changes": CHANGES,
    "accounts": [{"account_id": "A1", "created_at": "2026-01-01T00:00:00Z"}, {"account_id": "A2"}],
    "activities": [HAPPENED["activities"] | {"logged_at": "2026-04-21T00:00:00Z"}],
    "orders": [HAPPENED["orders"] | {"ordered_at": "2026-04-26T00:00:00Z"}],
}


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 3, 1, 0]])
def test_a_first_load_by_puts_tells_the_past_that_an_ingest_tells(order: list[int]) -> None:
    few, whole = Store("sqlite://"), Store("sqlite://")
    whole.merge(source(MAY_1, **EXPORTED))
    for step, (table, rows) in enumerate(EXPORTED.items()):
        for row in [rows[place] for place in order] if table == "deal_changes" else rows:
            put(few, table, row, at=MAY_1 + pd.Timedelta(seconds=step), history=True)
    loaded = few.load(), whole.load()
    for day in ("2026-04-02", "2026-04-18T12:00", "2026-04-20T12:00", "2026-04-23", "2026-04-26T12:00", "2026-05-08"):
        one, other = (Snapshot(dataset, pd.Timestamp(day, tz="UTC").as_unit("us")) for dataset in loaded)
        for table in EXPORTED:
            pd.testing.assert_frame_equal(one.frame(table), other.frame(table))
    few.close()
    whole.close()
