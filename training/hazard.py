"""The model: one discrete-time competing-risk hazard answers every question about a deal or a client.

For each row and bucket still at risk it gives P(stay), P(cause 1), P(cause 2), … in that bucket; `training.curves` chains them.
Boosting starts from the life table's log hazards and stops as soon as later time no longer gains by it: with 30 deals the
answer is the life table, with 30,000 it is the boosted model, and no threshold switches between them.

LightGBM leaves `init_score` out of what it predicts, so the answer is softmax(raw score + log life-table hazard), here and in
validation alike; its shape is (pairs, classes).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd

from features import clock
from features.clock import FiscalCalendar, Floats, Micros
from training.curves import Curves, softmax
from training.encoding import Encoding, learn_encoding, with_buckets
from training.examples import Examples
from training.life_table import Cells, LifeTable, fit_life_table, fold_of, learn_cells
from training.person_periods import PersonPeriods, choose_edges, person_periods

N_FOLDS: Final = 5
MAX_ROUNDS: Final = 800
PATIENCE: Final = 40


@dataclass(frozen=True)
class Spec:
    """What kind of hazard: the causes of ending, and the signals that define the life table's cells.

    ages  the first of these signals that the data has is the age: days in the stage tell more than days since creation
    """

    causes: tuple[str, ...]
    kind_signal: str | None
    ages: tuple[str, ...]


@dataclass(frozen=True)
class Parameters:
    """Settings of the boosting; the defaults hold for everything from a few hundred rows to a million (decision 8)."""

    learning_rate: float = 0.04
    num_leaves: int = 8
    min_data_in_leaf: int = 80
    lambda_l2: float = 50.0
    feature_fraction: float = 0.6
    bagging_fraction: float = 0.7
    threads: int = 2
    seed: int = 7

    def for_lightgbm(self, n_classes: int) -> dict[str, Any]:
        return {
            "objective": "multiclass",
            "num_class": n_classes,
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_data_in_leaf,
            "lambda_l2": self.lambda_l2,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "cat_smooth": 20.0,
            "max_bin": 127,
            "num_threads": self.threads,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }


@dataclass(frozen=True)
class HazardModel:
    """A fitted hazard.

    edges      bucket edges in days; from `life_table.n_watched` on the curve is extrapolated
    booster    None where the life table alone answers; `because` then says why
    life_table_weight  how much of the way from the life table boosting has not gone, (1 - learning rate) ^ rounds; 1 without it
    """

    spec: Spec
    calendar: FiscalCalendar
    edges: Floats
    life_table: LifeTable
    encoding: Encoding
    booster: lgb.Booster | None
    because: str
    life_table_weight: float = 1.0
    threads: int = 2

    @property
    def rounds(self) -> int:
        """Rounds of boosting; 0 where the life table answers."""
        return 0 if self.booster is None else int(self.booster.current_iteration())

    def curves(self, signals: pd.DataFrame, as_of: Micros) -> Curves:
        """Curves of each row of signals, as of each row's as_of."""
        watched = self.life_table.n_watched
        hazards = self.start_hazards(signals).copy()
        if len(signals):
            hazards[:, :watched] = self.hazards(self.matrix(signals, as_of, watched), self.offset(signals, watched))
        return Curves(self.edges, hazards, float(self.edges[watched]))

    @property
    def start_signals(self) -> tuple[str, ...]:
        """The signals that say where boosting starts."""
        cells = self.life_table.cells
        return tuple(name for name in (cells.kind_signal, cells.age_signal) if name is not None)

    def start_hazards(self, signals: pd.DataFrame) -> Floats:
        """P(stay), P(cause 1), … without the trees, (rows, buckets, 1 + causes); reads `start_signals` alone."""
        return self.life_table.hazards(signals)

    def offset(self, signals: pd.DataFrame, n_buckets: int) -> Floats:
        """The log hazards to which the trees add, in the first buckets, (rows, buckets, 1 + causes)."""
        return np.asarray(np.log(self.start_hazards(signals)[:, :n_buckets]))

    def hazards(self, matrix: npt.NDArray[np.float32], offset: Floats) -> Floats:
        """P(stay), P(cause 1), … in the first buckets, (rows, buckets, 1 + causes).

        `matrix` is (rows x buckets, columns), the buckets of a row one after the other; `offset` is (rows, buckets, 1 + causes),
        the life table's log hazards. The number of buckets is at most `life_table.n_watched`.
        """
        return self.of_logits(self.logits(matrix, offset))

    def logits(self, matrix: npt.NDArray[np.float32], offset: Floats) -> Floats:
        """Log hazards, up to a constant for each bucket; shapes as in `hazards`."""
        if self.booster is None:
            return offset
        raw = np.asarray(self.booster.predict(matrix, raw_score=True, num_threads=self.threads), dtype=np.float64)
        return np.asarray(offset + raw.reshape(offset.shape))

    def of_logits(self, logits: Floats) -> Floats:
        """The last step from logits to hazards, which scores and reasons share; shapes as in `hazards`."""
        return softmax(logits)

    def matrix(self, signals: pd.DataFrame, as_of: Micros, n_buckets: int) -> npt.NDArray[np.float32]:
        """Each row at each of the first buckets; without columns where the life table answers."""
        if self.booster is None:
            return np.empty((len(signals) * n_buckets, 0), dtype=np.float32)
        row, bucket = np.divmod(np.arange(len(signals) * n_buckets), n_buckets)
        return with_buckets(self.encoding, signals, as_of, self.edges, row, bucket, self.calendar)


@dataclass(frozen=True)
class _Prepared:
    """Person-periods ready for LightGBM: matrix, classes and the life table's log hazards."""

    matrix: npt.NDArray[np.float32]
    ended: npt.NDArray[np.int64]
    offset: Floats


def fit_hazard(
    train: Examples, later_from: int, spec: Spec, calendar: FiscalCalendar, parameters: Parameters | None = None
) -> HazardModel:
    """Fit on rows watched until the training's as_of.

    `later_from` (microseconds) splits them by time: rows before it, watched until it, decide together with the rows after it how
    many rounds to boost. Then everything is fitted again on all rows with that number of rounds.
    """
    settings = parameters or Parameters()
    edges, n_watched = choose_edges(train.outcomes)
    encoding = learn_encoding(train.signals, train.as_of, calendar)
    age = next((name for name in spec.ages if name in encoding.numbers), None)
    cells = learn_cells(train.signals, spec.kind_signal, age)
    bare = _life_table_model(train, spec, calendar, edges, n_watched, cells, encoding, settings)
    before = clock.known(train.as_of, later_from)
    earlier, later = train.take(before).cut(later_from), train.take(~before)
    rounds, because = _choose_rounds(bare, earlier, later, settings)
    if rounds == 0:
        return replace(bare, because=because)
    prepared = _prepare(bare, train, _out_of_fold(bare, train))
    booster = _boost(bare, prepared, settings, rounds)
    return replace(bare, booster=booster, because="", life_table_weight=(1.0 - settings.learning_rate) ** rounds)


def _life_table_model(
    train: Examples,
    spec: Spec,
    calendar: FiscalCalendar,
    edges: Floats,
    n_watched: int,
    cells: Cells,
    encoding: Encoding,
    settings: Parameters,
) -> HazardModel:
    periods = person_periods(train.outcomes, edges, len(spec.causes) + 1)
    table = fit_life_table(cells, train.signals, periods, edges, n_watched)
    return HazardModel(spec, calendar, edges, table, encoding, None, "not boosted", threads=settings.threads)


def _choose_rounds(bare: HazardModel, earlier: Examples, later: Examples, settings: Parameters) -> tuple[int, str]:
    """How many rounds gain on later time, and why none where there are none."""
    judged = _periods(bare, later)
    taught = _periods(bare, earlier)
    events, lessons = int((judged.ended > 0).sum()), int((taught.ended > 0).sum())
    if not events or not lessons:
        return 0, "no events in the later or the earlier part of the history: nothing to judge boosting by"
    table = fit_life_table(bare.life_table.cells, earlier.signals, taught, bare.edges, bare.life_table.n_watched)
    start = replace(bare, life_table=table)
    valid = _prepare(start, later, table.hazards(later.signals))
    fitted = _boost(start, _prepare(start, earlier, _out_of_fold(start, earlier)), settings, MAX_ROUNDS, valid)
    unboosted = _log_loss(softmax(valid.offset), valid.ended)
    boosted = float(fitted.best_score["later"]["multi_logloss"])
    if boosted >= unboosted:
        return 0, f"boosting does not beat the life table on later time ({boosted:.4f} against {unboosted:.4f})"
    return int(fitted.best_iteration), ""


def _periods(model: HazardModel, rows: Examples) -> PersonPeriods:
    watched = model.edges[: model.life_table.n_watched + 1]
    return person_periods(rows.outcomes, watched, len(model.spec.causes) + 1)


def _out_of_fold(model: HazardModel, rows: Examples) -> Floats:
    """Life-table hazards of each row from the other folds' units, so that no row starts from its own outcome."""
    folds = fold_of(rows.signals.index, N_FOLDS)
    hazards = model.life_table.hazards(rows.signals).copy()
    for fold in range(N_FOLDS):
        inside, rest = folds == fold, rows.take(folds != fold)
        if not inside.any() or not len(rest):
            continue
        table = fit_life_table(
            model.life_table.cells, rest.signals, _periods(model, rest), model.edges, model.life_table.n_watched
        )
        hazards[inside] = table.hazards(rows.signals[inside])
    return hazards


def _prepare(model: HazardModel, rows: Examples, hazards: Floats) -> _Prepared:
    periods = _periods(model, rows)
    where = (model.edges, periods.row, periods.bucket, model.calendar)
    matrix = with_buckets(model.encoding, rows.signals, rows.as_of, *where)
    return _Prepared(matrix, periods.ended, np.log(hazards[periods.row, periods.bucket]))


def _boost(
    model: HazardModel, train: _Prepared, settings: Parameters, rounds: int, later: _Prepared | None = None
) -> lgb.Booster:
    data = _lgb_dataset(model, train)
    stop: list[Callable[..., Any]] = [] if later is None else [lgb.early_stopping(PATIENCE, verbose=False)]
    judged = [] if later is None else [_lgb_dataset(model, later, data)]
    parameters = settings.for_lightgbm(len(model.spec.causes) + 1)
    return lgb.train(parameters, data, rounds, valid_sets=judged, valid_names=["later"][: len(judged)], callbacks=stop)


def _lgb_dataset(model: HazardModel, rows: _Prepared, reference: lgb.Dataset | None = None) -> lgb.Dataset:
    return lgb.Dataset(
        rows.matrix,
        label=rows.ended,
        init_score=rows.offset,
        reference=reference,
        feature_name=model.encoding.names,
        categorical_feature=model.encoding.category_columns,
        free_raw_data=True,
    )


def _log_loss(probabilities: Floats, classes: npt.NDArray[np.int64]) -> float:
    return float(-np.log(probabilities[np.arange(len(classes)), classes]).mean())
