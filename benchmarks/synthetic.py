"""How long a synthetic company takes, and how much memory, by the number of deals.

    python benchmarks/synthetic.py 1000 10000 100000

Each size runs in a process of its own, on one core, so that its peak memory is its own. `rows` counts all tables, `truth` is the
time for the true probabilities of all deals open half a year before the end, with 200 draws.
"""

import argparse
import os
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context

import pandas as pd

from features.synthetic import Settings, deal_truth, generate

HEADINGS = ("deals", "rows", "generate s", "dataset s", "truth s", "open deals", "peak MB")


@dataclass(frozen=True)
class Measured:
    """One line of the table; times in seconds, memory in megabytes."""

    n_deals: int
    n_rows: int
    generate: float
    dataset: float
    truth: float
    n_open: int
    peak_mb: float


def measure(n_deals: int) -> Measured:
    """Generate, validate and judge one company in this process."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    times = [time.perf_counter()]
    company = generate(Settings(n_deals=n_deals))
    times.append(time.perf_counter())
    company.dataset()
    times.append(time.perf_counter())
    as_of = pd.Timestamp(company.settings.end_at) - pd.DateOffset(months=6)
    truth = deal_truth(company, as_of, [30, 90], n_draws=200)
    times.append(time.perf_counter())
    taken = [later - earlier for earlier, later in pairwise(times)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured(n_deals, sum(map(len, company.tables.values())), taken[0], taken[1], taken[2], len(truth), peak)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory of the synthetic CRM")
    parser.add_argument("n_deals", nargs="*", type=int, default=[1000, 10_000, 100_000])
    print(" ".join(f"{heading:>11}" for heading in HEADINGS))
    for n_deals in parser.parse_args().n_deals:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            line = pool.submit(measure, n_deals).result()
        print(
            f"{line.n_deals:>11,} {line.n_rows:>11,} {line.generate:>11.2f} {line.dataset:>11.2f} {line.truth:>11.2f} "
            f"{line.n_open:>11,} {line.peak_mb:>11,.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
