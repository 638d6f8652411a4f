"""Rows in groups, against plain loops over lists."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.groups import Groups, gathered, rows_of, starts_of

N = 4
kept = st.lists(st.tuples(st.integers(0, N - 1), st.booleans()), max_size=12).map(sorted)


def arrays(pairs: list[tuple[int, bool]]) -> tuple[Groups, "np.ndarray[tuple[int], np.dtype[np.bool_]]"]:
    of = np.array([group for group, _ in pairs], dtype=np.int64)
    return gathered(of, N), np.array([keep for _, keep in pairs], dtype=bool)


def rows_kept(pairs: list[tuple[int, bool]]) -> list[list[int]]:
    return [[row for row, (group, keep) in enumerate(pairs) if keep and group == wanted] for wanted in range(N)]


@given(kept)
def test_kept_rows_are_counted_in_either_way(pairs: list[tuple[int, bool]]) -> None:
    groups, keep = arrays(pairs)
    wanted = [len(rows) for rows in rows_kept(pairs)]
    assert groups.count(keep).tolist() == wanted
    assert groups.count_rows(np.flatnonzero(keep)).tolist() == wanted


@given(kept)
def test_the_first_and_the_last_kept_row_of_each_group(pairs: list[tuple[int, bool]]) -> None:
    groups, keep = arrays(pairs)
    assert groups.first_of(np.flatnonzero(keep)).tolist() == [rows[0] if rows else -1 for rows in rows_kept(pairs)]
    assert groups.last(keep).tolist() == [rows[-1] if rows else -1 for rows in rows_kept(pairs)]


@given(kept)
def test_what_the_bounds_of_groups_tell(pairs: list[tuple[int, bool]]) -> None:
    groups, _ = arrays(pairs)
    whole = rows_kept([(group, True) for group, _ in pairs])
    assert groups.sizes.tolist() == [len(rows) for rows in whole]
    assert groups.begins.tolist() == [rows[0] if rows else -1 for rows in whole]
    assert groups.ends.tolist() == [rows[-1] if rows else -1 for rows in whole]
    assert np.flatnonzero(groups.continues).tolist() == [row for rows in whole for row in rows[1:]]
    assert np.flatnonzero(groups.is_last).tolist() == [rows[-1] for rows in whole if rows]


@given(st.lists(st.integers(-1, N - 1), max_size=12).map(sorted), st.lists(st.integers(0, N - 1), max_size=5))
def test_the_rows_of_asked_groups_in_the_order_asked(of: list[int], asked: list[int]) -> None:
    rows, position = rows_of(starts_of(np.array(of, dtype=np.int64), N), np.array(asked, dtype=np.int64))
    wanted = [(row, place) for place, group in enumerate(asked) for row, own in enumerate(of) if own == group]
    assert list(zip(rows.tolist(), position.tolist(), strict=True)) == wanted
