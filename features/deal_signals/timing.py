"""Time: how old a deal is, when it is expected to close, and how that date has moved.

As of 1 April, a date of 15 April that was first 31 March, then 30 April, is one push and one pull, 15 pushed days in all, and
lies in the fiscal quarter that ends on 1 July, 77 days before its end: `days_past_quarter` is -77.
"""

import numpy as np

from features import clock
from features.clock import Floats
from features.deal_signals.pace import over
from features.history import FieldHistory, Rows, consecutive, count_rows, last_row
from features.rates import Rates
from features.signal import Columns
from features.snapshot import Snapshot


def timing(snapshot: Snapshot, cohort: Rows, borrowed: Rates) -> Columns:
    """The group `time`."""
    age = clock.days_between(snapshot.dataset.deal_created[cohort], snapshot.at)
    expected = snapshot.values("expected_close_on")[cohort]
    ahead = (expected - snapshot.at) / clock.MICROS_PER_DAY
    quarter_end = clock.micros(snapshot.dataset.organisation.calendar.quarter(snapshot.as_of).end)
    return {
        "age_days": age,
        "age_ratio": over(age, borrowed.won_cycle_days),
        "days_to_expected_close": ahead,
        "overdue_days": np.maximum(-ahead, 0),
        "days_past_quarter": (expected - quarter_end) / clock.MICROS_PER_DAY,
        "expected_close_missing": missing(snapshot, "expected_close_on", cohort),
        **_pushes(snapshot, cohort),
    }


def _pushes(snapshot: Snapshot, cohort: Rows) -> Columns:
    past, n = snapshot.dataset.history("expected_close_on"), snapshot.dataset.n_deals
    expected = snapshot.values("expected_close_on")[cohort]
    there = np.where(np.isnan(expected), np.nan, 1.0)
    step = steps(past, snapshot.at)
    return {
        "n_pushes": count_rows(past.deal, step > 0, n)[cohort] * there,
        "n_pulls": count_rows(past.deal, step < 0, n)[cohort] * there,
        "pushed_days": (expected - opening_values(snapshot, "expected_close_on")[cohort]) / clock.MICROS_PER_DAY,
        "days_since_push": clock.days_between(clock.time_at(past.time, last_row(past.deal, step > 0, n))[cohort], snapshot.at),
    }


def steps(past: FieldHistory, as_of: int) -> Floats:
    """For each known change of a numeric field by how much it raised the value that the deal had before; else 0."""
    before, after = consecutive(past.deal, clock.known(past.known, as_of))
    step = np.zeros(len(past.deal))
    step[after] = np.nan_to_num(past.value[after] - past.value[before])
    return step


def missing(snapshot: Snapshot, field: str, cohort: Rows) -> Floats:
    """1 where a numeric field is known to be empty, 0 where it has a value, NaN where nothing is known of it."""
    known = snapshot.last_value_row(field)[cohort] >= 0
    return np.where(known, np.isnan(snapshot.values(field)[cohort]), np.nan)


def opening_values(snapshot: Snapshot, field: str) -> Floats:
    """The first known value of a numeric field of each deal."""
    past = snapshot.dataset.history(field)
    first = last_row(past.deal, clock.known(past.known, snapshot.at) & past.first, snapshot.dataset.n_deals)
    return np.append(past.value, np.nan)[first]
