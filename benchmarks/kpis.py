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
from collections.abc import Callable
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

SAMPLE = ("bookings", "win_rate", "average_deal:median", "sales_cycle:median", "touches", "lead_conversion", "offers")
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
    as_of, opened = oracle.moment(data.ends_at), []
    timed = [
        best("DuckDB: load, and views of what was known", lambda: opened.append(oracle.opened(company.tables, data.ends_at)), 1)
    ]
    answered = card(data, SAMPLE)
    for name in SAMPLE:
        rows = oracle.run(opened[0], oracle.BY_OWNER[name], as_of=as_of)
        print(f"{name}: {compared(answered, name, rows):,} figures agree with SQL")
    queries = [oracle.BY_OWNER[name] for name in SAMPLE]

    def ask() -> None:
        for query in queries:
            oracle.run(opened[0], query, as_of=as_of)

    return [*timed, best(f"DuckDB: {len(SAMPLE)} queries of the sample", ask, repeats)]


def card(data: Dataset, kpis: tuple[str, ...] | list[str], compare: list[str] | None = None, by: str = "owner") -> Scorecard:
    """The last quarters of the data, from a fresh Snapshot."""
    snapshot = Snapshot(data, data.ends_at)
    calendar = data.organisation.calendar
    last = windows.quarter(data.ends_at - pd.Timedelta(1, "D"), calendar)
    return scorecard(snapshot, kpis, windows.series(last, N_QUARTERS, calendar), by, compare or [])


def compared(answered: Scorecard, name: str, rows: list[tuple[object, ...]]) -> int:
    """How many figures of the last quarters SQL gave; raises where one of them is another than the engine's."""
    quarters = {window.start: number for number, window in enumerate(answered.windows)}
    kpi, _, variant = name.partition(":")
    n = 0
    for owner, quarter, figure in rows:
        window = quarters.get(pd.Timestamp(str(quarter), tz="UTC"))
        if window is None or owner is None or figure is None:
            continue
        found = answered.value(kpi, node=str(owner), window=window, variant=variant or None).value
        if found is None or not np.isclose(found, float(str(figure)), rtol=1e-9):
            raise AssertionError(f"{name} of {owner} in {quarter}: {found} here, {figure} in SQL")
        n += 1
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
