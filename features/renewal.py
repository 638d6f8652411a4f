"""A Dataset in which the rows of some accounts are new: taken up without loading, checking or compiling the others again.

Signals depend on an account's own rows and on the company's rates alone. So what a write changed is loaded as a small Dataset of
its own, the *part*, and everything that was compiled of the whole is spliced: the rows of the other accounts keep their order,
those of the part stand where their ids belong, and deals and clients are numbered anew. What was not compiled yet is compiled
from the tables when it is asked for, as ever. The result is the Dataset that loading everything would give, but for the rates of
the day (features.rates): they are carried over and hold until the next day.

Where a change reaches further than its accounts, there is no renewal and everything has to be loaded: other stages, users or
rates of exchange, a row recorded before all others of its table, a deal whose close nobody dates.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd

from features import clock
from features.activity import ActivityLog
from features.arrays import TableArrays
from features.clock import Mask
from features.dataset import Dataset
from features.flat import Flat
from features.history import FieldHistory, Rows
from features.recorded import FACTS, first_changes
from features.stages import infer_stages
from features.touches import Touched

BELONGS: Final[Mapping[str, tuple[str, ...]]] = {
    "deals": ("deal_id",),
    "deal_changes": ("deal_id",),
    "accounts": ("account_id",),
    "activities": ("account_id", "deal_id"),
    "leads": ("account_id", "deal_id"),
    "orders": ("account_id",),
    "contracts": ("account_id",),
    "tickets": ("account_id",),
    "surveys": ("account_id",),
}
"""By which of its columns a row belongs to what was touched."""
FOR_ALL: Final = frozenset({"stages", "users", "rates"})
"""Tables that the signals of every deal may depend on."""
_FIRST: Final = {
    "deals": "deal_id",
    "deal_changes": "deal_id",
    "accounts": "account_id",
    "activities": "activity_id",
    "leads": "lead_id",
    "orders": "order_id",
    "contracts": "contract_id",
    "tickets": "ticket_id",
    "surveys": "response_id",
}
"""The column by which each table is sorted first."""
KEYS: Final = {"activities": "activity_id", "leads": "lead_id", "surveys": "response_id"}
_CARRIED: Final = ("ladders", ("index", "users"))
_LOGS: Final = ("orders", "returns", "tickets", "surveys", "contacts")

Log = TypeVar("Log")


def concerned(frame: pd.DataFrame, name: str, touched: Touched) -> Mask:
    """Which rows of a table belong to what was touched."""
    rows = np.zeros(len(frame), dtype=np.bool_)
    ids = {"account_id": touched.accounts, "deal_id": touched.deals}
    asked = {column: ids[column] for column in BELONGS.get(name, ())} | {KEYS.get(name, ""): touched.rows.get(name, frozenset())}
    for column, wanted in asked.items():
        if wanted and column in frame:
            rows |= frame[column].isin(list(wanted)).to_numpy(dtype=bool)
    return rows


def renewed(before: Dataset, part: Dataset, touched: Touched, *, stages_told: bool) -> Dataset | None:
    """The Dataset with the rows of what was touched, and the tables that were, as the part has them.

    `touched` is closed: no row belongs both to something in it and to something else. `stages_told` says whether the source has a
    table of stages; else they are inferred. None where a renewal does not do.
    """
    splice = _Splice(before, part, touched)
    if FOR_ALL & touched.tables or splice.has_undated_closes or not splice.begins_alike:
        return None
    return splice.dataset() if stages_told or splice.stages_stay else None


@dataclass(frozen=True)
class _Mixed:
    """Rows of two tables in one order: a row below `size` is one of the first, the others follow."""

    rows: Rows
    size: int

    @classmethod
    def of(cls, kept: Mask, places: Rows) -> "_Mixed":
        """The kept rows of the first, and those of the second, each before the row of the first at its place."""
        before = np.concatenate([[0], np.cumsum(kept)])
        rows = np.insert(np.flatnonzero(kept), before[places], len(kept) + np.arange(len(places)))
        return cls(rows, len(kept))

    def __call__(self, first: Flat, second: Flat) -> Flat:
        return np.concatenate([first, second])[self.rows]

    def frame(self, first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
        # Of what is stored now a column may be new: the one that says when rows were recorded.
        like = second if set(first) <= set(second) else first
        kinds = {**first.dtypes.to_dict(), **like.dtypes.to_dict()}
        parts = [frame.reindex(columns=like.columns).astype({name: kinds[name] for name in like}) for frame in (first, second)]
        both = pd.concat(parts, ignore_index=True)
        return both.take(self.rows).reset_index(drop=True)

    def numbers(self) -> tuple[Rows, Rows]:
        """The new place of each row of the first and of the second, -1 where it has none; after the last: -1 for no row."""
        place = np.full(max(self.size, int(self.rows.max(initial=-1)) + 1) + 1, -1, dtype=np.int64)
        place[self.rows] = np.arange(len(self.rows))
        return np.append(place[: self.size], -1), place[self.size :]


@dataclass(frozen=True)
class _Splice:
    before: Dataset
    part: Dataset
    touched: Touched

    @cached_property
    def kept(self) -> Mapping[str, Mask]:
        """Of each table with rows of accounts, which stay."""
        names = [name for name in BELONGS if name in self.before.tables]
        return {name: ~concerned(self.before.tables[name], name, self.touched) for name in names}

    @cached_property
    def mixed(self) -> Mapping[str, _Mixed]:
        """The tables in which something changed."""
        changed = [name for name, kept in self.kept.items() if not kept.all() or len(self.part.tables[name])]
        return {name: self._of_table(name) for name in changed}

    def _of_table(self, name: str) -> _Mixed:
        # Ids as objects take more memory than all else about their rows, so they are not kept as `arrays` would keep them.
        old, new = (each.tables[name][_FIRST[name]].to_numpy(dtype=object) for each in (self.before, self.part))
        return _Mixed.of(self.kept[name], _places(old, new))

    @cached_property
    def clients(self) -> _Mixed:
        old, new = self.before.client_ids, self.part.client_ids
        kept = ~np.isin(np.arange(len(old)), old.get_indexer(pd.Index(list(self.touched.accounts), dtype=object)))
        return _Mixed.of(kept, _places(old.to_numpy(dtype=object), new.to_numpy(dtype=object)))

    @cached_property
    def deal_numbers(self) -> tuple[Rows, Rows]:
        mixed = self.mixed.get("deals")
        return mixed.numbers() if mixed else (np.append(np.arange(self.before.n_deals), -1), np.array([-1]))

    @cached_property
    def client_numbers(self) -> tuple[Rows, Rows]:
        return self.clients.numbers()

    @cached_property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        old, new = self.before.tables, self.part.tables
        whole = {name: new[name] for name in self.touched.tables if name in new}
        return {**old, **whole, **{name: mixed.frame(old[name], new[name]) for name, mixed in self.mixed.items()}}

    @property
    def has_undated_closes(self) -> bool:
        """Whether a deal that stays is closed at a moment that only the reading of the source tells."""
        undated = self.before.arrays.get("deals", "closed_at") == clock.micros(self.before.extracted_at)
        return bool((undated & self.kept["deals"]).any())

    @property
    def begins_alike(self) -> bool:
        """Whether each table, and the history of each field, begins when it did."""
        tables = [name for name in self.mixed if name in FACTS]
        return all(self._first(name, kept=True) == self._first(name, kept=False) for name in tables) and self._same_changes

    def _first(self, name: str, *, kept: bool) -> int:
        """When the first row of a table was recorded: of those that stay and those that are new, or of all that were."""
        old, new = self.before.arrays.recorded(name), self.part.arrays.recorded(name)
        rows = [old[self.kept[name]], new] if kept else [old]
        return int(np.concatenate(rows).min(initial=clock.NEVER))

    @property
    def _same_changes(self) -> bool:
        if "deal_changes" not in self.mixed:
            return True
        changes = self.before.tables["deal_changes"]
        kept, since = self.kept["deal_changes"], self.before.tracked_since
        left = {
            name: first for name, first in first_changes({"deal_changes": changes[~kept]}).items() if since.get(name) == first
        }
        new = first_changes(self.part.tables)
        others = changes[kept & changes["field"].isin(list(left)).to_numpy(dtype=bool)]
        stay = first_changes({"deal_changes": others}) if left else {}
        return all(first in (stay.get(name), new.get(name)) for name, first in left.items())

    @property
    def stages_stay(self) -> bool:
        """Whether the deals tell the same stages as before."""
        return infer_stages(self.tables["deals"], self.tables.get("deal_changes")).equals(self.before.tables["stages"])

    def dataset(self) -> Dataset:
        old, new = self.before, self.part
        openings = old.openings
        if "deals" in self.mixed:
            openings = self.mixed["deals"].frame(old.openings, new.openings)
        made = replace(
            old,
            tables=MappingProxyType(dict(self.tables)),
            openings=openings,
            extracted_at=new.extracted_at,
            tracked_since={**old.tracked_since, **new.tracked_since},
            _cache=self._remembered(),
        )
        vars(made).update(self._compiled(made))
        if "client_logs" in vars(old):
            vars(made.client_logs).update(self._client_logs())
        return made

    def _compiled(self, made: Dataset) -> dict[str, Any]:
        """The cached properties of Dataset that were asked for so far."""
        old = vars(self.before)
        ready: dict[str, Any] = {"arrays": self._arrays(made), "client_ids": self._client_ids()}
        if "rate_table" in old:
            ready["rate_table"] = old["rate_table"]
        if "transitions" in old:
            ready["transitions"] = self._of_deals(self.before.transitions, self.part.transitions)
        if "activity_log" in old:
            ready["activity_log"] = self._activities()
        if "contract_log" in old:
            ready["contract_log"] = self._of_clients(self.before.contract_log, self.part.contract_log)
        return ready

    def _client_ids(self) -> "pd.Index[Any]":
        old, new = (ids.to_numpy(dtype=object) for ids in (self.before.client_ids, self.part.client_ids))
        found: pd.Index[Any] = pd.Index(self.clients(old, new), dtype=object)
        return found

    def _remembered(self) -> dict[Hashable, Any]:
        known = self.before.remembered_keys()
        carried = [key for key in known if key in _CARRIED or (isinstance(key, tuple) and key[0] == "rates")]
        ready: dict[Hashable, Any] = {key: self.before.known_by(key) for key in carried}
        for key in known:
            kind, name = key if isinstance(key, tuple) and len(key) == 2 else (None, None)
            if kind == "history":
                ready[key] = self._history(str(name))
            if kind in ("clients", "deals"):
                ready[key] = self._owners(str(name), str(kind))
        return ready

    def _owners(self, table: str, kind: str) -> Rows:
        """For each row of a table the number of its client or deal."""
        first, second = self.client_numbers if kind == "clients" else self.deal_numbers
        old, new = ((each.clients_of if kind == "clients" else each.rows_of)(table) for each in (self.before, self.part))
        return self.mixed[table](first[old], second[new]) if table in self.mixed else first[old]

    def _arrays(self, made: Dataset) -> TableArrays:
        old, new = self.before.arrays, self.part.arrays
        assert isinstance(old, TableArrays)
        arrays = TableArrays(made.tables, made.organisation.timezone)
        for table, name in old.made:
            if table in self.mixed:
                arrays.put(table, name, self.mixed[table](old.get(table, name), new.get(table, name)))
            elif table not in self.touched.tables:
                arrays.put(table, name, old.get(table, name))
        for table, mixed in self.mixed.items():
            arrays.put_recorded(table, mixed(old.recorded(table), new.recorded(table)))
        return arrays

    def _history(self, name: str) -> FieldHistory:
        old, new = self.before.history(name), self.part.history(name)
        if old.labels is None or new.labels is None:
            return self._of_deals(old, new)
        places = pd.Index(old.labels, dtype=object).get_indexer(pd.Index(new.labels, dtype=object))
        more = np.asarray(new.labels, dtype=object)[places < 0]
        places[places < 0] = len(old.labels) + np.arange(len(more))
        value = np.append(places, -1)[new.value.astype(np.int64)].astype(np.float64)
        return replace(self._of_deals(old, replace(new, value=value)), labels=np.append(old.labels, more))

    def _of_deals(self, old: Log, new: Log) -> Log:
        return _spliced(old, new, "deal", self.deal_numbers)

    def _of_clients(self, old: Log, new: Log) -> Log:
        return _spliced(old, new, "client", self.client_numbers)

    def _activities(self) -> ActivityLog:
        """Activities that belong to no deal stand first, and may belong to an account all the same."""
        log = self.before.activity_log
        nobodys = np.flatnonzero(self.before.rows_of("activities") < 0)
        known, time = self.before.arrays.recorded("activities"), self.before.arrays.get("activities", "logged_at")
        order = nobodys[np.lexsort((known[nobodys], time[nobodys]))]
        stays = np.ones(len(log.deal), dtype=np.bool_)
        stays[: len(order)] = self.kept["activities"][order]
        return _spliced(log, self.part.activity_log, "deal", self.deal_numbers, stays)

    def _client_logs(self) -> dict[str, Any]:
        """Those that were asked for so far."""
        old, new = self.before.client_logs, self.part.client_logs
        return {name: self._of_clients(getattr(old, name), getattr(new, name)) for name in _LOGS if name in vars(old)}


def _places(ids: Flat, new: Flat) -> Rows:
    return np.asarray(np.searchsorted(ids, new, side="left"), dtype=np.int64)


def _spliced(old: Log, new: Log, group: str, numbers: tuple[Rows, Rows], stays: Mask | None = None) -> Log:
    """Two logs as one, sorted by the numbers that their groups have from now on."""
    first, second = numbers[0][getattr(old, group)], numbers[1][getattr(new, group)]
    belongs = getattr(old, group) < 0
    kept = (first >= 0) | (belongs if stays is None else belongs & stays)
    # Old groups keep their order among themselves, but a dropped one has no number: it stands where the last kept one does.
    places = np.searchsorted(np.maximum.accumulate(np.where(kept, first, -1)), second, side="right")
    mixed = _Mixed.of(kept, np.asarray(places, dtype=np.int64))
    joined = {name: mixed(getattr(old, name), getattr(new, name)) for name in _arrays_of(old) if name not in (group, "labels")}
    return replace(old, **{group: mixed(first, second)}, **joined)  # type: ignore[type-var]


def _arrays_of(log: Any) -> Iterable[str]:
    return [field.name for field in fields(log) if isinstance(getattr(log, field.name), np.ndarray)]
