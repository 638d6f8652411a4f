"""How long the forecast of a period takes, from the open deals' curves to every node's interval, and how much memory.

    python -m benchmarks.forecast_speed

Workload: the people, teams, products and regions of a synthetic company of 100,000 deals in six and a half years, over 500
nodes, and its own births; 100,000 open deals with the chances and amounts of a smaller company's pipeline, over and over, in
cells of the large one at random. 5,000 draws on two threads, then the table of each dimension: owner, team, manager, product,
region. It runs in a process of its own, whose memory is what the system counts at its peak, imports included; scoring the deals
is not part of it.

The other case is that of the page: a company of 2,000 deals, the running quarter from its Snapshot on, scored deals given.
"""

import argparse
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd

from features.calendar import FiscalCalendar
from features.clock import Floats
from features.kpis import windows
from features.snapshot import Snapshot
from features.synthetic import Settings, generate
from training.draws import Births, OpenDeals, draw
from training.places import DIMENSIONS, Places, places
from training.rollup import N_DRAWS, Foretold, PeriodForecast, births_ahead, forecast_period, foretell, won_money
from training.run import fit
from training.shock import Shock, fit_shock

SMALL = 2_000
MONTHS = 78


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast_speed", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--deals", type=int, default=100_000)
    parser.add_argument("--draws", type=int, default=N_DRAWS)
    asked = parser.parse_args()
    shock = fit_shock([])
    small = generate(Settings(n_deals=SMALL)).dataset()
    snapshot = Snapshot(small, small.ends_at)
    bundle = fit(small, "deals", small.ends_at)
    foretold = foretell(snapshot, bundle.models["deals"], bundle.amounts)
    print(f"page, {len(snapshot.open_deals):,} open deals: {_page(snapshot, foretold, shock) * 1e3:.0f} ms")
    large, where, births, won = _large(asked.deals)
    opened = _many(snapshot, foretold, where, asked.deals, shock)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        forecast = (large, opened, births, where, won, shock, asked.draws)
        pool.submit(_timed, *forecast).result()


def _page(snapshot: Snapshot, foretold: Foretold, shock: Shock) -> float:
    """Seconds of the running quarter's forecast with the table by team; the best of five."""
    window = windows.quarter(snapshot.as_of, snapshot.dataset.organisation.calendar)
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        forecast_period(snapshot, foretold, window, shock).table("team")
        taken.append(time.perf_counter() - begun)
    return min(taken)


def _large(n_deals: int) -> tuple[pd.Timestamp, Places, Births, Floats]:
    """The moment of a large company, its cells, the deals that it will create, and what it has won in the running quarter."""
    company = generate(Settings(n_deals=n_deals, months=MONTHS)).dataset()
    snapshot = Snapshot(company, company.ends_at)
    window, where = windows.quarter(snapshot.as_of, company.organisation.calendar), places(snapshot)
    return snapshot.as_of, where, births_ahead(snapshot, window, where), won_money(snapshot, window, where)


def _many(snapshot: Snapshot, foretold: Foretold, where: Places, n_deals: int, shock: Shock) -> OpenDeals:
    """The small company's pipeline over and over, each time of another amount, in cells of the large company."""
    window, rng = windows.quarter(snapshot.as_of, snapshot.dataset.organisation.calendar), np.random.default_rng(7)
    own = forecast_period(snapshot, foretold, window, shock, n_draws=1).open
    some, cell = rng.integers(0, len(own), n_deals), rng.integers(0, len(where), n_deals)
    amounts = own.amount[some] * rng.uniform(0.2, 2.0, n_deals)
    return OpenDeals(own.by_start[some], own.by_end[some], amounts, own.ratios[some], cell, where.team_of[cell])


def _timed(
    as_of: pd.Timestamp, opened: OpenDeals, births: Births, where: Places, won: Floats, shock: Shock, n_draws: int
) -> None:
    nodes = sum(len(where.nodes(dimension)) - 1 for dimension in DIMENSIONS[1:])
    begun, used = time.perf_counter(), time.process_time()
    drawn = draw(opened, births, shock, len(where), n_draws=n_draws, seed=7)
    after = time.perf_counter()
    window = windows.quarter(as_of, FiscalCalendar())
    made = PeriodForecast(window, as_of, where, won, np.arange(len(opened)), opened, births, drawn, shock, ())
    for dimension in DIMENSIONS[1:]:
        made.table(dimension)
    whole, peak = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{len(opened):,} open deals, {n_draws:,} draws, {nodes:,} nodes in {len(where):,} cells: {whole:.1f} s "
        f"({after - begun:.1f} s drawing; {time.process_time() - used:.1f} s of processor time), {peak:.2f} GB at the peak"
    )


if __name__ == "__main__":
    main()
