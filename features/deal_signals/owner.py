"""Owner: how often the deal's owner wins and how fast, what they carry, and how long they have been there."""

import numpy as np

from features import clock
from features.clock import Floats
from features.deal_signals.asked import Asked, Past
from features.flat import picked
from features.rates import Rates
from features.signal import Columns


def owner(asked: Asked, borrowed: Rates) -> Columns:
    """What the deals and their history tell of the group `owner`."""
    past = asked.past("owner_id")
    owned = np.where(past.code_now >= 0, 1.0, np.nan)
    return {
        "owner_win_rate": asked.borrow(borrowed, "owner_id", "win_rate"),
        "owner_win_hazard": asked.borrow(borrowed, "owner_id", "win_hazard"),
        "owner_loss_hazard": asked.borrow(borrowed, "owner_id", "loss_hazard"),
        "owner_n_open": asked.borrow(borrowed, "owner_id", "n_open") * owned,
        "owner_open_amount": asked.borrow(borrowed, "owner_id", "open_amount") * owned,
        "n_owner_changes": past.n_changes * owned,
        "days_with_owner": clock.days_between(past.since, asked.at),
        "days_without_owner": np.where(past.known, _ownerless(past, asked.at), np.nan),
    }


def _ownerless(past: Past, as_of: int) -> Floats:
    """Days in all during which a deal had no owner; one without an owner now has none until as_of."""
    rows = np.flatnonzero(past.value < 0)
    until = np.append(past.time, as_of)[np.where(past.groups.is_last[rows], -1, rows + 1)]
    held = np.maximum(clock.days_between(past.time[rows], until), 0)
    return np.bincount(past.groups.of[rows], weights=held, minlength=past.groups.n).astype(np.float64)


def person(asked: Asked) -> Columns:
    """What the table of users tells of the group `owner`."""
    past, snapshot = asked.past("owner_id"), asked.snapshot
    # Owners are few: what is told of them is looked up once for each name.
    row = snapshot.dataset.row_of("users", "user_id", past.names)
    hired, left = (snapshot.times_of("users", name, row) for name in ("hired_at", "left_at"))
    return {
        "owner_tenure_days": clock.days_between(hired, asked.at)[past.code_now],
        "days_since_owner_left": clock.days_between(left, asked.at)[past.code_now],
        "owner_team": picked(snapshot.texts_of("users", "team", row), past.code_now),
    }
