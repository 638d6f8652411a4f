"""What LightGBM is told, and nothing else: settings, person-periods as its data sets, and when to stop.

LightGBM leaves `init_score` out of what it predicts, so whoever predicts adds the offset again; in training and in validation
alike its shape is (pairs, classes).

Where the rows have a kind, the stage of a deal, a way through a tree reads one signal beside the kind and the bucket, and no
other (`one_at_a_time`): what a signal says may hang on the stage and on how far one looks, and not on a second signal. The sum of
such trees is a varying-coefficient model (Hastie & Tibshirani 1993, J. R. Statist. Soc. B 55). A hundred signals make five
thousand pairs, and some thousand closed deals say mostly by luck which of them matter (decision 30).
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


def boost(encoding: Encoding, train: Prepared, settings: Parameters, rounds: int, kind: str | None = None) -> lgb.Booster:
    """That many rounds from the start that comes with the rows; with a `kind`, one signal at a time (`one_at_a_time`)."""
    data = _dataset(encoding, train)
    return lgb.train(_told(encoding, train, settings, kind), data, rounds)


def boost_until(
    encoding: Encoding, train: Prepared, later: Prepared, settings: Parameters, kind: str | None = None
) -> lgb.Booster:
    """As many rounds as lessen the later rows' log loss; `kind` as in `boost`."""
    data = _dataset(encoding, train)
    stop: Sequence[Callable[..., Any]] = [lgb.early_stopping(PATIENCE, verbose=False)]
    judged = [_dataset(encoding, later, data)]
    told = _told(encoding, train, settings, kind)
    fitted = lgb.train(told, data, MAX_ROUNDS, valid_sets=judged, valid_names=["later"], callbacks=list(stop))
    return lgb.Booster(model_str=fitted.model_to_string(num_iteration=fitted.best_iteration))


def one_at_a_time(encoding: Encoding, kind: str | None) -> list[list[int]]:
    """Which columns may meet on one way through a tree: a signal, the kind and the bucket, for each of the signals.

    Empty, for any may meet, where the rows have no kind. Example: the columns amount, product, stage, bucket_start, with the kind
    `stage`, give [[0, 2, 3], [1, 2, 3]].
    """
    names = encoding.names
    if kind not in names:
        return []
    always = [place for place, name in enumerate(names) if name == kind or name in encoding.bucket]
    return [sorted([place, *always]) for place in range(len(names)) if place not in always]


def _told(encoding: Encoding, train: Prepared, settings: Parameters, kind: str | None) -> dict[str, Any]:
    told = settings.for_lightgbm(train.offset.shape[1])
    together = one_at_a_time(encoding, kind)
    # A tree that draws its columns often lacks the kind or the bucket, so all of them are offered.
    return told | {"interaction_constraints": together, "feature_fraction": 1.0} if together else told


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
