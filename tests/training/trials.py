"""Trials that several tests read, each held once a session: quick settings, one thread."""

from functools import cache, partial

from features import clock
from features.dataset import Dataset
from tests.training.companies import company, fair_coins
from training.boosting import Parameters
from training.evaluate import RegimeReport, examine
from training.examples import Examples, examples
from training.fitting import fit_hazard
from training.folds import Fold, folds
from training.hazard import HazardModel
from training.splits import plan
from training.targets import DEALS
from training.trial import Trial, hold

QUICK = Parameters(learning_rate=0.1, threads=1)


def dataset_of(skill: bool) -> Dataset:
    return company(n_deals=700) if skill else fair_coins()


@cache
def rows_of(skill: bool) -> Examples:
    dataset = dataset_of(skill)
    dates = plan(clock.instant(int(dataset.deal_known.min())), dataset.ends_at, "UTC", 7).dates
    return examples(dataset, dates, dataset.ends_at, DEALS.cohort_at)


def in_folds(skill: bool, n_folds: int = 1) -> tuple[Fold, ...]:
    dataset = dataset_of(skill)
    return folds(clock.instant(int(dataset.deal_known.min())), dataset.ends_at, n_folds)


def fit_earlier(dataset: Dataset, taught: Examples, fold: Fold) -> HazardModel:
    first = clock.instant(int(dataset.deal_known.min()))
    return fit_hazard(taught, plan(first, fold.starts_at, "UTC", 7).slices, DEALS.spec, dataset.organisation.calendar, QUICK)


@cache
def trial(skill: bool = True, n_folds: int = 1) -> Trial:
    """A company with skill to be had, or one of fair coins, on trial."""
    dataset = dataset_of(skill)
    held = hold(dataset, "deals", rows_of(skill), in_folds(skill, n_folds), partial(fit_earlier, dataset))
    assert isinstance(held, Trial)
    return held


@cache
def examined(skill: bool = True) -> RegimeReport:
    return examine(trial(skill), "deals", "UTC", 7)
