"""Owner: how often the deal's owner wins and how fast, what they carry, and how long they have been there."""

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats
from features.deal_signals.asked import Asked, Past
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
    past = asked.past("owner_id")
    users = asked.snapshot.frame("users").drop_duplicates("user_id").set_index("user_id")
    found = users.reindex(past.names)
    absent = clock.repeated(clock.UNKNOWN, len(found))
    hired, left = (clock.to_micros(found[name]) if name in found else absent for name in ("hired_at", "left_at"))
    team = found["team"] if "team" in found else pd.Series(None, index=found.index, dtype="str")
    return {
        "owner_tenure_days": clock.days_between(hired, asked.at)[past.code_now],
        "days_since_owner_left": clock.days_between(left, asked.at)[past.code_now],
        "owner_team": team.array.take(past.code_now),
    }
