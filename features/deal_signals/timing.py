"""Time: how old a deal is, when it is expected to close, and how that date has moved.

As of 1 April, a date of 15 April that was first 31 March, then 30 April, is one push and one pull, 15 pushed days in all, and
lies in the fiscal quarter that ends on 1 July, 77 days before its end: `days_past_quarter` is -77.
"""

import numpy as np

from features import clock
from features.clock import Floats
from features.deal_signals.asked import Asked, Past
from features.deal_signals.pace import over
from features.rates import Rates
from features.signal import Columns


def timing(asked: Asked, borrowed: Rates) -> Columns:
    """The group `time`."""
    age = clock.days_between(asked.created, asked.at)
    past = asked.past("expected_close_on")
    ahead = (past.now - asked.at) / clock.MICROS_PER_DAY
    quarter_end = clock.micros(asked.snapshot.dataset.organisation.calendar.quarter(asked.snapshot.as_of).end)
    return {
        "age_days": age,
        "age_ratio": over(age, borrowed.won_cycle_days),
        "days_to_expected_close": ahead,
        "overdue_days": np.maximum(-ahead, 0),
        "days_past_quarter": (past.now - quarter_end) / clock.MICROS_PER_DAY,
        "expected_close_missing": missing(past),
        **_pushes(asked, past),
    }


def _pushes(asked: Asked, past: Past) -> Columns:
    there = np.where(np.isnan(past.now), np.nan, 1.0)
    rows, step = past.steps()
    later = rows[step > 0]
    return {
        "n_pushes": past.groups.count_rows(later) * there,
        "n_pulls": past.groups.count_rows(rows[step < 0]) * there,
        "pushed_days": (past.now - past.opening) / clock.MICROS_PER_DAY,
        "days_since_push": clock.days_between(clock.time_at(past.time, past.groups.last_of(later)), asked.at),
    }


def missing(past: Past) -> Floats:
    """1 where a numeric field is known to be empty, 0 where it has a value, NaN where nothing is known of it."""
    return np.where(past.known, np.isnan(past.now), np.nan)
