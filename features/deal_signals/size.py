"""Size: the amount, what it is against the usual one, and how it has changed."""

import numpy as np

from features import clock
from features.deal_signals.pace import over
from features.deal_signals.timing import missing, opening_values
from features.history import Rows, count_rows, last_row
from features.rates import Rates
from features.signal import Columns
from features.snapshot import Snapshot


def size(snapshot: Snapshot, cohort: Rows, borrowed: Rates) -> Columns:
    """The group `size`."""
    amount = snapshot.deal_amounts[cohort]
    owners, products = snapshot.texts("owner_id", cohort), snapshot.texts("product", cohort)
    return {
        "amount": amount,
        "amount_ratio": over(snapshot.values("amount")[cohort], opening_values(snapshot, "amount")[cohort]),
        "amount_to_owner_ratio": over(amount, borrowed.of("owner_id", owners, "usual_amount")),
        "amount_to_product_ratio": over(amount, borrowed.of("product", products, "usual_amount")),
        "amount_to_company_ratio": over(amount, borrowed.usual_amount),
        "amount_missing": missing(snapshot, "amount", cohort),
        **_changes(snapshot, cohort),
    }


def _changes(snapshot: Snapshot, cohort: Rows) -> Columns:
    past, n = snapshot.dataset.history("amount"), snapshot.dataset.n_deals
    changed = clock.known(past.known, snapshot.at) & ~past.first
    tracked = np.where(snapshot.last_value_row("amount")[cohort] >= 0, 1.0, np.nan)
    last = clock.time_at(past.time, last_row(past.deal, changed, n))[cohort]
    return {
        "n_amount_changes": count_rows(past.deal, changed, n)[cohort] * tracked,
        "days_since_amount_change": clock.days_between(last, snapshot.at),
    }
