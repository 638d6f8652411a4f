"""Size: the amount, what it is against the usual one, and how it has changed."""

import numpy as np

from features import clock
from features.deal_signals.asked import Asked, Past
from features.deal_signals.pace import over
from features.deal_signals.timing import missing
from features.rates import Rates
from features.signal import Columns


def size(asked: Asked, borrowed: Rates) -> Columns:
    """The group `size`."""
    amount, past = asked.snapshot.deal_amounts[asked.rows], asked.past("amount")
    return {
        "amount": amount,
        "amount_ratio": over(past.now, past.opening),
        "amount_to_owner_ratio": over(amount, asked.borrow(borrowed, "owner_id", "usual_amount")),
        "amount_to_product_ratio": over(amount, asked.borrow(borrowed, "product", "usual_amount")),
        "amount_to_company_ratio": over(amount, borrowed.usual_amount),
        "amount_missing": missing(past),
        **_changes(asked, past),
    }


def _changes(asked: Asked, past: Past) -> Columns:
    return {
        "n_amount_changes": past.n_changes * np.where(past.known, 1.0, np.nan),
        "days_since_amount_change": clock.days_between(past.changed, asked.at),
    }
