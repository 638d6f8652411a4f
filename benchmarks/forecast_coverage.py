"""Do the forecast's intervals hold, and how much of what can be known does it know? Synthetic quarters with known shocks.

    python -m benchmarks.forecast_coverage --companies 30

Protocol. Each company has its own seed, 2,000 deals in 66 months and monthly shocks to the pace of all deals (standard deviation
0.25 of its logarithm), which nobody can foresee. From its 19th month on every quarter is forecast at day 0, 30 and 60 of it, with
models refitted every half year on what was known then; the size of the shock is learned from the company's own quarters that were
over. Coverage is the share of quarters that fall into the interval; its 95 % limits resample companies (quarters of one company
hang together). `coins` is the same forecast with deals that do not share a shock.

WAPE stands beside the rivals' and an oracle's, which takes the true hazards of open deals and of deals yet to be created
(`features.synthetic.deal_truth`, `birth_truth`) but does not know the shocks. `gap` is how much of the way from the best rival to
the oracle the forecast's mean goes, and its median: of skewed sums the mean has no bias and the median the smallest error. The
companies' first four quarters, which have no past to learn the shock from, are shown apart.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from features.clock import Floats
from features.dataset import Dataset
from features.history import Rows
from features.kpis.value import Window
from features.snapshot import Snapshot
from features.synthetic import Company, Settings, birth_truth, deal_truth, generate
from training.backtest import QUANTILES, backtest, leads, past_periods, replay_once
from training.bundle import Bundle
from training.draws import CENTS
from training.rivals import RIVALS
from training.rollup import filled_amounts, foretell, won_within
from training.run import fit
from training.shock import Shock
from training.track_record import COVERAGE, wape

N_DEALS: Final = 2000
MONTHS: Final = 66
WARM_UP_MONTHS: Final = 18
SHOCK_SD: Final = 0.25
REFIT_DAYS: Final = 182.0
N_DRAWS: Final = 2000
RESAMPLES: Final = 2000
YOUNG: Final = 4


POINTS: Final = {"mean": "model", "q_0.5": "its median"}
"""The columns of the forecast as one number, and what they are called here."""


def main() -> None:
    options = _options()
    started = time.perf_counter()
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        found = []
        for table in pool.map(_company, range(options.first, options.first + options.companies)):
            found.append(table)
            print(
                f"{len(found)} of {options.companies} companies, {time.perf_counter() - started:.0f} s",
                file=sys.stderr,
                flush=True,
            )
    rows = pd.concat(found, ignore_index=True)
    if options.output:
        rows.to_csv(options.output, index=False)
    report(rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast_coverage", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--companies", type=int, default=30)
    parser.add_argument("--first", type=int, default=1000, help="seed of the first company")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", help="keep every forecast as CSV")
    return parser.parse_args()


def _company(seed: int) -> pd.DataFrame:
    """All forecasts of one company: a row for each quarter and lead."""
    company = generate(Settings(n_deals=N_DEALS, seed=seed, months=MONTHS, shock_sd=SHOCK_SD))
    dataset = company.dataset()
    first = company.settings.start_at + pd.DateOffset(months=WARM_UP_MONTHS)
    models: dict[pd.Timestamp, Bundle] = {}

    def fitted(data: Dataset, at: pd.Timestamp) -> Bundle:
        models[at] = fit(data, "deals", at, threads=1)
        return models[at]

    made = backtest(dataset, fitted, first=first, n_draws=N_DRAWS, refit_days=REFIT_DAYS).table()
    periods = past_periods("quarter", first, dataset.ends_at, dataset.organisation.calendar)
    others = [_others(company, dataset, models, window, lead) for window in periods for lead in leads(window)]
    quarter = np.repeat(np.arange(len(periods)), 3)
    return made.join(pd.DataFrame(others)).assign(company=seed, quarter=quarter)


def _others(
    company: Company, dataset: Dataset, models: Mapping[pd.Timestamp, Bundle], window: Window, lead: float
) -> dict[str, float]:
    """The oracle's forecast, and the intervals of coins, at one moment."""
    at = window.start + pd.Timedelta(days=lead)
    snapshot = Snapshot(dataset, at)
    trained = max(moment for moment in models if moment <= at)
    chosen = models[trained]
    foretold = foretell(snapshot, chosen.models["deals"], chosen.amounts)
    coins = replay_once(snapshot, foretold, window, Shock.none(), N_DRAWS, 7)
    cuts = np.quantile(coins.node_draws()[:, 0] / CENTS, QUANTILES)
    return {
        "oracle": _oracle(company, snapshot, window),
        **{f"coins_{level:g}": float(cut) for level, cut in zip(QUANTILES, cuts, strict=True)},
    }


def _oracle(company: Company, snapshot: Snapshot, window: Window) -> float:
    horizon = (window.end - snapshot.as_of) / pd.Timedelta(days=1)
    truth = deal_truth(company, snapshot.as_of, [horizon], n_draws=200)[f"p_won_{horizon:g}d"]
    ids = snapshot.dataset.deals["deal_id"].to_numpy(dtype=object)[snapshot.open_deals]
    open_money = float(truth.reindex(ids).to_numpy() @ filled_amounts(snapshot)[snapshot.open_deals])
    so_far = float(np.nansum(snapshot.deal_amounts[won_within(snapshot, window)]))
    return so_far + open_money + birth_truth(company, snapshot.as_of, window.end).money


def report(rows: pd.DataFrame) -> None:
    """Two tables: coverage and errors, by lead."""
    console = Console(width=150)
    settled = rows[rows["quarter"] >= YOUNG]
    for title, part in (
        (f"from the {YOUNG + 1}th quarter on", settled),
        (f"the first {YOUNG} quarters", rows[rows["quarter"] < YOUNG]),
    ):
        console.print(_coverage(part, title))
    console.print(_errors(rows))


def _coverage(rows: pd.DataFrame, title: str) -> Table:
    table = Table(title=f"Coverage, {title}: share of quarters inside the interval (95 % limits over companies)")
    for name in ("lead", "quarters", *(f"{level} %" for level in COVERAGE), *(f"coins {level} %" for level in COVERAGE)):
        table.add_column(name, justify="right")
    for lead, part in rows.groupby("lead"):
        shown = [_inside(part, prefix, *ends) for prefix in ("q", "coins") for ends in COVERAGE.values()]
        table.add_row(f"{lead:g}", f"{len(part)}", *shown)
    return table


def _inside(part: pd.DataFrame, prefix: str, low: float, high: float) -> str:
    inside = ((part["actual"] >= part[f"{prefix}_{low:g}"]) & (part["actual"] <= part[f"{prefix}_{high:g}"])).astype(np.float64)
    limits = np.quantile(
        [each.mean() for each in _resampled(np.asarray(inside, dtype=np.float64), part["company"].to_numpy())], [0.025, 0.975]
    )
    return f"{inside.mean():.1%} ({limits[0]:.1%}-{limits[1]:.1%})"


def _resampled(values: Floats, group: Rows) -> Iterator[Floats]:
    """The values of companies drawn with replacement."""
    rng = np.random.default_rng(7)
    parts = [values[group == each] for each in np.unique(group)]
    for _ in range(RESAMPLES):
        yield np.concatenate([parts[k] for k in rng.integers(0, len(parts), len(parts))])


def _errors(rows: pd.DataFrame) -> Table:
    names = (*POINTS, "oracle", *RIVALS)
    table = Table(title="WAPE over the quarters in which all rivals have a forecast, bias, and how much of the gap is closed")
    for name in ("lead", "quarters", *(POINTS.get(name, name) for name in names), "bias of the mean", "gap closed"):
        table.add_column(name, justify="right")
    for lead, part in rows.groupby("lead"):
        both = part[part[list(names)].notna().all(axis=1)]
        actual = both["actual"].to_numpy(dtype=np.float64)
        found = {name: wape(actual, both[name].to_numpy(dtype=np.float64)) for name in names}
        best = min(found[name] for name in RIVALS)
        bias = float((both["mean"] - actual).sum() / actual.sum())
        gaps = ", ".join(f"{(best - found[name]) / (best - found['oracle']):.0%}" for name in POINTS)
        table.add_row(f"{lead:g}", f"{len(both)}", *(f"{found[name]:.3f}" for name in names), f"{bias:+.1%}", gaps)
    return table


if __name__ == "__main__":
    main()
