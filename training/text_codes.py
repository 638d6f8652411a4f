"""Codes of the texts that training saw, for columns of text of any length."""

from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.history import Rows

FEW: Final = 256
"""Up to so many rows are looked up one by one, which for a single deal takes a tenth of what an index over the column takes."""


class TextCodes:
    """The texts 0, 1, …, n - 1 in the order given; n stands for any other text, n + 1 for none.

    >>> TextCodes(("Licence", "Support")).of(np.array(["Support", "Training", None], dtype=object)).tolist()
    [1, 2, 3]
    """

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._places: dict[Any, int] = {text: code for code, text in enumerate(texts)}
        self._texts = texts

    @property
    def other(self) -> int:
        """The code of a text that was not among those given."""
        return len(self._texts)

    @property
    def missing(self) -> int:
        """The code of no text."""
        return len(self._texts) + 1

    def of(self, values: npt.NDArray[np.object_]) -> Rows:
        """The code of each value, (rows,)."""
        if len(values) <= FEW:
            return np.array([self._code(each) for each in values], dtype=np.int64)
        found = self._index.get_indexer(pd.Index(values, dtype=object))
        return np.where(pd.isna(values), self.missing, np.where(found >= 0, found, self.other)).astype(np.int64)

    def _code(self, value: Any) -> int:
        return self.missing if value is None or value != value else self._places.get(value, self.other)

    @cached_property
    def _index(self) -> "pd.Index[Any]":
        return pd.Index(self._texts, dtype=object)
