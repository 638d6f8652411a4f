"""What a run writes down about itself, so that it can be told apart from another and repeated.

Equal fingerprint, code, settings and seed give the same model, to the byte.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from features.dataset import Dataset
from features.snapshot import Snapshot
from training.answered import Answered
from training.bundle import Bundle
from training.encoding import with_buckets
from training.evaluate import Report
from training.examples import Examples
from training.hazard import HazardModel
from training.promote import Verdict
from training.targets import Regime

GOLDEN_ROWS: Final = 8
MLFLOW_TEXT: Final = 6000
"""The longest text that MLflow keeps as a parameter."""


def fingerprint(dataset: Dataset, as_of: pd.Timestamp) -> str:
    """A hash of everything that was known at as_of: equal data, equal text."""
    snapshot = Snapshot(dataset, as_of)
    hashes = [pd.util.hash_pandas_object(snapshot.frame(name), index=False).to_numpy() for name in sorted(dataset.tables)]
    return f"{int(np.bitwise_xor.reduce([np.bitwise_xor.reduce(part) if len(part) else np.uint64(0) for part in hashes])):016x}"


@cache
def code_version() -> str:
    """The installed version and a hash of the code that makes signals and models: an edit that was not released shows."""
    try:
        installed = version("dealcast")
    except PackageNotFoundError:
        installed = "not installed"
    root = Path(__file__).resolve().parent.parent
    hashed = hashlib.sha256()
    for path in sorted(path for package in ("features", "training") for path in (root / package).rglob("*.py")):
        hashed.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return f"{installed}+{hashed.hexdigest()[:12]}"


def counts(rows: Examples, regime: Regime) -> dict[str, int]:
    """How many examples, units and ends of each kind a regime was taught on."""
    ended = {
        f"n_{cause}": int(rows.signals.index[rows.outcomes.cause == number].nunique())
        for number, cause in enumerate(regime.spec.causes, start=1)
    }
    return {"n_examples": len(rows), "n_units": int(rows.signals.index.nunique()), **ended}


def golden(model: HazardModel, rows: Examples) -> dict[str, Any]:
    """A few predictions that a loaded copy has to repeat."""
    if model.booster is None:
        return {}
    some = np.linspace(0, len(rows) - 1, GOLDEN_ROWS).astype(np.int64)
    bucket = np.arange(GOLDEN_ROWS) % model.life_table.n_watched
    matrix = with_buckets(model.encoding, rows.signals, rows.as_of, model.edges, some, bucket, model.calendar)
    # JSON knows no NaN; LightGBM reads None as one.
    return {"matrix": matrix.astype(object).tolist(), "raw": np.asarray(model.booster.predict(matrix, raw_score=True)).tolist()}


def facts(fitted: Bundle, settings: Mapping[str, object]) -> dict[str, str]:
    """What a run's parameters say: data, code, settings, signals."""
    signals = {f"{name} signals": ",".join(model.encoding.names) for name, model in fitted.models.items()}
    return {
        "as_of": fitted.trained_as_of.isoformat(),
        "data fingerprint": str(fitted.meta["fingerprint"]),
        "code version": code_version(),
        **{name: str(value) for name, value in settings.items()},
        **signals,
    }


def parameters(said: Mapping[str, str]) -> dict[str, str]:
    """Facts as MLflow's parameters: names without blanks, long texts cut."""
    return {name.replace(" ", "_"): text[:MLFLOW_TEXT] for name, text in said.items()}


def metrics(fitted: Bundle) -> dict[str, float]:
    """Counts and rounds of each regime."""
    found: dict[str, float] = {}
    for name, model in fitted.models.items():
        found |= {f"{name}_{key}": float(value) for key, value in fitted.meta["regimes"][name].items()}
        found |= {f"{name}_rounds": float(model.rounds), f"{name}_life_table_weight": model.life_table_weight}
    return found


def evaluation(report: Report) -> dict[str, dict[str, Any]]:
    """For a bundle's meta: how well each question was answered on later time; NaN is None, as JSON has it."""
    return {
        each.regime: {"unjudged": each.unjudged or None, "questions": [_judged(found) for found in each.answered]}
        for each in report.regimes
    }


def _judged(found: Answered) -> dict[str, Any]:
    metrics = [{"name": name, **_plain(vars(each))} for name, each in found.estimates.items()]
    return {
        **{name: getattr(found, name) for name in ("key", "label", "n_rows", "n_clusters", "n_events")},
        "caution": found.caution or None,
        "metrics": [each for each in metrics if each["value"] is not None],
        "against": [_plain(line) for line in found.against.to_dict("records")],
        "reliability": [_plain(line) for line in found.reliability.to_dict("records")],
    }


def _plain(values: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): None if value != value else value for name, value in values.items()}


def answering(verdict: Verdict) -> dict[str, dict[str, Any]]:
    """For a bundle's meta: who answers for each regime, and why not the boosted model."""
    return {
        each.regime: {"by": each.answers, "because": each.because, "reasons": list(each.reasons)} for each in verdict.decisions
    }
