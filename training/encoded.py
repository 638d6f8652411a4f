"""Rows as the model takes them: encoded signals with the life table's cell. What reasons mix, and what a bundle stores."""

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

    matrix     (rows, signals) float32, NaN where missing; columns as `Encoding.signal_names`
    kind, age  the row's cell of the life table
    """

    matrix: npt.NDArray[np.float32]
    kind: Rows
    age: Rows

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, rows: Rows | Mask | slice) -> "Encoded":
        """Some of the rows, in the order asked for."""
        return Encoded(self.matrix[rows], self.kind[rows], self.age[rows])

    def to_json(self) -> dict[str, Any]:
        # JSON knows no NaN.
        values = [[None if np.isnan(value) else float(value) for value in row] for row in self.matrix]
        return {"matrix": values, "kind": self.kind.tolist(), "age": self.age.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Encoded":
        kind, age = (np.array(data[name], dtype=np.int64) for name in ("kind", "age"))
        return cls(np.array(data["matrix"], dtype=np.float32).reshape(len(kind), -1), kind, age)


def encode(model: HazardModel, signals: pd.DataFrame) -> Encoded:
    """The rows of a matrix of signals. Raises UsageError where a signal that the model was trained with is absent."""
    return Encoded(model.encoding.rows(signals), *model.life_table.cells.of(signals))
