"""How long a program waits until what it writes is stored, and until the scores follow.

    python -m benchmarks.records [--postgres URL] [--deals 2000 100000]

A synthetic company in a store, a server's runtime over it, and rows of deals that are put with another amount. In seconds of wall
clock, and of the processor in brackets, the median of the repetitions:

* `put` writes the rows: checked, compared, merged, their history grown;
* `follow` takes the write up: what changed is read, spliced in, scored and ranked;
* `anew` is the same without a renewal, as after an ingest: everything is loaded and scored. It is measured once;
* `settle` scores all deals as of one moment after writes that touched some.

The database given for PostgreSQL is emptied.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import sqlalchemy as sa

from features.dataset import Dataset
from features.engine import connect
from features.sources import IngestReport, SourceData
from features.store import Store
from features.synthetic import Settings, generate
from features.upserts import Upsert
from serving.registry.champions import TARGETS, Champions, cache_below
from serving.registry.last_good import LastGood
from serving.served.runtime import Runtime
from training import bundle
from training.run import fit

SIZES = (2_000, 100_000)
ROWS = (10, 500, 5_000)
REPEATED = 5
TRAINED_ON = 2_000


def clocked(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def trained(home: Path) -> None:
    company = generate(Settings(n_deals=TRAINED_ON)).dataset()
    for target in TARGETS:
        folder = cache_below(home) / target
        bundle.save(fit(company, target, company.ends_at, threads=1), folder / "1")
        (folder / "current").write_text("1", encoding="utf-8")


def filled(url: str, company: Dataset) -> Store:
    store = Store(url)
    report, tracked = IngestReport("synthetic", {}), dict(company.tracked_since)
    store.replace(SourceData(dict(company.tables), company.organisation, company.static, tracked, report, company.extracted_at))
    return store


def upsert(ids: np.ndarray, amount: float) -> Upsert:
    values = pd.DataFrame({"deal_id": pd.Series(ids, dtype="str"), "amount": np.full(len(ids), amount)})
    return Upsert("deals", values, values.notna())


def measure(name: str, n_deals: int, url: str, home: Path) -> None:
    company = generate(Settings(n_deals=n_deals)).dataset()
    store = filled(url, company)
    source = LastGood(url, home / f"copies-{name}")
    held = Runtime(source, Champions(home))
    anew = clocked(held.refresh)
    said(name, n_deals, "anew", len(held.served().deals), anew)
    ids = company.deals["deal_id"].to_numpy(dtype=object)
    at = company.ends_at
    for n_rows in ROWS:
        if n_rows > n_deals:
            continue
        puts, follows = [], []
        for repeat in range(REPEATED):
            rows = np.random.default_rng(repeat).choice(ids, n_rows, replace=False)
            at += pd.Timedelta(minutes=1)
            puts.append(clocked(lambda rows=rows, at=at, repeat=repeat: store.put(upsert(rows, 1000.0 + repeat), at)))  # type: ignore[misc]
            follows.append(clocked(held.refresh))
        said(name, n_deals, "put", n_rows, *puts)
        said(name, n_deals, "follow", n_rows, *follows)
    if held.unsettled:
        said(name, n_deals, "settle", len(held.served().deals), clocked(held.settle))
    source.close()
    store.close()


def said(name: str, n_deals: int, step: str, rows: int, *taken: tuple[float, float]) -> None:
    wall, cpu = (median(each) for each in zip(*taken, strict=True))
    worst = max(each[0] for each in taken)
    print(f"{name:12}{n_deals:>9,}  {step:8}{rows:>7,}{wall:>9.3f}{worst:>9.3f} ({cpu:.3f})", flush=True)


def emptied(url: str) -> str:
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA IF EXISTS records_benchmark CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA records_benchmark"))
    engine.dispose()
    options = {"options": "-csearch_path=records_benchmark"}
    return sa.make_url(url).update_query_dict(options).render_as_string(hide_password=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", help="URL of a database of which a schema is emptied")
    parser.add_argument("--deals", type=int, nargs="+", default=SIZES)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        trained(home)
        print(f"{'store':12}{'deals':>9}  {'step':8}{'rows':>7}{'median s':>9}{'worst s':>9} (CPU s)")
        for n_deals in given.deals:
            measure("SQLite", n_deals, f"sqlite:///{home / f'{n_deals}.db'}", home)
            if given.postgres:
                measure("PostgreSQL", n_deals, emptied(given.postgres), home)


if __name__ == "__main__":
    main()
