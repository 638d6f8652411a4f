"""A Dataset in parts by account, for work side by side: each part gives the bytes that the whole gives.

Signals of a deal or client depend on its own account's rows and on the company's rates alone. What is learned from all rows
goes along unchanged: openings, the beginning of each history and table, the kinds of stages, and the rates, which the caller
takes from the whole.
"""

from dataclasses import replace
from zlib import crc32

import numpy as np
import pandas as pd

from features.dataset import Dataset
from features.history import Rows
from features.tables import TABLES


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
        learned = replace(dataset.told, openings=dataset.openings[dataset.openings["deal_id"].isin(own)])
        parts.append(Dataset.of_checked(tables, dataset.organisation, learned))
    return parts


def _part(units: pd.Series, n_parts: int) -> Rows:
    return np.array([crc32(unit.encode()) % n_parts for unit in units], dtype=np.int64)


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
