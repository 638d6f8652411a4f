import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import serving.access.tables  # noqa: F401  # its tables belong to METADATA
from features.engine import connect
from features.errors import NotReadyError
from features.store import Store
from serving.database import CALLS, HEAD, METADATA, MIGRATIONS, VERSION_TABLE, Database


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database.open(url)
    yield opened
    opened.close()


def tables(database: Database) -> set[str]:
    return set(sa.inspect(database.engine).get_table_names())


def test_the_revisions_make_the_tables_that_are_declared(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_head_is_the_one_newest_revision() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_opening_again_changes_nothing(database: Database, url: str) -> None:
    before = tables(database)
    Database.open(url).close()
    assert (tables(database), database.revision()) == (before, HEAD)


def test_every_revision_can_be_taken_back(database: Database) -> None:
    database.downgrade("base")
    assert tables(database) <= {VERSION_TABLE}
    database.upgrade()
    assert database.revision() == HEAD


def test_workers_that_start_at_once_make_the_tables_once(url: str) -> None:
    barrier, failed = threading.Barrier(4), []

    def start() -> None:
        barrier.wait()
        try:
            Database.open(url).close()
        except Exception as error:
            failed.append(error)

    workers = [threading.Thread(target=start) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert failed == []


def test_the_tables_stand_beside_those_of_the_store(url: str) -> None:
    store, database = Store(url), Database.open(url)
    assert {"store", "deals", "calls"} <= tables(database)
    store.close()
    database.close()


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    call = {"call_id": "1", "made_at": 1, "author": "a", "scope": "deal", "scope_id": "D", "measure": "p_won"}

    def fail() -> None:
        with database.transaction() as connection:
            connection.execute(sa.insert(CALLS).values(call))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.transaction() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(CALLS)) == 0


def test_a_database_that_is_down_is_said_without_its_password() -> None:
    down = Database(connect("postgresql://someone:hidden@127.0.0.1:1/none"))
    with pytest.raises(NotReadyError, match="does not answer") as caught:
        down.revision()
    assert "hidden" not in str(caught.value)


def test_a_file_that_is_no_database_any_more_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / "spoilt.db").write_bytes(b"\xff" * 8192)
    with pytest.raises(NotReadyError, match="not a database"):
        Database(connect(f"sqlite:///{tmp_path / 'spoilt.db'}")).revision()
