"""The rows of a training, made once for the candidate and for those who judge it, and how a model is fitted to them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from features import clients, clock
from features.dataset import Dataset
from features.errors import NotReadyError
from features.lives import Lives
from training import record
from training.amounts import AmountModel, fit_amounts
from training.boosting import Parameters
from training.bundle import Bundle
from training.examples import Examples, examples, lived_cohort
from training.fitting import fit_hazard
from training.folds import Fold
from training.hazard import HazardModel
from training.signal_use import catalog_of, signal_uses, summary, to_json
from training.splits import Plan, plan
from training.targets import DEALS, Regime, regimes
from training.typical import Typical, learn_typical

Say: TypeAlias = Callable[[str], None]
LACKING: Final = {
    "deals": "there are no deals in the data, so nothing can be learned of them: load an export with 'dealcast ingest'",
    "clients": "nothing in the data tells which clients stay: it takes the table contracts, orders, or deals that were won, "
    "each with its account_id. Load them with 'dealcast ingest'",
}
"""What a training lacks, by target."""


@dataclass(frozen=True)
class Cohorts:
    """The examples of each regime that has any, and all that a fit needs to know beside them."""

    dataset: Dataset
    target: str
    as_of: pd.Timestamp
    first_fact: pd.Timestamp
    schedule: Plan
    rows: Mapping[str, Examples]
    parameters: Parameters

    @property
    def regimes(self) -> tuple[Regime, ...]:
        return tuple(regime for regime in regimes(self.target) if regime.name in self.rows)

    @property
    def ended(self) -> dict[str, int]:
        """How many rows of each regime were seen to end."""
        return {name: int((rows.outcomes.cause > 0).sum()) for name, rows in self.rows.items()}

    def fit_one(self, regime: Regime, rows: Examples, schedule: Plan) -> HazardModel:
        return fit_hazard(rows, schedule.slices, regime.spec, self.dataset.organisation.calendar, self.parameters)

    def fit_earlier(self, regime: Regime, taught: Examples, fold: Fold) -> HazardModel:
        """The same procedure as it would have been carried out on the day the fold starts."""
        zone, seed = self.dataset.organisation.timezone, self.parameters.seed
        return self.fit_one(regime, taught, plan(self.first_fact, fold.starts_at, zone, seed))


def gather(
    dataset: Dataset, target: str, as_of: pd.Timestamp, parameters: Parameters, progress: Say, lives: Lives | None = None
) -> Cohorts:
    """List the cohorts of a target at each date of the plan. Raises NotReadyError and UsageError; see `run.train`."""
    lives = lives if target == DEALS.name else None
    dataset = dataset if lives is None else lives.whole
    first_fact = first_fact_of(dataset, target)
    schedule = plan(first_fact, as_of, dataset.organisation.timezone, parameters.seed)
    watched_until = min(as_of, dataset.ends_at)
    rows: dict[str, Examples] = {}
    for regime in regimes(target):
        cohort_at = regime.cohort_at if lives is None else lived_cohort(lives)
        found = examples(dataset, schedule.dates, watched_until, cohort_at)
        if not len(found):
            continue
        if lives is not None:
            found = found.cut(lives.there_until(found.signals.index.to_numpy(dtype=object), watched_until))
        rows[regime.name] = found
        progress(f"{regime.name}: {len(found):,} examples of {found.signals.index.nunique():,} at {len(schedule.dates)} dates")
    if not rows:
        raise NotReadyError(f"no {target} were active before {as_of:%Y-%m-%d}: there is nothing to learn from")
    return Cohorts(dataset, target, as_of, first_fact, schedule, rows, parameters)


def fit_all(cohorts: Cohorts, progress: Say) -> Bundle:
    """Fit every regime on all of its rows."""
    models: dict[str, HazardModel] = {}
    typical: dict[str, Typical] = {}
    amounts: AmountModel | None = None
    parameters = cohorts.parameters
    meta: dict[str, Any] = {"seed": parameters.seed, "threads": parameters.threads, "golden": {}, "regimes": {}, "signals": {}}
    for regime in cohorts.regimes:
        rows = cohorts.rows[regime.name]
        models[regime.name] = cohorts.fit_one(regime, rows, cohorts.schedule)
        typical[regime.name] = learn_typical(models[regime.name], rows, regime.good_end)
        meta["regimes"][regime.name] = record.counts(rows, regime)
        meta["golden"][regime.name] = record.golden(models[regime.name], rows)
        uses = signal_uses(models[regime.name].encoding, catalog_of(regime.name), _tables_of(cohorts.dataset, regime))
        meta["signals"][regime.name] = to_json(uses)
        if regime is DEALS:
            amounts = _fit_amounts(cohorts, rows, regime)
            progress(f"{regime.name}: amounts when won: {amounts.method}")
        progress(f"{regime.name}: {describe(models[regime.name])}")
        progress(f"{regime.name}: {summary(uses)}")
    meta["fingerprint"] = record.fingerprint(cohorts.dataset, cohorts.as_of)
    return Bundle(cohorts.target, "", cohorts.as_of, models, typical, meta, amounts)


def _tables_of(dataset: Dataset, regime: Regime) -> set[str]:
    """The tables that the signals of a regime can come from."""
    return set(dataset.tables) if regime is DEALS else clients.tables_of(dataset)


def _fit_amounts(cohorts: Cohorts, rows: Examples, regime: Regime) -> AmountModel:
    watched_until = min(cohorts.as_of, cohorts.dataset.ends_at)
    return fit_amounts(cohorts.dataset, rows, watched_until, cohorts.schedule.slices.last_from, regime.spec)


def describe(model: HazardModel) -> str:
    """One line on who answers: the boosted model, or what it started from and why."""
    start = "the life table" if model.bg_nbd is None else "BG/NBD"
    return f"boosted from {start}, {model.rounds} rounds" if model.booster else f"{start} answers: {model.because}"


def first_fact_of(dataset: Dataset, target: str) -> pd.Timestamp:
    """When the first deal, order or contract came on record. Raises NotReadyError where there is none."""
    times = [dataset.deal_known] if target == "deals" else [dataset.order_log.known]
    if target == "clients" and "contracts" in dataset.tables:
        times.append(dataset.contract_log.known)
    found = np.concatenate(times)
    if not len(found):
        raise NotReadyError(LACKING[target])
    return clock.instant(int(found.min()))
