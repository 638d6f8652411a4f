"""A model on trial: fitted on earlier time, it answers every question about the rows of later time, and so do the simpler ones.

All contestants see the same rows. The present champion answers only rows from its own training on (it would know the outcomes of
older ones); the CRM's own probability is held against "won at all", where a deal has one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask
from features.dataset import Dataset
from features.errors import NotReadyError, UsageError
from training import calibrate
from training.baselines import base_rate_of, life_table_of
from training.examples import Examples
from training.fold_check import check_rows
from training.folds import Fold
from training.hazard import HazardModel
from training.questions import AT_ALL, Asking, Question, asking_of, curve_surprise, horizons_watched, questions
from training.resampling import Clusters
from training.slices import slices

MODEL: Final = "model"
LIFE_TABLE: Final = "life_table"
BASE_RATE: Final = "base_rate"
UNCALIBRATED: Final = "uncalibrated"
CHAMPION: Final = "champion"
CRM: Final = "crm"

FitOne = Callable[[Examples, Fold], HazardModel]


@dataclass(frozen=True)
class Incumbent:
    """The model that answers today."""

    version: str
    model: HazardModel
    trained_as_of: pd.Timestamp


@dataclass(frozen=True)
class Answers:
    """What one contestant says of each test row; NaN where it may not, or does not, answer.

    of     question -> probabilities, (rows,)
    curve  the sum of the curve's surprises over the horizons, (rows,); see `questions.curve_surprise`
    """

    of: Mapping[str, Floats]
    curve: Floats


@dataclass(frozen=True)
class Trial:
    """The test rows of one regime, and what each contestant said of them.

    boosted  whether the model on trial has trees; without, it is the life table
    counted  for how many horizons each row's curve was watched, (rows,)
    sliced   a text column for each slice
    missing  why a contestant is absent
    """

    regime: str
    asking: Asking
    folds: tuple[Fold, ...]
    rows: Examples
    clusters: Clusters
    questions: tuple[Question, ...]
    contestants: Mapping[str, Answers]
    counted: Floats
    sliced: pd.DataFrame
    boosted: bool
    n_taught: int
    missing: Mapping[str, str] = field(default_factory=dict)


def hold(
    dataset: Dataset, regime: str, rows: Examples, in_folds: Sequence[Fold], fit_one: FitOne, incumbent: Incumbent | None = None
) -> Trial | str:
    """Fit on each fold's earlier time and answer its rows; a sentence on why there is nothing to judge by, where that is so."""
    taught, tested = in_folds[0].taught(rows), _all_tested(rows, in_folds)
    if not len(taught) or not (taught.outcomes.cause > 0).any():
        return f"nothing had ended before {in_folds[0].starts_at:%Y-%m-%d}: an earlier model cannot be fitted"
    if not len(tested) or not (tested.outcomes.cause > 0).any():
        return f"nothing has ended since {in_folds[0].starts_at:%Y-%m-%d}: there is nothing to judge by"
    asking = asking_of(regime, dataset.organisation.client_horizon_days)
    asked = questions(asking, tested.as_of, dataset.organisation.calendar)
    try:
        contestants, boosted = _own_contestants(rows, tested, in_folds, asked, asking, fit_one)
    except NotReadyError as error:
        return f"an earlier model cannot be fitted: {error}"
    missing: dict[str, str] = {}
    if incumbent is not None:
        contestants[CHAMPION], missing[CHAMPION] = _champion(incumbent, tested, asked, asking)
    if (said := _crm(tested, asked)) is not None:
        contestants[CRM] = said
    counted = horizons_watched(tested.outcomes, asking.horizons)
    sliced = slices(dataset, tested, taught)
    clusters = Clusters.of(cluster_names(dataset, regime, tested))
    absent = {name: why for name, why in missing.items() if why}
    present = {name: answers for name, answers in contestants.items() if name not in absent}
    return Trial(regime, asking, tuple(in_folds), tested, clusters, asked, present, counted, sliced, boosted, len(taught), absent)


def cluster_names(dataset: Dataset, regime: str, rows: Examples) -> pd.Series:
    """What the rows of one cluster share: the account where there is one, else the deal itself."""
    units = rows.signals.index.astype(object)
    if regime != "deals" or "account_id" not in dataset.deals:
        return pd.Series("unit " + units)
    account = dataset.deals["account_id"].astype(object).take(dataset.deal_rows.get_indexer(units)).reset_index(drop=True)
    return ("account " + account.fillna("")).where(account.notna(), "unit " + pd.Series(units))


def _all_tested(rows: Examples, in_folds: Sequence[Fold]) -> Examples:
    return Fold(in_folds[0].starts_at, in_folds[-1].ends_at).tested(rows)


def _own_contestants(
    rows: Examples, tested: Examples, in_folds: Sequence[Fold], asked: tuple[Question, ...], asking: Asking, fit_one: FitOne
) -> tuple[dict[str, Answers], bool]:
    """The model, with and without its calibration, its life table and its base rate, each row answered by those of its fold."""
    blank = {name: _silent(tested, asked) for name in (MODEL, UNCALIBRATED, LIFE_TABLE, BASE_RATE)}
    boosted = False
    for fold in in_folds:
        taught = fold.taught(rows)
        check_rows(taught, fold)
        model = fit_one(taught, fold)
        boosted |= model.booster is not None
        here = clock.within(tested.as_of, clock.micros(fold.starts_at), clock.micros(fold.ends_at))
        bare = replace(model, calibration=calibrate.UNCALIBRATED)
        simpler = {LIFE_TABLE: life_table_of(model), BASE_RATE: base_rate_of(model, taught)}
        for name, each in {MODEL: model, UNCALIBRATED: bare, **simpler}.items():
            _answer(each, tested, here, asked, asking, blank[name])
    return blank, boosted


def _champion(incumbent: Incumbent, tested: Examples, asked: tuple[Question, ...], asking: Asking) -> tuple[Answers, str]:
    """The champion's answers to the rows since its training; or why it has none."""
    answers = _silent(tested, asked)
    since = ~clock.known(tested.as_of, clock.micros(incumbent.trained_as_of))
    if not since.any():
        return answers, f"version {incumbent.version} was trained as of {incumbent.trained_as_of:%Y-%m-%d}, after all test rows"
    try:
        _answer(incumbent.model, tested, since, asked, asking, answers)
    except UsageError as error:
        return answers, f"version {incumbent.version} cannot answer: {error}"
    return answers, ""


def _crm(tested: Examples, asked: tuple[Question, ...]) -> Answers | None:
    """The CRM's own probability, as an answer to "won at all"."""
    if "crm_probability" not in tested.signals:
        return None
    own = tested.signals["crm_probability"].to_numpy(dtype=np.float64)
    answers = _silent(tested, asked)
    for question in (each for each in asked if each.key.endswith(AT_ALL)):
        answers.of[question.key][:] = own
    return None if np.isnan(own).all() else answers


def _silent(tested: Examples, asked: tuple[Question, ...]) -> Answers:
    return Answers({question.key: np.full(len(tested), np.nan) for question in asked}, np.full(len(tested), np.nan))


def _answer(
    model: HazardModel, tested: Examples, here: Mask, asked: tuple[Question, ...], asking: Asking, answers: Answers
) -> None:
    """Fill in what a model says of some of the rows."""
    rows = tested.take(here)
    if not len(rows):
        return
    curves = model.curves(rows.signals, rows.as_of)
    for question in asked:
        answers.of[question.key][here] = question.of_rows(here).answers(curves)
    answers.curve[here] = curve_surprise(curves, rows.outcomes, asking.horizons)
