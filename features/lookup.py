"""Ids and the rows that they stand in, a few at a time.

An index of pandas is made for columns: it hashes all of its ids before it finds the first, and wants the ones that are looked for
as an index too. Of a posted deal a handful of ids is looked up in a handful of others, again and again; a dictionary has answered
before an index is built. All ways give the same rows:

>>> places(pd.Index(["a", "b"]), np.array(["b", "c", None], dtype=object)).tolist()
[1, -1, -1]
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from features.flat import FEW, Texts
from features.history import Rows


def places(index: "pd.Index[Any]", ids: Texts | Sequence[str | None]) -> Rows:
    """The row of each id in an index of different ids, -1 where it is not there."""
    if len(index) <= FEW:
        row = {each: place for place, each in enumerate(index.to_numpy(dtype=object).tolist())}
        return np.array([row.get(each, -1) for each in ids], dtype=np.int64)
    if len(ids) <= FEW:
        return np.array([_place(index, each) for each in ids], dtype=np.int64)
    return np.asarray(index.get_indexer(pd.Index(ids, dtype=object)), dtype=np.int64)


def _place(index: "pd.Index[Any]", wanted: str | None) -> int:
    try:
        return cast("int", index.get_loc(wanted))  # a slice or a mask only where an id stands twice
    except KeyError:
        return -1
