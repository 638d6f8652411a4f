"""Snapshot: a Dataset as it looked strictly before as_of.

Two views of one thing. Signal kernels read flat arrays, one entry for each deal of the Dataset, and pick the rows they need;
everything else reads `frame(table)`, which holds the rows known by then with all that was revealed later blanked.
"""

from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import clock, history, money
from features.clock import Floats, Mask, Micros
from features.dataset import Dataset
from features.flat import Flat, Texts, picked
from features.history import Codes, FieldHistory, Rows
from features.tables import ALWAYS, CHANGES, CLOSE, EXPORT, TABLES, TEXTUAL, Column, Kind

NEVER: Final = -1


class Snapshot:
    """What was known of a Dataset at one moment.

    dataset  where it comes from; read it only through the Snapshot
    at       as_of in microseconds
    """

    def __init__(self, dataset: Dataset, as_of: pd.Timestamp) -> None:
        self.dataset = dataset
        self.as_of = as_of
        self.at = clock.micros(as_of)
        self._last: dict[str, Rows] = {}

    @cached_property
    def exists(self) -> Mask:
        """Which deals were on record."""
        return clock.known(self.dataset.deal_known, self.at)

    @cached_property
    def _last_transition(self) -> Rows:
        moves = self.dataset.transitions
        return history.last_row(moves.deal, clock.known(moves.known, self.at), self.dataset.n_deals)

    @cached_property
    def state(self) -> Codes:
        """OPEN, WON or LOST for each deal, as known."""
        return np.asarray(_pick(self.dataset.transitions.state, self._last_transition, history.OPEN), dtype=np.int32)

    @cached_property
    def state_since(self) -> Micros:
        """When each deal's stage last changed its state; for a closed deal, when it closed."""
        moves = self.dataset.transitions
        begun = moves.begins_run(clock.known(moves.known, self.at))
        return clock.time_at(moves.time, history.last_row(moves.deal, begun, self.dataset.n_deals))

    @cached_property
    def open_deals(self) -> Rows:
        """The cohort: rows of the deals that were on record and open."""
        return np.flatnonzero(self.exists & (self.state == history.OPEN))

    def last_value_row(self, field: str) -> Rows:
        """For each deal the row in the field's history that held at as_of, -1 where nothing was known."""
        if field not in self._last:
            past = self.dataset.history(field)
            self._last[field] = history.last_row(past.deal, clock.known(past.known, self.at), self.dataset.n_deals)
        return self._last[field]

    def values(self, field: str) -> Floats:
        """A numeric field of each deal (dates: microseconds of their local midnight; flags: 0 and 1), NaN where not known."""
        return np.asarray(_pick(self.dataset.history(field).value, self.last_value_row(field), np.nan), dtype=np.float64)

    def codes(self, field: str) -> Rows:
        """A text field of each deal as an index into its history's labels, -1 where not known."""
        return np.asarray(_pick(self.dataset.history(field).value, self.last_value_row(field), NEVER), dtype=np.int64)

    def texts(self, field: str, rows: Rows | None = None) -> npt.NDArray[np.object_]:
        """A text field of each deal, or of the given rows; None where not known."""
        codes = self.codes(field) if rows is None else self.codes(field)[rows]
        return decode(self.dataset.history(field), codes)

    def held_since(self, field: str) -> Micros:
        """Since when the field holds its value."""
        return np.asarray(_pick(self.dataset.history(field).time, self.last_value_row(field), clock.UNKNOWN), dtype=np.int64)

    def has(self, table: str) -> bool:
        """Whether the source has this table at all."""
        return table in self.dataset.tables

    def told(self, table: str, column: str) -> float:
        """The factor for what a column tells: 1, or NaN where the source lacks it: then it is unknown, and not none."""
        return 1.0 if self.dataset.arrays.has(table, column) else float("nan")

    def whole_window(self, table: str, days: float) -> float:
        """The factor for a count over the last days: 1, or NaN where the window reaches back before the table's first row."""
        start = clock.after_days(self.at, -days)
        return 1.0 if clock.is_known(self.dataset.begins.get(table, clock.NEVER), start) else float("nan")

    def converted(self, amounts: Floats, currencies: pd.Series) -> Floats:
        """Amounts in the organisation's currency, by the rates of as_of; NaN where there is no rate."""
        moments = clock.repeated(self.at, len(amounts))
        return money.converted(amounts, currencies, moments, self.dataset.tables.get("rates"), self.dataset.organisation)

    @cached_property
    def deal_amounts(self) -> Floats:
        """The amount of each deal as known, in the organisation's currency by the rates of as_of."""
        code, currencies = self.dataset.deal_currencies
        factors = self.dataset.rate_table.factors(currencies, self.dataset.organisation.currency, self.at)
        amounts: Floats = self.values("amount") * np.append(factors, 1.0)[code]
        return amounts

    def known_rows(self, table: str) -> Mask:
        """Which rows of a table were on record."""
        return clock.known(self.dataset.arrays.recorded(table), self.at)

    def cells(self, table: str, column: str, rows: Rows) -> Flat:
        """A column of some rows of a table that is not the deals, as known; missing where it was not, and where a row is -1.

        The dtype is that of features.flat. A source without the column tells nothing: KeyError, ask `arrays.has` first.
        """
        arrays, gate = self.dataset.arrays, TABLES[table].column(column).revealed_by
        known = clock.known(picked(arrays.recorded(table), rows), self.at)
        if gate == EXPORT:
            known &= self.sees_export(f"{table}.{column}")
        elif gate not in {TABLES[table].time, ALWAYS}:
            known &= clock.known(picked(arrays.get(table, gate), rows), self.at) if arrays.has(table, gate) else False
        return picked(arrays.get(table, column), np.where(known, rows, NEVER))

    def texts_of(self, table: str, column: str, rows: Rows) -> Texts:
        """As `cells`, of a column of text; None where the source has no such column."""
        there = self.dataset.arrays.has(table, column)
        return self.cells(table, column, rows) if there else np.full(len(rows), None, dtype=object)

    def numbers_of(self, table: str, column: str, rows: Rows) -> Floats:
        """As `cells`, of a column of numbers; NaN where the source has no such column."""
        there = self.dataset.arrays.has(table, column)
        return self.cells(table, column, rows) if there else np.full(len(rows), np.nan)

    def times_of(self, table: str, column: str, rows: Rows) -> Micros:
        """As `cells`, of a column of instants; `UNKNOWN` where the source has no such column."""
        there = self.dataset.arrays.has(table, column)
        return self.cells(table, column, rows) if there else clock.repeated(clock.UNKNOWN, len(rows))

    def frame(self, table: str) -> pd.DataFrame:
        """The rows of a table that were on record, each column as it was known."""
        keep = self.known_rows(table)
        rows = self.dataset.tables[table][keep].reset_index(drop=True)
        columns = (*TABLES[table].columns, *(self.dataset.custom if table == "deals" else ()))
        served = [column for column in columns if self._serves(table, column, rows)]
        return pd.DataFrame({column.name: self._revealed(table, column, rows, keep) for column in served})

    def _serves(self, table: str, column: Column, rows: pd.DataFrame) -> bool:
        return column.name in rows or (table == "deals" and column.revealed_by == CHANGES)

    def _revealed(self, table: str, column: Column, rows: pd.DataFrame, keep: Mask) -> Any:
        if column.revealed_by == CHANGES:
            return self._tracked(column, keep)
        values = rows[column.name]
        if column.revealed_by == CLOSE:
            return self._close(column, values, keep)
        if column.revealed_by == EXPORT:
            return values if self.sees_export(f"{table}.{column.name}") else values.mask(np.ones(len(values), dtype=bool))
        gate = column.revealed_by
        if gate in {TABLES[table].time, ALWAYS}:
            return values
        seen = clock.known(clock.to_micros(rows[gate]), self.at) if gate in rows else np.zeros(len(rows), dtype=bool)
        return values.where(seen)

    def sees_export(self, column: str) -> bool:
        """Whether a column without a history is known: it is static, or the export had been taken."""
        return column in self.dataset.static or clock.is_known(clock.micros(self.dataset.extracted_at), self.at)

    def _close(self, column: Column, values: pd.Series, keep: Mask) -> pd.Series:
        """The close as it was known: of a deal that was re-opened later, the earlier close and not the final one."""
        state, closed_at = self.state[keep], np.where(self.state[keep] == history.OPEN, clock.UNKNOWN, self.state_since[keep])
        if column.name == "closed_at":
            return clock.to_series(closed_at)
        if column.name == "outcome":
            return pd.Series(np.array([None, "won", "lost"], dtype=object)[state], dtype="str")
        final = clock.known(clock.to_micros(self.dataset.deals["closed_at"])[keep], self.at)
        return values.where(final & (state != history.OPEN))

    def _tracked(self, column: Column, keep: Mask) -> Any:
        if column.kind in TEXTUAL:
            return pd.Series(self.texts(column.name)[keep], dtype="str")
        values = self.values(column.name)[keep]
        if column.kind is Kind.FLAG:
            return pd.Series(values, dtype="Float64").astype("boolean")
        if column.kind is not Kind.DATE:
            return pd.Series(values)
        missing = np.isnan(values)
        instants = clock.to_series(np.where(missing, clock.UNKNOWN, np.nan_to_num(values)).astype(np.int64))
        return instants.dt.tz_convert(self.dataset.organisation.timezone).dt.tz_localize(None).dt.normalize()


def decode(past: FieldHistory, codes: Rows) -> npt.NDArray[np.object_]:
    """Codes back to text; -1 becomes None."""
    return picked(np.empty(0, dtype=object) if past.labels is None else past.labels, codes)


def _pick(values: npt.NDArray[Any], rows: Rows, missing: float) -> npt.NDArray[Any]:
    """values[row] for each row, `missing` where the row is -1."""
    if not len(values):
        return np.full(len(rows), missing)
    return np.where(rows >= 0, values[rows], missing)
