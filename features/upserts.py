"""A few rows of one table put into the store: only they, and what is stored of them, are read and written.

What a row does not bring keeps its stored value, and what it brings as null is emptied; so each row is first laid over its stored
one, and the whole row then has to keep the contract. A row that is as it was stored counts for nothing. The others go the way of
an ingest (merging.py): a tracked field of a deal that changed appends to the history, at the moment of the upsert; a column that
is declared static keeps its first value; openings stay. The store afterwards is the one that merging the whole table would give.

A row that is new counts from the request on, or from its `recorded_at`; with `history` from when it happened (receipt.py).

Example: stored is D1 in stage Discovery with amount 5000. Put is `{"deal_id": "D1", "stage": "Proposal"}`. D1 keeps its amount,
and the history has one more change, of the stage. Put again, the row is as it is stored, and the store's revision stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from features import contracts, first_load, merging, receipt, sqltables, superseded, tombstones, touches
from features.clock import Mask
from features.errors import DataErrors, NotReadyError
from features.history import Rows
from features.organisation import Organisation
from features.sources.apply import REFERENCES
from features.sources.result import IngestReport, SourceData
from features.sqltables import CUSTOM, OCCURRENCE, sql_tables
from features.store_state import StoreState
from features.tables import TABLES
from features.touches import Touched

_FIRST: Final = ("deals", "orders", "contracts")
"""The tables one of which a store needs before others are of any use."""


@dataclass(frozen=True)
class Upsert:
    """Rows of one table as a program sends them.

    values  the columns that at least one row brings, with the contract's dtypes; the key is always there
    given   the same columns: whether each row brings it
    history whether this is a first load of what was on record elsewhere: rows count from when they happened
    """

    table: str
    values: pd.DataFrame
    given: pd.DataFrame
    history: bool = False


@dataclass(frozen=True)
class UpsertReport:
    """What became of the rows.

    revision   of the store afterwards; unchanged where no row was
    inserted   rows whose key was not stored
    changed    rows that differ from what was stored
    unchanged  rows that are as they were stored
    revived    rows that had been deleted and are there again
    changes    changes of tracked fields that were added to the deals' history
    kept       column that is declared static -> rows that bring another value than the stored one, which stays
    unknown    column -> rows that name a deal or an account that is not stored
    late       new rows of what happened more than a day before the request, which count from the request on
    history    as asked
    """

    table: str
    revision: int
    inserted: int = 0
    changed: int = 0
    unchanged: int = 0
    revived: int = 0
    changes: int = 0
    kept: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)
    late: int = 0
    history: bool = False


@dataclass(frozen=True)
class _Laid:
    """Rows laid over what is stored of them.

    rows    whole rows, in the order in which they came
    stored  for each the row of `before` that has its key, -1 where none has
    before  what is stored
    """

    rows: pd.DataFrame
    stored: Rows
    before: pd.DataFrame

    @property
    def differs(self) -> Mask:
        """Which rows are new, or not as they are stored."""
        differs = self.stored < 0
        old = _taken(self.before, self.stored, self.rows)
        for name in self.rows:
            differs |= ~_equal(self.rows[name], old[name])
        return differs


def put(connection: sa.Connection, state: StoreState, upsert: Upsert, at: pd.Timestamp) -> tuple[StoreState, UpsertReport]:
    """Write the rows that change something, as of a moment; the state afterwards, with the revision of before where nothing does.

    Raises DataErrors with all that is wrong with the rows, NotReadyError for rows that need others in an empty store.
    """
    if state.extracted_at is None and upsert.table not in _FIRST:
        raise NotReadyError(f"the store holds no data yet; put {', '.join(_FIRST)} first, or run: dealcast ingest SOURCE")
    laid, kept = _laid_over(connection, state, upsert)
    _check(connection, state, upsert.table, laid.rows)
    dead = _dead(connection, upsert.table, laid.rows)
    differs = laid.differs
    report = UpsertReport(
        upsert.table,
        state.revision,
        inserted=int((laid.stored < 0).sum()),
        changed=int((differs & (laid.stored >= 0)).sum()),
        unchanged=int((~differs & ~dead).sum()),
        revived=int(dead.sum()),
        kept=kept,
        unknown=_unknown(connection, upsert),
        late=0 if upsert.history else receipt.late(upsert.table, laid.rows, laid.stored < 0, at),
        history=upsert.history,
    )
    if not (differs | dead).any():
        return state, report
    at = merging.moment(state, at, changed=True)
    if not upsert.history:
        laid = replace(laid, rows=receipt.stamped(laid.rows, laid.stored < 0, at))
    return _written(connection, state, upsert.table, _Change(laid, differs, dead), report, at)


@dataclass(frozen=True)
class _Change:
    laid: _Laid
    differs: Mask
    dead: Mask


def _written(
    connection: sa.Connection, state: StoreState, name: str, change: _Change, report: UpsertReport, at: pd.Timestamp
) -> tuple[StoreState, UpsertReport]:
    laid, concerned = change.laid, change.differs | change.dead
    revision, first = state.revision + 1, first_load.first_changes(connection, state)
    revived = sqltables.encode(name, laid.rows[change.dead])
    tombstones.revive(connection, name, tombstones.keys_of(name, revived), at)
    # Equal changes of one instant are counted, so that all that were put have to be there to be counted again.
    written = laid.rows if name == "deal_changes" else laid.rows[change.differs].reset_index(drop=True)
    grown, n_changes = _laid_down(connection, state, name, written, at, history=report.history)
    reaches_back = report.history and name == "deal_changes" and first_load.deepened(connection, grown, written, first, at)
    if not report.history:
        _keep_superseded(connection, state, name, laid, change.differs, at)
    after = sqltables.encode(name, laid.rows[concerned])
    before = sqltables.encode(name, laid.before.iloc[laid.stored[concerned & (laid.stored >= 0)]])
    reaches = Touched.of_rows(name, after) | Touched.of_rows(name, before)
    touches.note(connection, revision, reaches if _alike(state, grown) and not reaches_back else None)
    return replace(grown, revision=revision), replace(report, revision=revision, changes=n_changes)


def _keep_superseded(
    connection: sa.Connection, state: StoreState, name: str, laid: _Laid, differs: Mask, at: pd.Timestamp
) -> None:
    """What is stored of the rows that change stays known to who asks as of an earlier moment."""
    rows = np.flatnonzero(differs & (laid.stored >= 0))
    before, after = sqltables.encode(name, laid.before.iloc[laid.stored[rows]]), sqltables.encode(name, laid.rows.iloc[rows])
    superseded.note(connection, name, before, after, at, state.custom if name == "deals" else ())


def _alike(before: StoreState, after: StoreState) -> bool:
    """Whether the store says of itself what it did, but for moments: what is new of a table or column reaches all rows."""
    begun = "deal_changes" in before.columns
    one, other = (replace(each, extracted_at=None, watched={}, columns=_without_stamps(each)) for each in (before, after))
    return one == other and begun


def _without_stamps(state: StoreState) -> dict[str, tuple[str, ...]]:
    """The columns without those that say when a row was recorded: a row without it counts as before."""
    return {name: tuple(each for each in names if each != receipt.RECORDED_AT) for name, names in state.columns.items()}


def _laid_down(
    connection: sa.Connection, state: StoreState, name: str, rows: pd.DataFrame, at: pd.Timestamp, *, history: bool
) -> tuple[StoreState, int]:
    """Write whole rows; the state afterwards and how many changes of tracked fields came with them."""
    custom = state.custom if name == "deals" else ()
    source = SourceData({name: rows}, None, state.static, {}, IngestReport("upsert", {}), at, custom)
    if name == "deals":
        source = replace(source, tables=merging.with_growth(connection, state, source, at)[0])
    grown = state.grown_by(source, at)
    if name == "deals":
        derived = first_load.openings(connection, state, rows, at, history=history)
        merging.keep_openings(connection, state, grown, derived)
    for table, frame in source.tables.items():
        merging.upsert(connection, table, sqltables.encode(table, frame), merging.unchanging(table, state, grown.static))
    return grown, len(source.tables.get("deal_changes", ())) if name == "deals" else 0


def _check(connection: sa.Connection, state: StoreState, name: str, rows: pd.DataFrame) -> None:
    """The rules of the contract for whole rows, and those across tables that new rows can break. Raises DataErrors."""
    if found := contracts.broken(name, rows):
        raise DataErrors(found)
    together = {name: rows}
    if name == "stages" and "stages" in state.columns:
        together["stages"] = _with_the_others(sqltables.decode("stages", merging.stored(connection, state, "stages")), rows)
    if name != "rates" and "rates" in state.columns:
        codes = connection.scalars(sa.select(sql_tables()["rates"].c.currency).distinct()).all()
        together["rates"] = pd.DataFrame({"currency": pd.Series(codes, dtype="str")})
    contracts.check_together(together, state.organisation or Organisation())


def _with_the_others(stored: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The stages as they will be."""
    whole = pd.concat([stored, rows], ignore_index=True).reindex(columns=["pipeline", "stage", "kind"])
    return whole.drop_duplicates(["pipeline", "stage"], keep="last")


def _dead(connection: sa.Connection, name: str, rows: pd.DataFrame) -> Mask:
    """Which rows are deleted so far."""
    gone = tombstones.as_of(tombstones.read(connection)).keys.get(name, frozenset())
    return np.array([key in gone for key in tombstones.key_texts(name, rows)], dtype=bool)


def _unknown(connection: sa.Connection, upsert: Upsert) -> dict[str, int]:
    """References to a deal or account that is not stored, by the column that makes them."""
    found = {}
    for column, table in REFERENCES.items():
        if column not in upsert.values or table == upsert.table:
            continue
        ids = upsert.values[column].dropna()
        key = sql_tables()[table].c[column]
        stored = sqltables.read_of(connection, sql_tables()[table], [column], key.name, list(ids.unique()))
        if lost := int((~ids.isin(stored[column].to_pylist())).sum()):
            found[f"{upsert.table}.{column}"] = lost
    return found


def _laid_over(connection: sa.Connection, state: StoreState, upsert: Upsert) -> tuple[_Laid, dict[str, int]]:
    """The rows laid over what is stored of them; and in how many rows each static column has another value than is stored."""
    name, own = upsert.table, merging.with_the_row(state, ()) if upsert.table == "deals" else {}
    before, stored = _stored(connection, state, upsert)
    old = _taken(before, stored, upsert.values.reindex(columns=list(dict.fromkeys([*before, *upsert.values]))))
    static = {*merging.unchanging(name, state, state.static), *own}
    columns, kept = {}, dict[str, int]()
    for column in old:
        if column not in upsert.values:
            columns[column] = old[column]
            continue
        given = upsert.given[column].to_numpy(dtype=bool)
        if column == receipt.RECORDED_AT:
            given = given & upsert.values[column].notna().to_numpy()  # what is on record since a moment does not lose it
        stays = ~given | ((stored >= 0) & (column in static))
        values = upsert.values[column]
        if column in static and (n := int((given & stays & ~_equal(values, old[column].astype(values.dtype))).sum())):
            kept[f"{name}.{column}"] = n
        columns[column] = old[column].astype(values.dtype).where(stays, values)
    return _Laid(pd.DataFrame(columns), stored, before), kept


def _stored(connection: sa.Connection, state: StoreState, upsert: Upsert) -> tuple[pd.DataFrame, Rows]:
    """What is stored of the rows, and for each row its place there, -1 where its key is not stored."""
    name, table = upsert.table, sql_tables()[upsert.table]
    columns = list(state.columns.get(name, ())) or [str(name) for name in upsert.values]
    hidden = {"deals": [CUSTOM], "deal_changes": [OCCURRENCE]}.get(name, [])
    incoming = sqltables.encode(name, upsert.values)
    first = TABLES[name].key[0]
    wanted = [value for value in dict.fromkeys(incoming[first].to_pylist()) if value is not None]
    found = sqltables.read_of(connection, table, [*columns, *hidden], first, wanted)
    key = [part.name for part in sqltables.key_of(name)]
    place = {each: row for row, each in enumerate(_keys(found, key))}
    rows = np.array([place.get(each, -1) for each in _keys(incoming, key)], dtype=np.int64)
    return sqltables.decode(name, found, state.custom if name == "deals" else ()), rows


def _keys(rows: pa.Table, key: Sequence[str]) -> list[tuple[object, ...]]:
    columns = [rows[part].to_pylist() if part in rows.column_names else [None] * rows.num_rows for part in key]
    return list(zip(*columns, strict=True))


def _taken(before: pd.DataFrame, stored: Rows, like: pd.DataFrame) -> pd.DataFrame:
    """For each row what is stored of it, in the columns of another frame; missing where nothing is."""
    columns = {name: _column(before[name], stored) if name in before else _empty(like[name]) for name in like}
    return pd.DataFrame(columns)


def _column(values: pd.Series, rows: Rows) -> pd.Series:
    return pd.Series(values.array.take(rows, allow_fill=True))


def _empty(values: pd.Series) -> pd.Series:
    nowhere = np.full(len(values), -1, dtype=np.int64)
    return pd.Series(values.iloc[:0].array.take(nowhere, allow_fill=True))


def _equal(new: pd.Series, old: pd.Series) -> Mask:
    same = (new == old).to_numpy(dtype=bool, na_value=False)
    return np.asarray(same | (new.isna() & old.isna()).to_numpy())
