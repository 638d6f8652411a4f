"""Small Datasets out of a large one, by account: for a few deals that a CRM has just sent, and parts for work side by side.

Signals of a deal or client depend on its own account's rows and on the company's rates alone. So scoring a posted deal computes
on its account, and a part of the accounts on the part, with the same functions and, for the same history, the same bytes. What
is learned from all rows goes along unchanged: openings, the beginning of each history and table, the kinds of stages, and the
rates, which the caller computes on the whole.
"""

from collections.abc import Mapping
from zlib import crc32

import numpy as np
import pandas as pd

from features import clock, contracts
from features.dataset import Dataset
from features.history import Rows
from features.openings import derive_openings
from features.parsing import DTYPES
from features.tables import TABLES, Column

HISTORY = ("deal_changes", "activities")


def excerpt(dataset: Dataset, posted: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> Dataset:
    """The posted deals among the other stored deals of their accounts.

    `posted` holds `deals` and, optionally, `deal_changes` and `activities`; stored rows of the same deal_id count for nothing.
    What is posted without a history is known as of now: the moment just before as_of.
    """
    checked = {name: _conformed(name, frame, dataset) for name, frame in posted.items() if len(frame)}
    rates = {"rates": dataset.tables["rates"]} if "rates" in dataset.tables else {}
    contracts.check_together({**checked, **rates}, dataset.organisation)
    ids = set(checked["deals"]["deal_id"])
    accounts = set(checked["deals"]["account_id"].dropna()) if "account_id" in checked["deals"] else set()
    stored = dataset.deals
    beside = stored["account_id"].isin(accounts) if "account_id" in stored else pd.Series(False, index=stored.index)
    kept = stored[beside & ~stored["deal_id"].isin(ids)]
    tables = {name: _of_accounts(name, frame, accounts, set(kept["deal_id"])) for name, frame in dataset.tables.items()}
    for name in ("deals", *HISTORY):
        if name in tables:
            others = tables[name][~tables[name]["deal_id"].isin(ids)]
            tables[name] = pd.concat([others, checked[name]], ignore_index=True) if name in checked else others
    fresh = derive_openings(
        checked, clock.instant(clock.micros(as_of) - 1), dataset.static, dataset.tracked_since, dataset.custom
    )
    return _beside(dataset, tables, pd.concat([dataset.openings[dataset.openings["deal_id"].isin(kept["deal_id"])], fresh]))


def split(dataset: Dataset, n_parts: int) -> list[Dataset]:
    """The whole Dataset in parts, each account in one of them; a deal without an account goes by its own id.

    Which part does not depend on the other rows, so parts stay what they are from one export to the next. An activity or lead of
    another account than its deal's is in both parts, where it counts for what is there.
    """
    deals = dataset.deals
    unit = deals["deal_id"] if "account_id" not in deals else deals["account_id"].fillna(deals["deal_id"])
    part_of_deal, part_of_client = _part(unit, n_parts), _part(pd.Series(dataset.client_ids), n_parts)
    parts = []
    for part in range(n_parts):
        own = set(deals["deal_id"][part_of_deal == part])
        clients = set(dataset.client_ids[part_of_client == part])
        tables = {name: _of_accounts(name, frame, clients, own) for name, frame in dataset.tables.items()}
        parts.append(_beside(dataset, tables, dataset.openings[dataset.openings["deal_id"].isin(own)]))
    return parts


def _part(units: pd.Series, n_parts: int) -> Rows:
    return np.array([crc32(unit.encode()) % n_parts for unit in units], dtype=np.int64)


def _beside(dataset: Dataset, tables: Mapping[str, pd.DataFrame], openings: pd.DataFrame) -> Dataset:
    """Other rows with all that was learned from the whole Dataset."""
    return Dataset.of_checked(
        tables,
        dataset.organisation,
        static=dataset.static,
        tracked_since=dataset.tracked_since,
        extracted_at=dataset.extracted_at,
        openings=openings,
        begins=dataset.begins,
        custom=dataset.custom,
    )


def _conformed(name: str, frame: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """A posted table in the contract's form. Own columns that posted deals do not have are missing."""
    if name != "deals":
        return contracts.conform(name, frame)
    checked = contracts.conform(name, frame, custom=dataset.custom)
    absent = [column for column in dataset.custom if column.name in dataset.deals and column.name not in checked]
    return checked.assign(**{column.name: _empty(column, checked) for column in absent})


def _empty(column: Column, like: pd.DataFrame) -> pd.Series:
    return pd.Series(None, index=like.index, dtype=DTYPES[column.kind])


def _of_accounts(name: str, frame: pd.DataFrame, accounts: set[str], deals: set[str]) -> pd.DataFrame:
    """The rows that belong to these accounts or deals; a table that belongs to neither stays whole.

    Where every row has an account, as orders do, it goes with that alone: an account whose order came from another account's deal
    would else be a client twice.
    """
    if name == "deals":
        return frame[frame["deal_id"].isin(deals)]
    keep = pd.Series(False, index=frame.index)
    by_account = "account_id" in TABLES[name].required
    owned = [column for column in ("deal_id", "account_id") if column in frame and not (by_account and column == "deal_id")]
    for column in owned:
        keep |= frame[column].isin(deals if column == "deal_id" else accounts)
    return frame[keep] if owned else frame
