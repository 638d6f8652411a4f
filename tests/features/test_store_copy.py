"""The Parquet copy: whole or absent, and never taken for good when it is not."""

import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from features import store_copy
from features.dataset import Dataset
from features.deletions import Deletion
from features.store import Store
from features.store_state import read_state
from features.synthetic import Settings, generate
from serving.cli.demo import source_of


@pytest.fixture
def dataset() -> Dataset:
    return generate(Settings(n_deals=40)).dataset()


@pytest.fixture
def copies(tmp_path: Path, dataset: Dataset) -> Path:
    """A folder with the copy of a store, whose file is gone."""
    store = Store(f"sqlite:///{tmp_path}/store.db", tmp_path / "copies")
    store.replace(source_of(dataset))
    store.load()
    store.close()
    return tmp_path / "copies"


def url_of(copies: Path) -> str:
    return f"sqlite:///{copies.parent}/store.db"


def newest(copies: Path) -> Dataset | None:
    return store_copy.newest(copies, url_of(copies))


def newest_revision(copies: Path) -> int | None:
    return store_copy.newest_revision(copies, url_of(copies))


def same(one: Dataset, other: Dataset) -> bool:
    return one.tables.keys() == other.tables.keys() and all(one.tables[name].equals(other.tables[name]) for name in one.tables)


def test_the_newest_copy_is_what_the_store_held(copies: Path, tmp_path: Path) -> None:
    found = newest(copies)
    store = Store(f"sqlite:///{tmp_path}/store.db")
    assert found is not None
    assert same(found, store.load())
    assert newest_revision(copies) == 1
    store.close()


def test_the_newest_copy_is_without_what_is_deleted_and_with_it_as_of_before(
    copies: Path, tmp_path: Path, dataset: Dataset
) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.db", copies)
    gone, at = str(dataset.deals["deal_id"].iloc[0]), dataset.ends_at + pd.Timedelta(hours=1)
    store.delete(Deletion("deals", (gone,), "tester"), at)
    store.load()
    now, before = newest(copies), store_copy.newest(copies, url_of(copies), at)
    assert now is not None
    assert before is not None
    assert gone not in set(now.deals["deal_id"]) | set(now.tables["deal_changes"]["deal_id"])
    assert same(now, store.load())
    assert same(before, store.load(at))
    assert before.deals["deal_id"].tolist() == dataset.deals["deal_id"].tolist()
    assert store_copy.epoch(copies, url_of(copies), at) == store.epoch(at) is not None
    store.close()


def test_without_a_copy_there_is_none(tmp_path: Path) -> None:
    assert (newest(tmp_path / "copies"), newest_revision(tmp_path / "copies")) == (None, None)


def test_a_copy_of_another_store_is_none(copies: Path) -> None:
    assert store_copy.newest(copies, "sqlite:///elsewhere.db") is None


def test_a_copy_is_known_by_its_url_and_holds_no_password() -> None:
    assert store_copy.origin("postgresql+psycopg://u:secret@h/d") == store_copy.origin("postgresql://u:other@h/d")
    assert "secret" not in store_copy.origin("postgresql://u:secret@h/d")


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize("name", ["deals.parquet", store_copy.FACTS])
@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
def test_a_damaged_copy_is_no_copy_and_is_made_again(
    copies: Path, tmp_path: Path, dataset: Dataset, name: str, damage: Callable[[Path], None]
) -> None:
    damage(next(copies.glob(f"*/{name}")))
    assert newest(copies) is None
    store = Store(f"sqlite:///{tmp_path}/store.db", copies)
    assert len(store.load().deals) == len(dataset.deals)
    store.close()
    assert newest(copies) is not None


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file can grow beyond this: what a full disk looks like to who writes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_copy_before_and_nothing_half_written(copies: Path, tmp_path: Path, dataset: Dataset) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.db", copies)
    store.replace(source_of(dataset.with_tables({**dataset.tables, "deals": dataset.deals.iloc[:-1]})))
    with largest_file(1000):
        assert len(store.load().deals) == len(dataset.deals) - 1
    assert [place.name.rsplit("-", 1)[1] for place in copies.iterdir()] == ["1"]
    found = newest(copies)
    assert found is not None
    assert len(found.deals) == len(dataset.deals)
    store.load()
    assert newest_revision(copies) == 2
    store.close()


def test_of_two_who_copy_at_once_one_wins_and_none_fails(copies: Path, tmp_path: Path) -> None:
    one, other = (Store(f"sqlite:///{tmp_path}/store.db", copies) for _ in range(2))
    shutil.rmtree(copies)
    with one._transaction() as connection:
        state = read_state(connection)
        tables = one._stored(connection, state)
    store_copy.save_copy(copies, url_of(copies), state, tables)
    pd.testing.assert_frame_equal(one.load().deals, other.load().deals)
    assert len(list(copies.iterdir())) == 1
    one.close()
    other.close()
