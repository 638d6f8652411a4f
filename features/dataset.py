"""Dataset: the validated tables together, immutable, sorted once.

A CRM's export shows each deal as it is now. What it was at an earlier moment comes from the change history, and the history has a
beginning. So a Dataset carries, beside the tables, the openings (`features.openings`), and compiles tables and openings into flat
arrays the first time they are asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

from features import clock, contracts, history, money
from features.activity import ActivityLog, activity_log
from features.client_history import CLIENT_TABLES, ClientLogs, ContractLog, OrderLog, contract_log, order_log
from features.clock import Micros
from features.errors import DataError
from features.history import FieldHistory, Rows, Transitions
from features.openings import derive_openings, lacks, prefer
from features.organisation import Organisation
from features.recorded import first_changes, first_records, newest_fact, recorded
from features.stages import infer_stages, with_outcome
from features.tables import TABLES, Column, Kind
from features.tracking import check_own_changes, compiled_changes, tracked_kinds, typed_history

KINDS: Final = {"open": history.OPEN, "won": history.WON, "lost": history.LOST}


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
    _cache: dict[str, FieldHistory] = field(default_factory=dict, repr=False, compare=False)
    _places: dict[str, Rows] = field(default_factory=dict, repr=False, compare=False)

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
        checked = {
            name: contracts.conform(name, frame, custom=custom if name == "deals" else ()) for name, frame in given.items()
        }
        contracts.check_together(checked, own)
        check_own_changes(checked, custom)
        return cls.of_checked(
            checked,
            own,
            static=static,
            tracked_since=tracked_since or {},
            extracted_at=extracted_at,
            openings=openings,
            begins=begins or {},
            custom=custom,
        )

    @classmethod
    def of_checked(
        cls,
        tables: Mapping[str, pd.DataFrame],
        organisation: Organisation,
        *,
        static: frozenset[str],
        tracked_since: Mapping[str, pd.Timestamp],
        extracted_at: pd.Timestamp | None,
        openings: pd.DataFrame | None,
        begins: Mapping[str, int],
        custom: tuple[Column, ...] = (),
    ) -> "Dataset":
        """As `of`, for tables that have passed their contracts already."""
        whole = {name: _sorted(name, frame) for name, frame in tables.items()}
        whole.setdefault("deals", no_deals())
        whole.setdefault("stages", infer_stages(whole["deals"], whole.get("deal_changes")))
        taken = extracted_at or newest_fact(whole)
        whole["deals"] = with_outcome(whole["deals"], whole["stages"], taken)
        since = {**first_changes(whole), **tracked_since}
        if openings is None or lacks(openings, whole["deals"], custom):
            derived = derive_openings(whole, taken, static, since, custom)
            openings = derived if openings is None else prefer(openings, derived)
        ordered = openings[openings["deal_id"].isin(whole["deals"]["deal_id"])].sort_values("deal_id", ignore_index=True)
        first = {**first_records(whole), **begins}
        return cls(organisation, MappingProxyType(whole), ordered, taken, static, since, first, custom)

    def with_tables(self, tables: Mapping[str, pd.DataFrame]) -> "Dataset":
        """The same organisation, openings and moment of extraction, with other rows."""
        return Dataset.of(
            tables,
            self.organisation,
            static=self.static,
            tracked_since=self.tracked_since,
            extracted_at=self.extracted_at,
            openings=self.openings,
            begins=self.begins,
            custom=self.custom,
        )

    @property
    def deals(self) -> pd.DataFrame:
        return self.tables["deals"]

    @property
    def n_deals(self) -> int:
        return len(self.deals)

    @property
    def ends_at(self) -> pd.Timestamp:
        """The first instant after the source was read. A fact dated later than that does not stretch the data."""
        return clock.instant(clock.micros(self.extracted_at) + 1)

    @cached_property
    def deal_known(self) -> Micros:
        """When each deal came on record."""
        return recorded("deals", self.deals)

    @cached_property
    def deal_created(self) -> Micros:
        return clock.to_micros(self.deals["created_at"])

    @cached_property
    def deal_rows(self) -> "pd.Index[Any]":
        index: pd.Index[Any] = pd.Index(self.deals["deal_id"].to_numpy(dtype=object), dtype=object)
        return index

    @cached_property
    def deal_accounts(self) -> Rows:
        """For each deal the number of its account, -1 where it has none; numbers follow the order of account ids."""
        if "account_id" not in self.deals:
            return np.full(self.n_deals, -1, dtype=np.int64)
        codes, _ = pd.factorize(self.deals["account_id"], sort=True)
        return np.asarray(codes, dtype=np.int64)

    @cached_property
    def activity_log(self) -> ActivityLog:
        """The activities as flat arrays, sorted by deal and time. Raises KeyError where there is no such table."""
        frame = self.tables["activities"]
        return activity_log(frame, self.rows_of("activities"), recorded("activities", frame))

    @cached_property
    def client_ids(self) -> "pd.Index[Any]":
        """Every account that any table names, ascending."""
        named = [frame["account_id"] for name, frame in self.tables.items() if "account_id" in frame]
        ids: pd.Index[Any] = pd.Index(pd.concat(named).dropna().unique().astype(object) if named else [], dtype=object)
        return ids.sort_values()

    def clients_of(self, table: str) -> Rows:
        """For each row of a table the row of its client, -1 where it has none."""
        frame = self.tables[table]
        if "account_id" not in frame:
            return np.full(len(frame), -1, dtype=np.int64)
        return self._found(f"{table}.account_id", self.client_ids, frame["account_id"])

    @cached_property
    def clients_of_activities(self) -> Rows:
        """The client of each activity: its own account, else that of its deal."""
        own, deal = self.clients_of("activities"), self.rows_of("activities")
        return np.where(own >= 0, own, np.where(deal >= 0, np.append(self.clients_of("deals"), -1)[deal], -1))

    @cached_property
    def order_log(self) -> OrderLog:
        """The orders; won deals where the source has neither orders nor contracts; empty where it has contracts alone."""
        if "orders" in self.tables:
            return self.client_logs.orders
        moves = self.transitions
        everything = np.ones(len(moves.deal), dtype=bool)
        won = (moves.state == history.WON) & moves.begins_run(everything) & ("contracts" not in self.tables)
        deal, time, known = moves.deal[won], moves.time[won], moves.known[won]
        amounts = history.value_at(self.history("amount"), deal, known + 1)
        if "currency" in self.deals:
            own = self.organisation
            amounts = money.converted(amounts, self.deals["currency"].iloc[deal], known, self.tables.get("rates"), own)
        return order_log(self.clients_of("deals")[deal], time, known, amounts)

    @cached_property
    def client_logs(self) -> ClientLogs:
        """What clients ordered, returned, reported and answered, and the contacts with them."""
        clients = {name: self.clients_of(name) for name in CLIENT_TABLES if name in self.tables}
        return ClientLogs(self.tables, clients | ({"activities": self.clients_of_activities} if "activities" in clients else {}))

    @cached_property
    def contract_log(self) -> ContractLog:
        """The contracts as flat arrays. Raises KeyError where there is no such table."""
        frame = self.tables["contracts"]
        organisation = self.organisation
        return contract_log(
            frame,
            self.clients_of("contracts"),
            recorded("contracts", frame),
            organisation.timezone,
            organisation.contract_grace_days,
        )

    def rows_of(self, table: str, column: str = "deal_id") -> Rows:
        """For each row of a table the row of its deal, -1 where it has none."""
        if column not in self.tables[table]:
            return np.full(len(self.tables[table]), -1, dtype=np.int64)
        return self._found(f"{table}.{column}", self.deal_rows, self.tables[table][column])

    def _found(self, name: str, index: "pd.Index[Any]", ids: pd.Series) -> Rows:
        """The place of each id of a column in an index, looked up once: a million texts take half a second."""
        if name not in self._places:
            self._places[name] = np.asarray(index.get_indexer(pd.Index(ids.to_numpy(dtype=object))), dtype=np.int64)
        return self._places[name]

    def history(self, name: str) -> FieldHistory:
        """All values of one tracked field; a field that the source lacks has an empty history."""
        if name not in self._cache:
            zone = self.organisation.timezone
            self._cache[name] = typed_history(self.openings, self._changes, name, self.tracked[name], zone)
        return self._cache[name]

    @cached_property
    def tracked(self) -> Mapping[str, Kind]:
        """The fields that have a change history, the organisation's own among them."""
        return tracked_kinds(self.custom)

    @cached_property
    def _changes(self) -> pd.DataFrame:
        deal = self.rows_of("deal_changes") if "deal_changes" in self.tables else np.array([], dtype=np.int64)
        return compiled_changes(self.tables, deal)

    @cached_property
    def transitions(self) -> Transitions:
        """Every close and re-opening of every deal."""
        kinds = dict(zip(self.tables["stages"]["stage"], self.tables["stages"]["kind"].map(KINDS), strict=True))
        closed = pd.DataFrame(
            {
                "time": clock.to_micros(self.deals["closed_at"]),
                "state": self.deals["outcome"].map(history.OUTCOMES).fillna(history.OPEN).astype(np.int32),
            }
        )
        return history.transitions(self.history("stage"), kinds, closed)


def no_deals() -> pd.DataFrame:
    """An empty deals table."""
    required = [column for column in TABLES["deals"].columns if column.required]
    return pd.DataFrame({column.name: pd.Series(dtype=contracts.DTYPES[column.kind]) for column in required})


def _sorted(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Sort by the whole row, key first, so that the order of the input never shows."""
    table = TABLES[name]
    keys = [column for column in (*table.key, *table.names) if column in frame]
    return frame.sort_values(list(dict.fromkeys(keys)), kind="stable", ignore_index=True)
