"""What the journal adds to an answer, and how many rows it takes: group commit beside one commit for each answer.

    python -m benchmarks.journal [postgresql+psycopg://…]

Answers of one row each come in at random moments, 100 and 300 a second, for five seconds; the wait is from handing a row over to
knowing that it is committed. Then 64 that answer as fast as they can, which shows how many rows a second it takes. Beside it
each answer commits by itself, on a connection of a pool, in a thread. SQLite is in WAL mode with synchronous=FULL. The disk's own
flush is measured in the same run: no commit can be faster, and on a shared disk it is what varies.
"""

import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from serving.database import Database
from serving.journal.committer import insert
from serving.journal.journal import Journal
from serving.journal.rows import ScoreRow, compact
from serving.journal.spool import Spool

RATES = (100, 300)
SECONDS = 5.0
AT_ONCE = 64
EDGES = 14
NUMBERS = count()

Write = Callable[[ScoreRow], Awaitable[object]]


def row() -> ScoreRow:
    """A row of the usual size: a curve of fourteen days."""
    number = next(NUMBERS)
    curve = {name: [round(random.random(), 5) for _ in range(EDGES)] for name in ("days", "p_won", "p_lost")}
    return ScoreRow(
        kind="posted",
        target="deals",
        record_id=f"00600000{number:010d}",
        as_of=number,
        revision=1,
        model_version="1",
        asked="0" * 64,
        signals_sha256="0" * 64,
        owner_id="U-1",
        p_won=random.random(),
        answer=compact(curve),
    )


async def offered(write: Write, rate: float) -> list[float]:
    """Waits in milliseconds of answers that come in at random, so many a second, whatever becomes of those before."""
    waits: list[float] = []

    async def one() -> None:
        started = time.perf_counter()
        await write(row())
        waits.append((time.perf_counter() - started) * 1000)

    tasks, until = [], time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        tasks.append(asyncio.create_task(one()))
        await asyncio.sleep(random.expovariate(rate))
    await asyncio.gather(*tasks)
    return sorted(waits)


async def flat_out(write: Write) -> float:
    """Rows a second with so many that wait at once."""
    until, done = time.perf_counter() + SECONDS, 0

    async def work() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await write(row())
            done += 1

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return done / SECONDS


def flush(folder: Path) -> list[float]:
    """Milliseconds that the disk takes for a flush of one row."""
    file, waits = os.open(folder / "flush", os.O_CREAT | os.O_WRONLY), []
    for _ in range(100):
        os.write(file, bytes(700))
        started = time.perf_counter()
        os.fdatasync(file)
        waits.append((time.perf_counter() - started) * 1000)
        time.sleep(0.01)
    os.close(file)
    return sorted(waits)


def quantiles(waits: list[float]) -> str:
    return f"{waits[len(waits) // 2]:8.2f} {waits[int(len(waits) * 0.99)]:8.2f}"


async def measure(name: str, url: str, folder: Path) -> None:
    database = Database.open(url)
    journal, pool = Journal(database, Spool(folder / "spool", 10**8)), ThreadPoolExecutor(10)

    def commit(one: ScoreRow) -> None:
        with database.transaction() as connection:
            insert(connection, [one])

    async def together(one: ScoreRow) -> object:
        return await journal.append([one])

    async def alone(one: ScoreRow) -> object:
        return await asyncio.get_running_loop().run_in_executor(pool, commit, one)

    for way, write in (("group commit", together), ("one commit each", alone)):
        await write(row())
        loads = [quantiles(await offered(write, rate)) for rate in RATES]
        print(f"{name:<12} {way:<16} {'  '.join(loads)}  {await flat_out(write):10,.0f}")
    print(f"{'':<12} rows that went to the spool: {journal.backlog().spooled_rows}")
    journal.close()
    database.close()


def main() -> None:
    print(f"{'':<12} {'':<16} {'  '.join(f'{rate:>4}/s: p50      p99' for rate in RATES)}    rows/s, {AT_ONCE} at once")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{'disk':<12} {'flush':<16} {quantiles(flush(folder))}")
        asyncio.run(measure("SQLite", f"sqlite:///{folder / 'journal.db'}", folder))
        if len(sys.argv) > 1:
            asyncio.run(measure("PostgreSQL", sys.argv[1], folder))
        print(f"{'disk':<12} {'flush':<16} {quantiles(flush(folder))}")


if __name__ == "__main__":
    main()
