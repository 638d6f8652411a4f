"""Lifetime value on real invoices: the revenue of the next 180 days, foretold and come.

    python -m benchmarks.lifetime

Protocol. Training as of 2011-03-01 on nothing recorded from then on. Rows: the clients with an order in the last 365 days, on the
first of each month from 2011-03 to 2011-06 at midnight UTC; each has 180 days to follow. What came is the sum of the client's
orders in those days (the mapping drops cancelled invoices). Beside the simulated value stand BG/NBD x mean order (expected orders
of 180 days in closed form, times the client's own mean), and the revenue of the last year pro rata. Deciles are of each answer's
own order. `decile error` is the sum over deciles of |foretold - came| over the whole revenue; `above` is the share of clients who
brought more than the interval's upper end, which should be a tenth.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from benchmarks.online_retail import AS_OF, MAPPING
from benchmarks.real_data import folder
from features import clients, clock, sources
from features.clock import Floats
from features.dataset import Dataset
from features.snapshot import Snapshot
from serving.scoring.score import score_clients
from training.bg_nbd import Purchases
from training.bundle import Bundle
from training.lifetime import Terms
from training.run import fit

DAYS = 180.0
DATES = list(pd.date_range("2011-03-01", "2011-06-01", freq="MS", tz="UTC"))
N_DECILES = 10


@dataclass(frozen=True)
class Backtest:
    """What came of each row, what was foretold by each answer, and the ends of the simulated interval."""

    came: Floats
    foretold: dict[str, Floats]
    low: Floats
    high: Floats


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lifetime", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    dataset = sources.read(str(folder("online_retail")), MAPPING).dataset()
    fitted = fit(dataset, "clients", AS_OF, seed=options.seed, threads=options.threads)
    _report(_joined([_at(dataset, fitted, date, Terms(days=DAYS, seed=options.seed)) for date in DATES]))


def _at(dataset: Dataset, fitted: Bundle, date: pd.Timestamp, terms: Terms) -> Backtest:
    snapshot = Snapshot(dataset, date)
    rows = clients.cohort(snapshot, clients.ORDERS)
    signals = clients.client_signals(snapshot, rows)
    scored = score_clients(dataset, fitted, date, [90.0], terms).set_index("account_id").loc[signals.index]
    value, low, high = (scored[name].to_numpy(dtype=np.float64) for name in ("ltv", "ltv_low", "ltv_high"))
    return Backtest(_came(dataset, snapshot)[rows], {"simulated": value, **dict(_simple(fitted, signals))}, low, high)


def _came(dataset: Dataset, snapshot: Snapshot) -> Floats:
    log = dataset.order_log
    within = clock.within(log.known, snapshot.at, clock.after_days(snapshot.at, DAYS))
    return np.bincount(log.client[within], weights=log.amount[within], minlength=len(dataset.client_ids)).astype(np.float64)


def _simple(fitted: Bundle, signals: pd.DataFrame) -> Iterator[tuple[str, Floats]]:
    start = fitted.models[clients.ORDERS].bg_nbd
    assert start is not None
    bought = (signals["mean_order"] * signals["n_orders"] / signals["n_order_days"]).to_numpy(dtype=np.float64)
    yield "BG/NBD x mean order", np.asarray(start.model.expected_orders(Purchases.of(signals), DAYS) * np.nan_to_num(bought))
    year = signals["revenue_365d"].fillna(signals["revenue_total"]).to_numpy(dtype=np.float64)
    yield "last year pro rata", year * DAYS / 365.0


def _joined(parts: list[Backtest]) -> Backtest:
    foretold = {name: np.concatenate([part.foretold[name] for part in parts]) for name in parts[0].foretold}
    came, low, high = (np.concatenate([getattr(part, name) for part in parts]) for name in ("came", "low", "high"))
    return Backtest(came, foretold, low, high)


def _report(done: Backtest) -> None:
    table = Table(title=f"revenue of {DAYS:.0f} days: {len(done.came):,} rows, {done.came.sum():,.0f} came")
    for column in ("answer", "foretold / came", "decile error", "Spearman", "mean |error|"):
        table.add_column(column, justify="left" if column == "answer" else "right")
    for name, foretold in done.foretold.items():
        table.add_row(name, *_figures(foretold, done.came))
    within = ((done.came >= done.low) & (done.came <= done.high)).mean()
    table.caption = f"80% interval of the simulated: {within:.3f} within, {(done.came > done.high).mean():.3f} above"
    Console(width=110).print(table)
    Console(width=190).print(_by_decile(done))


def _figures(foretold: Floats, came: Floats) -> list[str]:
    told, real = _deciles(foretold, foretold), _deciles(foretold, came)
    error = np.abs(told - real).sum() / came.sum()
    rank = spearmanr(foretold, came).statistic
    return [f"{foretold.sum() / came.sum():.3f}", f"{error:.3f}", f"{rank:.3f}", f"{np.abs(foretold - came).mean():.0f}"]


def _by_decile(done: Backtest) -> Table:
    table = Table(title="foretold / came in thousands, by decile of the answer, the best first")
    table.add_column("answer")
    for decile in range(1, N_DECILES + 1):
        table.add_column(str(decile), justify="right")
    for name, foretold in done.foretold.items():
        told, real = _deciles(foretold, foretold), _deciles(foretold, done.came)
        table.add_row(name, *[f"{told[i] / 1000:,.0f} / {real[i] / 1000:,.0f}" for i in range(N_DECILES)])
    return table


def _deciles(by: Floats, values: Floats) -> Floats:
    return np.array([values[rows].sum() for rows in np.array_split(np.argsort(-by, kind="stable"), N_DECILES)])


if __name__ == "__main__":
    main()
