"""Money in one currency: amounts converted by the rate table, as it stood at as_of."""

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats
from features.snapshot import Snapshot


def converted(snapshot: Snapshot, amounts: Floats, currencies: pd.Series) -> Floats:
    """Amounts in the organisation's currency, by the newest rate of a day that had begun at as_of.

    An amount without a currency is in the organisation's; one whose currency has no rate by then is NaN.
    """
    own = snapshot.dataset.organisation.currency
    foreign = (currencies.notna() & (currencies != own)).to_numpy(dtype=bool)
    if not foreign.any():
        return amounts
    factors = currencies.map(latest_rates(snapshot)).to_numpy(dtype=np.float64)
    return np.where(foreign, amounts * factors, amounts)


def latest_rates(snapshot: Snapshot) -> pd.Series:
    """The factor to the organisation's currency, by currency."""
    if not snapshot.has("rates"):
        return pd.Series(dtype="float64")
    table = snapshot.dataset.tables["rates"]
    begun = clock.known(clock.dates_to_micros(table["date"], snapshot.dataset.organisation.timezone), snapshot.at)
    begun &= snapshot.known_rows("rates")
    return table[begun].sort_values("date").groupby("currency")["rate"].last()
