"""A small Dataset of a few accounts, some of whose rows a CRM has just sent: what `excerpt` is for deals, for clients.

Signals of a client depend on its own account's rows alone, so no other account is in it. For each account a table that was sent
takes the place of the stored rows; the other tables stay as they are stored. What is learned from all rows goes along unchanged,
as in `excerpt`: the beginning of each history and table, and the kinds of stages.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from features import clock
from features.dataset import Dataset
from features.excerpt import OF_CLIENTS, rows_of_clients, rows_of_deals
from features.history import Rows
from features.openings import derive_openings

HISTORY = "deal_changes"


def client_excerpt(
    dataset: Dataset,
    sent: Mapping[str, frozenset[str]],
    posted: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
) -> Dataset:
    """The posted accounts with what is stored of them beside.

    `sent` says for each account which tables replace its stored rows; `posted` holds these rows in the contracts' form, with the
    account's id. Tables that the company does not have are left out. What is sent of deals without a history is known as of the
    moment before as_of.
    """
    kept = {name: _kept(dataset, name, sent) for name in (*OF_CLIENTS, "deals") if name in dataset.tables}
    tables = {name: _joined(dataset, name, kept.get(name), posted.get(name)) for name in dataset.tables if name != HISTORY}
    if HISTORY in dataset.tables:
        tables[HISTORY] = _joined(dataset, HISTORY, rows_of_deals(dataset, HISTORY, kept["deals"]), posted.get(HISTORY))
    openings = _openings(dataset, kept["deals"], posted, clock.instant(clock.micros(as_of) - 1))
    return Dataset.of_checked(tables, dataset.organisation, replace(dataset.told, openings=openings))


def _kept(dataset: Dataset, table: str, sent: Mapping[str, frozenset[str]]) -> Rows:
    """The stored rows of the accounts that did not send this table."""
    stay = [account for account, tables in sent.items() if table not in tables]
    clients: Rows = np.asarray(dataset.client_ids.get_indexer(pd.Index(stay, dtype=object)), dtype=np.int64)
    return rows_of_clients(dataset, table, clients)


def _joined(dataset: Dataset, name: str, kept: Rows | None, posted: pd.DataFrame | None) -> pd.DataFrame:
    stored = dataset.tables[name] if kept is None else dataset.tables[name].iloc[kept]
    if posted is None or not len(posted):
        return stored
    told = posted[[column for column in posted if column in stored or posted[column].notna().any()]]
    return pd.concat([stored, told], ignore_index=True) if len(stored) else told


def _openings(dataset: Dataset, kept: Rows, posted: Mapping[str, pd.DataFrame], now: pd.Timestamp) -> pd.DataFrame:
    """Those of the stored deals, and those of the deals that were sent, from what was sent of them."""
    stored = dataset.openings.iloc[kept]
    if "deals" not in posted or not len(posted["deals"]):
        return stored
    fresh = derive_openings(posted, now, dataset.static, dataset.tracked_since, dataset.custom)
    return pd.concat([stored, fresh], ignore_index=True) if len(stored) else fresh
