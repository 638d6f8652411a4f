import base64
import json
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import UsageError
from serving.lists.filters import Between, OneOf
from serving.served.ranking import Filter, Ranking, Sort, decode, encode, plain

VALUES = st.one_of(st.just(float("nan")), st.sampled_from([0.0, 1.0, 2.5, 900.0]), st.floats(-1e12, 1e12))
TEAMS = st.sampled_from(["north", "south", None])
DAYS = st.sampled_from(["2026-04-01", "2026-12-31", "1970-01-01", None])
ROWS = st.lists(st.tuples(VALUES, VALUES, TEAMS, DAYS), max_size=40)
SORTS = st.sampled_from(
    [None, *(Sort((name,), down) for name in ("value", "chance", "day") for down in (True, False)), Sort(("value", "chance"))]
)
Row = tuple[float, float, str | None, str | None]


def ranking(rows: list[Row]) -> Ranking:
    frame = pd.DataFrame(rows, columns=["value", "chance", "team", "day"]).astype(
        {"value": float, "chance": float, "team": "str"}
    )
    frame = frame.assign(id=[f"D-{n}" for n in range(len(rows))], day=frame["day"].astype("datetime64[us]"))
    return Ranking.of(frame, by=("value", "chance"), key="id")


def walk(ranked: Ranking, limit: int, filters: list[Filter], sort: Sort | None = None) -> list[str]:
    ids, cursor, more = [], None, True
    while more:
        page = ranked.page(filters, limit, cursor, sort)
        ids += [row["id"] for row in page.rows]
        cursor, more = page.next_cursor, page.next_cursor is not None
    return ids


def slowly(ranked: Ranking, sort: Sort) -> list[str]:
    """The ids in order, by Python's own sort, one column after the other from the last to the first."""
    rows = sorted(ranked.rows(np.arange(len(ranked))), key=lambda row: row["id"])
    for name in reversed(sort.columns):
        there = [row for row in rows if row[name] is not None]
        missing = [row for row in rows if row[name] is None]
        rows = sorted(there, key=lambda row: row[name], reverse=sort.descending) + missing
    return [row["id"] for row in rows]


@given(ROWS, st.integers(1, 7), st.sampled_from([None, "north", "nowhere"]), SORTS)
def test_the_pages_hold_every_matching_row_once_and_in_order(
    rows: list[Row], limit: int, team: str | None, sort: Sort | None
) -> None:
    ranked = ranking(rows)
    filters: list[Filter] = [] if team is None else [OneOf("team", frozenset([team]))]
    of = dict(zip(ranked.ids.tolist(), ranked.columns["team"], strict=True))
    expected = [key for key in slowly(ranked, sort or ranked.sort) if team in (None, of[key])]
    assert walk(ranked, limit, filters, sort) == expected


@given(ROWS)
def test_the_rows_stand_in_rank_order(rows: list[Row]) -> None:
    ranked = ranking(rows)
    assert ranked.ids.tolist() == slowly(ranked, Sort(("value", "chance")))


@given(ROWS, st.integers(1, 5), SORTS, st.integers(0, 40))
def test_a_row_that_goes_between_two_pages_moves_no_other(rows: list[Row], limit: int, sort: Sort | None, gone: int) -> None:
    ranked = ranking(rows)
    first = ranked.page([], limit, None, sort)
    if first.next_cursor is None:
        return
    less = ranked.only(np.delete(np.arange(len(ranked)), gone % len(ranked)))
    everything = slowly(ranked, sort or ranked.sort)
    expected = [key for key in everything[limit:] if less.position(key) is not None]
    assert [row["id"] for row in less.page([], 50, first.next_cursor, sort).rows] == expected


def test_a_deal_that_closes_between_two_pages_moves_no_other() -> None:
    rows: list[Row] = [(900, 0.2, None, None), (500, 0.6, None, None), (500, 0.4, None, None), (float("nan"), 0.9, None, None)]
    first = ranking(rows).page([], 2)
    without_the_best = ranking([(-1, 0, None, None), *rows[1:]])
    second = without_the_best.page([], 2, first.next_cursor)
    assert [row["id"] for row in second.rows] == ["D-2", "D-0"]


def test_a_row_is_found_by_its_id() -> None:
    ranked = ranking([(1, 1, "north", None), (2, 1, "south", "2026-04-01")])
    found = ranked.find("D-0")
    assert found == {"value": 1.0, "chance": 1.0, "team": "north", "day": None, "id": "D-0"}
    assert ranked.find("D-9") is None
    assert ranking([]).find("D-0") is None


def test_options_are_the_values_in_use() -> None:
    ranked = ranking([(1, 1, "south", None), (2, 1, None, None), (3, 1, "north", None)])
    assert ranked.options("team") == ["north", "south"]
    assert ranked.only(np.array([0, 1])).options("team") == ["north"]


def test_an_empty_page_has_no_cursor() -> None:
    page = ranking([]).page([Between("value", 1)], 5)
    assert (page.rows, page.n_total, page.next_cursor) == ([], 0, None)


@pytest.mark.parametrize("cursor", ["", "x", "e30", "WzFd", "W251bGwsbnVsbCwxXQ", "____", "WyJhIiwgMSwgIkQiXQ", "9" * 900])
def test_a_cursor_that_was_not_handed_out_is_refused(cursor: str) -> None:
    for sort in (Sort(("value",)), Sort((), descending=False)):
        with pytest.raises(UsageError, match="cursor"):
            decode(sort, cursor)


@pytest.mark.parametrize("inner", ['"x"', "[]", "{}", "1e999", "NaN", "[[1]]", "9" * 400, '"\\ud800"'])
def test_a_made_up_cursor_does_no_harm(inner: str) -> None:
    made_up = base64.urlsafe_b64encode(f'["-value", {inner}, {inner}]'.encode()).rstrip(b"=").decode()
    with suppress(UsageError):
        assert len(ranking([(1, 1, None, None)]).page([], 5, made_up, Sort(("value",))).rows) <= 1


def test_a_cursor_of_another_order_is_refused() -> None:
    ranked = ranking([(1, 1, None, None), (2, 1, None, None)])
    cursor = ranked.page([], 1, None, Sort(("value",))).next_cursor
    for other in (Sort(("value",), descending=False), Sort(("chance",)), None):
        with pytest.raises(UsageError, match="in this order"):
            ranked.page([], 1, cursor, other)


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_cursor_holds_what_was_put_in(value: float, key: str) -> None:
    sort = Sort(("value", "chance"))
    assert decode(sort, encode(sort, [value, np.nan], key)) == ([value, None], key)


def test_a_cursor_is_json_inside_and_safe_in_an_address() -> None:
    cursor = encode(Sort(("value",)), [1.5], "ä/?")
    inside: list[Any] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    assert inside == ["-value", 1.5, "ä/?"]


def test_plain_values_know_one_kind_of_missing() -> None:
    frame = pd.DataFrame(
        {"number": [1.5, np.nan], "text": ["a", None], "day": pd.Series(["2026-04-01", None]).astype("datetime64[us]")}
    )
    assert [plain(frame[name])[1] for name in frame] == [None, None, None]
    assert str(plain(frame["day"])[0]) == "2026-04-01"
