"""Owner: how often the deal's owner wins and how fast, what they carry, and how long they have been there."""

import numpy as np

from features import clock
from features.history import Rows, add_up, count_rows, held_days
from features.rates import Rates
from features.signal import Columns
from features.snapshot import Snapshot


def owner(snapshot: Snapshot, cohort: Rows, borrowed: Rates) -> Columns:
    """What the deals and their history tell of the group `owner`."""
    past, n = snapshot.dataset.history("owner_id"), snapshot.dataset.n_deals
    known = clock.known(past.known, snapshot.at)
    names = snapshot.texts("owner_id", cohort)
    owned = np.where(snapshot.codes("owner_id")[cohort] >= 0, 1.0, np.nan)
    held = held_days(past, known, clock.repeated(snapshot.at, n))
    ownerless = add_up(past.deal, held, known & (past.value < 0), n)[cohort]
    return {
        "owner_win_rate": borrowed.of("owner_id", names, "win_rate"),
        "owner_win_hazard": borrowed.of("owner_id", names, "win_hazard"),
        "owner_loss_hazard": borrowed.of("owner_id", names, "loss_hazard"),
        "owner_n_open": borrowed.of("owner_id", names, "n_open") * owned,
        "owner_open_amount": borrowed.of("owner_id", names, "open_amount") * owned,
        "n_owner_changes": count_rows(past.deal, known & ~past.first, n)[cohort] * owned,
        "days_with_owner": clock.days_between(snapshot.held_since("owner_id")[cohort], snapshot.at),
        "days_without_owner": np.where(snapshot.last_value_row("owner_id")[cohort] >= 0, ownerless, np.nan),
    }


def person(snapshot: Snapshot, cohort: Rows) -> Columns:
    """What the table of users tells of the group `owner`."""
    row = snapshot.dataset.row_of("users", "user_id", snapshot.texts("owner_id", cohort))
    return {
        "owner_tenure_days": clock.days_between(snapshot.times_of("users", "hired_at", row), snapshot.at),
        "days_since_owner_left": clock.days_between(snapshot.times_of("users", "left_at", row), snapshot.at),
        "owner_team": snapshot.texts_of("users", "team", row),
    }
