"""One column of a table as a flat array, the form in which kernels read it.

Texts are objects with None where there is none, numbers and flags float64 with NaN, instants int64 microseconds with `UNKNOWN`,
and calendar dates float64 microseconds of the organisation's midnight with NaN.
"""

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import clock
from features.clock import Floats

Flat: TypeAlias = npt.NDArray[Any]
Texts: TypeAlias = npt.NDArray[np.object_]

FEW: Final = 256
"""So many values are gone through one by one sooner than pandas has begun."""


def flat(values: pd.Series, zone: str) -> Flat:
    """A column of one of the contract's dtypes as an array."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return clock.to_micros(values)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return local_midnights(values, zone)
    return texts(values) if is_text(values) else values.to_numpy(dtype=np.float64, na_value=np.nan)


def is_text(values: pd.Series) -> bool:
    """Whether a column of one of the contract's dtypes holds texts: neither times nor numbers nor flags."""
    others = (pd.api.types.is_datetime64_any_dtype, pd.api.types.is_numeric_dtype, pd.api.types.is_bool_dtype)
    return not any(each(values.dtype) for each in others)


def local_midnights(dates: pd.Series, zone: str) -> Floats:
    """Calendar dates as float microseconds of the organisation's midnight, NaN where empty."""
    return midnights(dates.to_numpy(dtype="datetime64[D]"), zone)


def midnights(days: npt.NDArray[np.datetime64], zone: str) -> Floats:
    """As `local_midnights`, of datetime64[D]."""
    begins = clock.days_to_micros(days, zone)
    return np.where(begins == clock.UNKNOWN, np.nan, begins.astype(np.float64))


def texts(values: pd.Series) -> Texts:
    """A column of text as objects, None where it is empty."""
    # Equal texts become one object: a column of a million rows holds a few strings and many references to them.
    codes, names = factored(values)
    return picked(names, codes)


def factored(values: pd.Series | Texts) -> tuple[npt.NDArray[np.int64], Texts]:
    """A column of text as codes, -1 where it is empty, and the names that they stand for, in the order of their first rows."""
    if isinstance(values, np.ndarray) and len(values) <= FEW:
        place: dict[Any, int] = {}
        few = [-1 if each is None else place.setdefault(each, len(place)) for each in values.tolist()]
        return np.array(few, dtype=np.int64), np.array(list(place), dtype=object)
    codes, names = pd.factorize(values)
    return np.asarray(codes, dtype=np.int64), np.asarray(names, dtype=object)


def picked(values: Flat, rows: npt.NDArray[np.int64]) -> Flat:
    """values[row] for each row; missing, as the dtype has it, where the row is -1."""
    missing: Any = None if values.dtype == object else clock.UNKNOWN if values.dtype == np.int64 else np.nan
    found = np.full(len(rows), missing, dtype=values.dtype)
    there = rows >= 0
    found[there] = values[rows[there]]
    return found
