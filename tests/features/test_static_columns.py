"""Columns that are declared static and yet differ in a later export: the first value is that of the past."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import contracts
from features.custom import custom_signals
from features.organisation import Organisation
from features.snapshot import Snapshot
from features.sources import IngestReport, SourceData
from features.store import Store
from features.tables import EXPORT, Column, Kind

MAY_1, MAY_8 = pd.Timestamp("2026-05-01T00:00Z").as_unit("us"), pd.Timestamp("2026-05-08T00:00Z").as_unit("us")
APRIL = pd.Timestamp("2026-04-15T00:00Z").as_unit("us")
SEATS = Column("seats", Kind.NUMBER, "created_at")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'dealcast.db'}")
    yield opened
    opened.close()


def export(
    at: pd.Timestamp,
    accounts: Mapping[str, Mapping[str, object]],
    deals: Mapping[str, Mapping[str, object]] | None = None,
    static: frozenset[str] = frozenset({"accounts.industry"}),
    custom: tuple[Column, ...] = (),
) -> SourceData:
    """An export of accounts and deals by their ids."""
    common = {"created_at": "2026-04-01T00:00:00Z", "stage": "Discovery", "account_id": "A1"}
    lines = {"deals": [{"deal_id": deal_id, **common, **values} for deal_id, values in (deals or {"D1": {}}).items()]}
    lines |= {"accounts": [{"account_id": account, **values} for account, values in accounts.items()]} if accounts else {}
    tables = {name: contracts.conform(name, pd.DataFrame(table), custom=custom) for name, table in lines.items()}
    return SourceData(tables, Organisation(), static, {}, IngestReport("test", {}), at, custom)


def stored(store: Store, table: str, column: str) -> list[object]:
    values = store.load().tables[table][column]
    return list(values.astype(object).where(values.notna(), None))


def test_the_first_value_of_a_static_column_stays_and_the_change_is_counted(store: Store) -> None:
    store.merge(export(MAY_1, {"A1": {"industry": "Energy", "name": "a"}, "A2": {"industry": "Trade", "name": "b"}}))
    report = store.merge(export(MAY_8, {"A1": {"industry": "Retail", "name": "c"}, "A2": {"industry": "Trade", "name": "b"}}))
    assert stored(store, "accounts", "industry") == ["Energy", "Trade"]
    assert stored(store, "accounts", "name") == ["c", "b"]
    assert report.changed == {"accounts.industry": 1}
    assert "accounts.industry is declared static, yet changed; the first value stays, rows: 1" in str(report)


def test_the_past_knows_the_first_value(store: Store) -> None:
    store.merge(export(MAY_1, {"A1": {"industry": "Energy"}}))
    store.merge(export(MAY_8, {"A1": {"industry": "Retail"}}))
    known = Snapshot(store.load(), APRIL).frame("accounts")
    assert known["industry"].to_list() == ["Energy"]


def test_what_was_empty_stays_empty(store: Store) -> None:
    store.merge(export(MAY_1, {"A1": {"industry": None}, "A2": {"industry": "Trade"}}))
    report = store.merge(export(MAY_8, {"A1": {"industry": "Energy"}, "A2": {"industry": None}}))
    assert stored(store, "accounts", "industry") == [None, "Trade"]
    assert report.changed == {"accounts.industry": 2}


def test_a_column_or_row_that_comes_later_is_taken(store: Store) -> None:
    store.merge(export(MAY_1, {"A1": {"name": "a"}}))
    report = store.merge(export(MAY_8, {"A1": {"industry": "Energy"}, "A2": {"industry": "Trade"}}))
    assert (stored(store, "accounts", "industry"), report.changed) == (["Energy", "Trade"], {})


def test_a_column_that_is_not_static_takes_the_later_value(store: Store) -> None:
    store.merge(export(MAY_1, {"A1": {"industry": "Energy"}}, static=frozenset()))
    report = store.merge(export(MAY_8, {"A1": {"industry": "Retail"}}, static=frozenset()))
    assert (stored(store, "accounts", "industry"), report.changed) == (["Retail"], {})


def test_an_export_that_declares_nothing_is_held_to_the_earlier_declaration(store: Store) -> None:
    store.merge(export(MAY_1, {"A1": {"industry": "Energy"}}))
    report = store.merge(export(MAY_8, {"A1": {"industry": "Retail"}}, static=frozenset()))
    assert (stored(store, "accounts", "industry"), report.changed) == (["Energy"], {"accounts.industry": 1})


def test_a_replaced_store_takes_everything_anew(store: Store) -> None:
    store.merge(export(MAY_1, {"A1": {"industry": "Energy"}}))
    report = store.replace(export(MAY_8, {"A1": {"industry": "Retail"}}))
    assert (stored(store, "accounts", "industry"), report.changed) == (["Retail"], {})


def test_an_own_column_known_with_its_deal_keeps_its_first_value(store: Store) -> None:
    first: dict[str, dict[str, object]] = {"D1": {"seats": 5}, "D2": {"seats": 7}, "D3": {"seats": None}}
    later = {"D1": {"seats": 50}, "D2": {"seats": 7}, "D3": {"seats": 3}, "D4": {"seats": 9}}
    store.merge(export(MAY_1, {}, first, custom=(SEATS,)))
    report = store.merge(export(MAY_8, {}, later, custom=(SEATS,)))
    known = custom_signals(Snapshot(store.load(), APRIL), np.arange(4))["custom_seats"]
    np.testing.assert_array_equal(np.asarray(known, dtype=np.float64), [5, 7, np.nan, 9])
    assert report.changed == {"deals.seats": 2}


@pytest.mark.parametrize(
    ("kind", "one", "other"), [(Kind.CATEGORY, "a", "b"), (Kind.FLAG, True, False), (Kind.DATE, "2026-01-01", "2026-01-02")]
)
def test_own_columns_of_every_kind_keep_their_first_value(store: Store, kind: Kind, one: object, other: object) -> None:
    own = (replace(SEATS, kind=kind),)
    store.merge(export(MAY_1, {}, {"D1": {"seats": one}}, custom=own))
    before = stored(store, "deals", "seats")
    report = store.merge(export(MAY_8, {}, {"D1": {"seats": other}}, custom=own))
    assert (stored(store, "deals", "seats"), report.changed) == (before, {"deals.seats": 1})


def test_an_own_column_without_a_promise_takes_the_later_value(store: Store) -> None:
    own = (replace(SEATS, revealed_by=EXPORT),)
    store.merge(export(MAY_1, {}, {"D1": {"seats": 5}}, custom=own))
    report = store.merge(export(MAY_8, {}, {"D1": {"seats": 50}}, custom=own))
    assert (stored(store, "deals", "seats"), report.changed) == ([50], {})


def test_a_tracked_column_declared_static_keeps_its_opening_and_grows_a_history(store: Store) -> None:
    static = frozenset({"deals.amount"})
    store.merge(export(MAY_1, {}, {"D1": {"amount": 5}}, static))
    report = store.merge(export(MAY_8, {}, {"D1": {"amount": 6}}, static))
    amounts = [Snapshot(store.load(), at).values("amount")[0] for at in (APRIL, MAY_8 + pd.Timedelta(days=1))]
    assert (amounts, report.changed) == ([5, 6], {})
