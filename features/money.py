"""Money in one currency: amounts converted by the rate table, as it stood at a moment."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Micros
from features.flat import Texts
from features.history import FieldHistory, Rows, last_row, value_at
from features.lookup import places
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


@dataclass(frozen=True)
class RateTable:
    """The rates as flat arrays, sorted by currency and day: `code` is the place in `currencies`, `known` since when it holds."""

    currencies: "pd.Index[Any]"
    code: Rows
    known: Micros
    rate: Floats

    def at(self, as_of: int) -> Floats:
        """The rate of each currency: the newest of a day that had begun, and was on record; NaN before the first."""
        last = last_row(self.code, clock.known(self.known, as_of), len(self.currencies))
        return np.append(self.rate, np.nan)[last]

    def factors(self, currencies: Texts, own: str, as_of: int) -> Floats:
        """What to multiply amounts of each currency by: 1 for one's own and where none is told (None), NaN without a rate."""
        found = np.append(self.at(as_of), np.nan)[places(self.currencies, currencies)]
        needless = [each is None or each == own for each in currencies]
        return np.where(needless, 1.0, found)


def rate_table(rates: pd.DataFrame | None, zone: str) -> RateTable:
    """Compile the table of rates; without one there are no currencies in it."""
    if rates is None:
        nothing = np.empty(0, dtype=np.int64)
        return RateTable(pd.Index([], dtype=object), nothing, nothing, np.empty(0))
    ordered = rates.sort_values(["currency", "date"], kind="stable")
    code, names = pd.factorize(ordered["currency"])
    known = clock.later(clock.dates_to_micros(ordered["date"], zone), recorded("rates", ordered))
    return RateTable(pd.Index(names, dtype=object), code.astype(np.int64), known, ordered["rate"].to_numpy(dtype=np.float64))


def _factors(currencies: pd.Series, moments: Micros, rates: pd.DataFrame, zone: str) -> Floats:
    """Rates as the history of a value that each currency has."""
    table = rate_table(rates, zone)
    past = FieldHistory(table.code, table.known, table.known, table.rate, np.zeros(len(table.code), dtype=bool), None)
    return value_at(past, table.currencies.get_indexer(pd.Index(currencies)), moments)
