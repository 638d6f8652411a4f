"""Rows as the model takes them: encoded signals, and the plain ones that say where boosting starts. What reasons mix."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.clock import Mask
from features.history import Rows
from training.hazard import HazardModel


@dataclass(frozen=True)
class Encoded:
    """Some rows without their buckets.

    matrix  (rows, signals) float32, NaN where missing; columns as `Encoding.signal_names`
    kind    number of the row's kind in the life table: a deal's stage, a client's order band
    start   (rows, signals) the columns of `HazardModel.start_signals`, as they are
    """

    matrix: npt.NDArray[np.float32]
    kind: Rows
    start: pd.DataFrame

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, rows: Rows | Mask | slice) -> "Encoded":
        """Some of the rows, in the order asked for."""
        return Encoded(self.matrix[rows], self.kind[rows], self.start[rows] if isinstance(rows, slice) else self.start.iloc[rows])

    def mixed(self, other: "Encoded", from_other: Mask) -> pd.DataFrame:
        """The start's signals with some of them, (signals,), taken from other rows."""
        columns = zip(self.start, from_other, strict=True)
        taken = {name: (other if theirs else self).start[name].to_numpy() for name, theirs in columns}
        return pd.DataFrame(taken, index=pd.RangeIndex(len(self)))

    def to_json(self) -> dict[str, Any]:
        # JSON knows no NaN.
        values = [[None if np.isnan(value) else float(value) for value in row] for row in self.matrix]
        # A list of pairs, not an object: the order of columns has to survive a JSON writer that sorts its keys.
        start = [[str(name), [None if pd.isna(value) else value for value in self.start[name]]] for name in self.start]
        return {"matrix": values, "kind": self.kind.tolist(), "start": start}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Encoded":
        kind = np.array(data["kind"], dtype=np.int64)
        start = {name: pd.Series(values, dtype=_dtype(values)) for name, values in data["start"]}
        matrix = np.array(data["matrix"], dtype=np.float32).reshape(len(kind), -1)
        return cls(matrix, kind, pd.DataFrame(start, index=pd.RangeIndex(len(kind))))


def encode(model: HazardModel, signals: pd.DataFrame) -> Encoded:
    """The rows of a matrix of signals. Raises UsageError where a signal that the model was trained with is absent."""
    kind = model.life_table.cells.kind_of(signals)
    start = signals.reindex(columns=list(model.start_signals)).reset_index(drop=True)
    return Encoded(model.encoding.rows(signals), kind, start)


def _dtype(values: list[Any]) -> str:
    return "object" if any(isinstance(value, str) for value in values) else "float64"
