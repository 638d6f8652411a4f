"""The past of a deal: values of a field in time, closes and re-openings, and what one instant holds."""

from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import clock
from features.clock import UNKNOWN
from features.dataset import Dataset
from features.history import (
    LOST,
    OPEN,
    WON,
    add_up,
    consecutive,
    count_rows,
    field_history,
    first_alike,
    first_row,
    held_days,
    last_row,
    value_at,
)
from tests.features.companies import STAGES, dataset, moment, sales

ONE_DEAL = """
    deal_id | created_at | stage | closed_at
    D1      | 2026-01-01 | {}    | {}
"""
KINDS = """
    stage | kind
    A     | open
    B     | open
    C     | open
    Won   | won
    Paid  | won
    Lost  | lost
"""


def one_deal(changes: str, stage: str, closed_at: str = "", tracked_since: str = "2026-01-01") -> Dataset:
    """One deal of 1 January 2026 and its changes of stage, written `day old new [recorded]`, exported on 1 December."""
    header = "deal_id | changed_at | field | old_value | new_value | recorded_at"
    lines = [line.split() for line in changes.strip().splitlines()]
    table = [f"D1 | {day} | stage | {old} | {new} | {' '.join(late)}" for day, old, new, *late in lines]
    return dataset(
        tracked_since=tracked_since,
        extracted_at="2026-12-01",
        deals=ONE_DEAL.format(stage, closed_at),
        deal_changes="\n".join([header, *table]),
        stages=KINDS,
    )


def values(known: Dataset, field: str, deal: str = "D1") -> list[Any]:
    """What a field of a deal held, in order."""
    past = known.history(field)
    held = past.value[past.deal == known.deal_rows.get_loc(deal)]
    return held.tolist() if past.labels is None else [None if code < 0 else past.labels[int(code)] for code in held]


def moves(known: Dataset, deal: str = "D1") -> list[tuple[str, str, int]]:
    """Closes and re-openings of a deal: when it happened, when that was known, what it became."""
    log = known.transitions
    mine = np.flatnonzero(log.deal == known.deal_rows.get_loc(deal))
    before = [OPEN, *log.state[mine]]
    moved = [row for row, held in zip(mine, before, strict=False) if log.state[row] != held]
    return [(day(log.time[row]), day(log.known[row]), int(log.state[row])) for row in moved]


def day(time: int) -> str:
    return str(clock.instant(int(time)).date())


groups = st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=12).map(
    lambda pairs: sorted(pairs, key=lambda pair: pair[0])
)


@given(groups)
def test_first_last_and_count_of_the_rows_kept_in_each_group(pairs: list[tuple[int, bool]]) -> None:
    group = np.array([each for each, _ in pairs], dtype=np.int64)
    keep = np.array([kept for _, kept in pairs], dtype=bool)
    rows = [[row for row, (each, kept) in enumerate(pairs) if kept and each == wanted] for wanted in range(5)]
    assert last_row(group, keep, 5).tolist() == [found[-1] if found else -1 for found in rows]
    assert first_row(group, keep, 5).tolist() == [found[0] if found else -1 for found in rows]
    assert count_rows(group, keep, 5).tolist() == [len(found) for found in rows]


@given(groups)
def test_each_kept_row_is_paired_with_the_next_of_its_group(pairs: list[tuple[int, bool]]) -> None:
    rows = [[row for row, (each, kept) in enumerate(pairs) if kept and each == wanted] for wanted in range(4)]
    group, keep = (np.array([pair[side] for pair in pairs], dtype=kind) for side, kind in enumerate((np.int64, bool)))
    before, after = consecutive(group, keep)
    assert list(zip(before.tolist(), after.tolist(), strict=True)) == [pair for found in rows for pair in pairwise(found)]


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 2)), max_size=12).map(sorted))
def test_each_row_names_the_first_of_its_group_with_the_same_member(pairs: list[tuple[int, int]]) -> None:
    group, member = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in range(2))
    wanted = [-1 if pair[1] < 0 else pairs.index(pair) for pair in pairs]
    assert first_alike(group, member).tolist() == wanted


def test_a_sum_is_of_what_is_known_and_unknown_where_nothing_is() -> None:
    group, values = np.array([0, 0, 1, 2, 2]), np.array([1.0, np.nan, np.nan, 3.0, 4.0])
    keep = np.array([True, True, True, False, True])
    np.testing.assert_array_equal(add_up(group, values, keep, 4), [1, np.nan, 4, 0])


def test_a_value_is_held_until_the_next_that_is_kept_or_the_deals_end() -> None:
    past = one_deal("2026-01-05 A B\n2026-01-09 B C", stage="C").history("stage")
    ends = np.array([clock.micros(moment("2026-01-20"))])
    everything, some = np.ones(3, dtype=bool), np.array([True, False, True])
    assert held_days(past, everything, ends).tolist() == [4, 4, 11]
    assert held_days(past, some, ends)[some].tolist() == [8, 11]
    assert held_days(past, everything, ends, since=clock.micros(moment("2026-01-07"))).tolist() == [0, 2, 11]


def test_rows_of_no_group_are_not_counted() -> None:
    assert count_rows(np.array([-1, -1, 0]), np.array([True, True, True]), 2).tolist() == [1, 0]


def test_a_history_begins_with_the_value_before_its_first_change() -> None:
    known = one_deal("2026-01-05 A B\n2026-01-09 B C", stage="C")
    past = known.history("stage")
    assert values(known, "stage") == ["A", "B", "C"]
    assert past.first.tolist() == [True, False, False]
    assert [day(time) for time in past.time] == ["2026-01-01", "2026-01-05", "2026-01-09"]


def test_a_late_entry_stands_where_it_happened_and_is_known_when_it_was_recorded() -> None:
    known = one_deal("2026-01-05 A B 2026-02-01\n2026-01-09 B C", stage="C")
    past = known.history("stage")
    assert values(known, "stage") == ["A", "B", "C"]
    assert [day(time) for time in past.known] == ["2026-01-01", "2026-02-01", "2026-01-09"]


def test_a_record_before_the_event_does_not_make_it_known_earlier() -> None:
    known = one_deal("2026-01-05 A B 2026-01-02", stage="B")
    assert [day(time) for time in known.history("stage").known] == ["2026-01-01", "2026-01-05"]


def test_numbers_and_dates_are_read_from_the_text_of_a_change() -> None:
    known = sales()
    assert values(known, "amount") == [1000.0, 1500.0]
    midnights = [clock.micros(moment(each)) for each in ("2026-03-31", "2026-04-30", "2026-04-15")]
    assert values(known, "expected_close_on") == midnights


def test_a_field_that_the_source_lacks_has_an_empty_history() -> None:
    assert len(sales().history("forecast_category").deal) == 0


def test_a_field_may_become_empty() -> None:
    deals = "deal_id | created_at | owner_id | stage\nD1 | 2026-01-01 |  | A"
    changes = "deal_id | changed_at | field | old_value | new_value\nD1 | 2026-01-05 | owner_id | U1 |"
    assert values(dataset(deals=deals, deal_changes=changes), "owner_id") == ["U1", None]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_changes_of_one_instant_are_chained_in_any_order_of_rows(order: tuple[int, ...]) -> None:
    lines = ["2026-01-05 C B", "2026-01-05 B A", "2026-01-05 A Lost"]
    known = one_deal("\n".join(lines[each] for each in order), stage="Lost", closed_at="2026-01-05")
    assert values(known, "stage") == ["C", "B", "A", "Lost"]


def test_a_chain_starts_from_the_value_held_before_its_instant() -> None:
    known = one_deal("2026-01-03 C B\n2026-01-05 A B\n2026-01-05 B A", stage="B")
    assert values(known, "stage") == ["C", "B", "A", "B"]


def test_a_chain_that_comes_back_uses_every_change() -> None:
    known = one_deal("2026-01-05 A B\n2026-01-05 A C\n2026-01-05 C A", stage="B")
    assert values(known, "stage") == ["A", "C", "A", "B"]


def test_equal_changes_of_one_instant_are_equal_facts() -> None:
    known = one_deal("2026-01-05 A B\n2026-01-05 B A\n2026-01-05 A B", stage="B")
    assert values(known, "stage") == ["A", "B", "A", "B"]


def test_changes_that_do_not_fit_together_keep_the_order_of_their_values() -> None:
    assert values(one_deal("2026-01-05 C A\n2026-01-05 B Lost", stage="A"), "stage")[1:] == ["Lost", "A"]


@st.composite
def walks(draw: st.DrawFn) -> list[str]:
    """The stages that a deal passes through within one instant, and after one more that it held before."""
    stages = st.lists(st.sampled_from("ABC"), min_size=3, max_size=8)
    return draw(stages.filter(lambda walk: all(old != new for old, new in pairwise(walk))))


@given(walks(), st.randoms(use_true_random=False))
def test_whatever_happened_in_one_instant_ends_where_it_ended(walk: list[str], shuffle: Any) -> None:
    first, *steps = list(pairwise(walk))
    mixed = shuffle.sample(steps, len(steps))
    openings = pd.DataFrame({"value": pd.Series([first[0]], dtype="str"), "since": [1]})
    changes = pd.DataFrame([first, *mixed], columns=["old_value", "new_value"], dtype="str")
    instants = np.array([2, *[3] * len(steps)])
    past = field_history(openings, changes.assign(deal=0, time=instants, known=instants), textual=True)
    found = [str((past.labels if past.labels is not None else [])[int(code)]) for code in past.value]
    assert (found[:2], found[-1], sorted(pairwise(found))) == (walk[:2], walk[-1], sorted(pairwise(walk)))


def test_the_opening_comes_first_even_where_a_deal_was_entered_after_its_first_change() -> None:
    deals = "deal_id | created_at | recorded_at | stage\nD1 | 2026-01-01 | 2026-01-10 | B"
    changes = "deal_id | changed_at | recorded_at | field | old_value | new_value\nD1 | 2026-01-05 | 2026-01-10 | stage | A | B"
    assert values(dataset(deals=deals, deal_changes=changes, tracked_since="2026-01-01"), "stage") == ["A", "B"]


def test_the_opening_comes_first_where_changes_are_older_than_the_declared_history() -> None:
    assert values(one_deal("2026-01-05 A B", stage="B", tracked_since="2026-02-01"), "stage") == ["A", "B"]


def test_a_value_at_a_moment_of_each_deal() -> None:
    # D1 was created on 10 January with 1000, and 1500 since 5 March; D2 always had 800.
    moments = np.array([clock.micros(moment(each)) for each in ("2026-01-10", "2026-03-05", "2026-03-06", "2026-02-01")])
    found = value_at(sales().history("amount"), np.array([0, 0, 0, 1]), moments)
    np.testing.assert_array_equal(found, [np.nan, 1000, 1500, 800])


def test_a_value_entered_late_is_not_taken_for_the_newest() -> None:
    deals = "deal_id | created_at | stage | amount\nD1 | 2026-01-01 | A | 300"
    changes = """
        deal_id | changed_at | field  | old_value | new_value | recorded_at
        D1      | 2026-01-05 | amount | 100       | 200       | 2026-01-20
        D1      | 2026-01-10 | amount | 200       | 300       | 2026-01-12
    """
    past = dataset(deals=deals, deal_changes=changes, tracked_since="2026-01-01").history("amount")
    moments = np.array([clock.micros(moment(each)) for each in ("2026-01-11", "2026-01-15", "2026-01-25")])
    assert value_at(past, np.array([0, 0, 0]), moments).tolist() == [100, 300, 300]


def test_a_change_to_a_closed_stage_closes_a_deal() -> None:
    known = one_deal("2026-01-05 A B\n2026-01-09 B Won", stage="Won", closed_at="2026-01-09")
    assert moves(known) == [("2026-01-09", "2026-01-09", WON)]


def test_a_change_to_a_closed_stage_reveals_the_outcome_before_closed_at_does() -> None:
    known = one_deal("2026-01-09 A Won", stage="Won", closed_at="2026-02-01")
    assert moves(known) == [("2026-01-09", "2026-01-09", WON)]


def test_a_close_entered_late_is_known_when_it_was_recorded() -> None:
    known = one_deal("2026-01-09 A Won 2026-01-20", stage="Won", closed_at="2026-01-09")
    assert moves(known) == [("2026-01-09", "2026-01-20", WON)]


def test_a_close_that_only_its_columns_tell() -> None:
    known = one_deal("2026-01-05 A B", stage="Lost", closed_at="2026-01-09")
    assert moves(known) == [("2026-01-09", "2026-01-09", LOST)]


def test_a_deal_without_any_change_closes_at_closed_at() -> None:
    assert moves(one_deal("", stage="Won", closed_at="2026-01-09")) == [("2026-01-09", "2026-01-09", WON)]


def test_a_deal_that_comes_back_starts_a_new_spell() -> None:
    known = one_deal("2026-01-05 A Lost\n2026-01-09 Lost B\n2026-02-01 B Won", stage="Won", closed_at="2026-02-01")
    assert moves(known) == [
        ("2026-01-05", "2026-01-05", LOST),
        ("2026-01-09", "2026-01-09", OPEN),
        ("2026-02-01", "2026-02-01", WON),
    ]


def test_a_second_spell_whose_end_only_the_columns_tell() -> None:
    known = one_deal("2026-01-05 A Lost\n2026-01-09 Lost B", stage="Won", closed_at="2026-02-01")
    assert [state for *_, state in moves(known)] == [LOST, OPEN, WON]


def test_from_one_won_stage_to_another_is_no_second_close() -> None:
    known = one_deal("2026-01-05 A Won\n2026-01-20 Won Paid", stage="Paid", closed_at="2026-01-05")
    assert moves(known) == [("2026-01-05", "2026-01-05", WON)]


def test_a_won_deal_may_be_lost_after_all() -> None:
    known = one_deal("2026-01-05 A Won\n2026-01-20 Won Lost", stage="Lost", closed_at="2026-01-20")
    assert [state for *_, state in moves(known)] == [WON, LOST]


def test_an_open_deal_has_no_closes() -> None:
    assert moves(one_deal("2026-01-05 A B", stage="B")) == []


def test_closes_of_the_worked_example() -> None:
    assert moves(sales(), "D3") == [
        ("2026-02-20", "2026-02-20", LOST),
        ("2026-03-10", "2026-03-10", OPEN),
        ("2026-04-05", "2026-04-05", LOST),
    ]
    assert moves(sales(), "D6") == [("2026-02-10", "2026-02-10", LOST)]
    assert moves(sales(), "D8") == [("2026-03-15", "2026-04-02", LOST)]


def test_a_table_of_orders_alone_has_empty_histories() -> None:
    known = dataset(orders="order_id | account_id | ordered_at | amount\nO1 | A1 | 2026-01-01 | 5")
    assert len(known.history("stage").deal) == len(known.transitions.deal) == 0


def test_rows_are_sorted_by_deal_and_then_by_time() -> None:
    past = sales().history("stage")
    assert past.deal.tolist() == sorted(past.deal)
    assert all((np.diff(past.time[past.deal == each]) >= 0).all() for each in set(past.deal))
    assert (past.time != UNKNOWN).all()
    assert (past.known >= past.time).all()


def test_stages_may_be_told_by_their_table_alone() -> None:
    deals = "deal_id | created_at | stage\nD1 | 2026-01-01 | Won\nD2 | 2026-01-02 | Discovery"
    known = dataset(deals=deals, stages=STAGES, extracted_at="2026-02-01")
    assert moves(known, "D1") == [("2026-02-01", "2026-02-01", WON)]  # it was closed when the export was made, or earlier
    assert moves(known, "D2") == []


def test_a_frame_of_changes_is_not_changed() -> None:
    before = sales().tables["deal_changes"].copy()
    sales().history("stage")
    pd.testing.assert_frame_equal(sales().tables["deal_changes"], before)
