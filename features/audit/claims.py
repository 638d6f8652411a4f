"""What is promised at creation: the columns that training reads as if they had been known from a deal's first moment.

Such a promise stands in the contract (account, currency), in a mapping's `static`, or in a custom column's `known_at =
"created"`. Columns revealed by the change history, the close or the export promise nothing and cannot break it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask, Micros
from features.dataset import Dataset
from features.tables import EXPORT, TABLES, Column, Kind

CREATED: Final = "created_at"


@dataclass(frozen=True)
class Deals:
    """The deals on record at the audit's as_of; times in microseconds, all arrays of one length."""

    ids: pd.Series
    created: Micros
    closed: Micros
    won: Mask
    lost: Mask

    @property
    def ended(self) -> Mask:
        return self.won | self.lost

    @property
    def open(self) -> Mask:
        return ~self.ended


class Promise(StrEnum):
    """Where it stands that a column is known at creation."""

    STATIC = "declared static"
    CREATED = 'declared known_at = "created"'
    CONTRACT = "known at creation by its contract"


REMEDIES: Final = {
    Promise.STATIC: "leave it out of `static`: then its history says what was known when, or it counts from the export on",
    Promise.CREATED: 'declare known_at = "close", or known_at = "changes" where a history of it is kept',
    Promise.CONTRACT: "leave it out of the mapping, or map it as a custom column with the known_at that is true of it",
}


@dataclass(frozen=True)
class Claim:
    """One column that is promised at creation.

    values   one entry a deal, as the export shows it
    applies  the deals that can have a value: for a column of the accounts those whose account is known
    promise  where the promise stands
    """

    table: str
    column: Column
    values: pd.Series
    applies: Mask
    promise: Promise

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column.name}"

    @property
    def remedy(self) -> str:
        """What to write in the mapping instead."""
        return REMEDIES[self.promise]

    @property
    def filled(self) -> Mask:
        return self.values.notna().to_numpy(dtype=bool)


def deals_of(dataset: Dataset, as_of: int) -> tuple[Deals, Mask]:
    """The deals on record before as_of with their final outcome, and which of the Dataset's rows they are."""
    rows = clock.known(dataset.deal_known, as_of)
    frame = dataset.deals[rows]
    outcome = frame.get("outcome", pd.Series(None, index=frame.index, dtype="str"))
    closed = clock.to_micros(frame["closed_at"]) if "closed_at" in frame else clock.repeated(clock.UNKNOWN, len(frame))
    won, lost = (np.asarray(outcome == name, dtype=np.bool_) for name in ("won", "lost"))
    return Deals(frame["deal_id"].reset_index(drop=True), clock.to_micros(frame[CREATED]), closed, won, lost), rows


def claims_of(dataset: Dataset, rows: Mask) -> list[Claim]:
    """Every promise, with the values of the given deals. Columns without a single value promise nothing."""
    promised = [*_of_deals(dataset, rows), *_of_accounts(dataset, rows)]
    return [claim for claim in promised if claim.filled.any()]


def _of_deals(dataset: Dataset, rows: Mask) -> Iterator[Claim]:
    frame = dataset.deals[rows].reset_index(drop=True)
    everyone = np.ones(len(frame), dtype=np.bool_)
    for column in (*TABLES["deals"].columns, *dataset.custom):
        promise = _promise(column, dataset.static)
        if column.name in frame and promise:
            yield Claim("deals", column, frame[column.name], everyone, promise)


def _promise(column: Column, static: frozenset[str]) -> Promise | None:
    if f"deals.{column.name}" in static:
        return Promise.STATIC
    if column.revealed_by != CREATED or column.required:
        return None
    return Promise.CONTRACT if column.name in TABLES["deals"].names else Promise.CREATED


def _of_accounts(dataset: Dataset, rows: Mask) -> Iterator[Claim]:
    """Static columns of the accounts, looked up for each deal."""
    if "accounts" not in dataset.tables or "account_id" not in dataset.deals:
        return
    accounts = dataset.tables["accounts"].set_index("account_id")
    owners = dataset.deals.loc[rows, "account_id"]
    applies = owners.isin(accounts.index).to_numpy(dtype=np.bool_)
    for column in TABLES["accounts"].columns:
        if column.revealed_by == EXPORT and f"accounts.{column.name}" in dataset.static and column.name in accounts:
            values = accounts[column.name].reindex(owners).reset_index(drop=True)
            yield Claim("accounts", column, values, applies, Promise.STATIC)


def days_after_creation(claim: Claim, deals: Deals, zone: str) -> Floats:
    """A column of dates or instants as days after its deal was created, NaN where empty."""
    times = clock.dates_to_micros(claim.values, zone) if claim.column.kind is Kind.DATE else clock.to_micros(claim.values)
    return clock.days_between(deals.created, times)


def shown(deals: Deals, claim: Claim, rows: Mask, limit: int = 3) -> tuple[str, ...]:
    """The first few of the given deals with their value and outcome."""
    outcome = np.where(deals.won, "won", np.where(deals.lost, "lost", "open"))
    return tuple(
        f"deal_id {deals.ids.iloc[row]}, {outcome[row]}, {claim.column.name} {quoted(claim.values.iloc[row])}"
        for row in np.flatnonzero(rows)[:limit]
    )


def quoted(value: object) -> str:
    """A cell as it is safe to print."""
    if value is None or value is pd.NA or value != value:
        return "is empty"
    if isinstance(value, pd.Timestamp):
        return value.isoformat() if value.tzinfo else str(value.date())
    return repr(value) if isinstance(value, str) else str(value)
