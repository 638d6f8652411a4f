"""Who the client is: what the table of accounts says of it, as far as it was known."""

from typing import Final

import numpy as np

from features import clock
from features.clock import Floats
from features.flat import texts
from features.history import Rows
from features.signal import Columns
from features.snapshot import Snapshot

TEXTS: Final = ("industry", "region", "country")
NUMBERS: Final = ("employees", "annual_revenue")


def profile(snapshot: Snapshot, rows: Rows) -> Columns:
    """Industry, region, country, size and age of the account."""
    accounts = snapshot.frame("accounts").set_index("account_id")
    told = accounts.reindex(snapshot.dataset.client_ids[rows])
    absent = np.full(len(rows), None, dtype=object)
    unknown = np.full(len(rows), np.nan)
    columns: Columns = {f"account_{name}": texts(told[name]) if name in told else absent for name in TEXTS}
    columns |= {f"account_{name}": told[name].to_numpy(dtype=np.float64) if name in told else unknown for name in NUMBERS}
    age: Floats = clock.days_between(clock.to_micros(told["created_at"]), snapshot.at) if "created_at" in told else unknown
    return columns | {"account_age_days": age}
