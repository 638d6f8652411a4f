"""Clients of a synthetic company: what is foretold against what is true, P(leaves within 90 days | what was recorded).

    python -m benchmarks.client_truth

Protocol. Companies of several seeds, four years each; training a year before the end; all active clients at that moment. The loss
is the expected log loss over the outcomes that the truth could bring, so that the truth itself has the least (its own
uncertainty). Beside the hazard model stand where it starts (life table or BG/NBD) and the mean of the truth. `distance` is the
mean |foretold - true|.
"""

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from features import clients, clock
from features.clock import Floats
from features.dataset import Dataset
from features.snapshot import Snapshot
from features.synthetic import Company, Settings, client_truth, generate
from training.bundle import Bundle
from training.hazard import HazardModel
from training.run import fit

HORIZON = 90.0
FLOOR = 1e-6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.client_truth", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("seeds", nargs="*", type=int, default=[5, 21])
    parser.add_argument("--deals", type=int, default=4000)
    options = parser.parse_args()
    table = Table(title=f"P(leaves within {HORIZON:.0f} days) against the truth")
    for column in ("seed", "regime", "clients", "answer", "expected log loss", "mean p", "distance"):
        table.add_column(column, justify="left" if column in {"regime", "answer"} else "right")
    for seed in options.seeds:
        company = generate(Settings(n_deals=options.deals, seed=seed, months=48))
        for row in _measured(company, company.dataset()):
            table.add_row(str(seed), *row)
        table.add_section()
    Console(width=110).print(table)


def _measured(company: Company, dataset: Dataset) -> Iterator[list[str]]:
    as_of = (dataset.ends_at - pd.Timedelta(days=365)).floor("D")
    fitted = fit(dataset, "clients", as_of)
    grace = dataset.organisation.contract_grace_days
    truths = client_truth(company, as_of, [HORIZON], grace_days=grace)[f"p_leaves_{HORIZON:g}d"]
    for regime in (clients.CONTRACTS, clients.ORDERS):
        foretold = _foretold(dataset, fitted, regime, as_of)
        there = foretold.index.intersection(truths.index)
        truth = truths[there].to_numpy(dtype=np.float64)
        foretold["truth"], foretold["mean of the truth"] = truths, truth.mean()
        for answer in map(str, foretold):
            predicted = foretold.loc[there, answer].to_numpy(dtype=np.float64)
            figures = (_loss(truth, predicted), predicted.mean(), np.abs(predicted - truth).mean())
            yield [regime, f"{len(there):,}", answer, *[f"{figure:.4f}" for figure in figures]]


def _foretold(dataset: Dataset, fitted: Bundle, regime: str, as_of: pd.Timestamp) -> pd.DataFrame:
    snapshot = Snapshot(dataset, as_of)
    signals = clients.client_signals(snapshot, clients.cohort(snapshot, regime))
    model = fitted.models[regime]
    start = model.unboosted()
    answers = {"hazard model": model, "where it starts": start}
    return pd.DataFrame({name: _leaves(each, regime, signals, as_of) for name, each in answers.items()}, index=signals.index)


def _leaves(model: HazardModel, regime: str, signals: pd.DataFrame, as_of: pd.Timestamp) -> Floats:
    curves = model.curves(signals, np.full(len(signals), clock.micros(as_of)))
    return curves.by(HORIZON, 1) if regime == clients.CONTRACTS else curves.still(HORIZON)


def _loss(truth: Floats, predicted: Floats) -> float:
    given = np.clip(predicted, FLOOR, 1 - FLOOR)
    return float(-(truth * np.log(given) + (1 - truth) * np.log(1 - given)).mean())


if __name__ == "__main__":
    main()
