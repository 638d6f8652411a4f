"""Deal signals and training examples at scale, beside the same signals as tuned as-of SQL in DuckDB.

    python -m benchmarks.signals                    1,000,000 deals at one as_of; 100,000 deals at 12 as-of dates
    python -m benchmarks.signals --deals 100000     smaller; --examples for the second part's deals

The workload (`benchmarks.workload`) is written once as Parquet. What is compared are the 112 signals that deals, their changes,
activities, stages, users and currency rates give: counts over windows, first and last values and times, stage stays, replies,
pushes, rates and medians by owner, product, source and type. DuckDB has native tables with numbers for ids and enums for labels,
in the order of deal and time, and one pre-aggregated query a table; it runs on two threads. Loading is timed apart, and for
Dealcast includes all that a Dataset compiles once (contracts checked, histories and logs sorted). Each side runs in a process of
its own, so that its peak memory is its own. Both then have to agree on every value, or the program ends with an error. The last
line adds the tables of clients: all signals of the catalog.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeVar

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks import signals_sql
from benchmarks.workload import CORE, OF_CLIENTS, Workload, workload, write
from features.dataset import Dataset
from features.deals import deal_signals
from features.rates import rates
from features.snapshot import Snapshot
from features.synthetic import Settings
from training.examples import examples
from training.labels import Outcomes, deal_outcomes

Result = TypeVar("Result")

N_DATES: Final = 12
CAUSES: Final = ("days", "cause")
HEADINGS: Final = f"{'side':<24}{'signals':>8}{'rows':>11}{'load s':>9}{'wall s':>9}{'CPU s':>9}{'peak GB':>9}"


@dataclass(frozen=True)
class Task:
    """What is asked of a side, `repeats` times.

    dates  one: all deals at that as_of; several: the deals open at each of them, with what became of them
    found  file for the values that are compared
    """

    source: Workload
    tables: tuple[str, ...]
    dates: tuple[pd.Timestamp, ...]
    found: Path
    repeats: int
    threads: int


@dataclass(frozen=True)
class Measured:
    """One line of the table: seconds to load, and of the fastest run the seconds that passed and those that all cores worked."""

    side: str
    n_signals: int
    n_rows: int
    load: float
    wall: float
    cpu: float
    peak_gb: float

    def __str__(self) -> str:
        figures = "".join(f"{value:>9.2f}" for value in (self.load, self.wall, self.cpu, self.peak_gb))
        return f"{self.side:<24}{self.n_signals:>8,}{self.n_rows:>11,}{figures}"


def dealcast(task: Task) -> Measured:
    """Our side, on one thread."""
    started = time.perf_counter()
    dataset = task.source.dataset(task.tables)
    # Everything that is compiled once, as a server does when it starts.
    deal_signals(Snapshot(dataset, task.source.tracked_since), rows=np.arange(1))
    load = time.perf_counter() - started
    matrix, wall, cpu = _fastest(task.repeats, lambda: ours(dataset, task.dates))
    peak = _peak_gb()
    matrix.to_parquet(task.found)
    return Measured("Dealcast, 1 thread", _n_signals(matrix), len(matrix), load, wall, cpu, peak)


def ours(dataset: Dataset, dates: Sequence[pd.Timestamp]) -> pd.DataFrame:
    """The signals, with outcomes where several dates are asked for. Nothing is kept from one call to the next."""
    if len(dates) == 1:
        snapshot = Snapshot(dataset, dates[0])
        return deal_signals(snapshot, rates(snapshot), np.arange(dataset.n_deals)).reset_index(drop=True)
    stacked = examples(dataset, dates, dataset.ends_at, cohort)
    days = np.where(np.isinf(stacked.outcomes.days), np.nan, stacked.outcomes.days)
    return stacked.signals.reset_index(drop=True).assign(days=days, cause=stacked.outcomes.cause)


def cohort(dataset: Dataset, as_of: pd.Timestamp, watched_until: pd.Timestamp) -> tuple[pd.DataFrame, Outcomes]:
    """As in training, with rates computed anew for each date and call."""
    snapshot = Snapshot(dataset, as_of)
    return deal_signals(snapshot, rates(snapshot)), deal_outcomes(dataset, snapshot.open_deals, as_of, watched_until)


def duck(task: Task) -> Measured:
    """DuckDB's side."""
    started = time.perf_counter()
    connection = signals_sql.connect(task.source, task.threads)
    load = time.perf_counter() - started
    if len(task.dates) == 1:
        _, wall, cpu = _fastest(task.repeats, lambda: signals_sql.signals(connection, task.source, task.dates[0]))
    else:
        _, wall, cpu = _fastest(task.repeats, lambda: signals_sql.examples(connection, task.source, task.dates))
    peak = _peak_gb()
    found = signals_sql.fetch(connection)
    found.to_parquet(task.found)
    side = f"DuckDB {duckdb.__version__}, {task.threads} threads"
    return Measured(side, _n_signals(found), len(found), load, wall, cpu, peak)


def compared(ours: Path, theirs: Path) -> int:
    """How many values both sides agree on. Ends the program where they do not."""
    left, right = pq.read_schema(ours).names, pq.read_schema(theirs).names
    if set(left) != set(right):
        sys.exit(f"only one side has {sorted(set(left) ^ set(right))}")
    differing = {name: n for name in left if (n := _differing(ours, theirs, name))}
    if differing:
        sys.exit(f"the sides disagree in so many rows: {differing}")
    return int(pq.read_metadata(ours).num_rows) * len(left)


def _differing(ours: Path, theirs: Path, name: str) -> int:
    """In how many rows one column differs; numbers may by a billionth, as sums are made in another order."""
    left, right = (pd.read_parquet(path, columns=[name])[name] for path in (ours, theirs))
    if left.dtype.kind not in "fi":
        return int((left.astype("str").fillna("") != right.astype("str").fillna("")).sum())
    one, other = (side.to_numpy(dtype=np.float64) for side in (left, right))
    return int((~np.isclose(one, other, rtol=1e-9, atol=1e-9, equal_nan=True)).sum())


def _n_signals(found: pd.DataFrame) -> int:
    return len(set(found) - set(CAUSES))


def _fastest(repeats: int, run: Callable[[], Result]) -> tuple[Result, float, float]:
    """The last result, and of the run that took the least time how long it took, and how long all its threads worked."""
    earlier = [_timed(run)[1:] for _ in range(repeats - 1)]
    result, *times = _timed(run)
    return result, *min([*earlier, (times[0], times[1])])


def _timed(run: Callable[[], Result]) -> tuple[Result, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def _alone(side: Callable[[Task], Measured], task: Task) -> Measured:
    """Measure in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(side, task).result()


def _side_by_side(title: str, task: Task) -> None:
    """Both sides in turn, their ratio, and whether they agree; then our side with the tables of clients as well."""
    theirs = replace(task, found=task.found.with_suffix(".duckdb"))
    print(f"\n{title}\n{HEADINGS}")
    ours, other = _alone(dealcast, task), _alone(duck, theirs)
    n_values = compared(task.found, theirs.found)
    print(ours, other, sep="\n")
    print(f"DuckDB took {other.wall / ours.wall:.2f} times as long, and {other.cpu / ours.cpu:.2f} times the work;", end=" ")
    print(f"both agree on {n_values:,} values; with the tables of clients:", flush=True)
    print(_alone(dealcast, replace(task, tables=(*CORE, *OF_CLIENTS))), flush=True)


def _written(folder: Path, n_deals: int, seed: int) -> Workload:
    folder.mkdir()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        rows = pool.submit(write, folder, n_deals, seed).result()
    print("\n" + ", ".join(f"{n:,} {name}" for name, n in rows.items()), flush=True)
    return workload(folder, Settings(n_deals=n_deals, seed=seed))


def main() -> None:
    options = _options()
    end = Settings().end_at
    dates = tuple(end - pd.DateOffset(months=back) for back in range(N_DATES, 0, -1))
    with tempfile.TemporaryDirectory() as home:
        whole = _written(Path(home) / "signals", options.deals, options.seed)
        task = Task(whole, CORE, (end,), Path(home) / "found.parquet", options.repeats, options.threads)
        _side_by_side(f"Signals of {options.deals:,} deals at one as_of", task)
        part = _written(Path(home) / "examples", options.examples, options.seed)
        task = replace(task, source=part, dates=dates)
        _side_by_side(f"Training examples of {options.examples:,} deals at {N_DATES} dates, with outcomes", task)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.signals", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--deals", type=int, default=1_000_000, help="fewer than 100,000, or a multiple of it")
    parser.add_argument("--examples", type=int, default=100_000, help="deals of the training examples")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each side, of which the fastest counts")
    parser.add_argument("--threads", type=int, default=2, help="of DuckDB")
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    main()
