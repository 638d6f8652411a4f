import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import clock
from features.errors import NotReadyError
from training.splits import plan

FIRST = pd.Timestamp("2025-10-01", tz="UTC").as_unit("us")


@given(st.integers(3, 1200), st.integers(0, 50), st.sampled_from(["UTC", "Europe/Moscow", "America/New_York"]))
def test_dates_lie_before_the_training_as_of_and_ascend(days: int, seed: int, zone: str) -> None:
    as_of = FIRST + pd.Timedelta(days=days)
    made = plan(FIRST, as_of, zone, seed)
    assert list(made.dates) == sorted(set(made.dates))
    assert all(date < as_of for date in made.dates)
    assert clock.micros(made.dates[0]) < made.slices.middle_from < made.slices.last_from < clock.micros(as_of)


@given(st.integers(0, 20))
def test_dates_are_local_midnights(seed: int) -> None:
    made = plan(FIRST, FIRST + pd.Timedelta(days=200), "America/New_York", seed)
    local = [date.tz_convert("America/New_York") for date in made.dates]
    assert all((date.hour, date.minute) == (0, 0) for date in local)


def test_the_same_seed_gives_the_same_dates_and_another_gives_others() -> None:
    as_of = FIRST + pd.Timedelta(days=300)
    assert plan(FIRST, as_of, "UTC", 1) == plan(FIRST, as_of, "UTC", 1)
    assert plan(FIRST, as_of, "UTC", 1) != plan(FIRST, as_of, "UTC", 2)


def test_all_weekdays_and_phases_of_a_month_are_seen() -> None:
    dates = plan(FIRST, FIRST + pd.Timedelta(days=400), "UTC", 3).dates
    assert {date.weekday() for date in dates} == set(range(7))
    assert {date.day // 8 for date in dates} == {0, 1, 2, 3}


def test_later_data_does_not_move_the_dates() -> None:
    made = plan(FIRST, FIRST + pd.Timedelta(days=100), "UTC", 3)
    assert clock.micros(made.watched_until) == clock.micros(FIRST + pd.Timedelta(days=100))


def test_without_history_it_says_so() -> None:
    with pytest.raises(NotReadyError, match=r"1\.0 days of history before 2025-10-02"):
        plan(FIRST, FIRST + pd.Timedelta(days=1), "UTC", 3)
