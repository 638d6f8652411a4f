"""A store that an older version made is brought up to date where it is, and loses nothing."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from features.dataset import Dataset
from features.engine import connect
from features.errors import NotReadyError
from features.sqltables import sql_tables
from features.store import Store
from features.store_state import FORMAT, STATE
from tests.features.exports import rows
from tests.features.puts import NOW, held, put
from tests.features.test_store import MAY_1

OLD = (Path(__file__).parent / "store_of_format_2.sql").read_text(encoding="utf-8")


@pytest.fixture
def old(url: str) -> str:
    """The URL of a database that an older version left."""
    engine = connect(url)
    with engine.begin() as connection:
        for statement in filter(str.strip, OLD.split(";\n")):
            connection.exec_driver_sql(statement)
    engine.dispose()
    return url


def known(dataset: Dataset) -> tuple[object, ...]:
    amounts = rows(dataset.deals, "deal_id", "amount", "seats")
    return amounts, len(dataset.tables["deal_changes"]), dataset.extracted_at, dataset.openings["seats"].tolist()


def test_an_old_store_is_upgraded_in_place_with_nothing_lost(old: str) -> None:
    store = Store(old)
    assert known(store.load()) == ([("D1", 7500.0, 5.0), ("D2", 1.0, 4.0)], 3, NOW, [3.0, 4.0])
    assert store.load().tracked_since["seats"] == MAY_1
    assert store.revision() == 2
    before = held(store)
    store.close()
    again = Store(old)
    assert held(again) == before
    again.close()


def test_an_upgraded_store_has_the_tables_and_indexes_of_a_new_one(old: str, tmp_path: Path) -> None:
    upgraded, new = Store(old), Store(f"sqlite:///{tmp_path / 'new.db'}")
    for name in (*sql_tables(), "touched", "tombstones", "superseded"):
        one, other = (sa.inspect(store.engine) for store in (upgraded, new))
        assert {column["name"] for column in one.get_columns(name)} == {column["name"] for column in other.get_columns(name)}
        assert {index["name"] for index in one.get_indexes(name)} == {index["name"] for index in other.get_indexes(name)}, name
    for store in (upgraded, new):
        store.close()


def test_an_upgraded_store_takes_rows_and_renews(old: str) -> None:
    store = Store(old)
    before = store.load()
    call = {"activity_id": "X2", "deal_id": "D1", "kind": "call", "logged_at": NOW.isoformat()}
    put(store, "activities", call, at=NOW + pd.Timedelta(days=1))
    renewal = store.renew(before, 2)
    assert renewal is not None
    assert renewal.dataset.tables["activities"]["activity_id"].tolist() == ["X1", "X2"]
    store.close()


def test_several_that_open_an_old_store_at_once_upgrade_it_once(old: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: Store(old), range(4)))
    assert {store.revision() for store in stores} == {2}
    for store in stores:
        store.close()


def test_a_store_of_a_newer_form_is_refused(url: str) -> None:
    store = Store(url)
    with store.engine.begin() as connection:
        connection.execute(sa.update(STATE).values(format=FORMAT + 1))
    store.close()
    with pytest.raises(NotReadyError, match=f"the store has format {FORMAT + 1}, this version reads 2 to {FORMAT}"):
        Store(url)
