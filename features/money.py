"""Money in one currency: amounts converted by the rate table, as it stood at a moment."""

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Micros
from features.history import FieldHistory, value_at
from features.organisation import Organisation
from features.recorded import recorded


def converted(
    amounts: Floats, currencies: pd.Series, moments: Micros, rates: pd.DataFrame | None, organisation: Organisation
) -> Floats:
    """Amounts in the organisation's currency, each by the newest rate of a day that had begun, and was on record, at its moment.

    An amount without a currency is in the organisation's; one whose currency had no rate by then is NaN.
    """
    foreign = (currencies.notna() & (currencies != organisation.currency)).to_numpy(dtype=bool)
    if not foreign.any():
        return amounts
    factors = np.full(len(amounts), np.nan)
    if rates is not None:
        factors[foreign] = _factors(currencies[foreign], moments[foreign], rates, organisation.timezone)
    return np.where(foreign, amounts * factors, amounts)


def _factors(currencies: pd.Series, moments: Micros, rates: pd.DataFrame, zone: str) -> Floats:
    """Rates as the history of a value that each currency has."""
    ordered = rates.sort_values(["currency", "date"], kind="stable")
    codes, names = pd.factorize(ordered["currency"])
    begun = clock.dates_to_micros(ordered["date"], zone)
    known = clock.later(begun, recorded("rates", ordered))
    past = FieldHistory(codes, begun, known, ordered["rate"].to_numpy(dtype=np.float64), np.zeros(len(codes), dtype=bool), None)
    return value_at(past, pd.Index(names).get_indexer(pd.Index(currencies)), moments)
