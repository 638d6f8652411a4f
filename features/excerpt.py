"""A small Dataset out of a large one: a few deals that a CRM has just sent, among the other deals of their accounts.

Signals of a deal depend on its own account's rows and on the company's rates alone. So scoring a posted deal computes on its
account, with the same functions and, for the same history, to the same bytes. Nothing is compiled anew but what was sent: the
past of the other deals, and the orders, contracts and tickets of the accounts, are cut out of the arrays of the whole Dataset,
found by an index. What is learned from all rows goes along unchanged: the beginning of each history and table, the kinds of
stages, and the rates, which the caller takes from the whole.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
import pandas as pd

from features import clock, contracts
from features.activity import ActivityLog, activity_log
from features.arrays import Index
from features.client_history import ContractLog, OrderLog
from features.clock import Micros
from features.dataset import Dataset
from features.flat import Flat, Texts, picked
from features.grouped import Grouped
from features.history import FieldHistory, Rows
from features.lookup import places
from features.sent import Sent
from features.sheet import Sheet
from features.splice import Cut, OfDeals, cut_out, nothing_of, spliced
from features.stages import with_outcome

SHARED: Final = ("ladders", ("index", "users"))
"""What is remembered of tables that go along whole."""
OF_CLIENTS: Final = ("accounts", "orders", "contracts", "tickets", "surveys", "leads", "activities")


def excerpt(dataset: Dataset, posted: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> Dataset:
    """The posted deals among the other stored deals of their accounts.

    `posted` holds `deals` and, optionally, `deal_changes` and `activities`; stored rows of the same deal_id count for nothing.
    What is posted without a history is known as of now: the moment just before as_of. Raises DataError where what was posted
    breaks a contract.
    """
    checked = {name: _conformed(name, frame, dataset) for name, frame in posted.items() if len(frame)}
    return excerpt_of_checked(dataset, checked, as_of)


def excerpt_of_checked(dataset: Dataset, posted: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> Dataset:
    """As `excerpt`, of tables that have the contracts' form. Raises DataError for an amount in a currency without a rate."""
    rates = {"rates": dataset.tables["rates"]} if "rates" in dataset.tables else {}
    contracts.check_together({**posted, **rates}, dataset.organisation)
    zone = dataset.organisation.timezone
    return excerpt_of_sheets(dataset, {name: Sheet.of(name, frame, zone) for name, frame in posted.items()}, as_of)


def excerpt_of_sheets(dataset: Dataset, posted: Mapping[str, Sheet], as_of: pd.Timestamp) -> Dataset:
    """As `excerpt_of_checked`, of sheets whose currencies have rates; each has a row at least."""
    # A column that the company's table lacks, and of which nothing was sent, is not there: unknown, and not none.
    told = {name: sheet.without_empty(partial(dataset.arrays.has, name)) for name, sheet in posted.items()}
    sent = Sent(told["deals"], told.get("deal_changes"), dataset, clock.micros(as_of) - 1)
    return _Joined(dataset, sent, told.get("activities") if "activities" in dataset.tables else None).small()


def prepare(dataset: Dataset) -> None:
    """Compile and index what every excerpt is cut from, so that the first request does not wait for it."""
    if dataset.n_deals:
        small = excerpt_of_checked(dataset, {"deals": dataset.deals.head(1)}, dataset.ends_at)
        for table in dataset.tables:
            small.rows_of(table)
            small.clients_of(table)


@dataclass(frozen=True)
class _Joined:
    """The rows that the excerpt is made of.

    dataset     the company
    sent        the deals that were sent, and their changes
    activities  the activities that were sent, None where there are none or the company keeps no such table
    """

    dataset: Dataset
    sent: Sent
    activities: Sheet | None
    _found: dict[str, Rows | None] = field(default_factory=dict, repr=False, compare=False)

    def small(self) -> Dataset:
        """The excerpt, with what kernels ask for cut out or compiled already; its histories make openings needless."""
        sent = {name: self.sent.history(name) for name in self.dataset.tracked}
        ready: dict[Hashable, Any] = {("history", name): self._history(name, past) for name, past in sent.items()}
        ready |= {key: found for key in SHARED if (found := self.dataset.known_by(key)) is not None}
        small = replace(self.dataset, tables=_Tables(self), openings=_no_openings(self.dataset), _cache=ready)
        # The same names as the properties of Dataset, which compute only what is not there yet.
        accounts = pd.Index(self.accounts, dtype=object)
        vars(small).update(arrays=_Arrays(self), client_ids=accounts, rate_table=self.dataset.rate_table)
        vars(small)["transitions"] = self._of_deals(self.dataset.transitions, self.sent.transitions(sent["stage"]))
        vars(small).update(self._logs(small))
        return small

    @cached_property
    def accounts(self) -> Texts:
        """The accounts of the deals that were sent, and those that their activities name, ascending."""
        sheets = [sheet for sheet in (self.sent.deals, self.activities) if sheet is not None]
        named = {account for sheet in sheets for account in sheet.texts("account_id")}
        return np.array(sorted(named - {None}), dtype=object)

    @cached_property
    def clients(self) -> Cut:
        """These accounts among the company's; one that the company does not know is not among them."""
        numbers = places(self.dataset.client_ids, self.accounts)
        return Cut(numbers[numbers >= 0], np.flatnonzero(numbers >= 0))

    @cached_property
    def replaced(self) -> Rows:
        """Stored deals that were sent anew."""
        found = places(self.dataset.deal_rows, self.sent.ids)
        return found[found >= 0]

    @cached_property
    def kept(self) -> Rows:
        """The other stored deals of the accounts."""
        return np.setdiff1d(_of_clients(self.dataset, "deals").of_groups(self.clients.groups), self.replaced)

    @cached_property
    def order(self) -> Rows:
        """Kept deals and sent ones, in the order of their ids."""
        ids = np.concatenate([self.dataset.arrays.get("deals", "deal_id")[self.kept], self.sent.ids])
        return np.argsort(ids, kind="stable")

    @cached_property
    def numbers(self) -> tuple[Rows, Rows]:
        """The rows of the kept and of the sent deals in the excerpt."""
        place = np.empty(len(self.order), dtype=np.int64)
        place[self.order] = np.arange(len(self.order))
        return place[: len(self.kept)], place[len(self.kept) :]

    def rows(self, table: str) -> Rows | None:
        """The stored rows of a table that belong here, ascending; None: all of them."""
        if table not in self._found:
            self._found[table] = self._rows(table)
        return self._found[table]

    def _rows(self, table: str) -> Rows | None:
        if table == "deals":
            return self.kept
        if table == "deal_changes":
            return _of_deals(self.dataset, table).of_groups(self.kept)
        if table not in OF_CLIENTS:
            return None
        found = _of_clients(self.dataset, table).of_groups(self.clients.groups)
        if table == "leads":
            return np.union1d(found, _leads_of(self.dataset, self.sent.ids))
        if table != "activities":
            return found
        return found[~np.isin(self.dataset.rows_of(table)[found], self.replaced)]

    def posted(self, table: str) -> Sheet | None:
        """The rows of a table that were sent."""
        return {"deals": self.sent.deals, "deal_changes": self.sent.changes, "activities": self.activities}.get(table)

    def _of_deals(self, stored: OfDeals, sent: OfDeals) -> OfDeals:
        kept, sent_rows = self.numbers
        return spliced(stored, Cut(self.kept, kept), sent, sent_rows)

    def _history(self, name: str, sent: FieldHistory) -> FieldHistory:
        return replace(self._of_deals(self.dataset.history(name), sent), labels=sent.labels)

    def _logs(self, small: Dataset) -> dict[str, ActivityLog | OrderLog | ContractLog]:
        """The logs of those tables that the company has."""
        logs: dict[str, ActivityLog | OrderLog | ContractLog] = {}
        if "activities" in self.dataset.tables:
            logs["activity_log"] = self._activity_log(small)
        if "orders" in self.dataset.tables:
            logs["order_log"] = cut_out(self.dataset.order_log, self.clients)
        if "contracts" in self.dataset.tables:
            logs["contract_log"] = cut_out(self.dataset.contract_log, self.clients)
        return logs

    def _activity_log(self, small: Dataset) -> ActivityLog:
        stored = self.dataset.activity_log
        kept, sent_rows = self.numbers
        if self.activities is None:
            return spliced(stored, Cut(self.kept, kept), nothing_of(stored), sent_rows)
        deal = places(small.deal_rows, self.activities.texts("deal_id"))
        sent = activity_log(self.activities, deal, self.activities.recorded())
        return spliced(stored, Cut(self.kept, kept), sent, np.append(np.arange(small.n_deals), -1))


class _Arrays:
    """Columns cut out of those of the company, with what was sent."""

    def __init__(self, joined: _Joined) -> None:
        self._joined = joined
        self._stored = joined.dataset.arrays
        self._made: dict[tuple[str, str], Flat] = {}
        self._recorded: dict[str, Micros] = {}

    def has(self, table: str, name: str) -> bool:
        return self._stored.has(table, name) or (table == "deals" and name in self._joined.sent.deals)

    def get(self, table: str, name: str) -> Flat:
        if (table, name) not in self._made:
            self._made[table, name] = self._joined_column(table, name)
        return self._made[table, name]

    def recorded(self, table: str) -> Micros:
        if table not in self._recorded:
            sent = self._joined.posted(table)
            told = None if sent is None else sent.recorded()
            self._recorded[table] = self._with(table, self._stored.recorded(table), told)
        return self._recorded[table]

    def rows_in(self, ids: Index, table: str, name: str) -> Rows:
        return places(ids, self.get(table, name))

    def _joined_column(self, table: str, name: str) -> Flat:
        sent = self._joined.posted(table)
        told = None if sent is None or name not in sent else sent.columns[name]
        if not self._stored.has(table, name):
            assert told is not None
            return self._with(table, told[:0], told)
        stored = self._stored.get(table, name)
        return self._with(table, stored, picked(stored, np.full(len(sent), -1)) if told is None and sent is not None else told)

    def _with(self, table: str, stored: Flat, sent: Flat | None) -> Flat:
        """The stored rows, then those that were sent; deals in the order of their ids."""
        rows = self._joined.rows(table)
        if rows is None:
            return stored
        found = picked(stored, rows if len(stored) else np.full(len(rows), -1))
        whole = found if sent is None else np.concatenate([found, sent])
        return whole[self._joined.order] if table == "deals" else whole


class _Tables(Mapping[str, pd.DataFrame]):
    """The tables of the excerpt, each put together when it is asked for: kernels read arrays and ask for none."""

    def __init__(self, joined: _Joined) -> None:
        self._joined = joined

    def __getitem__(self, name: str) -> pd.DataFrame:
        stored, rows, sent = self._joined.dataset.tables[name], self._joined.rows(name), self._joined.posted(name)
        if rows is None:
            return stored
        table = stored.iloc[rows] if sent is None else pd.concat([stored.iloc[rows], sent.frame()])
        if name != "deals":
            return table.reset_index(drop=True)
        ordered = table.iloc[self._joined.order].reset_index(drop=True)
        return with_outcome(ordered, self._joined.dataset.tables["stages"], self._joined.dataset.extracted_at)

    def __contains__(self, name: object) -> bool:
        return name in self._joined.dataset.tables

    def __iter__(self) -> Iterator[str]:
        return iter(self._joined.dataset.tables)

    def __len__(self) -> int:
        return len(self._joined.dataset.tables)


def _of_clients(dataset: Dataset, table: str) -> Grouped:
    """The index of a table by client."""
    client = dataset.clients_of_activities if table == "activities" else dataset.clients_of(table)
    found: Grouped = dataset.remembered(("by client", table), lambda: Grouped.of(client, len(dataset.client_ids)))
    return found


def _of_deals(dataset: Dataset, table: str) -> Grouped:
    """The index of a table by deal."""
    found: Grouped = dataset.remembered(("by deal", table), lambda: Grouped.of(dataset.rows_of(table), dataset.n_deals))
    return found


def rows_of_clients(dataset: Dataset, table: str, clients: Rows) -> Rows:
    """The rows of a table that belong to some clients (rows of `Dataset.client_ids`), ascending; a client of -1 has none."""
    return _of_clients(dataset, table).of_groups(clients)


def rows_of_deals(dataset: Dataset, table: str, deals: Rows) -> Rows:
    """The rows of a table that belong to some stored deals, ascending."""
    return _of_deals(dataset, table).of_groups(deals)


def _no_openings(dataset: Dataset) -> pd.DataFrame:
    none: pd.DataFrame = dataset.remembered("no openings", lambda: dataset.openings.iloc[:0])
    return none


def _leads_of(dataset: Dataset, deal_ids: Texts) -> Rows:
    """The leads that name one of these deals, whether or not the deal is stored."""
    if not dataset.arrays.has("leads", "deal_id"):
        return np.empty(0, dtype=np.int64)
    names, leads = dataset.remembered("leads by deal", lambda: _by_name(dataset.arrays.get("leads", "deal_id")))
    found: Rows = leads.of_groups(places(names, deal_ids))
    return found


def _by_name(ids: Texts) -> "tuple[pd.Index[Any], Grouped]":
    codes, names = pd.factorize(ids)
    return pd.Index(names, dtype=object), Grouped.of(np.asarray(codes, dtype=np.int64), len(names))


def _conformed(name: str, frame: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """A posted table in the contract's form."""
    return contracts.conform(name, frame, custom=dataset.custom if name == "deals" else ())
