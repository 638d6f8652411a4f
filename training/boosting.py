"""What LightGBM is told, and nothing else: settings, person-periods as its data sets, and when to stop.

LightGBM leaves `init_score` out of what it predicts, so whoever predicts adds the offset again; in training and in validation
alike its shape is (pairs, classes).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from features.clock import Floats
from training.curves import softmax
from training.encoding import Encoding

MAX_ROUNDS: Final = 800
PATIENCE: Final = 40


@dataclass(frozen=True)
class Parameters:
    """Settings of the boosting; the defaults hold for everything from a few hundred rows to a million (decisions 8 and 10)."""

    learning_rate: float = 0.06
    num_leaves: int = 8
    min_data_in_leaf: int = 80
    lambda_l2: float = 50.0
    feature_fraction: float = 0.6
    bagging_fraction: float = 0.2
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
class Prepared:
    """Person-periods ready for LightGBM: matrix (pairs, columns), classes, the start's log hazards (pairs, classes), buckets."""

    matrix: npt.NDArray[np.float32]
    ended: npt.NDArray[np.int64]
    offset: Floats
    bucket: npt.NDArray[np.int64]

    def some(self, n: int) -> "Prepared":
        """At most n of the pairs, evenly spaced."""
        if len(self.ended) <= n:
            return self
        kept = np.linspace(0, len(self.ended) - 1, n).astype(np.int64)
        return Prepared(self.matrix[kept], self.ended[kept], self.offset[kept], self.bucket[kept])

    def losses(self, logits: Floats) -> Floats:
        """The log loss of each pair, in nats, under log hazards (pairs, classes)."""
        return np.asarray(-np.log(softmax(logits)[np.arange(len(self.ended)), self.ended]))


def boost(encoding: Encoding, train: Prepared, settings: Parameters, rounds: int) -> lgb.Booster:
    """That many rounds from the start that comes with the rows."""
    data = _dataset(encoding, train)
    return lgb.train(settings.for_lightgbm(train.offset.shape[1]), data, rounds)


def boost_until(encoding: Encoding, train: Prepared, later: Prepared, settings: Parameters) -> lgb.Booster:
    """As many rounds as lessen the later rows' log loss."""
    data = _dataset(encoding, train)
    stop: Sequence[Callable[..., Any]] = [lgb.early_stopping(PATIENCE, verbose=False)]
    judged = [_dataset(encoding, later, data)]
    parameters = settings.for_lightgbm(train.offset.shape[1])
    fitted = lgb.train(parameters, data, MAX_ROUNDS, valid_sets=judged, valid_names=["later"], callbacks=list(stop))
    return lgb.Booster(model_str=fitted.model_to_string(num_iteration=fitted.best_iteration))


def _dataset(encoding: Encoding, rows: Prepared, reference: lgb.Dataset | None = None) -> lgb.Dataset:
    return lgb.Dataset(
        rows.matrix,
        label=rows.ended,
        init_score=rows.offset,
        reference=reference,
        feature_name=encoding.names,
        categorical_feature=encoding.category_columns,
        free_raw_data=True,
    )
