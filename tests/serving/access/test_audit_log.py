import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.access import audit_log
from serving.access.audit_log import NO_ROW, Event, Origin
from serving.access.tables import AUDIT_LOG
from serving.database import Database


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database.open(url)
    yield opened
    opened.close()


def write(database: Database, n: int) -> None:
    for number in range(n):
        audit_log.record(database, Origin("ann", f"r{number}"), Event("export", "kpis", {"n": number, "who": "Анна"}))


def tamper(database: Database, statement: str) -> None:
    """As somebody does who is master of the database, triggers and all."""
    lite = database.engine.dialect.name == "sqlite"
    lift = ["DROP TRIGGER audit_log_no_update", "DROP TRIGGER audit_log_no_delete"]
    with database.engine.begin() as connection:
        for each in lift if lite else ["ALTER TABLE audit_log DISABLE TRIGGER ALL"]:
            connection.exec_driver_sql(each)
        connection.exec_driver_sql(statement)


def test_rows_come_back_newest_first_and_by_action(database: Database) -> None:
    write(database, 3)
    audit_log.record(database, Origin("bob"), Event("login", "bob"))
    rows = audit_log.entries(database, 2)
    assert [(row.number, row.who, row.action) for row in rows] == [(4, "bob", "login"), (3, "ann", "export")]
    assert [row.number for row in audit_log.entries(database, 5, before=3, action="export")] == [2, 1]
    assert rows[1].details == {"n": 2, "who": "Анна"}


def test_an_untouched_log_verifies(database: Database) -> None:
    assert audit_log.verify(database) == audit_log.Verified(0, NO_ROW, None)
    write(database, 4)
    found = audit_log.verify(database)
    assert (found.n, found.head, found.broken_at) == (4, audit_log.hash_of(database, 4), None)


@pytest.mark.parametrize(
    "change", ["UPDATE audit_log SET who = 'eve' WHERE number = 2", "DELETE FROM audit_log WHERE number = 2"]
)
def test_the_database_refuses_to_change_a_row(database: Database, change: str) -> None:
    write(database, 3)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), database.engine.begin() as connection:
        connection.exec_driver_sql(change)
    assert audit_log.verify(database).n == 3


@pytest.mark.parametrize("column", [column.name for column in AUDIT_LOG.columns if column.name != "number"])
def test_a_changed_row_is_found(database: Database, column: str) -> None:
    write(database, 4)
    tamper(database, f"UPDATE audit_log SET {column} = {'1' if column == 'at' else chr(39) + 'x' + chr(39)} WHERE number = 3")
    assert audit_log.verify(database).broken_at == 3


@pytest.mark.parametrize(("row", "found"), [(1, 1), (2, 2)])
def test_a_missing_row_is_found(database: Database, row: int, found: int) -> None:
    write(database, 3)
    tamper(database, f"DELETE FROM audit_log WHERE number = {row}")
    assert audit_log.verify(database).broken_at == found


def test_a_cut_off_end_is_found_by_a_hash_that_was_kept(database: Database) -> None:
    write(database, 3)
    head = audit_log.verify(database).head
    tamper(database, "DELETE FROM audit_log WHERE number = 3")
    assert audit_log.verify(database).broken_at is None
    assert audit_log.hash_of(database, 3) != head


def test_rows_written_at_once_make_one_chain(database: Database) -> None:
    writers = [threading.Thread(target=write, args=(database, 5)) for _ in range(4)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    found = audit_log.verify(database)
    assert (found.n, found.broken_at) == (20, None)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(who=TEXT, target=TEXT, details=st.dictionaries(TEXT, TEXT | st.integers(-(2**40), 2**40) | st.none(), max_size=3))
def test_whatever_is_written_verifies(database: Database, who: str, target: str, details: dict[str, str | int | None]) -> None:
    audit_log.record(database, Origin(who), Event("note", target, details))
    assert audit_log.entries(database, 1)[0].details == details
    assert audit_log.verify(database).broken_at is None
