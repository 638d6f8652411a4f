"""Clients on contracts in one snapshot without dates: who left. IBM's Telco Customer Churn, 7,043 clients.

    python -m benchmarks.telco_churn

Protocol. Five folds, stratified, shuffled with the seed. Each answer learns from four folds and is judged on the fifth; whatever
it chooses (rounds, correction), it chooses inside the four. The hazard model is the one that scores deals and clients, with one
bucket (`training.one_snapshot`). Beside it stand the life table it starts from (kind of contract by tenure), a logistic
regression on the same columns (one-hot, scaled), and LightGBM with its default parameters and 100 rounds. Means over the folds,
with the standard deviation.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator

import lightgbm as lgb
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.real_data import folder
from features.calendar import FiscalCalendar
from features.clock import Floats
from training.boosting import Parameters
from training.hazard import Spec
from training.metrics import Flags, auc, brier, calibration_error, log_loss
from training.one_snapshot import fit_snapshot, p_left

FILE = "WA_Fn-UseC_-Telco-Customer-Churn.csv.gz"
CLIENT, LEFT, NUMBERS = "customerID", "Churn", ("SeniorCitizen", "tenure", "MonthlyCharges", "TotalCharges")
SPEC = Spec(("left",), "Contract", ("tenure",))
CALENDAR = FiscalCalendar("UTC", 1)
N_FOLDS = 5
METRICS = {"AUC": auc, "log loss": log_loss, "Brier": brier, "ECE": calibration_error}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.telco_churn", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    signals, left = _clients()
    measured: dict[str, list[list[float]]] = defaultdict(list)
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=options.seed).split(signals, left)
    for taught, judged in folds:
        answers = _answers(signals.iloc[taught], left[taught], signals.iloc[judged], options)
        for name, predicted in answers:
            measured[name].append([metric(left[judged], predicted) for metric in METRICS.values()])
    _report(measured, f"{len(left):,} clients, {left.mean():.3f} left, {N_FOLDS} folds")


def _clients() -> tuple[pd.DataFrame, Flags]:
    table = pd.read_csv(folder("telco_churn") / FILE).set_index(CLIENT)
    left = (table.pop(LEFT) == "Yes").to_numpy(dtype=bool)
    # The total is blank where a client has not been billed yet.
    return table.assign(**{name: pd.to_numeric(table[name], errors="coerce").astype("float64") for name in NUMBERS}), left


def _answers(
    signals: pd.DataFrame, left: Flags, asked: pd.DataFrame, options: argparse.Namespace
) -> Iterator[tuple[str, Floats]]:
    model = fit_snapshot(signals, left, SPEC, CALENDAR, Parameters(seed=options.seed, threads=options.threads))
    yield "hazard model, one bucket", p_left(model, asked)
    yield "life table", p_left(model.unboosted(), asked)
    yield "logistic regression", _logistic(signals, left, asked)
    yield "LightGBM, default parameters", _lightgbm(signals, left, asked, options)


def _logistic(signals: pd.DataFrame, left: Flags, asked: pd.DataFrame) -> Floats:
    texts = [name for name in signals if name not in NUMBERS]
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer((numbers, list(NUMBERS)), (OneHotEncoder(handle_unknown="ignore"), texts))
    model = make_pipeline(columns, LogisticRegression(max_iter=2000)).fit(signals, left)
    return np.asarray(model.predict_proba(asked)[:, 1], dtype=np.float64)


def _lightgbm(signals: pd.DataFrame, left: Flags, asked: pd.DataFrame, options: argparse.Namespace) -> Floats:
    texts = {name: pd.CategoricalDtype(sorted(signals[name].unique())) for name in signals if name not in NUMBERS}
    parameters = {"objective": "binary", "verbosity": -1, "seed": options.seed, "num_threads": options.threads}
    booster = lgb.train(parameters, lgb.Dataset(signals.astype(texts), label=left.astype(np.int64)), 100)
    return np.asarray(booster.predict(asked.astype(texts)), dtype=np.float64)


def _report(measured: dict[str, list[list[float]]], title: str) -> None:
    table = Table(title=title)
    for column in ("answer", *METRICS):
        table.add_column(column, justify="left" if column == "answer" else "right")
    for name, folds in measured.items():
        mean, spread = np.mean(folds, axis=0), np.std(folds, axis=0, ddof=1)
        table.add_row(name, *[f"{m:.4f} ± {s:.4f}" for m, s in zip(mean, spread, strict=True)])
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
