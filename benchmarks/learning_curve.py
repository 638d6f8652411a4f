"""What a young history is worth: accuracy by the number of closed deals, from none to a thousand.

    python -m benchmarks.learning_curve --seeds 8

Protocol. For each seed a clean synthetic company; training as of the midnight after its n-th deal closed; asked then about all
deals open, won within 30 and 90 days, against the true probabilities (the expected log loss, so that no luck of outcomes blurs
the comparison). Beside the model stand the life table that boosting starts from, and the base rate: one life table for all rows
alike, learned from the same history. `model - …` are paired differences in nats over the seeds, negative where the model is
better, with their standard error; "worse beyond noise" is a mean above two of them.
"""

import argparse
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.deal_truth import expected_log_loss
from features import clock
from features.clock import Floats
from features.dataset import Dataset
from features.deals import deal_signals
from features.snapshot import Snapshot
from features.synthetic import Settings, deal_truth, generate
from training.examples import examples
from training.hazard import HazardModel
from training.life_table import Cells, fit_life_table
from training.person_periods import spells
from training.run import fit
from training.splits import MIN_SPAN_DAYS, plan
from training.targets import WON

CLOSED: Final = (0, 10, 30, 100, 300, 1000)
HORIZONS: Final = (30.0, 90.0)
FOR_ALL: Final = Cells(None, None, (), ())


@dataclass(frozen=True)
class Measured:
    """One company at one size: expected log losses by horizon, and who answered."""

    model: Floats
    life_table: Floats
    base_rate: Floats
    rounds: int
    life_table_weight: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning_curve", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--closed", type=int, nargs="+", default=CLOSED)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    found: dict[int, list[Measured]] = {closed: [] for closed in options.closed}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for closed in options.closed:
            found[closed].append(_measured(seed, closed, options.threads))
    Console(width=150).print(_table(found))


def _measured(seed: int, closed: int, threads: int) -> Measured:
    company = generate(Settings(n_deals=2500, seed=seed, months=30))
    dataset = company.dataset()
    as_of = _after(dataset, closed)
    model = fit(dataset, "deals", as_of, threads=threads).models["deals"]
    signals = deal_signals(Snapshot(dataset, as_of))
    truth = deal_truth(company, as_of, HORIZONS, n_draws=400).loc[signals.index]
    asked = (signals, as_of, truth)
    alone, for_all = _losses(model.unboosted(), *asked), _losses(_for_all(model, dataset, as_of), *asked)
    return Measured(_losses(model, *asked), alone, for_all, model.rounds, model.life_table_weight)


def _after(dataset: Dataset, closed: int) -> pd.Timestamp:
    """The midnight after that many deals had closed. For none the midnight before the first did, with the history that a training
    needs: a company whose first deal closes on its second day has one by then."""
    times = dataset.deals["closed_at"].dropna().sort_values()
    if closed == 0:
        first = pd.Timestamp(dataset.deals["created_at"].min())
        return max(pd.Timestamp(times.iloc[0]).floor("D"), (first + pd.Timedelta(days=MIN_SPAN_DAYS)).ceil("D"))
    return pd.Timestamp(times.iloc[closed - 1]).ceil("D")


def _for_all(model: HazardModel, dataset: Dataset, as_of: pd.Timestamp) -> HazardModel:
    """The model without trees, kinds and ages: one rate for each bucket."""
    first = clock.instant(int(dataset.deal_known.min()))
    rows = examples(dataset, plan(first, as_of, dataset.organisation.timezone, seed=7).dates, as_of)
    n_watched = model.life_table.n_watched
    watched = spells(rows.outcomes, model.edges, len(model.spec.causes) + 1)
    return replace(model.unboosted(), life_table=fit_life_table(FOR_ALL, rows.signals, watched, model.edges, n_watched))


def _losses(model: HazardModel, signals: pd.DataFrame, as_of: pd.Timestamp, truth: pd.DataFrame) -> Floats:
    curves = model.curves(signals, np.full(len(signals), clock.micros(as_of), dtype=np.int64))
    true = [truth[f"p_won_{horizon:g}d"].to_numpy(dtype=np.float64) for horizon in HORIZONS]
    return np.array([expected_log_loss(q, curves.by(horizon, WON)) for q, horizon in zip(true, HORIZONS, strict=True)])


def _table(found: dict[int, list[Measured]]) -> Table:
    table = Table(title=f"{len(next(iter(found.values())))} companies; expected log loss in nats")
    for column in ("closed deals", "boosted in", "life table's weight", "horizon", "model", "life table", "base rate"):
        table.add_column(column, justify="right")
    for column in ("model - life table", "model - base rate", "worse beyond noise"):
        table.add_column(column, justify="right")
    for closed, runs in found.items():
        for place, horizon in enumerate(HORIZONS):
            table.add_row(f"{closed:,}", *_shares(runs), f"{horizon:g} days", *_compared(runs, place))
        table.add_section()
    return table


def _shares(runs: list[Measured]) -> list[str]:
    boosted = sum(run.rounds > 0 for run in runs)
    return [f"{boosted} of {len(runs)}", f"{np.mean([run.life_table_weight for run in runs]):.2f}"]


def _compared(runs: list[Measured], place: int) -> list[str]:
    model, life_table, base_rate = (
        np.array([losses[place] for losses in each])
        for each in zip(*((r.model, r.life_table, r.base_rate) for r in runs), strict=True)
    )
    gaps = [(model - other).mean() for other in (life_table, base_rate)]
    errors = [(model - other).std(ddof=1) / np.sqrt(len(runs)) for other in (life_table, base_rate)]
    worse = any(gap > 2 * error + 1e-12 for gap, error in zip(gaps, errors, strict=True))
    shown = [f"{gap:+.4f} ± {error:.4f}" for gap, error in zip(gaps, errors, strict=True)]
    return [*(f"{losses.mean():.4f}" for losses in (model, life_table, base_rate)), *shown, "yes" if worse else "no"]


if __name__ == "__main__":
    main()
