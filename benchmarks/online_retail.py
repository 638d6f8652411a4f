"""Clients without contracts on real invoices: who places no order within the next 90 days. December 2009 to December 2011.

    python -m benchmarks.online_retail

Protocol. Training as of 2011-03-01 on nothing recorded from then on. Test rows: the clients with an order in the last 365 days,
on the first of each month from 2011-03 to 2011-09 at midnight UTC; each has a finished window of 90 days. Question: no order in
it. Beside the hazard model stand BG/NBD, which it starts from (four parameters); a life table (bands of how often a client
ordered, by days since the last order); the days since the last order alone (a logistic regression on their logarithm); and a
LightGBM classifier of this one question on the same signals. The last two learn from the model's own training rows whose window
of 90 days was over on 2011-03-01. The base rate is that of the test rows themselves. ECE is the mean distance of predicted and
observed frequency over ten bins of equally many rows.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression

from benchmarks.real_data import folder
from features import clients, clock, sources
from features.clock import Floats
from features.dataset import Dataset
from serving.scoring.score import score_clients
from training.boosting import Parameters
from training.bundle import Bundle
from training.examples import Examples, examples
from training.metrics import Flags, auc, brier, calibration_error, log_loss
from training.run import fit
from training.splits import plan
from training.targets import ORDERS

MAPPING = "examples/mappings/online_retail.toml"
AS_OF = pd.Timestamp("2011-03-01", tz="UTC")
TEST_DATES = list(pd.date_range("2011-03-01", "2011-09-01", freq="MS", tz="UTC"))
HORIZON = 90.0
ORDERED = 1
ROUNDS = 100


@dataclass(frozen=True)
class Rows:
    """Signals of clients, and whether each stayed silent for 90 days."""

    signals: pd.DataFrame
    silent: Flags


def main() -> None:
    options = _options()
    dataset = sources.read(str(folder("online_retail")), MAPPING).dataset()
    started = time.perf_counter()
    fitted = fit(dataset, "clients", AS_OF, seed=options.seed, threads=options.threads)
    seconds = time.perf_counter() - started
    test = examples(dataset, TEST_DATES, dataset.ends_at, ORDERS.cohort_at)
    train = _finished(_training_rows(dataset, options.seed))
    _report(fitted, test, dict(_answers(dataset, fitted, train, test, options)), seconds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.online_retail", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def _training_rows(dataset: Dataset, seed: int) -> Examples:
    """The rows that the model was trained on, made again for the classifiers."""
    first = clock.instant(int(dataset.order_log.known.min()))
    dates = plan(first, AS_OF, dataset.organisation.timezone, seed).dates
    return examples(dataset, dates, AS_OF, ORDERS.cohort_at)


def _finished(rows: Examples) -> Rows:
    """The rows whose window is over; none of the test rows is left out."""
    keep = rows.outcomes.eligible(HORIZON)
    return Rows(rows.signals[keep], ~rows.outcomes.within(HORIZON, ORDERED)[keep])


def _answers(
    dataset: Dataset, fitted: Bundle, train: Rows, test: Examples, options: argparse.Namespace
) -> Iterator[tuple[str, Floats]]:
    """The name of each answer, and its P(no order within 90 days) of each test row."""
    yield "one hazard model", _scored(dataset, fitted)
    start = fitted.models[clients.ORDERS].unboosted()
    for name, model in (("BG/NBD", start), ("life table", replace(start, bg_nbd=None))):
        yield name, np.asarray(model.curves(test.signals, test.as_of).still(HORIZON))
    yield "LightGBM for this question", _classifier(fitted, train, test.signals, options)
    yield "days since the last order alone", _recency_alone(train, test.signals)
    yield "base rate of the test rows", np.full(len(test), _finished(test).silent.mean())


def _scored(dataset: Dataset, fitted: Bundle) -> Floats:
    """As the product answers: one call a date, clients in order of their ids as in the test rows."""
    scored = [score_clients(dataset, fitted, date, [HORIZON])[f"p_leaves_{HORIZON:g}d"] for date in TEST_DATES]
    return np.asarray(pd.concat(scored), dtype=np.float64)


def _recency_alone(train: Rows, asked: pd.DataFrame) -> Floats:
    days, asked_days = (np.log1p(signals[["days_since_order"]].to_numpy()) for signals in (train.signals, asked))
    model = LogisticRegression(C=np.inf).fit(days, train.silent)
    return np.asarray(model.predict_proba(asked_days)[:, 1], dtype=np.float64)


def _classifier(fitted: Bundle, train: Rows, asked: pd.DataFrame, options: argparse.Namespace) -> Floats:
    """A binary LightGBM with the model's own parameters and a fixed number of rounds."""
    encoding = fitted.models[clients.ORDERS].encoding
    parameters = Parameters(seed=options.seed, threads=options.threads).for_lightgbm(2) | {"objective": "binary", "num_class": 1}
    rows, columns = encoding.rows(train.signals), encoding.category_columns
    booster = lgb.train(parameters, lgb.Dataset(rows, label=train.silent.astype(np.int64), categorical_feature=columns), ROUNDS)
    return np.asarray(booster.predict(encoding.rows(asked)), dtype=np.float64)


def _report(fitted: Bundle, test: Examples, answers: dict[str, Floats], seconds: float) -> None:
    model = fitted.models[clients.ORDERS]
    asked = _finished(test)
    table = Table(
        title=f"no order within 90 days: {len(asked.silent):,} rows of {asked.signals.index.nunique():,} clients, "
        f"{asked.silent.mean():.3f} silent; "
        f"{model.rounds} rounds, trained in {seconds:.1f} s"
    )
    for column in ("answer", "AUC", "log loss", "Brier", "ECE", "mean p"):
        table.add_column(column, justify="left" if column == "answer" else "right")
    for answer, predicted in answers.items():
        table.add_row(answer, *_figures(asked.silent, predicted))
    Console(width=110).print(table)
    Console(width=110).print(_by_date(test, asked.silent, answers))


def _by_date(test: Examples, silent: Flags, answers: dict[str, Floats]) -> Table:
    """Log loss date by date: the base rate moves, and so does who is right."""
    table = Table(title="log loss by as-of date")
    for column in ("as of", "rows", "silent", *answers):
        table.add_column(column, justify="right")
    for date in TEST_DATES:
        own = test.as_of == clock.micros(date)
        losses = [f"{log_loss(silent[own], predicted[own]):.3f}" for predicted in answers.values()]
        table.add_row(f"{date:%Y-%m-%d}", f"{own.sum():,}", f"{silent[own].mean():.3f}", *losses)
    return table


def _figures(silent: Flags, predicted: Floats) -> list[str]:
    measured = [measure(silent, predicted) for measure in (auc, log_loss, brier, calibration_error)]
    return [f"{value:.3f}" for value in (*measured, predicted.mean())]


if __name__ == "__main__":
    main()
