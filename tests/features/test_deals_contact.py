"""Who said what to whom, who waits, and what is to come, by hand."""

from typing import Any

import pandas as pd
import pytest

from features.deals import deal_signals
from features.snapshot import Snapshot
from tests.features.companies import AS_OF, MICROSECOND, dataset

DEAL = "deal_id | created_at | stage\nD1 | 2026-03-01 | A"
NAN = float("nan")


def said(*lines: str) -> "pd.Series[Any]":
    """The signals of a deal of 1 March with these activities, written `direction day [contact]`."""
    header = "activity_id | deal_id | kind | direction | logged_at | contact_id"
    rows = [f"E{i} | D1 | email | {way} | {day} | {' '.join(who)}" for i, (way, day, *who) in enumerate(map(str.split, lines))]
    return deal_signals(Snapshot(dataset(deals=DEAL, activities="\n".join([header, *rows])), AS_OF)).T["D1"]


def planned(*steps: str) -> "pd.Series[Any]":
    """The signals of a deal with these activities of 2 March, written `due done`, `-` for none."""
    header = "activity_id | deal_id | kind | logged_at | due_at | done_at"
    told = [["" if moment == "-" else moment for moment in step.split()] for step in steps]
    rows = [f"E{i} | D1 | task | 2026-03-02 | {due} | {done}" for i, (due, done) in enumerate(told)]
    return deal_signals(Snapshot(dataset(deals=DEAL, activities="\n".join([header, *rows])), AS_OF)).T["D1"]


def test_an_answer_ends_the_waiting() -> None:
    row = said("out 2026-03-04", "out 2026-03-08", "in 2026-03-10")
    assert (row["n_unanswered_outbound"], row["client_waiting_days"]) == (0, 22)
    assert (row["client_reply_days"], row["longest_silence_days"]) == (2, 22)
    assert pd.isna(row["own_reply_days"])


def test_the_client_waits_since_the_first_word_that_is_unanswered() -> None:
    row = said("out 2026-03-04", "in 2026-03-10", "in 2026-03-20")
    assert row["client_waiting_days"] == 22


def test_a_mean_is_over_all_answers() -> None:
    row = said("out 2026-03-02", "in 2026-03-03", "out 2026-03-09", "in 2026-03-12", "out 2026-03-13")
    assert (row["client_reply_days"], row["own_reply_days"]) == (2, 3.5)  # 1 and 3; 6 and 1
    assert row["n_unanswered_outbound"] == 1


@pytest.mark.parametrize(("lines", "unanswered"), [((), 0), (("out 2026-03-02", "out 2026-03-03"), 2)])
def test_without_any_word_of_the_client_nothing_is_answered(lines: tuple[str, ...], unanswered: int) -> None:
    row = said("out 2026-03-01", *lines)
    assert row["n_unanswered_outbound"] == unanswered + 1
    assert row[["client_waiting_days", "client_reply_days", "days_since_inbound"]].isna().all()


def test_words_of_one_instant_answer_each_other() -> None:
    row = said("in 2026-03-02", "out 2026-03-02")
    assert row["n_unanswered_outbound"] == 0
    assert pd.isna(row["client_waiting_days"])


def test_the_clients_people_are_counted_once_each() -> None:
    row = said("out 2026-03-02 P1", "in 2026-03-03 P1", "out 2026-03-04 P2", "in 2026-03-05", "in 2026-03-06 P1")
    assert (row["n_contacts"], row["n_contacts_replied"]) == (2, 1)


@pytest.mark.parametrize(("day", "silence"), [("2026-02-01", 31), ("2026-03-11", 21), ("2026-03-30", 29)])
def test_silence_lasts_from_the_creation_to_as_of(day: str, silence: int) -> None:
    assert said(f"out {day}")["longest_silence_days"] == silence  # what was before 1 March breaks no silence


def test_a_deal_without_activities_has_been_silent_ever_since() -> None:
    known = dataset(deals=DEAL, activities="activity_id | deal_id | kind | logged_at\nE1 | D9 | call | 2026-03-02")
    row = deal_signals(Snapshot(known, AS_OF)).T["D1"]
    assert (row["longest_silence_days"], row["n_activities"]) == (31, 0)
    assert row[["n_inbound", "n_people", "n_contacts", "n_undone", "n_next_steps"]].isna().all()  # no such columns


def test_without_a_column_for_what_is_done_nothing_is_overdue_and_nothing_undone() -> None:
    steps = ("E1 | D1 | call | 2026-03-02 | 2026-03-05", "E2 | D1 | call | 2026-03-02 | 2026-04-05")
    log = "\n".join(["activity_id | deal_id | kind | logged_at | due_at", *steps])
    row = deal_signals(Snapshot(dataset(deals=DEAL, activities=log), AS_OF)).T["D1"]
    assert row[["n_overdue_steps", "overdue_step_days", "n_undone"]].isna().all()
    assert (row["n_next_steps"], row["days_to_next_step"]) == (1, 4)


def test_steps_ahead_and_steps_overdue() -> None:
    row = planned("2026-04-03 -", "2026-04-11 -", "2026-03-22 -", "2026-03-30 -", "2026-03-20 2026-03-21", "- -")
    assert (row["n_next_steps"], row["days_to_next_step"]) == (2, 2)
    assert (row["n_overdue_steps"], row["overdue_step_days"]) == (2, 10)
    assert row["n_undone"] == 5


@pytest.mark.parametrize(("due", "ahead"), [(AS_OF - MICROSECOND, 0), (AS_OF, 1), (AS_OF + MICROSECOND, 1)])
def test_a_step_is_overdue_once_its_time_is_past(due: pd.Timestamp, ahead: int) -> None:
    row = planned(f"{due.isoformat()} -")
    assert (row["n_next_steps"], row["n_overdue_steps"]) == (ahead, 1 - ahead)


def test_without_steps_there_is_nothing_to_come() -> None:
    row = planned("- -")
    assert (row["n_next_steps"], row["n_overdue_steps"]) == (0, 0)
    assert row[["days_to_next_step", "overdue_step_days"]].isna().all()


@pytest.mark.parametrize(("day", "pace"), [("2026-03-31", 30 / 7), ("2026-03-10", 0), ("2026-03-01", NAN)])
def test_the_pace_of_a_week_against_that_of_a_month(day: str, pace: float) -> None:
    header = "activity_id | deal_id | kind | logged_at\nE0 | D9 | call | 2025-01-01"
    known = dataset(deals=DEAL, activities=f"{header}\nE1 | D1 | call | {day}")
    assert deal_signals(Snapshot(known, AS_OF))["activity_pace_ratio"].tolist() == pytest.approx([pace], nan_ok=True)
