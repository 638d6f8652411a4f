"""Every KPI for four quarters and all owners in one pass, and some of the same figures in DuckDB SQL, on a synthetic company.

    python -m benchmarks.kpis                       100,000 deals in ten years: about 1.4 million activities, 250 people
    python -m benchmarks.kpis --deals 20000

The company has all the dirt that the generator knows. "first" is the time of the first scorecard of a Dataset, which compiles
histories, activities and the places of ids; "again" is the best of several scorecards from a fresh Snapshot each, as a server
answers them. The SQL of `tests.oracles.kpis` is written from the definitions; it is asked for a sample of the KPIs, the views of
what was known at as_of counted apart. Every figure of the sample is compared: what differs is an error.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import duckdb
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from features.dataset import Dataset
from features.kpis import windows
from features.kpis.card import Scorecard
from features.kpis.scorecard import all_kpis, scorecard
from features.snapshot import Snapshot
from features.synthetic import Company, Dirt, Settings, generate
from tests.oracles import kpis as oracle

SAMPLE = (
    "bookings",
    "win_rate:closed",
    "average_deal:median",
    "sales_cycle:median",
    "touches:all",
    "lead_conversion:client",
    "offers",
    "churn:all",
    "stage_conversion",
)
N_QUARTERS = 4


@dataclass(frozen=True)
class Timed:
    """What was measured, and how long it took in seconds: by the wall clock, and of all processors together."""

    what: str
    wall: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Time of a whole scorecard, beside SQL")
    parser.add_argument("--deals", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=120)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    company = generate(Settings(n_deals=asked.deals, months=asked.months, dirt=Dirt.all()))
    data = company.dataset()
    sizes = {name: len(data.tables[name]) for name in ("deals", "activities", "deal_changes", "leads", "orders", "users")}
    print(", ".join(f"{size:,} {name}" for name, size in sizes.items()))
    lines = [*ours(data, asked.repeats), *theirs(company, data, asked.repeats)]
    table = Table("what", "wall s", "CPU s", title=f"{N_QUARTERS} quarters, by owner")
    for line in lines:
        table.add_row(line.what, f"{line.wall:.3f}", f"{line.cpu:.3f}")
    Console().print(table)


def ours(data: Dataset, repeats: int) -> list[Timed]:
    """The engine: everything, everything with comparisons, and the sample."""
    snapshot = Snapshot(data, data.ends_at)
    names = all_kpis(snapshot)
    cells = len(names) * N_QUARTERS * len(card(data, names).nodes)
    whole, against = f"all {len(names)} KPIs, {cells:,} values", ["plan", "previous", "last_year"]
    fresh = data.with_tables(data.tables)
    timed = [
        best(f"{whole}, first", partial(card, fresh, names), 1),
        best(f"{whole}, again", partial(card, data, names), repeats),
        best("the same against plan, previous quarter and last year", partial(card, data, names, against), repeats),
    ]
    timed += [
        best(f"the same, by {by} instead", partial(card, data, names, by=by), repeats) for by in ("company", "team", "product")
    ]
    timed.append(best(f"{len(SAMPLE)} KPIs of the sample", partial(card, data, SAMPLE), repeats))
    return timed


def theirs(company: Company, data: Dataset, repeats: int) -> list[Timed]:
    """DuckDB: the views, then the queries of the sample, each compared with the engine's figures."""
    opened: list[duckdb.DuckDBPyConnection] = []

    def load() -> None:
        opened.append(oracle.opened(company.tables, data.ends_at, N_QUARTERS))
        oracle.cut(opened[0], "owner")

    timed = [best("DuckDB: load, and views of what was known", load, 1)]
    answered = card(data, SAMPLE)
    for name in SAMPLE:
        print(f"{name}: {compared(answered, name, oracle.ask(opened[0], name)):,} figures agree with SQL")

    def ask() -> None:
        for name in SAMPLE:
            oracle.ask(opened[0], name)

    return [*timed, best(f"DuckDB: {len(SAMPLE)} queries of the sample", ask, repeats)]


def card(data: Dataset, kpis: tuple[str, ...] | list[str], compare: list[str] | None = None, by: str = "owner") -> Scorecard:
    """The last quarters of the data, from a fresh Snapshot."""
    snapshot = Snapshot(data, data.ends_at)
    calendar = data.organisation.calendar
    last = windows.quarter(data.ends_at - pd.Timedelta(1, "D"), calendar)
    return scorecard(snapshot, kpis, windows.series(last, N_QUARTERS, calendar), by, compare or [])


def compared(answered: Scorecard, name: str, told: Mapping[tuple[str, int], oracle.Figures]) -> int:
    """How many values of the last quarters SQL gave; raises where one of them is another than the engine's."""
    kpi, _, variant = name.partition(":")
    n = 0
    for (owner, window), figures in told.items():
        node = None if owner == oracle.NOBODY else owner
        found, theirs = answered.value(kpi, node=node, window=window, variant=variant or None).value, figures["value"]
        if (found is None) != (theirs is None) or not np.isclose(found or 0.0, theirs or 0.0, rtol=1e-9):
            raise AssertionError(f"{name} of {owner} in window {window}: {found} here, {theirs} in SQL")
        n += theirs is not None
    return n


def best(what: str, work: Callable[[], object], repeats: int) -> Timed:
    """The shortest of several runs, by the wall clock and by the processor: what else the machine does only adds."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    wall, cpu = (min(each) for each in zip(*taken, strict=True))
    return Timed(what, wall, cpu)


if __name__ == "__main__":
    print(f"DuckDB {duckdb.__version__}")
    main()
