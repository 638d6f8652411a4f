"""What was true of each client at a date, in both regimes.

Example: at 2026-01-01 `p_leaves_90d` of 0.1 means, for a client whose contract runs, that it will have cancelled or reached
an end without a successor before 2026-04-01 in one case of ten; for a client who buys by order, that no order comes before
then.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.synthetic.batch import ids
from features.synthetic.company import Company
from features.synthetic.contract_truth import contract_truth
from features.synthetic.order_truth import order_truth
from features.synthetic.truth import check


def client_truth(company: Company, as_of: pd.Timestamp, horizons: Sequence[float], *, grace_days: float = 0.0) -> pd.DataFrame:
    """The true probabilities that clients leave.

    One row for each account with a contract that runs at as_of, and for each with an order in the organisation's active window
    before it, indexed by `account_id`: `regime` (contract or orders) and, for each horizon h in days, `p_leaves_{h}d` in [0, 1].
    An end of a contract without a successor counts `grace_days` after it. Raises UsageError as `deal_truth` does.
    """
    at = check(company, as_of, horizons)
    by_contract, leaves = contract_truth(company.story, at, horizons, grace_days)
    by_order, silent = order_truth(company.story, at, horizons, company.organisation.active_window_days)
    names = [f"p_leaves_{horizon:g}d" for horizon in horizons]
    index = pd.Index(ids("A", np.r_[by_contract, by_order]), name="account_id")
    frame = pd.DataFrame(np.concatenate([leaves, silent]), columns=names, index=index)
    frame.insert(0, "regime", ["contract"] * len(by_contract) + ["orders"] * len(by_order))
    return frame.sort_index()
