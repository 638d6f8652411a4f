"""Ids looked up one by one, or all at once: the same rows."""

import numpy as np
import pandas as pd
import pytest

from features.flat import FEW
from features.lookup import places

SIZES = (0, 1, FEW, FEW + 1)


@pytest.mark.parametrize("n_known", SIZES)
@pytest.mark.parametrize("n_asked", SIZES)
def test_rows_of_ids(n_known: int, n_asked: int) -> None:
    known = np.array([f"D{place * 7 % 1009}" for place in range(n_known)], dtype=object)
    asked = np.array([f"D{place}" for place in range(n_asked)], dtype=object)
    found = places(pd.Index(known, dtype=object), asked)
    row = dict(zip(known, range(n_known), strict=True))
    assert found.dtype == np.int64
    assert found.tolist() == [row.get(each, -1) for each in asked]


@pytest.mark.parametrize("n_known", [2, FEW + 1])
def test_no_id_is_nowhere(n_known: int) -> None:
    known = pd.Index([f"D{place}" for place in range(n_known)], dtype=object)
    assert places(known, [None, "D1", ""]).tolist() == [-1, 1, -1]
