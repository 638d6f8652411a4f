"""Signals as numbers: columns checked by name, categories coded by us, the bucket and its calendar appended.

LightGBM accepts columns in the wrong order and unknown categories without a word; so a matrix is built here, from the names that
the model was trained with, and nowhere else.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.clock import FiscalCalendar, Floats, Micros, bucket_calendar, instant
from features.errors import UsageError
from features.history import Rows

BUCKET_SIGNALS: Final = ("bucket_start", "bucket_days", "bucket_workdays")
PERIOD_SIGNALS: Final = ("bucket_days_to_period_end", "bucket_holds_period_end")
MIN_PERIODS: Final = 4
"""Period signals are used only where training saw this many period ends: from a single one, it learns last Christmas by heart."""


@dataclass(frozen=True)
class Encoding:
    """The columns of the matrix, in order; for a category the texts that have codes 0, 1, …; last the bucket's own."""

    numbers: tuple[str, ...]
    categories: tuple[tuple[str, tuple[str, ...]], ...]
    bucket: tuple[str, ...] = (*BUCKET_SIGNALS, *PERIOD_SIGNALS)

    @property
    def names(self) -> list[str]:
        return [*self.numbers, *(name for name, _ in self.categories), *self.bucket]

    @property
    def category_columns(self) -> list[int]:
        return list(range(len(self.numbers), len(self.numbers) + len(self.categories)))

    def rows(self, signals: pd.DataFrame) -> npt.NDArray[np.float32]:
        """(rows, signals) without the bucket's columns; an unknown category is missing.

        Raises UsageError where a signal that the model was trained with is absent.
        """
        wanted = [*self.numbers, *(name for name, _ in self.categories)]
        absent = [name for name in wanted if name not in signals]
        if absent:
            raise UsageError(f"the model was trained with signals that are not here: {', '.join(absent)}")
        coded = [signals[name].to_numpy(dtype=np.float32) for name in self.numbers]
        coded += [_codes(signals[name], texts) for name, texts in self.categories]
        return np.column_stack(coded) if coded else np.empty((len(signals), 0), dtype=np.float32)

    def to_json(self) -> dict[str, Any]:
        # A list of pairs, not an object: the order of columns has to survive a JSON writer that sorts its keys.
        pairs = [[name, list(texts)] for name, texts in self.categories]
        return {"numbers": list(self.numbers), "categories": pairs, "bucket": list(self.bucket)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Encoding":
        categories = tuple((name, tuple(texts)) for name, texts in data["categories"])
        return cls(tuple(data["numbers"]), categories, tuple(data["bucket"]))


def learn_encoding(signals: pd.DataFrame, as_of: Micros, calendar: FiscalCalendar) -> Encoding:
    """The signals that vary, and the texts in use. A column that is empty or constant teaches nothing and is left out."""
    varying = [str(name) for name in signals if signals[name].nunique(dropna=False) > 1]
    text = [name for name in varying if not pd.api.types.is_numeric_dtype(signals[name])]
    periods = {calendar.quarter(instant(int(moment))).label for moment in np.unique(as_of)}
    return Encoding(
        tuple(name for name in varying if name not in text),
        tuple((name, tuple(sorted(signals[name].dropna().unique()))) for name in text),
        (*BUCKET_SIGNALS, *PERIOD_SIGNALS) if len(periods) > MIN_PERIODS else BUCKET_SIGNALS,
    )


def _codes(values: pd.Series, texts: tuple[str, ...]) -> npt.NDArray[np.float32]:
    found = pd.Index(texts, dtype=object).get_indexer(pd.Index(values.to_numpy(dtype=object)))
    return np.where(found >= 0, found, np.nan).astype(np.float32)


def with_buckets(
    encoding: Encoding, signals: pd.DataFrame, as_of: Micros, edges: Floats, row: Rows, bucket: Rows, calendar: FiscalCalendar
) -> npt.NDArray[np.float32]:
    """The matrix, (pairs, columns): each pair is a row at one bucket, with what the calendar says of that bucket.

    Calendar signals belong to the bucket, not to as_of: the rush at a quarter's end falls into the bucket that holds it.
    """
    moments, which = np.unique(as_of, return_inverse=True)
    table = np.stack([bucket_calendar(int(moment), edges, calendar) for moment in moments])[:, :, : len(encoding.bucket)]
    return np.concatenate([encoding.rows(signals)[row], table[which[row], bucket].astype(np.float32)], axis=1)
