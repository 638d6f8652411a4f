"""The grid against plain loops: counts, sums and medians of any windows and any nodes."""

from statistics import median

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from features import clock
from features.kpis import windows
from features.kpis.grid import Grid
from features.kpis.slices import Slicing
from features.kpis.value import Node

START = pd.Timestamp("2026-01-01T00:00Z").as_unit("us")
DAY = pd.Timedelta(1, "D")
N_LEAVES = 4

spans = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 15)), min_size=1, max_size=6)
records = st.lists(st.tuples(st.integers(-2, 40), st.integers(0, N_LEAVES - 1), st.integers(-5, 5), st.booleans()), max_size=30)
members = st.lists(st.lists(st.booleans(), min_size=N_LEAVES, max_size=N_LEAVES), min_size=1, max_size=5)


def grid(asked: list[tuple[int, int]], of: list[list[bool]]) -> Grid:
    nodes = tuple(Node("team", str(number), "") for number in range(len(of)))
    leaves = pd.Index(np.array(list("abc"), dtype=object))
    each = [windows.span(START + first * DAY, START + (first + days) * DAY) for first, days in asked]
    return Grid.of(each, Slicing("team", nodes, leaves, sparse.csr_array(np.array(of, dtype=np.float64))))


@given(spans, records, members)
def test_as_plain_loops_have_it(
    asked: list[tuple[int, int]], rows: list[tuple[int, int, int, bool]], of: list[list[bool]]
) -> None:
    times = np.array([clock.micros(START + day * DAY) for day, *_ in rows], dtype=np.int64)
    leaf = np.array([row[1] for row in rows], dtype=np.int64)
    values = np.array([np.nan if row[2] == 5 else row[2] for row in rows], dtype=np.float64)
    keep = np.array([row[3] for row in rows], dtype=bool)
    coded = grid(asked, of).coded(times, leaf, np.ones(len(rows), dtype=bool))
    counts, totals, medians = coded.count(keep), coded.total(values, keep), coded.median(values, keep)
    for window, (first, days) in enumerate(asked):
        for node, belongs in enumerate(of):
            inside = [row for row in rows if first <= row[0] < first + days and belongs[row[1]] and row[3]]
            known = [row[2] for row in inside if row[2] != 5]
            assert counts[window, node] == len(inside)
            assert totals[window, node] == sum(known)
            assert medians[window, node] == pytest.approx(median(known) if known else np.nan, nan_ok=True)


def test_a_record_at_the_end_of_a_window_belongs_to_the_next() -> None:
    both = grid([(0, 5), (5, 5)], [[True] * N_LEAVES])
    times = np.array([clock.micros(START + 5 * DAY) + shift for shift in (-1, 0)] + [clock.UNKNOWN], dtype=np.int64)
    coded = both.coded(times, np.zeros(3, dtype=np.int64), np.ones(3, dtype=bool))
    assert coded.count().tolist() == [[1], [1]]


def test_what_cannot_be_cut_belongs_to_the_company_alone() -> None:
    two = grid([(0, 5)], [[True] * N_LEAVES, [True, False, False, False]])
    coded = two.coded(np.array([clock.micros(START)]), None, np.ones(1, dtype=bool))
    assert coded.count().tolist() == [[1, pytest.approx(np.nan, nan_ok=True)]]
    assert coded.median(np.array([3.0])).tolist() == [[3, pytest.approx(np.nan, nan_ok=True)]]
