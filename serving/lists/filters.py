"""What a list can be narrowed by: each filter says of all rows at once which to keep.

A row without a value passes no filter on it: a deal without an amount is neither above nor below a limit.
"""

from dataclasses import dataclass

import numpy as np

from features.clock import Mask
from serving.served.ranking import Ranking


@dataclass(frozen=True)
class OneOf:
    """The column holds one of these texts."""

    column: str
    wanted: frozenset[str]

    def keeps(self, ranking: Ranking) -> Mask:
        return ranking.texts(self.column).one_of(self.wanted)


@dataclass(frozen=True)
class Between:
    """low <= the column <= high, and the column < below, in its own unit; a date's is days since 1970. None: no limit."""

    column: str
    low: float | None = None
    high: float | None = None
    below: float | None = None

    def keeps(self, ranking: Ranking) -> Mask:
        values = ranking.numbers(self.column)
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        below = np.inf if self.below is None else self.below
        return (values >= low) & (values <= high) & (values < below)


@dataclass(frozen=True)
class AnyOf:
    """One of these filters keeps the row."""

    any_of: tuple[Between, ...]

    def keeps(self, ranking: Ranking) -> Mask:
        keep = np.zeros(len(ranking), dtype=bool)
        for each in self.any_of:
            keep |= each.keeps(ranking)
        return keep


@dataclass(frozen=True)
class Contains:
    """One of the columns contains the text, whatever the case of its letters."""

    columns: tuple[str, ...]
    text: str

    def keeps(self, ranking: Ranking) -> Mask:
        keep = np.zeros(len(ranking), dtype=bool)
        for column in self.columns:
            keep |= ranking.texts(column).containing(self.text)
        return keep


@dataclass(frozen=True)
class AnyBit:
    """The column, a whole number, has one of these bits."""

    column: str
    bits: int

    def keeps(self, ranking: Ranking) -> Mask:
        held: Mask = (ranking.numbers(self.column).astype(np.int64) & self.bits) > 0
        return held
