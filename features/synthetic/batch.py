"""Flat arrays that belong together, and their way into the columns of a table.

Inside the generator an instant is a float of days since 1970 (UTC): 20635.5 is noon on 2026-07-01. NaN means that it never
happens. Facts become microseconds, and numbers become names, only here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import clock
from features.clock import Floats, Mask, Micros
from features.history import Rows

Dates: TypeAlias = npt.NDArray[np.datetime64]
Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class Batch:
    """Base of the frozen dataclasses whose fields are arrays of one length: row i of each describes thing i."""

    def __len__(self) -> int:
        return len(next(self._arrays()))

    def _arrays(self) -> Iterator[Array]:
        return (getattr(self, each.name) for each in fields(self))

    def take(self, rows: Rows | Mask) -> Self:
        """The rows asked for, by number or by mask."""
        return type(self)(*(array[rows] for array in self._arrays()))

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """The parts one below the other."""
        return cls(*map(np.concatenate, zip(*(part._arrays() for part in parts), strict=True)))


def micros(days: Floats) -> Micros:
    """Days since 1970 as microseconds; NaN as `clock.UNKNOWN`."""
    missing = np.isnan(days)
    return np.where(missing, clock.UNKNOWN, np.rint(np.where(missing, 0.0, days) * clock.MICROS_PER_DAY)).astype(np.int64)


def instants(days: Floats) -> pd.Series:
    """Days since 1970 as a column of instants."""
    return clock.to_series(micros(days))


def dates(days: Floats) -> pd.Series:
    """Days since 1970 as a column of calendar dates: the day that each lies in."""
    return pd.Series(np.floor(days).astype("datetime64[D]").astype("datetime64[us]"))


def month_starts(months: Rows) -> Floats:
    """Months since January 1970 as the day at which each begins."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.float64)


def months_of(days: Floats) -> Rows:
    """The month since January 1970 that each day lies in."""
    return np.floor(days).astype(np.int64).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def before(days: Floats, end: Floats | float) -> Floats:
    """The same days, with NaN for what has not happened before `end`."""
    return np.where(days < end, days, np.nan)


def pick(names: Sequence[str], codes: Rows) -> pd.Series:
    """Codes as text; -1 is empty."""
    return pd.Series(pd.Categorical.from_codes(codes.astype(np.int64), categories=pd.Index(list(names), dtype="str"))).astype(
        "str"
    )


def ids(prefix: str, rows: Rows, width: int = 6) -> pd.Series:
    """Row numbers as identifiers, such as `D-000041` for row 41; -1 is empty."""
    numbers = pd.Series(rows).astype("str").str.zfill(width)
    return (prefix + "-" + numbers).where(rows >= 0).astype("str")


def draw(weights: Sequence[float] | Floats, size: int, rng: np.random.Generator) -> Rows:
    """Codes drawn with the given weights."""
    shares = np.cumsum(weights) / np.sum(weights)
    return np.searchsorted(shares[:-1], rng.random(size), side="right").astype(np.int64)


def draw_by_row(weights: Floats, rng: np.random.Generator) -> Rows:
    """One code for each row of a matrix of weights."""
    shares = np.cumsum(weights, axis=1)
    reached = rng.random(len(weights))[:, None] * shares[:, -1:]
    return np.asarray((shares <= reached).sum(axis=1), dtype=np.int64)


def is_first(groups: Rows) -> Mask:
    """Which rows are the first of their group; groups are ascending."""
    return np.asarray(np.diff(groups, prepend=-1) != 0)


def is_last(groups: Rows) -> Mask:
    """Which rows are the last of their group; groups are ascending."""
    return np.asarray(np.diff(groups, append=-1) != 0)


def sums(groups: Rows, values: Floats, n_groups: int) -> Floats:
    """Sum of the values of each group."""
    return np.asarray(np.bincount(groups, values, minlength=n_groups), dtype=np.float64)


def ranks(groups: Rows) -> Rows:
    """The running number of each row in its group; groups are ascending."""
    rows = np.arange(len(groups))
    return np.asarray(rows - np.maximum.accumulate(np.where(is_first(groups), rows, 0)))


def running_sum(values: Floats, groups: Rows) -> Floats:
    """Cumulative sum within each group; groups are ascending."""
    total = np.cumsum(values)
    start = np.arange(len(values)) - ranks(groups)
    return np.asarray(total - (total - values)[start])


def just_before(days: Floats | float) -> Floats:
    """The last instant, by the microsecond, that still lies before."""
    return np.asarray(days, dtype=np.float64) - 2 / clock.MICROS_PER_DAY
