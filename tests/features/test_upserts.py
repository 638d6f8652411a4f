"""Putting a few rows gives the store that merging the whole table would give, and reads and writes those rows alone."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import clock, contracts
from features.errors import DataError, DataErrors, NotReadyError
from features.sources import IngestReport, SourceData
from features.store import Store
from features.tables import CHANGES, Column, Kind
from tests.features.exports import rows
from tests.features.puts import NOW, held, put, upsert_of
from tests.features.test_store import MAY_1, assert_same, change, deal, source

STAGES: list[dict[str, object]] = [
    {"stage": "Discovery", "kind": "open"},
    {"stage": "Proposal", "kind": "open"},
    {"stage": "Won", "kind": "won"},
]


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    opened.merge(source(MAY_1, deals=[deal("D1", amount=5000, name="one"), deal("D2", amount=1)], stages=STAGES))
    yield opened
    opened.close()


def history(store: Store) -> list[tuple[object, ...]]:
    return rows(store.load().tables["deal_changes"], "deal_id", "changed_at", "field", "old_value", "new_value")


def test_a_changed_tracked_field_appends_to_the_history(store: Store) -> None:
    report = put(store, "deals", {"deal_id": "D1", "amount": 7500.0})
    assert (report.inserted, report.changed, report.unchanged, report.changes, report.revision) == (0, 1, 0, 1, 2)
    assert history(store) == [("D1", NOW, "amount", "5000", "7500")]


def test_what_a_row_does_not_bring_stays_and_what_is_null_is_emptied(store: Store) -> None:
    put(store, "deals", {"deal_id": "D1", "stage": "Proposal"}, {"deal_id": "D2", "amount": None})
    deals = store.load().deals
    assert rows(deals, "deal_id", "name", "amount", "stage") == [
        ("D1", "one", 5000.0, "Proposal"),
        ("D2", None, None, "Discovery"),
    ]


def test_the_same_rows_again_change_nothing(store: Store) -> None:
    row = deal("D3", amount=9) | {"stage": "Proposal"}
    put(store, "deals", row, {"deal_id": "D1", "amount": 7500.0})
    before = held(store)
    report = put(store, "deals", row, {"deal_id": "D1", "amount": 7500.0}, at=NOW + pd.Timedelta(days=1))
    assert (report.unchanged, report.revision) == (2, 2)
    assert held(store) == before


def test_equal_changes_of_one_instant_are_counted_once_more_only_where_there_are_more(store: Store) -> None:
    one, back = change("Won", "2026-05-02T00:00:00Z"), change("Discovery", "2026-05-02T00:00:00Z", "Won")
    put(store, "deal_changes", one, back, one)
    assert (put(store, "deal_changes", one, back, one).unchanged, len(history(store))) == (3, 3)
    put(store, "deal_changes", one, back, one, back)
    assert len(history(store)) == 4


def test_a_static_column_keeps_its_first_value(store: Store) -> None:
    static = frozenset({"accounts.industry"})
    store.merge(replace(source(MAY_1, deals=[deal()], accounts=[{"account_id": "A1", "industry": "steel"}]), static=static))
    report = put(store, "accounts", {"account_id": "A1", "industry": "glass"})
    assert (report.kept, report.unchanged) == ({"accounts.industry": 1}, 1)
    assert store.load().tables["accounts"]["industry"].tolist() == ["steel"]


def test_a_new_deal_is_known_since_it_was_put(store: Store) -> None:
    put(store, "deals", deal("D3", amount=9))
    openings = {row[0]: row[1:] for row in rows(store.load().openings, "deal_id", "amount", "amount_since")}
    assert openings["D3"] == (9.0, clock.micros(NOW))
    assert openings["D1"] == (5000.0, clock.micros(MAY_1))


def test_recorded_at_is_kept_where_it_is_given(store: Store) -> None:
    late = {"activity_id": "X1", "deal_id": "D1", "kind": "call", "logged_at": "2026-05-01T00:00:00Z"}
    put(store, "activities", late | {"recorded_at": "2026-05-07T00:00:00Z"})
    assert store.load().activity_log.known.tolist() == [clock.micros(pd.Timestamp("2026-05-07T00:00Z"))]


def test_own_columns_are_put_by_their_names(store: Store) -> None:
    seats = Column("seats", Kind.NUMBER, CHANGES)
    store.merge(replace(source(MAY_1, deals=[deal(seats=3)]), custom=(seats,)))
    put(store, "deals", {"deal_id": "D1", "seats": 5.0}, custom=(seats,))
    assert rows(store.load().deals, "deal_id", "seats") == [("D1", 5.0), ("D2", None)]
    assert history(store)[-1][2:] == ("seats", "3", "5")


def test_all_that_is_wrong_is_told_with_the_places_of_the_rows(store: Store) -> None:
    before = held(store)
    twice = {"account_id": "A1", "employees": -1.0}
    with pytest.raises(DataErrors) as told:
        put(store, "accounts", {"account_id": "A2"}, twice, twice)
    assert [(error.column, error.positions) for error in told.value.errors] == [("account_id", [1, 2]), ("employees", [1, 2])]
    with pytest.raises(DataErrors, match="the value is missing"):
        put(store, "deals", {"deal_id": "D9", "name": "no stage", "stage": None, "created_at": "2026-04-01T00:00:00Z"})
    assert held(store) == before


def test_currencies_and_stages_are_checked_against_what_is_stored(store: Store) -> None:
    with pytest.raises(DataError, match="there is no rates table"):
        put(store, "deals", {"deal_id": "D1", "currency": "USD"})
    put(store, "rates", {"currency": "USD", "date": "2026-01-01", "rate": 0.9})
    assert put(store, "deals", {"deal_id": "D1", "currency": "USD"}).changed == 1
    with pytest.raises(DataError, match="one stage name has two kinds"):
        put(store, "stages", {"pipeline": "other", "stage": "Won", "kind": "lost"})


def test_references_that_lead_nowhere_are_counted(store: Store) -> None:
    call = {"activity_id": "X1", "kind": "call", "logged_at": "2026-05-01T00:00:00Z"}
    report = put(store, "activities", call | {"deal_id": "D1"}, call | {"activity_id": "X2", "deal_id": "D9", "account_id": "A9"})
    assert report.unknown == {"activities.deal_id": 1, "activities.account_id": 1}


def test_an_empty_store_can_be_filled_row_by_row(url: str) -> None:
    store = Store(url + ("2" if url.startswith("sqlite") else ""))
    with pytest.raises(NotReadyError, match="put deals, orders, contracts first"):
        put(store, "users", {"user_id": "U1", "name": "Ann"})
    put(store, "orders", {"order_id": "O1", "account_id": "A1", "ordered_at": "2026-04-01T00:00:00Z", "amount": 1.0})
    put(store, "deals", deal("D1"))
    put(store, "users", {"user_id": "U1", "name": "Ann"})
    assert set(store.load().tables) == {"deals", "deal_changes", "orders", "users", "stages"}
    store.close()


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "stage": st.sampled_from(["Discovery", "Proposal", "Won"]),
    "amount": st.sampled_from([1.0, 5000.0, None]),
    "owner_id": st.sampled_from(["U1", "U2", None]),
    "name": st.sampled_from(["one", None]),
    "product": st.sampled_from(["a", "b"]),
    "lost_reason": st.sampled_from(["price", None]),
}
ROW = st.fixed_dictionaries({"stage": VALUES["stage"]}, optional={name: VALUES[name] for name in VALUES if name != "stage"})
PUTS = st.dictionaries(st.sampled_from(["D1", "D2", "D3", "D4"]), ROW, min_size=1)


FIRST = deal("D1", amount=5000, name="one", product="a", owner_id="U1", lost_reason="price")


@settings(max_examples=15, deadline=None)
@given(st.lists(PUTS, min_size=1, max_size=3))
def test_putting_rows_equals_merging_the_whole_table(puts: list[dict[str, dict[str, Any]]]) -> None:
    few, whole = Store("sqlite://"), Store("sqlite://")
    first = replace(
        source(MAY_1, deals=[FIRST, FIRST | {"deal_id": "D2", "name": "two", "owner_id": None}], stages=STAGES),
        static=frozenset({"deals.name", "deals.product"}),
    )
    current: dict[str, dict[str, Any]] = {}
    for store in (few, whole):
        store.merge(first)
    frame = first.tables["deals"]
    for row in frame.astype(object).where(frame.notna(), None).to_dict("records"):
        current[str(row["deal_id"])] = {str(name): value for name, value in row.items()}
    for step, each in enumerate(puts):
        at = NOW + pd.Timedelta(days=step)
        changed = put(few, "deals", *(deal(deal_id, **row) for deal_id, row in each.items()), at=at, history=True).revision
        for deal_id, brought in each.items():
            current[deal_id] = current.get(deal_id, {}) | deal(deal_id, **brought)
        if changed != whole.revision():
            whole.merge(replace(_export(current.values(), at), static=first.static))
    one, other = held(few), held(whole)
    for store in (few, whole):
        store.close()
    assert one == other


def _export(deals: Any, at: pd.Timestamp) -> SourceData:
    frame = contracts.conform("deals", pd.DataFrame([dict(row) for row in deals]))
    stages = contracts.conform("stages", pd.DataFrame(STAGES))
    return SourceData({"deals": frame, "stages": stages}, None, frozenset(), {}, IngestReport("whole", {}), at)


def test_a_put_is_written_with_what_stands_beside_it_or_not_at_all(store: Store) -> None:
    before = held(store)

    def fails(*_: object) -> None:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        store.put(upsert_of("deals", {"deal_id": "D1", "amount": 1.0}), NOW, fails)
    assert held(store) == before
    assert_same(store.load(), store.load())
