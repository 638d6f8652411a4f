import os
import resource
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.journal.spool import Row, Spool, SpoolFullError


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", 100_000)


def rows(first: int, n: int) -> list[Row]:
    return [{"id": number, "text": "é" * 20} for number in range(first, first + n)]


def drained(spool: Spool) -> list[int]:
    found: list[int] = []
    spool.drain(lambda taken: found.extend(row["id"] for row in taken))
    return found


@contextmanager
def full_disk(largest: int) -> Iterator[None]:
    """No file grows beyond so many bytes: the kernel refuses to write, as it does when the disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_rows_come_out_once_in_order(spool: Spool) -> None:
    for first in range(0, 50, 10):
        spool.append(rows(first, 10))
    assert (spool.waiting(), drained(spool), drained(spool)) == (50, list(range(50)), [])
    assert spool.size() == 0


def test_rows_that_are_not_taken_stay(spool: Spool) -> None:
    spool.append(rows(0, 3))

    def refuse(_: Sequence[Row]) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        spool.drain(refuse)
    spool.append(rows(3, 1))
    assert drained(spool) == [0, 1, 2, 3]


def test_one_worker_drains_at_a_time(spool: Spool) -> None:
    spool.append(rows(0, 2))
    other = Spool(spool.folder, spool.limit)
    meanwhile: list[int] = []

    def deliver(_: Sequence[Row]) -> None:
        meanwhile.extend(drained(other))
        other.append(rows(2, 1))

    assert (spool.drain(deliver), meanwhile, drained(other)) == (2, [], [2])


def test_what_many_workers_append_is_whole(spool: Spool) -> None:
    def work(number: int) -> None:
        for first in range(number * 100, number * 100 + 20):
            Spool(spool.folder, spool.limit).append(rows(first, 1))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(drained(spool)) == [number * 100 + each for number in range(4) for each in range(20)]


def test_a_full_spool_refuses(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 500)
    spool.append(rows(0, 5))
    with pytest.raises(SpoolFullError, match="full"):
        spool.append(rows(5, 5))
    assert (drained(spool), spool.dropped) == ([0, 1, 2, 3, 4], 0)


def test_a_full_spool_drops_the_oldest_where_it_is_told_to_and_counts_them(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 2000, drop_oldest=True)
    for number in range(60):
        spool.append(rows(number, 1))
        assert spool.size() <= spool.limit
    left = drained(spool)
    assert left == list(range(spool.dropped, 60))
    assert spool.dropped > 0


def test_rows_that_no_spool_could_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpoolFullError):
        Spool(tmp_path, 100, drop_oldest=True).append(rows(0, 10))


def test_a_full_disk_leaves_whole_rows_only(spool: Spool) -> None:
    spool.append(rows(0, 5))
    with full_disk(spool.size() + 30), pytest.raises(SpoolFullError, match="cannot be written"):
        spool.append(rows(5, 5))
    spool.append(rows(10, 1))
    assert (drained(spool), spool.damaged) == ([0, 1, 2, 3, 4, 10], 0)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolFullError, match="cannot be written"):
        Spool(tmp_path / "file" / "spool", 1000).append(rows(0, 1))


@given(st.integers(1, 250), st.booleans())
def test_a_torn_tail_is_skipped_to_the_last_whole_row(tmp_path_factory: pytest.TempPathFactory, cut: int, more: bool) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"), 100_000)
    spool.append(rows(0, 4))
    segment = next(spool.folder.glob("*.spool"))
    whole = segment.read_bytes()
    os.truncate(segment, len(whole) - cut)
    kept = whole[: len(whole) - cut].count(b"\n")
    # A row that lacks nothing but the end of its line is whole.
    kept += whole[: len(whole) - cut + 1].endswith(b"\n")
    if more:
        spool.append(rows(7, 1))
    assert drained(spool) == [*range(kept), *([7] if more else [])]


def test_a_damaged_row_costs_no_other(spool: Spool) -> None:
    spool.append(rows(0, 3))
    segment = next(spool.folder.glob("*.spool"))
    segment.write_bytes(segment.read_bytes().replace(b'"id":1', b'"id":9'))
    assert (drained(spool), spool.damaged) == ([0, 2], 1)
