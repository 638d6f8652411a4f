"""The store gone, hanging or damaged: what it held is served on."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from features import store_copy
from features.dataset import Dataset
from features.errors import NotReadyError, UsageError
from features.store import Store
from serving.cli.demo import source_of
from serving.registry.last_good import LastGood


@pytest.fixture
def store(tmp_path: Path, company: Dataset) -> Iterator[Store]:
    """A store that was loaded once, so that there is a copy."""
    opened = Store(f"sqlite:///{tmp_path}/store.db", tmp_path / "copies")
    opened.replace(source_of(company))
    opened.load()
    yield opened
    opened.close()


Open = Callable[..., LastGood]


@pytest.fixture
def of(tmp_path: Path) -> Iterator[Open]:
    """Opens sources that are closed in the end."""
    opened: list[LastGood] = []

    def one(url: str | None = None) -> LastGood:
        opened.append(LastGood(url or f"sqlite:///{tmp_path}/store.db", tmp_path / "copies", patience=30.0))
        return opened[-1]

    yield one
    for each in opened:
        each.close()


@pytest.mark.usefixtures("store")
def test_a_store_that_answers_is_fresh(of: Open, company: Dataset) -> None:
    source = of()
    assert source.state == "unknown"
    assert (source.revision(), source.state, source.load().n_deals) == (1, "fresh", company.n_deals)


@pytest.mark.usefixtures("store")
def test_a_store_that_is_gone_at_the_start_is_replaced_by_the_copy(of: Open, tmp_path: Path, company: Dataset) -> None:
    url = "postgresql://nobody:secret@127.0.0.1:9/nothing"
    copy = next((tmp_path / "copies").iterdir())
    store_copy._write_facts(copy, {**(store_copy.facts_of(copy) or {}), "origin": store_copy.origin(url)})
    source = of(url)
    assert (source.revision(), source.state, source.load().n_deals) == (1, "stale", company.n_deals)


@pytest.mark.usefixtures("store")
def test_a_file_that_is_no_database_is_replaced_by_the_copy(of: Open, tmp_path: Path, company: Dataset) -> None:
    (tmp_path / "store.db").write_bytes(b"garbage" * 10_000)
    for leftover in ("store.db-wal", "store.db-shm"):
        (tmp_path / leftover).unlink(missing_ok=True)
    source = of()
    assert (source.revision(), source.state, source.load().n_deals) == (1, "stale", company.n_deals)


def test_a_store_that_comes_back_is_taken_up(of: Open, tmp_path: Path, store: Store, company: Dataset) -> None:
    store.close()
    (tmp_path / "store.db").rename(tmp_path / "elsewhere.db")
    (tmp_path / "store.db").mkdir()
    source = of()
    assert (source.revision(), source.state) == (1, "stale")
    (tmp_path / "store.db").rmdir()
    (tmp_path / "elsewhere.db").rename(tmp_path / "store.db")
    store.replace(source_of(company))
    assert (source.revision(), source.state) == (2, "fresh")


def test_without_a_copy_a_store_that_is_gone_is_said_to_be(of: Open) -> None:
    source = of("postgresql://nobody@127.0.0.1:9/nothing")
    with pytest.raises(NotReadyError, match="does not answer"):
        source.revision()
    with pytest.raises(NotReadyError, match="no good copy"):
        source.load()


def test_a_store_that_hangs_holds_nobody_up(of: Open, store: Store) -> None:
    source = of()
    source.patience = 0.05
    source._store = store
    back = threading.Event()
    store.revision = lambda: int(back.wait())  # type: ignore[method-assign]
    assert [source.revision() for _ in range(3)] == [1, 1, 1], "it would wait for ever if it waited for the store"
    assert source.state == "stale"
    back.set()


def test_a_url_that_is_none_is_an_error_of_the_settings(of: Open) -> None:
    with pytest.raises(UsageError):
        of("oracle://nowhere").revision()
