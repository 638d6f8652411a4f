from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.served.columns import Texts, column

COLUMNS = [
    pd.Series([1.5, np.nan, -0.0]),
    pd.Series([True, False, True]),
    pd.Series([3, 1, 2]),
    pd.Series(["2026-04-01", None, "1969-12-31"]).astype("datetime64[us]"),
    pd.Series(["a", None, "ß"], dtype="str"),
    pd.Series([None, None, None], dtype="str"),
]


@pytest.mark.parametrize("values", COLUMNS, ids=lambda each: str(each.dtype))
def test_a_column_gives_back_what_was_put_in(values: pd.Series) -> None:
    expected = [None if pd.isna(each) else each.date() if isinstance(each, pd.Timestamp) else each for each in values]
    found = column(values)
    assert list(found) == found.plain() == found[:] == expected
    assert found[1:] == expected[1:]
    assert found[-1] == expected[-1]
    assert found.taken(np.array([2, 0])).plain() == [expected[2], expected[0]]
    assert {type(each) for each in found.plain()} <= {float, bool, int, str, type(None), type(pd.Timestamp(0).date())}


TEXTS = st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=20)


@given(TEXTS, st.text("aB ß.*[É", min_size=1, max_size=2))
def test_containing_means_what_it_says_whatever_the_case(values: list[Any], text: str) -> None:
    found = column(pd.Series(values, dtype="str"))
    assert isinstance(found, Texts)
    expected = [each is not None and text.lower() in each.lower() for each in values]
    same = [each is None or each.lower() == "".join(map(str.lower, each)) for each in values]
    assert [held for held, plain in zip(found.containing(text).tolist(), same, strict=True) if plain] == [
        each for each, plain in zip(expected, same, strict=True) if plain
    ]


@given(TEXTS)
def test_one_of_keeps_equal_texts_alone(values: list[Any]) -> None:
    found = column(pd.Series(values, dtype="str"))
    assert isinstance(found, Texts)
    wanted = frozenset([*(each for each in values[:2] if each is not None), "nowhere"])
    assert found.one_of(wanted).tolist() == [each in wanted for each in values]
    assert found.used == sorted({each for each in values if each is not None})
