"""Which signals moved a row's hazard most, by LightGBM's own TreeSHAP contributions (Lundberg, Erion & Lee 2018).

A quick look for the screen: the contributions to the log-odds of one cause, in the bucket that holds the asked horizon.
"""

from typing import Final, TypeAlias

import numpy as np
import pandas as pd

from features.clock import Micros
from training.encoding import with_buckets
from training.hazard import HazardModel

Named: TypeAlias = list[tuple[str, str]]

SHOWN: Final = 3


def strongest_signals(model: HazardModel, signals: pd.DataFrame, as_of: Micros, horizon: float, cause: int) -> list[Named]:
    """For each row up to three (signal, value as text), the strongest first; empty where the life table answers."""
    if model.booster is None or not len(signals):
        return [[] for _ in range(len(signals))]
    n_own = len(model.encoding.names) - len(model.encoding.bucket)
    bucket = min(int(np.searchsorted(model.edges, horizon, side="right")) - 1, model.life_table.n_watched - 1)
    row = np.arange(len(signals))
    matrix = with_buckets(model.encoding, signals, as_of, model.edges, row, np.full(len(row), bucket), model.calendar)
    n_classes = len(model.spec.causes) + 1
    weights = np.asarray(model.booster.predict(matrix, pred_contrib=True)).reshape(len(row), n_classes, -1)
    moved = np.abs(weights[:, cause, :n_own])
    order = np.argsort(-moved, axis=1, kind="stable")[:, :SHOWN]
    names = model.encoding.names
    return [[(names[i], _text(signals[names[i]].iloc[r])) for i in order[r] if moved[r, i] > 0] for r in row]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    number = float(value) if isinstance(value, (int, float, np.floating)) else float("nan")
    return "" if np.isnan(number) else f"{number:.10g}"
