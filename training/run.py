"""One training run: Dataset -> registered candidate.

The run sees nothing from its as_of on, neither as a signal nor as an outcome: it is the model that one could have had that day.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from features import clients, clock
from features.dataset import Dataset
from features.errors import NotReadyError
from features.snapshot import Snapshot
from training import bundle as bundles
from training.bundle import Bundle
from training.encoding import SignalUse, with_buckets
from training.examples import Examples, examples
from training.hazard import HazardModel, Parameters, fit_hazard
from training.registry import Registry, RunRecord
from training.signal_use import catalog_of, signal_uses, summary, to_json, uses_of
from training.splits import Plan, plan
from training.targets import Regime, regimes

GOLDEN_ROWS: Final = 8
MLFLOW_TEXT: Final = 6000
"""The longest text that MLflow keeps as a parameter."""


@dataclass(frozen=True)
class TrainedRun:
    """What came of a run; `alias` is `champion` when the version answers from now on, else None.

    signals  for each regime every signal that it may have: learned from, not learned from, or absent, and why
    """

    target: str
    version: str
    alias: str | None
    run_id: str
    metrics: Mapping[str, float]
    summary: str
    signals: Mapping[str, tuple[SignalUse, ...]] = field(default_factory=dict)


def train(
    dataset: Dataset,
    target: str,
    as_of: pd.Timestamp,
    registry: Registry,
    *,
    seed: int = 7,
    threads: int = 2,
    progress: Callable[[str], None] = lambda _: None,
) -> TrainedRun:
    """Fit the target's regimes, log the run and register its bundle.

    Raises NotReadyError when there is nothing to learn from before as_of, and UsageError for an unknown target.
    """
    fitted = fit(dataset, target, as_of, seed=seed, threads=threads, progress=progress)
    metrics = _metrics(fitted)
    record = RunRecord(_parameters(fitted, seed), metrics, {"target": target, "fingerprint": fitted.meta["fingerprint"]})
    with tempfile.TemporaryDirectory() as folder:
        bundles.save(fitted, Path(folder) / "bundle")
        listed = json.dumps(fitted.meta["signals"], indent=1, ensure_ascii=False)
        (Path(folder) / "bundle" / "signals.json").write_text(listed, encoding="utf-8")
        registered = registry.register(target, Path(folder) / "bundle", record)
    signals = {name: uses_of(fitted, name) for name in fitted.models}
    return TrainedRun(target, registered.version, registered.alias, registered.run_id, metrics, _summary(fitted), signals)


def fit(
    dataset: Dataset,
    target: str,
    as_of: pd.Timestamp,
    *,
    seed: int = 7,
    threads: int = 2,
    progress: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Fit every regime of the target that has a cohort; see `train`."""
    schedule = plan(_first_fact(dataset, target), as_of, dataset.organisation.timezone, seed)
    watched_until = min(as_of, dataset.ends_at)
    models: dict[str, HazardModel] = {}
    meta: dict[str, Any] = {"seed": seed, "threads": threads, "golden": {}, "regimes": {}, "signals": {}}
    for regime in regimes(target):
        rows = examples(dataset, schedule.dates, watched_until, regime.cohort_at)
        if not len(rows):
            continue
        progress(f"{regime.name}: {len(rows):,} examples of {rows.signals.index.nunique():,} at {len(schedule.dates)} dates")
        models[regime.name] = _fit_regime(dataset, regime, rows, schedule, Parameters(seed=seed, threads=threads))
        meta["regimes"][regime.name] = _counts(rows, regime)
        meta["golden"][regime.name] = _golden(models[regime.name], rows)
        uses = signal_uses(models[regime.name].encoding, catalog_of(regime.name), _tables_of(dataset, regime))
        meta["signals"][regime.name] = to_json(uses)
        progress(f"{regime.name}: {describe(models[regime.name])}")
        progress(f"{regime.name}: {summary(uses)}")
    if not models:
        raise NotReadyError(f"no {target} were active before {as_of:%Y-%m-%d}: there is nothing to learn from")
    meta["fingerprint"] = fingerprint(dataset, as_of)
    return Bundle(target, "", as_of, models, meta)


def describe(model: HazardModel) -> str:
    """One line on who answers: the boosted model, or the life table and why."""
    return f"boosted from the life table, {model.rounds} rounds" if model.booster else f"the life table answers: {model.because}"


def fingerprint(dataset: Dataset, as_of: pd.Timestamp) -> str:
    """A hash of everything that was known at as_of: equal data, equal text."""
    snapshot = Snapshot(dataset, as_of)
    hashes = [pd.util.hash_pandas_object(snapshot.frame(name), index=False).to_numpy() for name in sorted(dataset.tables)]
    return f"{int(np.bitwise_xor.reduce([np.bitwise_xor.reduce(part) if len(part) else np.uint64(0) for part in hashes])):016x}"


def _first_fact(dataset: Dataset, target: str) -> pd.Timestamp:
    times = [dataset.deal_known] if target == "deals" else [dataset.order_log.known]
    if target == "clients" and "contracts" in dataset.tables:
        times.append(dataset.contract_log.known)
    facts = np.concatenate(times)
    if not len(facts):
        raise NotReadyError(f"the data has nothing to train {target} on")
    return clock.instant(int(facts.min()))


def _fit_regime(dataset: Dataset, regime: Regime, rows: Examples, schedule: Plan, parameters: Parameters) -> HazardModel:
    return fit_hazard(rows, clock.micros(schedule.later_from), regime.spec, dataset.organisation.calendar, parameters)


def _tables_of(dataset: Dataset, regime: Regime) -> set[str]:
    """The tables that the signals of a regime can come from."""
    return set(dataset.tables) if regime.name == "deals" else clients.tables_of(dataset)


def _counts(rows: Examples, regime: Regime) -> dict[str, int]:
    ended = {
        f"n_{cause}": int(rows.signals.index[rows.outcomes.cause == number].nunique())
        for number, cause in enumerate(regime.spec.causes, start=1)
    }
    return {"n_examples": len(rows), "n_units": int(rows.signals.index.nunique()), **ended}


def _golden(model: HazardModel, rows: Examples) -> dict[str, Any]:
    """A few predictions that a loaded copy has to repeat."""
    if model.booster is None:
        return {}
    some = np.linspace(0, len(rows) - 1, GOLDEN_ROWS).astype(np.int64)
    bucket = np.arange(GOLDEN_ROWS) % model.life_table.n_watched
    matrix = with_buckets(model.encoding, rows.signals, rows.as_of, model.edges, some, bucket, model.calendar)
    # JSON knows no NaN; LightGBM reads None as one.
    return {"matrix": matrix.astype(object).tolist(), "raw": np.asarray(model.booster.predict(matrix, raw_score=True)).tolist()}


def _parameters(fitted: Bundle, seed: int) -> dict[str, str]:
    signals = {f"{name}_signals": ",".join(model.encoding.names)[:MLFLOW_TEXT] for name, model in fitted.models.items()}
    return {"as_of": fitted.trained_as_of.isoformat(), "seed": str(seed), **signals}


def _metrics(fitted: Bundle) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for name, model in fitted.models.items():
        metrics |= {f"{name}_{key}": float(value) for key, value in fitted.meta["regimes"][name].items()}
        metrics |= {f"{name}_rounds": float(model.rounds), f"{name}_life_table_weight": model.life_table_weight}
    return metrics


def _summary(fitted: Bundle) -> str:
    return "; ".join(f"{name}: {describe(model)}" for name, model in fitted.models.items())
