import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import UsageError
from serving.ranking import Ranking, decode, encode, plain

VALUES = st.one_of(st.just(float("nan")), st.sampled_from([0.0, 1.0, 2.5, 900.0]), st.floats(-1e12, 1e12))
ROWS = st.lists(st.tuples(VALUES, VALUES, st.sampled_from(["north", "south", None])), max_size=40)


def ranking(rows: list[tuple[float, float, str | None]]) -> Ranking:
    frame = pd.DataFrame(rows, columns=["value", "chance", "team"]).astype({"value": float, "chance": float})
    return Ranking.of(frame.assign(id=[f"D-{n}" for n in range(len(rows))]), by=("value", "chance"), key="id")


def walk(ranked: Ranking, limit: int, filters: dict[str, str | None]) -> list[str]:
    ids, cursor, more = [], None, True
    while more:
        page = ranked.page(filters, limit, cursor)
        ids += [row["id"] for row in page.rows]
        cursor, more = page.next_cursor, page.next_cursor is not None
    return ids


@given(ROWS, st.integers(1, 7), st.sampled_from([None, "north", "nowhere"]))
def test_the_pages_hold_every_matching_row_once_and_in_order(
    rows: list[tuple[float, float, str | None]], limit: int, team: str | None
) -> None:
    ranked = ranking(rows)
    expected = [key for key, of in zip(ranked.ids.tolist(), ranked.columns["team"], strict=True) if team in (None, of)]
    assert walk(ranked, limit, {"team": team}) == expected


@given(ROWS)
def test_the_best_come_first_and_those_without_a_value_last(rows: list[tuple[float, float, str | None]]) -> None:
    ranked = ranking(rows)
    assert (np.diff(ranked.value[np.isfinite(ranked.value)]) <= 0).all()
    assert np.isfinite(ranked.value).tolist() == sorted(np.isfinite(ranked.value).tolist(), reverse=True)


def test_a_deal_that_closes_between_two_pages_moves_no_other() -> None:
    rows: list[tuple[float, float, str | None]] = [
        (900, 0.2, None),
        (500, 0.6, None),
        (500, 0.4, None),
        (float("nan"), 0.9, None),
    ]
    first = ranking(rows).page({}, 2)
    without_the_best = ranking([(-1, 0, None), *rows[1:]])
    second = without_the_best.page({}, 2, first.next_cursor)
    assert [row["id"] for row in second.rows] == ["D-2", "D-0"]


def test_a_row_is_found_by_its_id() -> None:
    ranked = ranking([(1, 1, "north"), (2, 1, "south")])
    found = ranked.find("D-0")
    assert found is not None
    assert found["team"] == "north"
    assert ranked.find("D-9") is None


def test_options_are_the_values_in_use() -> None:
    assert ranking([(1, 1, "south"), (2, 1, None), (3, 1, "north")]).options("team") == ["north", "south"]


@pytest.mark.parametrize("cursor", ["", "x", "e30", "WzFd", "W251bGwsbnVsbCwxXQ", "____", "WyJhIiwgMSwgIkQiXQ", "9" * 900])
def test_a_cursor_that_was_not_handed_out_is_refused(cursor: str) -> None:
    with pytest.raises(UsageError, match="cursor"):
        decode(cursor)


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_cursor_holds_what_was_put_in(value: float, key: str) -> None:
    assert decode(encode(value, -np.inf, key)) == (value, -np.inf, key)


def test_plain_values_know_one_kind_of_missing() -> None:
    frame = pd.DataFrame(
        {"number": [1.5, np.nan], "text": ["a", None], "day": pd.Series(["2026-04-01", None]).astype("datetime64[us]")}
    )
    assert [plain(frame[name])[1] for name in frame] == [None, None, None]
    assert str(plain(frame["day"])[0]) == "2026-04-01"
