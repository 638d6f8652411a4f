from typing import Final

import numpy as np

from features import clock
from features.clock import Floats
from features.deal_signals.asked import Asked, Past
from features.deal_signals.places import places
from features.history import Rows, first_alike
from features.rates import Rates
from features.signal import Columns

TRACKED_MOVES: Final = ("stage", "owner_id", "amount", "expected_close_on")


def pace(asked: Asked, borrowed: Rates) -> Columns:
    """The group `pace`."""
    past = asked.past("stage")
    held = clock.days_between(past.since, asked.at)
    again = first_alike(past.groups.of, past.codes) != np.arange(len(past.first))
    return {
        "stage": asked.texts("stage"),
        "days_in_stage": held,
        "stage_days_ratio": over(held, borrowed.of_stages(past.names)[past.code_now]),
        "n_stage_changes": past.n_changes,
        "n_stage_revisits": past.groups.count(again & ~past.first),
        **_moves(asked),
        **_steps(asked, past),
    }


def _moves(asked: Asked) -> Columns:
    """Changes of stage, owner, amount and expected close, counted together."""
    since = clock.after_days(asked.at, -30)
    recent, latest = np.zeros(len(asked.rows)), clock.repeated(clock.UNKNOWN, len(asked.rows))
    for field in TRACKED_MOVES:
        past = asked.past(field)
        rows = np.flatnonzero(~past.first)
        recent += past.groups.count_rows(rows[clock.within(past.time[rows], since, asked.at)])
        latest = clock.later(latest, past.changed)
    last = np.where(latest == clock.UNKNOWN, asked.created, latest)
    recent *= asked.snapshot.whole_window("deal_changes", 30)
    return {"n_changes_30d": recent, "days_since_change": clock.days_between(last, asked.at)}


def _steps(asked: Asked, past: Past) -> Columns:
    """Moves along the pipeline, by the places of its open stages."""
    stood = places(asked)
    place, groups = stood.of_rows, past.groups
    there = np.flatnonzero(~np.isnan(place))
    same = groups.of[there[:-1]] == groups.of[there[1:]]
    before, after = there[:-1][same], there[1:][same]
    step = place[after] - place[before]
    placed = np.where(groups.count_rows(there) > 0, 1.0, np.nan)
    skipped = np.bincount(groups.of[after], weights=np.maximum(step - 1, 0), minlength=groups.n)
    forward = clock.time_at(past.time, groups.last_of(after[step > 0]))
    now = np.append(place, np.nan)[groups.ends]
    return {
        "stage_position": now,
        "n_stages_ahead": stood.count - now,
        **_furthest(asked, past, place, there),
        "n_stage_skips": skipped * placed,
        "n_stage_backs": groups.count_rows(after[step < 0]) * placed,
        "days_since_forward": clock.days_between(forward, asked.at),
    }


def _furthest(asked: Asked, past: Past, place: Floats, there: Rows) -> Columns:
    """The furthest place, and how long ago it was reached for the first time."""
    furthest, deal = np.zeros(past.groups.n), past.groups.of[there]
    np.maximum.at(furthest, deal, place[there])
    reached = past.groups.first_of(there[place[there] == furthest[deal]])
    return {
        "furthest_position": np.where(reached >= 0, furthest, np.nan),
        "days_since_furthest": clock.days_between(clock.time_at(past.time, reached), asked.at),
    }


def over(value: Floats, usual: Floats | float) -> Floats:
    """value / usual, NaN where there is no positive usual one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.greater(usual, 0), value / usual, np.nan)
