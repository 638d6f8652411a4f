"""Dataset: the validated tables together, immutable, sorted once.

A CRM's export shows each deal as it is now. What it was at an earlier moment comes from the change history, and the history has a
beginning. So a Dataset carries, beside the tables, the openings (`features.openings`), and compiles tables and openings into flat
arrays the first time they are asked for.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

from features import clock, contracts, history, money
from features.activity import READ, ActivityLog, activity_log
from features.arrays import Arrays, TableArrays
from features.client_history import CLIENT_TABLES, ClientLogs, ContractLog, OrderLog, contract_log, no_orders
from features.clock import Floats, Micros
from features.completion import Told, completed
from features.errors import DataError
from features.flat import Texts, factored
from features.groups import starts_of
from features.history import FieldHistory, Rows, Transitions
from features.lookup import places
from features.organisation import Organisation
from features.sheet import Sheet
from features.stages import states_of
from features.tables import Column, Kind
from features.tidy import sorted_table
from features.tracking import check_own_changes, compiled_changes, tracked_kinds, typed_history
from features.won_orders import won_orders

MOST_MOMENTS: Final = 8
"""Of how many moments what was computed for one of them is kept."""


@dataclass(frozen=True)
class Dataset:
    """All that is known of one organisation, each table sorted, each value of the contract's dtype.

    tables        name -> DataFrame; only those that the source has; always `deals` and `stages`
    openings      one row a deal, in the order of `deals`: for each tracked field `f` its first value `f` and `f_since` (int64)
    extracted_at  when the source was read: current values without history are known after it
    static        columns that the mapping declares unchanging, as "table.column"
    tracked_since when the change history of a field begins; a field that is not named has none
    begins        when the first row of each dated table was recorded (microseconds): before it nothing is known, not even "none"
    custom        the organisation's own columns of the deals, and what reveals each; see features.custom
    """

    organisation: Organisation
    tables: Mapping[str, pd.DataFrame]
    openings: pd.DataFrame
    extracted_at: pd.Timestamp
    static: frozenset[str] = frozenset()
    tracked_since: Mapping[str, pd.Timestamp] = field(default_factory=dict)
    begins: Mapping[str, int] = field(default_factory=dict)
    custom: tuple[Column, ...] = ()
    _cache: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        tables: Mapping[str, pd.DataFrame],
        organisation: Organisation | None = None,
        *,
        static: frozenset[str] = frozenset(),
        tracked_since: Mapping[str, pd.Timestamp] | None = None,
        extracted_at: pd.Timestamp | None = None,
        openings: pd.DataFrame | None = None,
        begins: Mapping[str, int] | None = None,
        custom: tuple[Column, ...] = (),
    ) -> "Dataset":
        """Validate, sort and complete the tables.

        `extracted_at` defaults to the newest fact. `openings` (as in the attribute, with `deal_id`) are taken where given; deals
        that have none get theirs derived. `tracked_since` and `begins` default to the first row of each history and table. A
        source of orders or contracts alone, without deals, is a Dataset too. Raises DataError when a table breaks its contract.
        """
        given = {name: frame for name, frame in tables.items() if len(frame) or name != "deals" or len(tables) == 1}
        if not {"deals", "orders", "contracts"} & given.keys():
            raise DataError("deals", "the table is missing", "a source needs deals, or orders or contracts of clients")
        own = organisation or Organisation()
        # Each table is sorted as soon as it is checked, so that of a large one no third copy is in memory.
        whole = {name: sorted_table(name, _conformed(name, frame, custom)) for name, frame in given.items()}
        contracts.check_together(whole, own)
        return cls._of_sorted(whole, own, Told(static, tracked_since or {}, extracted_at, openings, begins or {}, custom))

    @classmethod
    def of_checked(cls, tables: Mapping[str, pd.DataFrame], organisation: Organisation, told: Told) -> "Dataset":
        """As `of`, for tables that have passed their contracts already."""
        return cls._of_sorted({name: sorted_table(name, frame) for name, frame in tables.items()}, organisation, told)

    @classmethod
    def _of_sorted(cls, tables: Mapping[str, pd.DataFrame], organisation: Organisation, told: Told) -> "Dataset":
        made = completed(tables, told)
        return cls(
            organisation,
            MappingProxyType(made.tables),
            made.openings,
            made.extracted_at,
            told.static,
            made.tracked_since,
            made.begins,
            told.custom,
        )

    @property
    def told(self) -> Told:
        """What was learned of the whole, for a Dataset of other rows."""
        return Told(self.static, self.tracked_since, self.extracted_at, self.openings, self.begins, self.custom)

    def with_tables(self, tables: Mapping[str, pd.DataFrame]) -> "Dataset":
        """The same organisation, openings and moment of extraction, with other rows."""
        return Dataset.of(tables, self.organisation, **vars(self.told))

    @property
    def deals(self) -> pd.DataFrame:
        return self.tables["deals"]

    @property
    def n_deals(self) -> int:
        return len(self.arrays.recorded("deals"))

    @property
    def ends_at(self) -> pd.Timestamp:
        """The first instant after the source was read. A fact dated later than that does not stretch the data."""
        return clock.instant(clock.micros(self.extracted_at) + 1)

    @cached_property
    def arrays(self) -> Arrays:
        """The columns of the tables as flat arrays."""
        return TableArrays(self.tables, self.organisation.timezone)

    def row_of(self, table: str, key: str, ids: Texts) -> Rows:
        """The row of each id in a table that is keyed by it, -1 where there is none."""
        return places(self._index(table, key), ids)

    def _index(self, table: str, key: str) -> "pd.Index[Any]":
        index: pd.Index[Any] = self.remembered(("index", table), lambda: pd.Index(self.arrays.get(table, key), dtype=object))
        return index

    @property
    def deal_known(self) -> Micros:
        return self.arrays.recorded("deals")

    @property
    def deal_created(self) -> Micros:
        return self.arrays.get("deals", "created_at")

    @cached_property
    def deal_rows(self) -> "pd.Index[Any]":
        index: pd.Index[Any] = pd.Index(self.arrays.get("deals", "deal_id"), dtype=object)
        return index

    @cached_property
    def account_rows(self) -> Rows:
        """For each deal the row of its account in the table of accounts, -1 where it has none."""
        if not (self.arrays.has("deals", "account_id") and self.arrays.has("accounts", "account_id")):
            return np.full(self.n_deals, -1, dtype=np.int64)
        return self.arrays.rows_in(self._index("accounts", "account_id"), "deals", "account_id")

    @cached_property
    def deal_currencies(self) -> tuple[Rows, Texts]:
        """For each deal the place of its currency among the names beside; -1 where it has none."""
        if not self.arrays.has("deals", "currency"):
            return np.full(self.n_deals, -1, dtype=np.int64), np.empty(0, dtype=object)
        return factored(self.arrays.get("deals", "currency"))

    @cached_property
    def rate_table(self) -> money.RateTable:
        """The rates of exchange; empty where the source has none."""
        return money.rate_table(self.tables.get("rates"), self.organisation.timezone)

    @cached_property
    def activity_log(self) -> ActivityLog:
        """The activities as flat arrays, sorted by deal and time. Raises KeyError where there is no such table."""
        given = self.tables["activities"]
        sheet = Sheet.of("activities", given[[name for name in given if name in READ]], self.organisation.timezone)
        return activity_log(sheet, self.rows_of("activities"), self.arrays.recorded("activities"))

    @cached_property
    def activity_starts(self) -> Rows:
        """Where the activities of each deal begin in the log, and where the last one's end."""
        return starts_of(self.activity_log.deal, self.n_deals)

    @cached_property
    def client_ids(self) -> "pd.Index[Any]":
        """Every account that any table names, ascending."""
        named = [frame["account_id"] for name, frame in self.tables.items() if "account_id" in frame]
        ids: pd.Index[Any] = pd.Index(pd.concat(named).dropna().unique().astype(object) if named else [], dtype=object)
        return ids.sort_values()

    def clients_of(self, table: str) -> Rows:
        """For each row of a table the row of its client, -1 where it has none."""
        found: Rows = self.remembered(("clients", table), lambda: self._rows_in(self.client_ids, table, "account_id"))
        return found

    @cached_property
    def clients_of_activities(self) -> Rows:
        """The client of each activity: its own account, else that of its deal."""
        own, deal = self.clients_of("activities"), self.rows_of("activities")
        if (own >= 0).all():
            return own
        return np.where(own >= 0, own, np.where(deal >= 0, np.append(self.clients_of("deals"), -1)[deal], -1))

    @cached_property
    def activities_known(self) -> Micros:
        """When each activity was known to be one of its client: through its deal not before the deal is on record."""
        known, deal = self.arrays.recorded("activities"), self.rows_of("activities")
        through = (self.clients_of("activities") < 0) & (deal >= 0)
        if not through.any():
            return known
        return np.where(through, clock.later(known, clock.time_at(self.deal_known, deal)), known)

    @cached_property
    def order_log(self) -> OrderLog:
        """The orders; won deals where the source has neither orders nor contracts; empty where it has contracts alone."""
        if "orders" in self.tables:
            return self.client_logs.orders
        if "contracts" in self.tables:
            return no_orders()
        return won_orders(self.transitions, self.history("amount"), self.clients_of("deals"), self._converted)

    def _converted(self, amounts: Floats, deal: Rows, moments: Micros) -> Floats:
        """Amounts of deals, each at its own moment, in the organisation's currency."""
        if "currency" not in self.deals:
            return amounts
        currencies = self.deals["currency"].iloc[deal]
        return money.converted(amounts, currencies, moments, self.tables.get("rates"), self.organisation)

    @cached_property
    def client_logs(self) -> ClientLogs:
        """What clients ordered, returned, reported and answered, and the contacts with them."""
        clients = {name: self.clients_of(name) for name in CLIENT_TABLES if name in self.tables}
        if "activities" not in clients:
            return ClientLogs(self.tables, clients)
        return ClientLogs(self.tables, clients | {"activities": self.clients_of_activities}, self.activities_known)

    @cached_property
    def contract_log(self) -> ContractLog:
        """The contracts as flat arrays. Raises KeyError where there is no such table."""
        own, clients = self.organisation, self.clients_of("contracts")
        known = self.arrays.recorded("contracts")
        return contract_log(self.tables["contracts"], clients, known, own.timezone, own.contract_grace_days)

    def rows_of(self, table: str) -> Rows:
        """For each row of a table the row of its deal, -1 where it has none."""
        found: Rows = self.remembered(("deals", table), lambda: self._rows_in(self.deal_rows, table, "deal_id"))
        return found

    def _rows_in(self, ids: "pd.Index[Any]", table: str, column: str) -> Rows:
        if not self.arrays.has(table, column):
            return np.full(len(self.tables[table]), -1, dtype=np.int64)
        return self.arrays.rows_in(ids, table, column)

    def history(self, name: str) -> FieldHistory:
        """All values of one tracked field; a field that the source lacks has an empty history."""
        zone, kind = self.organisation.timezone, self.tracked[name]
        past: FieldHistory = self.remembered(
            ("history", name), lambda: typed_history(self.openings, self._changes(name), name, kind, zone)
        )
        return past

    def known_by(self, key: Hashable) -> Any:
        """What is remembered under a key, None where nothing is."""
        return self._cache.get(key)

    def remembered_keys(self) -> list[Hashable]:
        """The keys under which something is remembered."""
        return list(self._cache)

    def remembered(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What was computed from this Dataset under a key, computed at the first question for it: a Dataset never changes."""
        if key not in self._cache:
            self._cache[key] = compute()
        return self._cache[key]

    def forget(self, kind: str) -> None:
        """Forget what was computed of a kind for several moments, or names."""
        for key in [key for key in self._cache if isinstance(key, tuple) and key[0] == kind]:
            del self._cache[key]

    def remembered_lately(self, kind: str, at: int, compute: Callable[[], Any]) -> Any:
        """As `remembered`, for what belongs to a moment: of each kind the MOST_MOMENTS that were asked for last are kept.

        A program may ask for any date, and each takes as much memory as the next.
        """
        found = self._cache.pop((kind, at), None)
        found = compute() if found is None else found
        self._cache[kind, at] = found
        own = [key for key in list(self._cache) if isinstance(key, tuple) and key[0] == kind]
        for key in own[:-MOST_MOMENTS]:
            self._cache.pop(key, None)
        return found

    def starts(self, name: str) -> Rows:
        """Where the rows of each deal begin in the history of a field, and where the last one's end."""
        found: Rows = self.remembered(("starts", name), lambda: starts_of(self.history(name).deal, self.n_deals))
        return found

    @cached_property
    def tracked(self) -> Mapping[str, Kind]:
        """The fields that have a change history, the organisation's own among them."""
        return tracked_kinds(self.custom)

    def _changes(self, name: str) -> pd.DataFrame:
        """The changes of one field: those of all fields together would be a second copy of the table."""
        deal = self.rows_of("deal_changes") if "deal_changes" in self.tables else np.array([], dtype=np.int64)
        return compiled_changes(self.tables, deal, name)

    @cached_property
    def transitions(self) -> Transitions:
        """Every close and re-opening of every deal."""
        closed_at = clock.to_micros(self.deals["closed_at"])
        outcome = self.deals["outcome"].map(history.OUTCOMES).fillna(history.OPEN)
        state = outcome.to_numpy().astype(np.int64)
        return history.transitions(self.history("stage"), self.states, closed_at, state, self.deal_known)

    @cached_property
    def states(self) -> dict[str, int]:
        """The state in which each stage leaves a deal."""
        return states_of(self.tables["stages"])


def _conformed(name: str, frame: pd.DataFrame, custom: tuple[Column, ...]) -> pd.DataFrame:
    checked = contracts.conform(name, frame, custom=custom if name == "deals" else ())
    check_own_changes({name: checked}, custom)
    return checked
