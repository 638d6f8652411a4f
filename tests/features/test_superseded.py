"""A row that is changed stays what it was for whoever asks as of an earlier moment; a past is made of now without loading all."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from features import clients, clock
from features.dataset import Dataset
from features.deals import deal_signals
from features.deletions import Deletion
from features.rates import of_the_day
from features.snapshot import Snapshot
from features.store import Store
from features.superseded import SUPERSEDED
from tests.features.puts import NOW, copied, put
from tests.features.test_receipt import BEFORE, MAY_4, STAGES, early, seen
from tests.features.test_renewal import ACCOUNTS, COMPANY, DEAL, LATER, LOST, OTHER, WRITES, opened_store, warm
from tests.features.test_store import MAY_1, assert_same, change, deal, source

DAY = pd.Timedelta(days=1)
CORRECTED: dict[str, dict[str, Any]] = {
    "deals": {"account_id": "A0"},
    "activities": {"kind": "email"},
    "users": {"left_at": "2026-04-30T00:00:00Z"},
    "leads": {"converted_at": MAY_4, "deal_id": None},
    "orders": {"amount": 700.0},
    "contracts": {"cancelled_at": MAY_4},
    "tickets": {"closed_at": "2026-04-20T00:00:00Z"},
    "surveys": {"score": 2.0},
    "rates": {"rate": 0.5},
    "plans": {"target": 9.0},
    "costs": {"amount": 9.0},
}


@pytest.fixture(scope="module")
def early_store() -> Iterator[Store]:
    opened = filled("sqlite://")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def before(early_store: Store) -> dict[str, Any]:
    return seen(early_store.load(), BEFORE)


@pytest.fixture
def store(early_store: Store) -> Iterator[Store]:
    opened = copied(early_store)
    yield opened
    opened.close()


def filled(url: str) -> Store:
    """A store in which every table has a row."""
    opened = Store(url)
    first = {name: [early(name)] for name in CORRECTED if name != "deals"}
    first["deal_changes"] = [change("7", "2026-04-12T00:00Z", "5", "amount")]
    opened.merge(source(MAY_1, deals=[deal("D1", account_id="A1", amount=7)], stages=STAGES, **first))
    return opened


def correction(table: str) -> dict[str, Any]:
    return (deal("D1") if table == "deals" else early(table)) | CORRECTED[table]


def kept(store: Store) -> list[tuple[Any, ...]]:
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(SUPERSEDED).order_by(SUPERSEDED.c.until_at))]


@pytest.mark.parametrize("table", sorted(CORRECTED))
def test_a_replay_sees_the_row_as_it_was_before_it_was_changed(store: Store, before: dict[str, Any], table: str) -> None:
    assert put(store, table, correction(table)).changed == 1
    then, after = store.load(NOW), NOW + pd.Timedelta(microseconds=1)  # at the instant of the change it is not known yet
    np.testing.assert_equal(seen(then, BEFORE), before)
    now = store.load(after)
    assert str(Snapshot(now, after).frame(table).to_dict()) != str(Snapshot(then, after).frame(table).to_dict())
    assert store.epoch(BEFORE) == store.epoch(NOW) is not None
    assert store.epoch(after) is None
    assert_same(now, store.load())


def test_a_replay_sees_all_rows_as_they_were_in_each_database(url: str, before: dict[str, Any]) -> None:
    store = filled(url)
    for day, table in enumerate(sorted(CORRECTED)):
        put(store, table, correction(table), at=NOW + day * DAY)
    np.testing.assert_equal(seen(store.load(BEFORE), BEFORE), before)
    np.testing.assert_equal(seen(store.load(NOW), BEFORE), before)
    assert store.epoch(NOW + len(CORRECTED) * DAY) is None
    store.close()


@pytest.mark.parametrize("table", sorted(CORRECTED))
def test_an_export_that_corrects_a_row_keeps_it_too(store: Store, before: dict[str, Any], table: str) -> None:
    store.merge(
        source(NOW, **{"deals": [deal("D1", account_id="A1", amount=7)], "stages": STAGES} | {table: [correction(table)]})
    )
    np.testing.assert_equal(seen(store.load(BEFORE), BEFORE), before)
    assert store.epoch(NOW + DAY) is None


def test_of_several_changes_each_holds_until_the_next(store: Store) -> None:
    for day, amount in enumerate((1.0, 2.0, 3.0)):
        put(store, "orders", {"order_id": "O90", "amount": amount}, at=NOW + day * DAY)
    moments = [NOW, NOW + DAY, NOW + 2 * DAY, NOW + 3 * DAY]
    assert [store.load(at).tables["orders"]["amount"].tolist() for at in moments] == [[3.0], [1.0], [2.0], [3.0]]
    assert [store.epoch(at) for at in moments].count(None) == 1


def test_what_no_past_shows_is_not_kept(store: Store) -> None:
    put(store, "accounts", {"account_id": "A1", "name": "one", "industry": "steel"})
    put(store, "accounts", {"account_id": "A1", "name": "two", "industry": "wood"}, at=NOW + DAY)
    put(store, "deals", {"deal_id": "D1", "amount": 8.0, "name": "renamed"}, at=NOW + DAY)
    put(store, "leads", {"lead_id": "L90", "first_response_at": (NOW + 2 * DAY).isoformat()}, at=NOW + 2 * DAY)
    put(store, "orders", early("orders") | {"amount": 5.0}, at=NOW + 2 * DAY, history=True)
    assert kept(store) == []


def test_a_change_shows_from_when_its_value_is_known(store: Store) -> None:
    put(store, "tickets", {"ticket_id": "T90", "closed_at": MAY_4})
    ((table, key, until, start, row),) = kept(store)
    assert (table, key, until) == ("tickets", "T90", clock.micros(NOW))
    assert start == clock.micros(pd.Timestamp("2026-04-04T00:00Z"))  # its close of 4 April was known, and is no longer
    assert '"T90"' in row


def test_replacing_everything_forgets_what_was_changed(store: Store) -> None:
    put(store, "orders", correction("orders"))
    store.replace(source(NOW + DAY, deals=[deal("D1")], stages=STAGES))
    assert (kept(store), store.epoch(BEFORE)) == ([], None)


CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "an order": ("orders", {"order_id": COMPANY.tables["orders"]["order_id"].iloc[40], "amount": 1.5}),
    "an order of another": ("orders", {"order_id": COMPANY.tables["orders"]["order_id"].iloc[90], "account_id": ACCOUNTS[2]}),
    "a lead": ("leads", {"lead_id": COMPANY.tables["leads"]["lead_id"].iloc[30], "converted_at": LATER - 90 * DAY}),
    "a call": ("activities", {"activity_id": COMPANY.tables["activities"]["activity_id"].iloc[70], "direction": "in"}),
    "a cost": ("costs", {"period_start": "2026-01-01", "period_end": "2026-02-01", "category": "sales", "amount": 8.0}),
}
GONE = {"a deal gone": DEAL["deal_id"], "another gone": OTHER["deal_id"], "a lost one gone": LOST["deal_id"]}
STEPS = st.lists(st.sampled_from(sorted({*WRITES, *CHANGES, *GONE})), min_size=1, max_size=6)


def done(store: Store, step: str, at: pd.Timestamp) -> None:
    if step in GONE:
        store.delete(Deletion("deals", (GONE[step],), "tester"), at)
        return
    table, row = (WRITES | CHANGES)[step]
    put(
        store,
        table,
        {name: value.isoformat() if isinstance(value, pd.Timestamp) else value for name, value in row.items()},
        at=at,
    )


def all_signals(dataset: Dataset, at: pd.Timestamp) -> list[pd.DataFrame]:
    snapshot = Snapshot(dataset, at)
    own = [clients.client_signals(snapshot, clients.cohort(snapshot, regime)) for regime in ("contracts", "orders")]
    return [deal_signals(snapshot, of_the_day(snapshot)), *own]


def test_a_past_is_made_without_loading_everything() -> None:
    store = opened_store()
    for step in ("an order", "a deal gone", "a lead"):
        done(store, step, LATER)
    now, at = store.load(), LATER - DAY
    made = store.rewound(now, at)
    assert made is not None
    assert_same(made, store.load(at))
    assert (made.n_deals, now.n_deals) == (COMPANY.n_deals, COMPANY.n_deals - 1)
    store.close()


@settings(max_examples=5, deadline=None)
@given(STEPS, st.data())
def test_a_past_made_of_now_is_what_loading_it_gives(steps: list[str], data: st.DataObject) -> None:
    store = opened_store()
    for hour, step in enumerate(steps):
        done(store, step, LATER + pd.Timedelta(hours=hour))
    at = LATER + data.draw(st.integers(-2, len(steps))) * pd.Timedelta(hours=1)
    now = warm(store.load()) if data.draw(st.booleans()) else store.load()
    made, loaded = store.rewound(now, at), store.load(at)
    if made is not None:
        assert_same(made, loaded)
        for one, other in zip(all_signals(made, at), all_signals(loaded, at), strict=True):
            pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert made is not None or store.epoch(at) is not None
    store.close()


@settings(max_examples=3, deadline=None)
@given(STEPS)
def test_nothing_that_is_stored_later_moves_a_past(steps: list[str]) -> None:
    store = opened_store()
    at = LATER - pd.Timedelta(hours=1)
    before = all_signals(store.load(at), at)
    for hour, step in enumerate(steps):
        done(store, step, LATER + pd.Timedelta(hours=hour))
    for one, other in zip(before, all_signals(store.load(at), at), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    store.close()
