"""Columns as arrays: dtypes, what is missing, and the same knowledge as the frames of a Snapshot."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.dataset import Dataset
from features.flat import FEW, factored, flat, picked, texts
from features.sheet import Sheet
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, generate
from tests.features.companies import moment

COMPANY: Dataset = generate(Settings(n_deals=60, seed=4, dirt=Dirt.all())).dataset()
PLACES = [
    ("accounts", "industry"),
    ("accounts", "employees"),
    ("accounts", "created_at"),
    ("users", "team"),
    ("users", "left_at"),
    ("leads", "source"),
    ("leads", "first_response_at"),
]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Series(["a", None], dtype="str"), ["a", None]),
        (pd.Series([1.5, None], dtype="float64"), [1.5, np.nan]),
        (pd.Series([True, None], dtype="boolean"), [1.0, np.nan]),
        (pd.Series(pd.to_datetime(["1970-01-02T00:00Z", "NaT"])), [clock.MICROS_PER_DAY, clock.UNKNOWN]),
        (pd.Series(pd.to_datetime(["1970-01-02", "NaT"])), [clock.MICROS_PER_DAY - 3_600_000_000, np.nan]),
    ],
)
def test_a_column_and_what_is_missing_of_it(values: pd.Series, expected: list[Any]) -> None:
    array = flat(values, "Europe/Berlin")
    np.testing.assert_array_equal(array, np.array(expected, dtype=array.dtype))
    np.testing.assert_array_equal(picked(array, np.array([1, -1, 0])), array[[1, 1, 0]])


def test_nothing_can_be_picked_of_an_empty_column() -> None:
    assert np.isnan(picked(np.empty(0), np.array([-1]))).tolist() == [True]


@pytest.mark.parametrize("as_of", ["2024-06-01", "2026-02-01T10:30", "2026-12-01"])
@pytest.mark.parametrize(("table", "column"), PLACES)
def test_cells_are_those_of_the_frame(table: str, column: str, as_of: str) -> None:
    snapshot = Snapshot(COMPANY, moment(as_of))
    known = snapshot.known_rows(table)
    cells = snapshot.cells(table, column, np.arange(len(known)))
    missing = pd.isna(cells) if cells.dtype != np.int64 else cells == clock.UNKNOWN
    assert missing[~known].all()
    np.testing.assert_array_equal(cells[known], flat(snapshot.frame(table)[column], "UTC"))


def test_codes_are_those_of_the_texts_however_a_sheet_came() -> None:
    """From a DataFrame they are kept from reading it; of what was posted they are found when asked for."""
    frame = pd.DataFrame({"kind": pd.array(["call", None, "note", "call"], dtype="str")})
    read = Sheet.of("activities", frame, "UTC")
    posted = Sheet("activities", 4, {"kind": texts(frame["kind"])}, lambda: frame)
    for sheet in (read, posted):
        codes, names = sheet.codes("kind")
        assert [*picked(names, codes)] == [*sheet.texts("kind")] == ["call", None, "note", "call"]
        assert sheet.codes("direction")[0].tolist() == [-1] * 4


@pytest.mark.parametrize("n", [0, 1, FEW, FEW + 1])
def test_codes_of_few_texts_and_of_many(n: int) -> None:
    values = np.array([None if place % 5 == 0 else f"T{place % 7}" for place in range(n)], dtype=object)
    codes, names = factored(values)
    assert picked(names, codes).tolist() == values.tolist()
    assert names.tolist() == list(dict.fromkeys(each for each in values if each is not None))
