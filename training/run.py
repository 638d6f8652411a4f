"""One training run: Dataset -> a candidate, its evaluation, and the decision which version answers.

The run sees nothing from its as_of on, neither as a signal nor as an outcome: it is the model that one could have had that day.
It is judged by the same procedure carried out earlier (`training.folds`), and the gate (`training.promote`) decides. What the
gate refuses is registered all the same, without the alias, so that it can be looked at; what may answer in its place follows as
the next version.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd

from features.dataset import Dataset
from features.lives import Lives
from training import bundle as bundles
from training import record
from training.baselines import base_rate_of, life_table_of
from training.boosting import Parameters
from training.bundle import Bundle, DamagedBundleError
from training.cohorts import Cohorts, Say, describe, fit_all, gather
from training.encoding import SignalUse
from training.evaluate import Report, examine
from training.folds import folds
from training.promote import Verdict, judge
from training.record import fingerprint
from training.registry import CHAMPION, Registered, Registry, RunRecord
from training.report import headline, numbers, tables, write
from training.signal_use import uses_of
from training.trial import Incumbent, hold
from training.typical import learn_typical

__all__ = ["TrainedRun", "describe", "evaluate", "fingerprint", "fit", "train"]


@dataclass(frozen=True)
class TrainedRun:
    """What came of a run.

    version  what the gate chose; `alias` is `champion` when it answers from now on, None when the present champion stays
    refused  the version of the candidate that the gate refused, None where it refused none
    lines    the report in a line for each regime, then the gate's reasons
    report   where the HTML page lies, None where nobody asked for one
    signals  for each regime every signal that it may have: learned from, not learned from, or absent, and why
    """

    target: str
    version: str
    alias: str | None
    run_id: str
    metrics: Mapping[str, float]
    summary: str
    verdict: Verdict
    refused: str | None
    lines: tuple[str, ...]
    report: Path | None
    signals: Mapping[str, tuple[SignalUse, ...]]


def train(
    dataset: Dataset,
    target: str,
    as_of: pd.Timestamp,
    registry: Registry,
    *,
    seed: int = 7,
    threads: int = 2,
    reports: Path | None = None,
    progress: Say = lambda _: None,
    lives: Lives | None = None,
) -> TrainedRun:
    """Fit the target's regimes, judge them, log the run and register what may answer.

    `lives` is what earlier dates held that is deleted by now; None: nothing.
    `reports` is the folder for the HTML page. Raises NotReadyError when there is nothing to learn from before as_of, and
    UsageError for an unknown target.
    """
    cohorts = gather(dataset, target, as_of, Parameters(seed=seed, threads=threads), progress, lives)
    fitted = fit_all(cohorts, progress)
    facts = record.facts(fitted, asdict(cohorts.parameters))
    report = _assess(cohorts, _champion(registry, target, progress), facts, 1, progress)
    boosted = {name: model.booster is not None for name, model in fitted.models.items()}
    verdict = judge(report.regimes, boosted, cohorts.ended)
    return _register(cohorts, fitted, report, verdict, registry, reports)


def evaluate(
    dataset: Dataset,
    target: str,
    as_of: pd.Timestamp,
    registry: Registry | None = None,
    *,
    seed: int = 7,
    threads: int = 2,
    n_folds: int = 1,
    progress: Say = lambda _: None,
    lives: Lives | None = None,
) -> tuple[Report, Verdict]:
    """Judge what a training as of this date would give, without training it: nothing is logged or registered.

    With several folds the test time is scored by as many models, each fitted up to its part. The registry's champion, if any, is
    compared on the rows since its own training. Raises NotReadyError and UsageError as `train` does.
    """
    cohorts = gather(dataset, target, as_of, Parameters(seed=seed, threads=threads), progress, lives)
    facts = {
        "as_of": as_of.isoformat(),
        "data fingerprint": fingerprint(dataset, as_of),
        "code version": record.code_version(),
        **{name: str(value) for name, value in asdict(cohorts.parameters).items()},
        "folds": str(n_folds),
    }
    champion = None if registry is None else _champion(registry, target, progress)
    report = _assess(cohorts, champion, facts, n_folds, progress)
    return report, judge(report.regimes, {each.regime: each.boosted for each in report.regimes}, cohorts.ended)


def fit(
    dataset: Dataset,
    target: str,
    as_of: pd.Timestamp,
    *,
    seed: int = 7,
    threads: int = 2,
    progress: Say = lambda _: None,
) -> Bundle:
    """Fit every regime of the target that has a cohort, and judge nothing; see `train`."""
    return fit_all(gather(dataset, target, as_of, Parameters(seed=seed, threads=threads), progress), progress)


def _assess(cohorts: Cohorts, champion: Bundle | None, facts: Mapping[str, str], n_folds: int, progress: Say) -> Report:
    """Hold a trial for each regime and examine it."""
    in_folds = folds(cohorts.first_fact, cohorts.as_of, n_folds)
    zone, seed = cohorts.dataset.organisation.timezone, cohorts.parameters.seed
    found = []
    for regime in cohorts.regimes:
        progress(f"{regime.name}: judged on the time from {in_folds[0].starts_at:%Y-%m-%d} on")
        held = hold(
            cohorts.dataset,
            regime.name,
            cohorts.rows[regime.name],
            in_folds,
            partial(cohorts.fit_earlier, regime),
            _incumbent(champion, regime.name),
        )
        found.append(examine(held, regime.name, zone, seed))
    return Report(cohorts.target, cohorts.as_of, tuple(found), facts)


def _champion(registry: Registry, target: str, progress: Say) -> Bundle | None:
    found = registry.champion(target)
    if found is None:
        return None
    try:
        return replace(bundles.load(found.path), version=found.version)
    except DamagedBundleError as error:
        progress(f"the present champion cannot be compared: {error}")
        return None


def _incumbent(champion: Bundle | None, regime: str) -> Incumbent | None:
    if champion is None or regime not in champion.models:
        return None
    return Incumbent(champion.version, champion.models[regime], champion.trained_as_of)


def _register(
    cohorts: Cohorts, fitted: Bundle, report: Report, verdict: Verdict, registry: Registry, reports: Path | None
) -> TrainedRun:
    """Register the candidate; where the gate wants a simpler model, that one after it; and promote unless the champion stays."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "evaluation"
        page = write(report, verdict, files)
        metrics = record.metrics(fitted) | numbers(report)
        base = RunRecord(record.parameters(report.facts), metrics, _tags(fitted, verdict), files, tables(report))
        chosen = _as_decided(cohorts, fitted, verdict)
        candidate = None
        if chosen is not None:
            candidate = _save(fitted, "refused", base, registry, Path(folder) / "candidate")
        judged = {"answering": record.answering(verdict), "evaluation": record.evaluation(report)}
        answers = replace(chosen or fitted, meta={**fitted.meta, **judged})
        gate = "promoted" if verdict.promoted else "the champion stays"
        registered = _save(answers, gate, base, registry, Path(folder) / "chosen")
        if verdict.promoted:
            registry.promote(cohorts.target, registered.version)
        kept = None if reports is None else _keep(page, reports / f"{cohorts.target}-{registered.version}.html")
    lines = (*map(headline, report.regimes), *verdict.reasons)
    summary = "; ".join(f"{each.regime}: {each.answers.replace('_', ' ')}" for each in verdict.decisions)
    refused = None if candidate is None else candidate.version
    alias = CHAMPION if verdict.promoted else None
    signals = {name: uses_of(fitted, name) for name in fitted.models}
    return TrainedRun(
        cohorts.target, registered.version, alias, registered.run_id, metrics, summary, verdict, refused, lines, kept, signals
    )


def _as_decided(cohorts: Cohorts, fitted: Bundle, verdict: Verdict) -> Bundle | None:
    """The bundle with the simpler models that the gate wants; None where it refuses nothing."""
    models = dict(fitted.models)
    for decision in verdict.decisions:
        model, because = models[decision.regime], "; ".join(decision.reasons)
        if decision.answers == "base_rate":
            models[decision.regime] = base_rate_of(model, cohorts.rows[decision.regime], because)
        elif decision.answers == "life_table" and model.booster is not None:
            models[decision.regime] = life_table_of(model, because)
    if all(models[name] is model for name, model in fitted.models.items()):
        return None
    golden = {name: kept if models[name].booster else {} for name, kept in fitted.meta["golden"].items()}
    typical = {each.name: learn_typical(models[each.name], cohorts.rows[each.name], each.good_end) for each in cohorts.regimes}
    return replace(fitted, models=models, typical=typical, meta={**fitted.meta, "golden": golden})


def _save(bundle: Bundle, gate: str, base: RunRecord, registry: Registry, folder: Path) -> Registered:
    """Write a bundle and register it with what the gate said of it."""
    bundles.save(replace(bundle, meta={**bundle.meta, "gate": gate}), folder)
    listed = json.dumps(bundle.meta["signals"], indent=1, ensure_ascii=False)
    (folder / "signals.json").write_text(listed, encoding="utf-8")
    kinds = {f"answers_{name}": _kind(bundle, name) for name in bundle.models}
    return registry.register(bundle.target, folder, replace(base, tags={**base.tags, "gate": gate, **kinds}))


def _kind(bundle: Bundle, regime: str) -> str:
    if bundle.models[regime].booster is not None:
        return "boosted"
    return str(bundle.meta.get("answering", {}).get(regime, {}).get("by", "life_table"))


def _tags(fitted: Bundle, verdict: Verdict) -> dict[str, str]:
    return {
        "target": fitted.target,
        "trained_as_of": fitted.trained_as_of.isoformat(),
        "fingerprint": str(fitted.meta["fingerprint"]),
        "reasons": "; ".join(verdict.reasons)[:1000],
    }


def _keep(page: Path, place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(page.read_bytes())
    return place
