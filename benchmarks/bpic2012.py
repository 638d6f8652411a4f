"""Win-by-date accuracy on a real Salesforce export: loan applications, October 2011 to March 2012.

    python -m benchmarks.bpic2012

Protocol. Training as of 2012-01-10 on nothing recorded from then on. Test rows: the open deals that had reached Pre-accepted, at
midnight UTC every 3 days from 2012-01-10 to 2012-02-12; a row counts for a horizon when the horizon ends before the data does.
Questions: won within 7, 14, 30 days; and won at all, on the rows decided by the export, as p_won / (p_won + p_lost), which
conditions on the outcome being known. Beside the hazard model stand the base rate of the test rows themselves, the life table it
starts from, and a LightGBM classifier trained for each single question on the same rows and signals, stopped on the same later
slice. Training and scoring see all open deals; only the comparison is cut to the cohort. `above the model` is how much more log
loss an answer has than the hazard model, with the middle 95 % of 2,000 resamples of deals, each deal with all its rows.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.real_data import folder
from features import clock
from features.clock import Floats, Mask
from features.dataset import Dataset
from features.ingest import ingest
from features.store import Store
from training.boosting import Parameters
from training.examples import Examples, examples
from training.hazard import HazardModel
from training.labels import Outcomes
from training.metrics import FLOOR, Flags, auc, brier, log_loss
from training.run import fit
from training.splits import Plan, plan
from training.targets import LOST, WON

AS_OF = pd.Timestamp("2012-01-10", tz="UTC")
TEST_DATES = [AS_OF + pd.Timedelta(days=3 * step) for step in range(12)]
HORIZONS = (7.0, 14.0, 30.0)
REACHED = ("Pre-accepted", "Accepted", "Finalized", "Offer Sent", "Offer Returned")
AT_ALL = "won at all"
MODEL = "one hazard model"
RESAMPLES = 2000


@dataclass(frozen=True)
class Question:
    """What is asked, of which rows, and the answer."""

    name: str
    horizon: float | None
    rows: Mask
    won: Flags


def main() -> None:
    options = _options()
    for mapping in ("salesforce", "examples/mappings/salesforce_static_amount.toml"):
        dataset = read(mapping)
        started = time.perf_counter()
        model = fit(dataset, "deals", AS_OF, seed=options.seed, threads=options.threads).models["deals"]
        seconds = time.perf_counter() - started
        _report(dataset, model, mapping, f"{model.rounds} rounds, trained in {seconds:.1f} s", options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bpic2012", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def read(mapping: str) -> Dataset:
    with tempfile.TemporaryDirectory() as home:
        store = Store(f"sqlite:///{Path(home) / 'store.db'}")
        ingest(str(folder("bpic2012_salesforce")), mapping, store, replace=True)
        dataset = store.load()
        store.close()
    return dataset


def _report(dataset: Dataset, model: HazardModel, mapping: str, training: str, options: argparse.Namespace) -> None:
    test = _test_rows(dataset)
    train, schedule = _training_rows(dataset, options.seed)
    table = Table(title=f"{Path(mapping).stem}: {len(test):,} rows of {test.signals.index.nunique():,} deals; {training}")
    for column in ("question", "rows", "answer", "AUC", "log loss", "Brier", "mean p", "above the model"):
        table.add_column(column, justify="left" if column in {"question", "answer"} else "right")
    for question in _questions(test.outcomes):
        answers = _answers(model, train, schedule, test, question, options)
        deals = test.signals.index[question.rows]
        for answer, predicted in answers.items():
            gap = _gap(deals, question.won, predicted, answers[MODEL])
            table.add_row(question.name, f"{question.rows.sum():,}", answer, *_figures(question.won, predicted), gap)
        table.add_section()
    Console(width=140).print(table)


def _test_rows(dataset: Dataset) -> Examples:
    rows = examples(dataset, TEST_DATES, dataset.ends_at)
    return rows.take(rows.signals["stage"].isin(REACHED).to_numpy(dtype=bool))


def _training_rows(dataset: Dataset, seed: int) -> tuple[Examples, Plan]:
    """The rows that the model was trained on, made again for the classifiers."""
    first = clock.instant(int(dataset.deal_known.min()))
    schedule = plan(first, AS_OF, dataset.organisation.timezone, seed)
    return examples(dataset, schedule.dates, AS_OF), schedule


def _questions(outcomes: Outcomes) -> Iterator[Question]:
    for horizon in HORIZONS:
        rows = outcomes.eligible(horizon)
        yield Question(f"won within {horizon:.0f} days", horizon, rows, outcomes.within(horizon, WON)[rows])
    decided = outcomes.cause > 0
    yield Question(AT_ALL, None, decided, outcomes.cause[decided] == WON)


def _answers(
    model: HazardModel, train: Examples, schedule: Plan, test: Examples, question: Question, options: argparse.Namespace
) -> dict[str, Floats]:
    asked = test.take(question.rows)
    return {
        MODEL: _from_curve(model, asked, question.horizon),
        "life table": _from_curve(model.unboosted(), asked, question.horizon),
        "LightGBM for this question": _classifier(model, train, schedule, asked, question.horizon, options),
        "base rate of the test rows": np.full(len(asked), question.won.mean()),
    }


def _from_curve(model: HazardModel, asked: Examples, horizon: float | None) -> Floats:
    curves = model.curves(asked.signals, asked.as_of)
    if horizon is not None:
        return curves.by(horizon, WON)
    won, lost = curves.by(np.inf, WON), curves.by(np.inf, LOST)
    return won / (won + lost)


def _classifier(
    model: HazardModel, train: Examples, schedule: Plan, asked: Examples, horizon: float | None, options: argparse.Namespace
) -> Floats:
    """A binary LightGBM on finished windows: rounds from the later slice, then fitted again on all rows."""
    parameters = Parameters(seed=options.seed, threads=options.threads).for_lightgbm(2) | {"objective": "binary", "num_class": 1}
    boundary = schedule.slices.last_from
    earlier = _finished(train.take(train.as_of < boundary).cut(boundary), horizon)
    later = _finished(train.take(train.as_of >= boundary), horizon)
    rounds = 100
    if len(later[1]) and later[1].any():
        first, judged = _lgb(model, *earlier), _lgb(model, *later)
        stop = lgb.early_stopping(40, verbose=False)
        rounds = lgb.train(parameters, first, 800, valid_sets=[judged], callbacks=[stop]).best_iteration
    booster = lgb.train(parameters, _lgb(model, *_finished(train, horizon)), rounds)
    return np.asarray(booster.predict(model.encoding.rows(asked.signals)), dtype=np.float64)


def _finished(rows: Examples, horizon: float | None) -> tuple[pd.DataFrame, Flags]:
    """Signals and answers of the rows whose window is over (or, for "at all", whose outcome is known)."""
    keep = rows.outcomes.cause > 0 if horizon is None else rows.outcomes.eligible(horizon)
    won = rows.outcomes.cause == WON if horizon is None else rows.outcomes.within(horizon, WON)
    return rows.signals[keep], won[keep]


def _lgb(model: HazardModel, signals: pd.DataFrame, won: Flags) -> lgb.Dataset:
    return lgb.Dataset(
        model.encoding.rows(signals), label=won.astype(np.int64), categorical_feature=model.encoding.category_columns
    )


def _figures(won: Flags, predicted: Floats) -> list[str]:
    return [f"{value:.3f}" for value in (auc(won, predicted), log_loss(won, predicted), brier(won, predicted), predicted.mean())]


def _gap(deals: "pd.Index[Any]", won: Flags, predicted: Floats, model: Floats) -> str:
    """Mean log loss above the model's, and the middle 95 % of its resamples by deal (Efron & Tibshirani 1993, ch. 13)."""
    losses = [-np.log(np.clip(np.where(won, p, 1 - p), FLOOR, 1)) for p in (predicted, model)]
    deal = np.unique(deals.to_numpy(dtype=object), return_inverse=True)[1]
    gap, rows = np.bincount(deal, losses[0] - losses[1]), np.bincount(deal)
    drawn = np.random.default_rng(0).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), RESAMPLES)
    low, high = np.quantile((drawn @ gap) / (drawn @ rows), [0.025, 0.975])
    return f"{gap.sum() / rows.sum():+.4f} ({low:+.4f} to {high:+.4f})"


if __name__ == "__main__":
    main()
