"""Who buys: accounts with their industry, place and size, each in one of two lines of business.

An account of the software line becomes a client by contract, one of the equipment line a client who buys by order.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features.clock import Floats
from features.history import Rows
from features.synthetic.batch import Batch, draw, ids, instants, pick
from features.synthetic.names import companies
from features.synthetic.people import REGIONS, People

SOFTWARE: Final = 0
EQUIPMENT: Final = 1
SHARE_OF_SOFTWARE: Final = 0.5

INDUSTRIES: Final = ("Machinery", "Chemicals", "Logistics", "Food", "Energy", "Electronics", "Textiles")
COUNTRIES: Final = ("DE", "AT", "CH", "GB", "IE", "US", "CA")
OF_REGION: Final = np.array(
    [[0.72, 0.14, 0.14, 0, 0, 0, 0], [0, 0, 0, 0.82, 0.18, 0, 0], [0, 0, 0, 0, 0, 0.84, 0.16]], dtype=np.float64
)
CURRENCIES: Final = ("EUR", "GBP", "USD")
CURRENCY_OF: Final = np.array([0, 0, 0, 1, 0, 2, 2])
EUROS_A_HEAD: Final = 165_000


@dataclass(frozen=True)
class Accounts(Batch):
    """Accounts by row. `line` is SOFTWARE or EQUIPMENT, `employees` a head count."""

    line: Rows
    region: Rows
    country: Rows
    industry: Rows
    employees: Floats

    @property
    def currency(self) -> Rows:
        return np.asarray(CURRENCY_OF[self.country], dtype=np.int64)


def found(n: int, people: People, rng: np.random.Generator) -> Accounts:
    """n accounts in the regions that have sellers."""
    regions = people.regions
    region = regions[rng.integers(0, len(regions), n)]
    shares = np.cumsum(OF_REGION, axis=1)[region]
    country = (rng.random(n)[:, None] >= shares).sum(axis=1)
    line = np.where(rng.random(n) < SHARE_OF_SOFTWARE, SOFTWARE, EQUIPMENT)
    industry = draw([0.24, 0.12, 0.16, 0.16, 0.08, 0.14, 0.1], n, rng)
    employees = np.maximum(np.rint(np.exp(rng.normal(5.0, 1.1, n))), 5.0)
    return Accounts(line, region, country, industry, employees)


def accounts_table(accounts: Accounts, known: Floats, rng: np.random.Generator) -> pd.DataFrame:
    """The accounts table; `known` is the day of the first fact about each, shortly before which it was entered."""
    n = len(accounts)
    revenue = accounts.employees * EUROS_A_HEAD * np.exp(rng.normal(0.0, 0.4, n))
    parent = np.where(rng.random(n) < 0.03, np.floor(rng.random(n) * np.arange(n)), -1).astype(np.int64)
    return pd.DataFrame(
        {
            "account_id": ids("A", np.arange(n)),
            "name": companies(n, rng),
            "industry": pick(INDUSTRIES, accounts.industry),
            "country": pick(COUNTRIES, accounts.country),
            "region": pick(REGIONS, accounts.region),
            "employees": accounts.employees,
            "annual_revenue": np.round(revenue, -3),
            "created_at": instants(known - rng.exponential(5.0, n) - 1 / 1440),
            "parent_id": ids("A", np.where(parent == np.arange(n), -1, parent)),  # the first account has nobody above it
        }
    )
