"""A small Dataset for a few deals that a CRM has just sent: their rows, and what is stored about their accounts.

Signals of a deal depend on its own account's rows and on the company's rates alone. So scoring a posted deal computes on its
account, not on the whole Dataset, with the same functions and, for the same history, the same bytes.
"""

from collections.abc import Mapping

import pandas as pd

from features import clock, contracts
from features.dataset import Dataset
from features.openings import derive_openings

HISTORY = ("deal_changes", "activities")


def excerpt(dataset: Dataset, posted: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> Dataset:
    """The posted deals among the other stored deals of their accounts.

    `posted` holds `deals` and, optionally, `deal_changes` and `activities`; stored rows of the same deal_id count for nothing.
    What is posted without a history is known as of now: the moment just before as_of.
    """
    checked = {name: contracts.conform(name, frame) for name, frame in posted.items() if len(frame)}
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
    fresh = derive_openings(checked, clock.instant(clock.micros(as_of) - 1), dataset.static, dataset.tracked_since)
    return Dataset.of_checked(
        tables,
        dataset.organisation,
        static=dataset.static,
        tracked_since=dataset.tracked_since,
        extracted_at=dataset.extracted_at,
        openings=pd.concat([dataset.openings[dataset.openings["deal_id"].isin(kept["deal_id"])], fresh]),
        begins=dataset.begins,
    )


def _of_accounts(name: str, frame: pd.DataFrame, accounts: set[str], deals: set[str]) -> pd.DataFrame:
    """The rows that belong to these accounts or deals; a table that belongs to neither stays whole."""
    if name == "deals":
        return frame[frame["deal_id"].isin(deals)]
    keep = pd.Series(False, index=frame.index)
    owned = [column for column in ("deal_id", "account_id") if column in frame]
    for column in owned:
        keep |= frame[column].isin(deals if column == "deal_id" else accounts)
    return frame[keep] if owned else frame
