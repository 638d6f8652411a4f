import asyncio
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from features.engine import connect
from serving.database import SCORES, Database
from serving.journal.journal import Journal
from serving.journal.rows import ScoreRow
from serving.journal.spool import Spool, SpoolFullError
from tests.serving.postgres_server import postgres_server

PATIENCE = 20.0


@pytest.fixture
def journal(url: str, tmp_path: Path) -> Iterator[Journal]:
    yield from opened(url, tmp_path / "spool")


def opened(url: str, folder: Path, limit: int = 1_000_000) -> Iterator[Journal]:
    held = Journal(Database.open(url), Spool(folder, limit))
    yield held
    held.close()
    held.database.close()


def row(number: int, **changed: object) -> ScoreRow:
    given = {"kind": "posted", "target": "deals", "record_id": f"D-{number}", "as_of": 1, "revision": 1, "model_version": "1"}
    return ScoreRow(**{**given, "p_won": 0.5, **changed})  # type: ignore[arg-type]


def refused(journal: Journal, one: ScoreRow) -> bool:
    try:
        assert not journal.append_now([one])
    except SpoolFullError:
        return True
    return False


def recorded(journal: Journal) -> list[str]:
    with journal.database.transaction() as connection:
        return list(connection.scalars(sa.select(SCORES.c.record_id).order_by(SCORES.c.entry)))


def wait_until_mended(journal: Journal) -> None:
    until = time.monotonic() + PATIENCE
    while journal.backlog().spooled_rows or not journal.backlog().database:
        assert time.monotonic() < until, "the spool was not brought over in time"
        time.sleep(0.02)


def test_what_is_appended_is_there(journal: Journal) -> None:
    assert journal.append_now([row(1), row(2)])
    assert asyncio.run(journal.append([row(3)]))
    assert recorded(journal) == ["D-1", "D-2", "D-3"]


def test_a_row_is_written_once(journal: Journal) -> None:
    for changed in ({}, {}, {"asked": "other"}, {"as_of": 2}, {"revision": 2}, {"model_version": "2"}, {"target": "clients"}):
        assert journal.append_now([row(1, **changed)])
    assert len(recorded(journal)) == 6


def test_many_that_append_at_once_share_commits(journal: Journal) -> None:
    async def scenario() -> list[bool]:
        return await asyncio.gather(*(journal.append([row(number)]) for number in range(500)))

    assert asyncio.run(scenario()) == [True] * 500
    assert sorted(recorded(journal)) == sorted(f"D-{number}" for number in range(500))


def test_one_that_gives_up_waiting_disturbs_no_other(journal: Journal) -> None:
    async def scenario() -> bool:
        gone = asyncio.ensure_future(journal.append([row(1)]))
        await asyncio.sleep(0)
        gone.cancel()
        return await journal.append([row(2)])

    assert asyncio.run(scenario())
    assert "D-2" in recorded(journal)


def test_a_row_that_the_database_refuses_costs_no_other(journal: Journal) -> None:
    wrong = journal.submit([row(1, model_version=None)])
    right = [journal.submit([row(number)]) for number in (2, 3)]
    with pytest.raises(sa.exc.IntegrityError):
        wrong.result()
    assert [each.result() for each in right] == [True, True]
    assert recorded(journal) == ["D-2", "D-3"]


def test_a_locked_database_sends_rows_to_the_spool_and_they_are_brought_over(journal: Journal) -> None:
    journal.append_now([row(0)])
    with journal.database.transaction(exclusive=True) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE scores IN ACCESS EXCLUSIVE MODE")
        assert [journal.append_now([row(number)]) for number in range(1, 6)] == [False] * 5
        backlog = journal.backlog()
        assert (backlog.spooled_rows, backlog.database) == (5, False)
        assert backlog.spooled_bytes > 0
    wait_until_mended(journal)
    assert journal.append_now([row(6)])
    assert recorded(journal) == [f"D-{number}" for number in range(7)]


def test_rows_survive_a_stopped_postgresql(tmp_path: Path) -> None:
    with postgres_server() as server:
        for journal in opened(server.url, tmp_path / "spool"):
            assert journal.append_now([row(0)])
            server.stop()
            assert [journal.append_now([row(number)]) for number in range(1, 4)] == [False] * 3
            server.start()
            wait_until_mended(journal)
            assert journal.append_now([row(4)])
            assert recorded(journal) == [f"D-{number}" for number in range(5)]


def test_a_database_that_was_never_there_gets_its_tables_with_the_rows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    (tmp_path / "store.db").mkdir()  # no file can be there
    journal = Journal(Database(connect(url)), Spool(tmp_path / "spool", 10_000))
    assert not journal.append_now([row(1)])
    (tmp_path / "store.db").rmdir()
    wait_until_mended(journal)
    assert recorded(journal) == ["D-1"]
    journal.close()
    journal.database.close()


def test_a_full_disk_sends_rows_to_the_spool(tmp_path: Path) -> None:
    for journal in opened(f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "spool"):
        journal.append_now([row(0)])
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))  # the database's log is larger already
        try:
            assert [journal.append_now([row(number)]) for number in (1, 2)] == [False] * 2
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        wait_until_mended(journal)
        assert recorded(journal) == ["D-0", "D-1", "D-2"]


def test_a_full_spool_is_an_error_and_no_answer(tmp_path: Path) -> None:
    for journal in opened(f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "spool", limit=1000):
        with journal.database.transaction(exclusive=True):
            kept = 0
            while not refused(journal, row(kept)):
                kept += 1
        wait_until_mended(journal)
        assert recorded(journal) == [f"D-{number}" for number in range(kept)]
        assert kept > 0


def test_workers_share_one_spool(url: str, tmp_path: Path) -> None:
    journals = [Journal(Database.open(url), Spool(tmp_path / "spool", 1_000_000)) for _ in range(3)]
    with journals[0].database.transaction(exclusive=True) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE scores IN ACCESS EXCLUSIVE MODE")
        for number, journal in enumerate(journals * 2):
            assert not journal.append_now([row(number)])
    for journal in journals:
        wait_until_mended(journal)
    # What waited for the lock is written as well as spooled, so it may come before what went to the spool at once.
    assert sorted(recorded(journals[0])) == [f"D-{number}" for number in range(6)]
    for journal in journals:
        journal.close()
        journal.database.close()


WRITER = """
import sys, threading
from pathlib import Path
from serving.database import Database
from serving.journal.journal import Journal
from serving.journal.spool import Spool
from tests.serving.journal.test_journal import row

journal = Journal(Database.open(sys.argv[1]), Spool(Path(sys.argv[2]), 1_000_000))
saying = threading.Lock()

def work(first):
    for number in range(first, first + 100_000):
        journal.append_now([row(number)])
        with saying:
            print(number, flush=True)

for thread in range(4):
    threading.Thread(target=work, args=(thread * 100_000,)).start()
"""


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(url: str, tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url, str(tmp_path / "spool")], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    said = [writer.stdout.readline() for _ in range(200)]
    writer.kill()
    said += writer.stdout.readlines()
    writer.wait()
    writer.stdout.close()
    for journal in opened(url, tmp_path / "spool"):
        journal.start()
        wait_until_mended(journal)
        found = recorded(journal)
        assert len(found) == len(set(found))
        assert {f"D-{line.strip()}" for line in said if line.endswith("\n")} <= set(found)


def test_a_closed_journal_has_written_everything_and_takes_no_more(url: str, tmp_path: Path) -> None:
    journal = Journal(Database.open(url), Spool(tmp_path / "spool", 1000))
    waiting = [journal.submit([row(number)]) for number in range(20)]
    journal.close()
    assert all(each.result(0) for each in waiting)
    with pytest.raises(Exception, match="closed"):
        journal.submit([row(99)])
    assert threading.active_count() < 20
    journal.database.close()
