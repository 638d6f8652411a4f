"""The fields of the deals that have a change history, and their changes as typed values.

The contract names most of them (`tables.TRACKED`); an organisation adds those of its own columns that it declares to change.
Flags are kept as 0 and 1 and dates as the microsecond at which the organisation's day begins, so a history is either numbers or
text. Example: `seats`, a number of the organisation's own, has an opening of 5 and a change "5" to "12" on 9 March.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from features import clock, contracts, history
from features.flat import local_midnights
from features.history import FieldHistory, Rows
from features.recorded import recorded
from features.tables import CHANGES, TABLES, TEXTUAL, TRACKED, Column, Kind

_SIDES = ("old_value", "new_value")
_COLUMNS = {"deal": "int64", "time": "int64", "known": "int64"} | dict.fromkeys(_SIDES, "str")


def tracked_kinds(custom: Sequence[Column]) -> dict[str, Kind]:
    """Every tracked field with its kind: the contract's, then those of the organisation's own that change."""
    own = {column.name: column.kind for column in custom if column.revealed_by == CHANGES}
    return {name: TABLES["deals"].column(name).kind for name in TRACKED} | own


def check_own_changes(tables: Mapping[str, pd.DataFrame], custom: Sequence[Column]) -> None:
    """The changes of own columns read as their kind, as the contract asks of its columns. Raises DataError."""
    if "deal_changes" not in tables:
        return
    changes = tables["deal_changes"]
    for column in custom:
        rows = changes[changes["field"] == column.name]
        for side in (name for name in ("old_value", "new_value") if name in rows):
            contracts.parse(rows[side], column.kind)


def compiled_changes(tables: Mapping[str, pd.DataFrame], deal: Rows, name: str) -> pd.DataFrame:
    """The changes of one field: row of the deal, time and known in microseconds, old and new value as text.

    `deal` is given for each row of the changes, -1 where the deal is not there: such a change is left out.
    """
    if "deal_changes" not in tables:
        return pd.DataFrame({column: pd.Series(dtype=dtype) for column, dtype in _COLUMNS.items()})
    whole = tables["deal_changes"]
    rows = np.flatnonzero((whole["field"] == name).to_numpy(dtype=bool, na_value=False) & (deal >= 0))
    frame = whole[[column for column in whole if column != "deal_id"]].iloc[rows]
    return pd.DataFrame(
        {
            "deal": deal[rows],
            "time": clock.to_micros(frame["changed_at"]),
            "known": recorded("deal_changes", frame),
            **{side: frame[side] for side in _SIDES},
        }
    )


def typed_history(openings: pd.DataFrame, changes: pd.DataFrame, name: str, kind: Kind, zone: str) -> FieldHistory:
    """One field's openings and compiled changes as a history."""
    sides = {side: _valued(contracts.parse(changes[side], kind), kind, zone) for side in _SIDES}
    opening = pd.DataFrame({"value": _valued(openings[name], kind, zone), "since": openings[f"{name}_since"]})
    return history.field_history(opening, changes.assign(**sides), textual=kind in TEXTUAL)


def _valued(values: pd.Series, kind: Kind, zone: str) -> pd.Series:
    if kind is Kind.DATE:
        return pd.Series(local_midnights(values, zone), index=values.index)
    return values.astype("float64") if kind is Kind.FLAG else values
