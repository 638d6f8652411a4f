"""Rows that the database could not take, kept in files until it can: bounded, flushed to the disk, shared by all workers.

A folder of numbered segments. Rows are appended to the newest; a drain seals it, begins another, and removes each older one once
everything in it was delivered. Whoever appends holds `append.lock`, whoever drains `drain.lock`, so that one worker drains while
the others go on appending, and a lock goes with the process that held it.

    journal-spool/
      00000004.spool   sealed: being delivered, the oldest row first
      00000005.spool   appended to
      append.lock  drain.lock

A row is one line: its checksum, a space, and its JSON. What a power cut leaves half-written fails the checksum and is skipped;
the next append begins a new line after it. A drain that breaks off delivers the segment again, so whoever receives a row has to
know it again.
"""

import fcntl
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from features.errors import NotReadyError

SEGMENTS: Final = 8
"""A full spool has about so many: the oldest, which is dropped when the setting says so, is an eighth of it."""
DELIVERED_AT_ONCE: Final = 1000

Row = Mapping[str, Any]


class SpoolFullError(NotReadyError):
    """A row cannot be kept: the spool is full, or its disk is."""


class Spool:
    """The rows that wait in one folder.

    limit        bytes that all segments together may have
    drop_oldest  when full, make room by dropping the oldest segment; else refuse what is new
    dropped      rows that this process has dropped to make room
    damaged      lines that this process found damaged and skipped
    """

    def __init__(self, folder: Path, limit: int, *, drop_oldest: bool = False) -> None:
        self.folder, self.limit, self.drop_oldest = folder, limit, drop_oldest
        self.dropped = 0
        self.damaged = 0

    def append(self, rows: Sequence[Row]) -> None:
        """Keep these rows, all or none; they are on the disk when this returns. Raises SpoolFullError."""
        text = b"".join(map(_line, rows))
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked("append.lock"):
                self._make_room(len(text))
                self._write(text)
        except OSError as error:
            raise SpoolFullError(f"the journal's spool below {self.folder} cannot be written: {error.strerror}") from error

    def drain(self, deliver: Callable[[Sequence[Row]], None]) -> int:
        """Hand over every row, the oldest first, and forget those that were taken; how many that were.

        None are, and nothing is waited for, while another worker drains. What `deliver` raises is passed on; its rows stay.
        """
        if not self.size():
            return 0
        with self._locked("drain.lock", wait=False) as mine:
            return sum(self._deliver(segment, deliver) for segment in self._sealed()) if mine else 0

    def size(self) -> int:
        """Bytes that wait."""
        return sum(map(_size, self._segments()))

    def waiting(self) -> int:
        """Rows that wait; reads the files."""
        return sum(1 for segment in self._segments() for _ in _lines(segment))

    def _segments(self) -> list[Path]:
        return sorted(self.folder.glob("*.spool"))

    def _sealed(self) -> list[Path]:
        """Every segment with rows in it; whoever appends from now on begins another."""
        with self._locked("append.lock"):
            filled = [segment for segment in self._segments() if _size(segment)]
            if filled:
                self._following(filled[-1]).touch(mode=0o600)
        return filled

    def _deliver(self, segment: Path, deliver: Callable[[Sequence[Row]], None]) -> int:
        lines = list(_lines(segment))
        rows = [row for row in map(_row, lines) if row is not None]
        for start in range(0, len(rows), DELIVERED_AT_ONCE):
            deliver(rows[start : start + DELIVERED_AT_ONCE])
        self.damaged += len(lines) - len(rows)
        segment.unlink(missing_ok=True)
        return len(rows)

    def _make_room(self, needed: int) -> None:
        """Raises SpoolFullError where there is none and the setting is to refuse, or the rows are too many for any spool."""
        while self.size() + needed > self.limit:
            segments = [segment for segment in self._segments() if _size(segment)]
            if not self.drop_oldest or not segments:
                raise SpoolFullError(
                    f"the database does not answer, and the journal's spool below {self.folder} is full ({self.limit:,} bytes); "
                    "scores are answered again once the database is back"
                )
            self._drop(segments[0])

    def _drop(self, segment: Path) -> None:
        self.dropped += sum(1 for _ in _lines(segment))
        if segment == self._segments()[-1]:
            self._following(segment).touch(mode=0o600)
        segment.unlink(missing_ok=True)

    def _write(self, text: bytes) -> None:
        """Append to the newest segment, and take back what was written of it where the disk is full."""
        segment = self._newest(len(text))
        file = os.open(segment, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            before = os.fstat(file).st_size
            torn = before > 0 and os.pread(file, 1, before - 1) != b"\n"
            try:
                _write_all(file, b"\n" + text if torn else text)
                os.fsync(file)
            except OSError:
                os.ftruncate(file, before)
                raise
        finally:
            os.close(file)
        if before == 0:
            _flush_folder(self.folder)

    def _newest(self, needed: int) -> Path:
        segments = self._segments()
        if not segments:
            return self.folder / f"{1:08d}.spool"
        newest = segments[-1]
        full = _size(newest) and _size(newest) + needed > self.limit / SEGMENTS
        return self._following(newest) if full else newest

    def _following(self, segment: Path) -> Path:
        return segment.with_name(f"{int(segment.stem) + 1:08d}.spool")

    @contextmanager
    def _locked(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        """Whether the lock is held: always, unless it is not waited for."""
        file = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(file)


def _line(row: Row) -> bytes:
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _row(line: bytes) -> Row | None:
    """The row of a line; None for one that is not whole."""
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    row: Row = json.loads(text)
    return row


def _lines(segment: Path) -> Iterator[bytes]:
    """The lines of a segment, without what an append left torn; none where it is gone by now."""
    try:
        with segment.open("rb") as file:
            yield from (line.rstrip(b"\n") for line in file)
    except FileNotFoundError:
        return


def _size(segment: Path) -> int:
    try:
        return segment.stat().st_size
    except FileNotFoundError:
        return 0


def _write_all(file: int, text: bytes) -> None:
    written = 0
    while written < len(text):
        written += os.write(file, text[written:])


def _flush_folder(folder: Path) -> None:
    """A new segment is there after a power cut only once its folder is on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
