"""Where a row lies among the others: encoded signals on one scale, so that "near" means something.

The distance is a city-block distance after Gower (1971, A general coefficient of similarity, Biometrics 27), made robust. A
number counts from the median in units of the span between the 10 % and the 90 % quantile, and no further than three of them; a
missing number lies one unit from any that is known, and two missing ones lie together; two different categories lie one unit
apart. Each group of signals weighs the same, however many signals it has: thirty counts of activities are not thirty reasons to
be near.

Example: two deals that differ by one span in the amount, one of eight signals of one of seven groups, lie 1/56 apart.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.clock import Floats, Mask
from features.custom import signal_of
from features.history import Rows
from training.encoding import Encoding

FARTHEST: Final = 3.0
QUANTILES: Final = (0.1, 0.9)


@dataclass(frozen=True)
class Space:
    """How encoded signals become coordinates.

    centre, scale  of each number
    codes          how many codes each category has, "other" included
    weight         of each signal; they add up to 1
    """

    centre: Floats
    scale: Floats
    codes: Rows
    weight: Floats

    def of(self, matrix: npt.NDArray[np.float32]) -> Floats:
        """Coordinates of encoded rows, (rows, dimensions); distances are sums of absolute differences."""
        n = len(self.centre)
        number = (matrix[:, :n].astype(np.float64) - self.centre) / self.scale
        missing = np.isnan(number)
        places = np.where(missing, 0.0, np.clip(number, -FARTHEST, FARTHEST))
        # The flag alone sets a missing number apart by one unit; a known one then lies where it lies.
        parts = [places * self.weight[:n], missing * self.weight[:n]]
        for column, (n_codes, weight) in enumerate(zip(self.codes, self.weight[n:], strict=True)):
            code = np.nan_to_num(matrix[:, n + column], nan=float(n_codes)).astype(np.int64)
            parts.append(np.eye(n_codes + 1)[code] * weight / 2)
        return np.concatenate(parts, axis=1)

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name).tolist() for name in ("centre", "scale", "codes", "weight")}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Space":
        centre, scale, weight = (np.array(data[name], dtype=np.float64) for name in ("centre", "scale", "weight"))
        return cls(centre, scale, np.array(data["codes"], dtype=np.int64), weight)


def learn_space(encoding: Encoding, matrix: npt.NDArray[np.float32]) -> Space:
    """The scale of each signal from encoded rows; one that never varies keeps its own unit."""
    n = len(encoding.numbers)
    numbers = matrix[:, :n].astype(np.float64)
    known = np.asarray(~np.isnan(numbers).all(axis=0))
    centre, spread = np.zeros(n), np.zeros(n)
    if known.any():
        low, middle, high = np.nanquantile(numbers[:, known], (QUANTILES[0], 0.5, QUANTILES[1]), axis=0)
        centre[known], spread[known] = middle, high - low
        spread = np.where(spread > 0, spread, _deviation(numbers, known))
    groups = [signal_of(name).group for name in encoding.signal_names]
    weight = np.array([1.0 / (groups.count(group) * len(set(groups))) for group in groups])
    codes = np.array([len(texts) + 1 for _, texts in encoding.categories], dtype=np.int64)
    return Space(centre, np.where(spread > 0, spread, 1.0), codes, weight)


def medoid(places: Floats) -> int:
    """The row with the least sum of distances to all others, the first of equals.

    A city-block distance adds up dimension by dimension, and in one dimension the sums of all rows follow from one sort.
    """
    return int(np.argmin(sum(_distances(column) for column in places.T)))


def _distances(values: Floats) -> Floats:
    """For each value the sum of its distances to all of them."""
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    before = np.concatenate([[0.0], np.cumsum(ascending)])
    rank = np.arange(len(values))
    sums = np.empty(len(values))
    sums[order] = ascending * (2 * rank + 1 - len(values)) + before[-1] - before[rank + 1] - before[rank]
    return sums


def _deviation(numbers: Floats, known: Mask) -> Floats:
    deviation = np.zeros(numbers.shape[1])
    deviation[known] = np.nanstd(numbers[:, known], axis=0)
    return deviation
