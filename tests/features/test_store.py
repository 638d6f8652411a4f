"""The store: what goes in comes out, an ingest is whole or nothing, and the past survives later exports."""

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from features import clock, contracts, sqltables
from features.dataset import Dataset
from features.errors import DataError, MappingError, NotReadyError, UsageError
from features.organisation import Organisation
from features.snapshot import Snapshot
from features.sources import IngestReport, SourceData
from features.store import Store
from features.store_state import STATE
from features.tables import CHANGES, TABLES, Column, Kind
from tests.features.exports import DEALS, own, rows

MAY_1, MAY_8 = pd.Timestamp("2026-05-01T00:00Z").as_unit("us"), pd.Timestamp("2026-05-08T00:00Z").as_unit("us")


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()


def source(at: pd.Timestamp | None = None, **tables: list[dict[str, object]]) -> SourceData:
    """A source of a few rows."""
    frames = {name: contracts.conform(name, pd.DataFrame(lines)) for name, lines in tables.items()}
    return SourceData(frames, None, frozenset(), {}, IngestReport("test", {}), at)


def deal(deal_id: str = "D1", **values: object) -> dict[str, object]:
    return {"deal_id": deal_id, "created_at": "2026-04-01T00:00:00Z", "stage": "Discovery"} | values


def change(new: str, at: str, old: str | None = "Discovery", field: str = "stage", deal_id: str = "D1") -> dict[str, object]:
    return {"deal_id": deal_id, "changed_at": at, "field": field, "old_value": old, "new_value": new}


def assert_same(one: Dataset, other: Dataset) -> None:
    assert one.tables.keys() == other.tables.keys()
    for name, frame in one.tables.items():
        pd.testing.assert_frame_equal(frame, other.tables[name], check_exact=True)
    pd.testing.assert_frame_equal(one.openings, other.openings, check_exact=True)
    for facts in ("extracted_at", "static", "organisation", "tracked_since", "begins"):
        assert getattr(one, facts) == getattr(other, facts), facts


def amounts(store: Store, deal_id: str = "D1") -> list[tuple[object, ...]]:
    """What is known of a deal's amount, and since when: its opening and its changes."""
    dataset = store.load()
    opening = dataset.openings[dataset.openings["deal_id"] == deal_id].iloc[0]
    changes = dataset.tables.get("deal_changes", pd.DataFrame({"deal_id": [], "field": [], "changed_at": [], "new_value": []}))
    later = changes[(changes["deal_id"] == deal_id) & (changes["field"] == "amount")]
    return [(clock.instant(opening["amount_since"]), opening["amount"]), *rows(later, "changed_at", "new_value")]


def test_an_empty_store_says_what_to_do(store: Store) -> None:
    assert store.revision() == 0
    with pytest.raises(NotReadyError, match="the store holds no data yet; run: dealcast ingest"):
        store.load()


def test_what_goes_in_comes_out(store: Store, tmp_path: Path) -> None:
    data = own(
        tmp_path,
        deals=DEALS.replace("outcome\n", "outcome,segment\n")
        .replace("5000,EUR,,", "5000,EUR,,,k\u00e9 \U0001f600")
        .replace(",won", ",won,"),
        accounts="account_id,name,employees\nA1,Acme,12\nA2,,\n",
        contracts="contract_id,account_id,starts_on,monthly_amount,known_at\nC1,A1,2026-01-01,9.5,2026-01-01T00:00:00.000001Z\n",
        stages="stage,kind,is_offer\nProposal,open,true\nWon,won,\n",
    )
    data = replace(data, organisation=Organisation(timezone="Asia/Tokyo"), static=frozenset({"deals.amount"}))
    data = replace(data, tracked_since={"stage": MAY_1}, extracted_at=MAY_8)
    assert store.replace(data).revision == store.revision() == 1
    assert_same(store.load(), data.dataset())


def test_clients_without_deals_come_out_too(store: Store) -> None:
    order = {"order_id": "O1", "account_id": "A1", "ordered_at": "2026-04-01T00:00:00Z", "amount": 5}
    first = source(MAY_1, orders=[order])
    store.merge(first)
    assert_same(store.load(), first.dataset())
    store.merge(source(MAY_8, orders=[order | {"order_id": "O2"}]))
    assert store.load().tables["orders"]["order_id"].tolist() == ["O1", "O2"]


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"])).map(str.strip)
VALUES: dict[Kind, st.SearchStrategy[object]] = {
    Kind.NUMBER: st.floats(0, allow_infinity=False) | st.none(),
    Kind.MONEY: st.floats(allow_infinity=False, allow_nan=False) | st.none(),
    Kind.PROBABILITY: st.floats(0, 1),
    Kind.INSTANT: st.datetimes(pd.Timestamp("1900-01-02"), pd.Timestamp("2199-12-30")).map(lambda at: f"{at.isoformat()}+00:00"),
    Kind.DATE: st.dates(pd.Timestamp("1900-01-02").date(), pd.Timestamp("2199-12-30").date()).map(str) | st.none(),
    Kind.FLAG: st.booleans() | st.none(),
}
OPTIONAL = [
    column
    for column in TABLES["deals"].columns
    if not column.required and column.name not in ("outcome", "closed_at", "currency")
]


@st.composite
def deals(draw: st.DrawFn) -> pd.DataFrame:
    """A few deals with any values in any of their optional columns, and one of their own."""
    ids = draw(st.lists(TEXT.filter(bool), min_size=1, max_size=5, unique=True))
    frame = pd.DataFrame({"deal_id": ids, "created_at": "2026-04-01T00:00:00Z", "stage": "Discovery"})
    for column in draw(st.lists(st.sampled_from(OPTIONAL), unique_by=lambda column: column.name)):
        frame[column.name] = pd.Series([draw(VALUES.get(column.kind, TEXT | st.none())) for _ in ids], dtype=object)
    frame["own"] = pd.Series([draw(TEXT) for _ in ids], dtype="str")
    return frame


@settings(max_examples=40, deadline=None)
@given(deals())
def test_any_deals_survive_the_round_trip(frame: pd.DataFrame) -> None:
    assume(unicodedata.normalize("NFC", "\n".join(frame["deal_id"])).split("\n") == frame["deal_id"].to_list())
    tables = {"deals": contracts.conform("deals", frame)}
    data = replace(source(MAY_1), tables=tables, custom=(Column("own", Kind.CATEGORY, CHANGES),))
    store = Store("sqlite://")
    store.replace(data)
    assert_same(store.load(), data.dataset())
    store.close()


def test_replacing_forgets_what_was_there(store: Store) -> None:
    store.replace(source(MAY_1, deals=[deal("D1"), deal("D2")], users=[{"user_id": "U1", "name": "Ann"}]))
    data = source(MAY_8, deals=[deal("D3")])
    assert store.replace(data).revision == 2
    assert_same(store.load(), data.dataset())


def test_merging_matches_rows_by_key_and_keeps_the_rest(store: Store) -> None:
    store.merge(
        source(MAY_1, deals=[deal("D1", name="one"), deal("D2")], accounts=[{"account_id": "A1", "name": "Acme", "employees": 5}])
    )
    store.merge(source(MAY_8, deals=[deal("D2", name="two"), deal("D3")], accounts=[{"account_id": "A1", "name": "Acme Ltd"}]))
    dataset = store.load()
    assert rows(dataset.deals, "deal_id", "name") == [("D1", "one"), ("D2", "two"), ("D3", None)]
    assert rows(dataset.tables["accounts"], "name", "employees") == [("Acme Ltd", 5.0)]
    assert dataset.extracted_at == MAY_8


def test_rows_whose_key_is_partly_missing_are_matched_too(store: Store) -> None:
    cost = {"period_start": "2026-04-01", "period_end": "2026-05-01", "category": "sales"}
    store.merge(
        source(MAY_1, deals=[deal()], costs=[cost | {"channel": None, "amount": 1}, cost | {"channel": "fair", "amount": 2}])
    )
    store.merge(source(MAY_8, deals=[deal()], costs=[cost | {"amount": 3}]))
    assert sorted(rows(store.load().tables["costs"], "amount")) == [(2.0,), (3.0,)]


def test_merging_the_same_export_again_changes_nothing_but_the_revision(store: Store) -> None:
    flip = [change("Won", "2026-04-05T00:00:00Z"), change("Discovery", "2026-04-05T00:00:00Z", "Won")]
    data = source(MAY_1, deals=[deal(amount=5)], deal_changes=[*flip, flip[0]])
    store.merge(data)
    assert store.merge(data).revision == 2
    assert_same(store.load(), data.dataset())
    assert len(store.load().tables["deal_changes"]) == 3


def test_a_change_between_two_exports_is_recorded_and_the_past_stays(store: Store) -> None:
    store.merge(source(MAY_1, deals=[deal(amount=5000)]))
    store.merge(source(MAY_8, deals=[deal(amount=7500)]))
    assert amounts(store) == [(MAY_1, 5000.0), (MAY_8, "7500")]
    assert store.load().deals["amount"].tolist() == [7500.0]


def test_a_change_that_the_sources_history_tells_is_not_recorded_twice(store: Store) -> None:
    store.merge(source(MAY_1, deals=[deal()]))
    store.merge(source(MAY_8, deals=[deal(stage="Proposal")], deal_changes=[change("Proposal", "2026-05-03T00:00:00Z")]))
    assert rows(store.load().tables["deal_changes"], "changed_at", "new_value") == [
        (pd.Timestamp("2026-05-03T00:00Z"), "Proposal")
    ]


def test_changes_that_a_later_export_no_longer_has_are_kept(store: Store) -> None:
    old, new = change("Proposal", "2026-04-03T00:00:00Z"), change("Discovery", "2026-05-03T00:00:00Z", "Proposal")
    store.merge(source(MAY_1, deals=[deal(stage="Proposal")], deal_changes=[old]))
    store.merge(source(MAY_8, deals=[deal()], deal_changes=[new]))
    assert store.load().tables["deal_changes"]["new_value"].tolist() == ["Proposal", "Discovery"]
    assert store.load().openings["stage"].tolist() == ["Discovery"]


def test_a_history_that_a_later_export_brings_reaches_further_back(store: Store) -> None:
    store.merge(source(MAY_1, deals=[deal(amount=7500)]))
    told = change("7500", "2026-04-10T00:00:00Z", "5000", "amount")
    store.merge(source(MAY_8, deals=[deal(amount=7500)], deal_changes=[told]))
    april_10 = pd.Timestamp("2026-04-10T00:00Z")
    assert amounts(store) == [(april_10, 5000.0), (april_10, "7500")]


def test_a_deal_that_is_new_in_a_later_export_is_known_from_it_on(store: Store) -> None:
    store.merge(source(MAY_1, deals=[deal("D1", amount=1)]))
    store.merge(source(MAY_8, deals=[deal("D2", amount=2)]))
    assert (amounts(store, "D1"), amounts(store, "D2")) == ([(MAY_1, 1.0)], [(MAY_8, 2.0)])


def test_an_upsert_without_a_moment_is_known_after_what_was_stored(store: Store) -> None:
    store.merge(source(MAY_1, deals=[deal("D1", amount=1)]))
    store.merge(source(None, deals=[deal("D1", amount=2)]))
    just_after = MAY_1 + pd.Timedelta(microseconds=1)
    assert amounts(store) == [(MAY_1, 1.0), (just_after, "2")]
    assert store.load().extracted_at == just_after


def test_own_columns_of_the_deals_live_on_beside_those_of_a_later_export(store: Store) -> None:
    first = source(MAY_1, deals=[deal("D1", size=3, since="a"), deal("D2", size=4, since="b")])
    kinds = {"size": Column("size", Kind.NUMBER, CHANGES), "since": Column("since", Kind.CATEGORY, CHANGES)}
    store.merge(replace(first, custom=tuple(kinds.values())))
    store.merge(replace(source(MAY_8, deals=[deal("D1", size=5)]), custom=(kinds["size"],)))
    dataset = store.load()
    assert rows(dataset.deals, "size", "since") == [(5.0, "a"), (4.0, "b")]
    assert rows(dataset.tables["deal_changes"], "field", "old_value", "new_value") == [("size", "3", "5")]


SIZE = Column("size", Kind.NUMBER, CHANGES)


def sizes(store: Store) -> list[float]:
    """The size of D1 as of the days after both exports, and at last."""
    dataset = store.load()
    moments = (MAY_1 + pd.Timedelta(days=1), MAY_8 + pd.Timedelta(days=1))
    return [float(Snapshot(dataset, at).values("size")[0]) for at in moments]


def test_own_columns_grow_a_history_and_keep_their_openings(store: Store) -> None:
    store.merge(replace(source(MAY_1, deals=[deal(size=3)]), custom=(SIZE,)))
    store.merge(replace(source(MAY_8, deals=[deal(size=5)]), custom=(SIZE,)))
    assert sizes(store) == [3.0, 5.0]
    assert store.load().tracked_since["size"] == MAY_1
    assert np.isnan(Snapshot(store.load(), MAY_1).values("size")[0])


def test_an_upsert_need_not_declare_own_columns_again(store: Store) -> None:
    store.merge(replace(source(MAY_1, deals=[deal(size=3)]), custom=(SIZE,)))
    store.merge(source(MAY_8, deals=[deal(size="5")]))
    assert sizes(store) == [3.0, 5.0]
    assert store.load().custom == (SIZE,)


def test_an_own_column_that_changes_its_kind_is_refused(store: Store) -> None:
    store.merge(replace(source(MAY_1, deals=[deal(size=3)]), custom=(SIZE,)))
    other = replace(source(MAY_8, deals=[deal(size="big")]), custom=(Column("size", Kind.CATEGORY, CHANGES),))
    with pytest.raises(MappingError, match=r"deals\.size is a category here and a number in the store"):
        store.merge(other)
    assert store.revision() == 1


def test_an_own_column_that_comes_later_is_known_from_then_on(store: Store) -> None:
    store.merge(source(MAY_1, deals=[deal()]))
    store.merge(replace(source(MAY_8, deals=[deal(size=5)]), custom=(SIZE,)))
    first, second = sizes(store)
    assert (np.isnan(first), second) == (True, 5.0)


def test_old_orders_do_not_take_the_store_back_in_time(store: Store) -> None:
    store.merge(source(MAY_8, deals=[deal()]))
    store.merge(source(None, orders=[{"order_id": "O1", "account_id": "A1", "ordered_at": "2020-01-01T00:00:00Z", "amount": 5}]))
    assert store.load().extracted_at == MAY_8


def test_a_second_export_without_changes_begins_a_history_without_rows(store: Store) -> None:
    store.merge(source(MAY_1, deals=[deal()]))
    assert "deal_changes" not in store.load().tables
    store.merge(source(MAY_8, deals=[deal()]))
    assert (len(store.load().tables["deal_changes"]), store.load().begins["deal_changes"]) == (0, clock.micros(MAY_1))


def test_a_history_that_a_later_export_brings_along_begins_with_its_own_changes(store: Store) -> None:
    store.merge(source(MAY_1, deals=[deal()]))
    store.merge(source(MAY_8, deals=[deal()], deal_changes=[change("Discovery", "2026-04-05T00:00:00Z", old="New")]))
    known = store.load()
    assert known.tracked_since["stage"] == pd.Timestamp("2026-04-05T00:00Z")
    assert known.begins["deal_changes"] == clock.micros(known.tracked_since["stage"])


def test_an_older_export_is_refused(store: Store) -> None:
    store.merge(source(MAY_8, deals=[deal()]))
    with pytest.raises(UsageError, match="this export is of 2026-05-01 00:00Z, the store already holds one of 2026-05-08"):
        store.merge(source(MAY_1, deals=[deal()]))
    assert store.revision() == 1


def test_a_merge_that_mixes_currencies_changes_nothing(store: Store) -> None:
    first = source(MAY_1, deals=[deal("D1", amount=1, currency="EUR")])
    store.merge(first)
    rates = [{"currency": "USD", "date": "2026-01-01", "rate": 0.9}]
    later = source(MAY_8, deals=[deal("D2", amount=1, currency="USD")], rates=rates)
    with pytest.raises(DataError, match="deals"):
        store.merge(replace(later, tables={"deals": later.tables["deals"]}))
    assert_same(store.load(), first.dataset())
    assert (store.merge(later).revision, store.load().n_deals) == (2, 2)


@pytest.mark.parametrize("how", ["replace", "merge"])
def test_a_failure_on_the_way_changes_nothing(store: Store, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = source(MAY_1, deals=[deal("D1")])
    store.merge(first)

    def full_disk(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(sqltables, "encode_openings", full_disk)
    with pytest.raises(OSError, match="no space"):
        getattr(store, how)(source(MAY_8, deals=[deal("D2")]))
    monkeypatch.undo()
    assert store.revision() == 1
    assert_same(store.load(), first.dataset())


def test_readers_see_the_last_whole_ingest_while_another_runs(store: Store) -> None:
    store.merge(source(MAY_1, deals=[deal()]))
    with store.engine.begin() as writer:
        writer.execute(sa.update(STATE).values(revision=99))
        writer.execute(sa.delete(sqltables.sql_tables()["deals"]))
        assert (store.revision(), store.load().n_deals) == (1, 1)
        writer.rollback()


def test_a_copy_is_used_only_for_its_own_revision(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'a.db'}", cache=tmp_path / "copies")
    for moment, amount in ((MAY_1, 1), (MAY_8, 2)):
        store.merge(source(moment, deals=[deal(amount=amount)]))
        assert_same(store.load(), store.load())
        assert store.load().deals["amount"].tolist() == [amount]
    assert [copy.name.rsplit("-")[-1] for copy in (tmp_path / "copies").iterdir()] == ["2"]
    store.close()


def test_another_store_at_the_same_place_has_other_copies(tmp_path: Path) -> None:
    for amount in (1, 2):
        store = Store(f"sqlite:///{tmp_path / f'{amount}.db'}", cache=tmp_path / "copies")
        store.merge(source(MAY_1, deals=[deal(amount=amount)]))
        assert store.load().deals["amount"].tolist() == [amount]
        store.close()
    assert len(list((tmp_path / "copies").iterdir())) == 2


def test_a_store_of_another_format_is_refused(store: Store) -> None:
    with store.engine.begin() as connection:
        connection.execute(sa.update(STATE).values(format=0))
    with pytest.raises(NotReadyError, match="the store has format 0"):
        store.load()


def test_urls_that_cannot_be_used_say_so() -> None:
    with pytest.raises(UsageError, match="is not a database URL"):
        Store("somewhere")
    with pytest.raises(UsageError, match="the store is SQLite or PostgreSQL, not mysql"):
        Store("mysql://localhost/x")
    with pytest.raises(NotReadyError, match="does not answer") as error:
        Store("postgresql://u:secret@127.0.0.1:1/x")
    assert "secret" not in str(error.value)
