"""Stage and pace: where a deal stands, how it came there, and how that compares with the deals that were won.

A deal goes Discovery (1) → Proposal (3) → Solution (2): two moves, one stage skipped, one move back. Its furthest place is 3,
reached with the first move; its last move forward is that one too. Places are those of the open stages of the deal's pipeline,
counted from 1, and unknown where the stages have no positions; a closed stage that a deal came back from is no place.
"""

from typing import Final

import numpy as np

from features import clock
from features.clock import Floats, Mask, Micros
from features.deal_signals.places import places
from features.history import Rows, consecutive, count_rows, first_of_pair, first_row, last_row
from features.rates import Rates
from features.signal import Columns
from features.snapshot import Snapshot

TRACKED_MOVES: Final = ("stage", "owner_id", "amount", "expected_close_on")


def pace(snapshot: Snapshot, cohort: Rows, borrowed: Rates) -> Columns:
    """The group `pace`."""
    past = snapshot.dataset.history("stage")
    n = snapshot.dataset.n_deals
    known = clock.known(past.known, snapshot.at)
    changed = known & ~past.first
    first_time = first_of_pair(past.deal, past.value.astype(np.int64), known)
    stages = snapshot.texts("stage", cohort)
    held = clock.days_between(snapshot.held_since("stage")[cohort], snapshot.at)
    return {
        "stage": stages,
        "days_in_stage": held,
        "stage_days_ratio": over(held, borrowed.of_stages(stages)),
        "n_stage_changes": count_rows(past.deal, changed, n)[cohort],
        "n_stage_revisits": count_rows(past.deal, changed & ~first_time, n)[cohort],
        **_moves(snapshot, cohort),
        **_steps(snapshot, cohort, known),
    }


def _moves(snapshot: Snapshot, cohort: Rows) -> Columns:
    """Changes of stage, owner, amount and expected close, counted together."""
    n = snapshot.dataset.n_deals
    since = clock.after_days(snapshot.at, -30)
    recent, latest = np.zeros(n), np.full(n, clock.UNKNOWN, dtype=np.int64)
    for field in TRACKED_MOVES:
        past = snapshot.dataset.history(field)
        changed = clock.known(past.known, snapshot.at) & ~past.first
        recent += count_rows(past.deal, changed & clock.within(past.time, since, snapshot.at), n)
        latest = clock.later(latest, clock.time_at(past.time, last_row(past.deal, changed, n)))
    last = np.where(latest == clock.UNKNOWN, snapshot.dataset.deal_created, latest)
    recent *= snapshot.whole_window("deal_changes", 30)
    return {"n_changes_30d": recent[cohort], "days_since_change": clock.days_between(last[cohort], snapshot.at)}


def _steps(snapshot: Snapshot, cohort: Rows, known: Mask) -> Columns:
    """Moves along the pipeline, by the places of its open stages."""
    past, n = snapshot.dataset.history("stage"), snapshot.dataset.n_deals
    stood = places(snapshot)
    place = stood.of_rows
    there = known & ~np.isnan(place)
    before, after = consecutive(past.deal, there)
    step = np.zeros(len(place))
    step[after] = place[after] - place[before]
    placed = np.where(count_rows(past.deal, there, n) > 0, 1.0, np.nan)
    skipped = np.bincount(past.deal[after], weights=np.maximum(step[after] - 1, 0), minlength=n)
    last = snapshot.last_value_row("stage")[cohort]
    now = np.append(place, np.nan)[last]
    return {
        "stage_position": now,
        "n_stages_ahead": stood.count[cohort] - now,
        **_furthest(past.deal, past.time, place, there, snapshot.at, cohort, n),
        "n_stage_skips": (skipped * placed)[cohort],
        "n_stage_backs": (count_rows(past.deal, step < 0, n) * placed)[cohort],
        "days_since_forward": clock.days_between(clock.time_at(past.time, last_row(past.deal, step > 0, n))[cohort], snapshot.at),
    }


def _furthest(deal: Rows, time: Micros, place: Floats, there: Mask, as_of: int, cohort: Rows, n: int) -> Columns:
    """The furthest place, and how long ago it was reached for the first time."""
    furthest = np.zeros(n)
    np.maximum.at(furthest, deal[there], place[there])
    reached = first_row(deal, there & (place == furthest[deal]), n)[cohort]
    return {
        "furthest_position": np.where(reached >= 0, furthest[cohort], np.nan),
        "days_since_furthest": clock.days_between(clock.time_at(time, reached), as_of),
    }


def over(value: Floats, usual: Floats | float) -> Floats:
    """value / usual, NaN where there is no positive usual one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.greater(usual, 0), value / usual, np.nan)
