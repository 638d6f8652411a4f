"""An excerpt the slow way: the rows of the accounts as DataFrames, validated and compiled like any Dataset."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from features import clock, contracts
from features.dataset import Dataset
from features.openings import derive_openings
from features.tables import TABLES

HISTORY = ("deal_changes", "activities")


def excerpt(dataset: Dataset, posted: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> Dataset:
    """The posted deals among the other stored deals of their accounts; see `features.excerpt`."""
    custom = {"deals": dataset.custom}
    checked = {name: contracts.conform(name, frame, custom=custom.get(name, ())) for name, frame in posted.items() if len(frame)}
    if "deal_changes" in checked:  # as a Dataset sorts them
        checked["deal_changes"] = checked["deal_changes"].sort_values(list(TABLES["deal_changes"].key), ignore_index=True)
    ids = set(checked["deals"]["deal_id"])
    accounts = set(checked["deals"]["account_id"].dropna())
    stored = dataset.deals
    kept = set(stored["deal_id"][stored["account_id"].isin(accounts) & ~stored["deal_id"].isin(ids)])
    tables = {name: _rows(name, frame, accounts, kept, ids) for name, frame in dataset.tables.items()}
    for name in ("deals", *HISTORY):
        others = tables[name][~tables[name]["deal_id"].isin(ids)]
        tables[name] = pd.concat([others, checked[name]], ignore_index=True) if name in checked else others
    now = clock.instant(clock.micros(as_of) - 1)
    fresh = derive_openings(checked, now, dataset.static, dataset.tracked_since, dataset.custom)
    openings = pd.concat([dataset.openings[dataset.openings["deal_id"].isin(kept)], fresh])
    return Dataset.of_checked(tables, dataset.organisation, replace(dataset.told, openings=openings))


def _rows(name: str, frame: pd.DataFrame, accounts: set[str], kept: set[str], sent: set[str]) -> pd.DataFrame:
    """The rows that belong to these accounts or deals; leads also by the deals that were sent."""
    if name == "deals":
        return frame[frame["deal_id"].isin(kept)]
    belongs = pd.Series(False, index=frame.index)
    by_account = "account_id" in TABLES[name].required
    owned = [column for column in ("deal_id", "account_id") if column in frame and not (by_account and column == "deal_id")]
    for column in owned:
        belongs |= frame[column].isin(kept | (sent if name == "leads" else set()) if column == "deal_id" else accounts)
    return frame[belongs] if owned else frame
