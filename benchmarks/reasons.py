"""Speed of reasons: one deal, and a whole pipeline, beside naive enumeration over LightGBM's own predictions.

    python -m benchmarks.reasons

Workload: a synthetic company of 4,000 deals; its open deals, repeated up to the number asked for, at three horizons. The model is
trained once on everything known at the end of the data. "exact" is `Explainer.explain`, the effects of single signals included;
"naive" asks LightGBM for each of the 2^groups mixed rows of each deal, on a sample of the deals, and is extrapolated. Both run in
this process with the same number of threads; the largest difference between the two is printed. "in words" is the whole way of
`POST /v1/score` after the signals: reasons, named signals and both languages. Medians of five for a single deal.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from features import clock
from features.calendar import bucket_calendar
from features.clock import Floats
from features.custom import signal_of
from features.dataset import Dataset
from features.deals import deal_signals
from features.snapshot import Snapshot
from features.synthetic import Settings, generate
from serving.scoring.reason_columns import reason_columns
from training.bundle import Bundle
from training.curves import Curves
from training.encoded import Encoded, encode
from training.explain import Explainer, Question, shapley
from training.hazard import HazardModel
from training.run import fit
from training.targets import WON

HORIZONS = (7.0, 30.0, 90.0)
SAMPLE = 100
REPEATS = 5


def main() -> None:
    options = _options()
    dataset = generate(Settings(n_deals=options.company)).dataset()
    bundle = fit(dataset, "deals", dataset.ends_at, threads=options.threads)
    bundle = replace(bundle, models={"deals": replace(bundle.models["deals"], threads=options.threads)})
    snapshot = Snapshot(dataset, dataset.ends_at)
    signals = deal_signals(snapshot)
    many = pd.concat([signals] * (1 + options.deals // len(signals)))[: options.deals]
    _report(dataset, bundle, many, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reasons", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--company", type=int, default=4000, help="deals of the synthetic company")
    parser.add_argument("--deals", type=int, default=2000, help="open deals to explain")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def _report(dataset: Dataset, bundle: Bundle, many: pd.DataFrame, options: argparse.Namespace) -> None:
    explainer, as_of = bundle.explainers["deals"], dataset.ends_at
    reading, _ = _timed(explainer.explain, many[:1], as_of, Question(30.0, WON))
    shape = f"{bundle.models['deals'].rounds} rounds, {len(explainer.groups)} groups, {options.threads} threads"
    table = Table(title=f"{shape}; reading the trees {reading:.2f} s, once")
    for column in ("horizon", "way", "one deal, ms", f"{len(many):,} deals, s", "naive / this", "largest difference"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for days in HORIZONS:
        for line in _lines(Snapshot(dataset, as_of), bundle, many, Question(days, WON)):
            table.add_row(*line)
        table.add_section()
    Console(width=110).print(table)


def _lines(snapshot: Snapshot, bundle: Bundle, many: pd.DataFrame, question: Question) -> Iterator[tuple[str, ...]]:
    explainer, as_of, n = bundle.explainers["deals"], snapshot.as_of, len(many)
    one_naive = median(_timed(_naive, explainer, many[:1], as_of, question)[0] for _ in range(REPEATS))
    sampled, expected = _timed(_naive, explainer, many[:SAMPLE], as_of, question)
    naive = sampled / SAMPLE * n
    yield f"{question.days:.0f}", "naive", f"{1000 * one_naive:.1f}", f"{naive:.1f}", "1.0", ""
    one = median(_timed(explainer.explain, many[:1], as_of, question)[0] for _ in range(REPEATS))
    exact, found = _timed(explainer.explain, many, as_of, question)
    worst = np.abs(found.contributions[:SAMPLE] - expected).max()
    yield "", "exact", f"{1000 * one:.1f}", f"{exact:.1f}", f"{naive / exact:.1f}", f"{worst:.0e}"
    one = median(_timed(reason_columns, snapshot, bundle, "deals", many[:1], question)[0] for _ in range(REPEATS))
    said, _ = _timed(reason_columns, snapshot, bundle, "deals", many, question)
    yield "", "exact, in words", f"{1000 * one:.1f}", f"{said:.1f}", f"{naive / said:.1f}", ""


def _timed(work: Callable[..., Any], *arguments: object) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - started, result


def _naive(explainer: Explainer, signals: pd.DataFrame, as_of: pd.Timestamp, question: Question) -> Floats:
    """Shapley values from the model's own predictions for every mixed row, (rows, groups)."""
    model, groups = explainer.model, explainer.groups
    own = encode(model, signals)
    other = explainer.typical.reference_of(own.kind)
    of_signal = np.array([groups.index(signal_of(name).group) for name in explainer.signals])
    of_start = np.array([groups.index(signal_of(name).group) for name in model.start_signals], dtype=np.int64)
    pace = groups.index("pace")  # the kind is the stage
    values = np.empty((len(own), 2 ** len(groups)))
    for coalition in range(values.shape[1]):
        has = np.array([(coalition >> (len(groups) - 1 - group)) & 1 for group in range(len(groups))], dtype=bool)
        kind = (own if has[pace] else other).kind
        mixed = Encoded(np.where(has[of_signal], own.matrix, other.matrix), kind, own.mixed(other, ~has[of_start]))
        values[:, coalition] = _answers(model, mixed, clock.micros(as_of), question)
    return shapley(values)


def _answers(model: HazardModel, rows: Encoded, as_of: int, question: Question) -> Floats:
    n = int(np.searchsorted(model.edges, question.days))
    calendar = bucket_calendar(as_of, model.edges, model.calendar)[:n, : len(model.encoding.bucket)].astype(np.float32)
    matrix = np.concatenate([np.repeat(rows.matrix, n, axis=0), np.tile(calendar, (len(rows), 1))], axis=1)
    moments = np.full(len(rows.start), as_of, dtype=np.int64)
    hazards = model.hazards(matrix, model.offset(rows.start, moments, n))
    return question.answer(Curves(model.edges[: n + 1], hazards, np.inf, model.passing(moments)))


if __name__ == "__main__":
    main()
