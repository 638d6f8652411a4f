"""Posted deals as tables in the contracts' form: what pydantic has checked is not checked again, only given its dtype.

Custom columns are the exception: their names and kinds are the mapping's, so they are checked here, against the company's data.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd

from features import clock, contracts
from features.errors import DataError
from features.flat import Flat, flat, midnights
from features.parsing import DTYPES
from features.sheet import Sheet
from features.tables import NUMERIC, TABLES, TEXTUAL, TRACKED, Column, Kind
from features.tracking import check_own_changes, tracked_kinds
from serving.posted.deals import PostedDeal

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def tables_of(deals: Iterable[PostedDeal], custom: Sequence[Column] = ()) -> Mapping[str, pd.DataFrame]:
    """The posted deals as the tables `deals`, `deal_changes` and `activities`, with the contracts' dtypes.

    `custom` are the own columns that the company declares. Raises DataError for a custom column that is not declared, or a value
    of one that does not fit its kind.
    """
    posted = list(deals)
    changes = [(deal, change) for deal in posted for change in deal.changes]
    activities = [(deal, index, activity) for deal in posted for index, activity in enumerate(deal.activities)]
    tables = {
        "deals": table_of("deals", [vars(deal) for deal in posted]),
        "deal_changes": table_of("deal_changes", [{"deal_id": deal.deal_id, **vars(change)} for deal, change in changes]),
        "activities": table_of("activities", [_activity(deal, index, activity) for deal, index, activity in activities]),
    }
    tables["deals"] = tables["deals"].assign(**_custom_columns(posted, custom))
    _check_fields(tables["deal_changes"], custom)
    check_own_changes(tables, custom)
    return tables


def sheets_of(deals: Iterable[PostedDeal], custom: Sequence[Column], zone: str) -> Mapping[str, Sheet]:
    """As `tables_of`, as flat arrays and without checks of custom columns; tables without rows are left out."""
    posted = list(deals)
    changes = [(deal, change) for deal in posted for change in deal.changes]
    activities = [(deal, index, activity) for deal in posted for index, activity in enumerate(deal.activities)]

    @cache
    def tables() -> Mapping[str, pd.DataFrame]:
        return tables_of(posted, custom)

    own = {name: flat(values, zone) for name, values in _custom_columns(posted, custom).items()}
    found = {
        "deals": {**_flats("deals", [vars(deal) for deal in posted], zone), **own},
        "deal_changes": _flats("deal_changes", [{"deal_id": deal.deal_id, **vars(change)} for deal, change in changes], zone),
        "activities": _flats("activities", [_activity(deal, index, each) for deal, index, each in activities], zone),
    }
    sizes = {"deals": len(posted), "deal_changes": len(changes), "activities": len(activities)}
    return {
        name: Sheet(name, sizes[name], columns, lambda name=name: tables()[name])  # type: ignore[misc]
        for name, columns in found.items()
        if sizes[name]
    }


def _flats(name: str, records: Sequence[Mapping[str, Any]], zone: str) -> dict[str, Flat]:
    """The columns that the first record has, as `features.flat` has them."""
    columns = [column for column in TABLES[name].columns if records and column.name in records[0]]
    return {column.name: _flat([record[column.name] for record in records], column.kind, zone) for column in columns}


def _flat(values: Sequence[Any], kind: Kind, zone: str) -> Flat:
    if kind in TEXTUAL:
        found = np.empty(len(values), dtype=object)
        found[:] = [value or None for value in values]
        return found
    if kind in NUMERIC:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    if kind is Kind.INSTANT:
        return np.array([_micros(value) for value in values], dtype=np.int64)
    return midnights(np.array(values, dtype="datetime64[D]"), zone)


def _activity(deal: PostedDeal, index: int, activity: Any) -> dict[str, Any]:
    own = {"deal_id": deal.deal_id, "account_id": deal.account_id}
    return {**vars(activity), **own, "activity_id": activity.activity_id or f"{deal.deal_id}/{index}"}


def table_of(name: str, records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Records that a schema has read as a table of the contract, with the columns that the first of them has."""
    columns = [column for column in TABLES[name].columns if not records or column.name in records[0]]
    return pd.DataFrame({column.name: column_of([record[column.name] for record in records], column.kind) for column in columns})


def column_of(values: Sequence[Any], kind: Kind) -> pd.Series:
    """Values that pydantic has read, with the dtype of their kind."""
    if kind in TEXTUAL:
        return pd.Series([value or None for value in values], dtype="str")
    if kind in NUMERIC:
        return pd.Series(np.array([np.nan if value is None else value for value in values], dtype=np.float64))
    if kind is Kind.INSTANT:
        return clock.to_series(np.array([_micros(value) for value in values], dtype=np.int64))
    return pd.Series(np.array(values, dtype="datetime64[us]")) if kind is Kind.DATE else pd.Series(values, dtype=DTYPES[kind])


def _micros(value: datetime | None) -> int:
    if value is None:
        return clock.UNKNOWN
    since = value - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _custom_columns(posted: Sequence[PostedDeal], custom: Sequence[Column]) -> dict[str, pd.Series]:
    """Each declared column that one of the deals has."""
    declared = {column.name: column.kind for column in custom}
    sent = {name for deal in posted for name in deal.custom}
    if unknown := sorted(sent - declared.keys()):
        known = f"declared are {', '.join(declared)}" if declared else "none is declared"
        raise DataError("deals", "the custom column is not declared in the mapping", known, column=unknown[0])
    values = {name: pd.Series([deal.custom.get(name) for deal in posted], name=name, dtype=object) for name in sorted(sent)}
    return {name: contracts.parse(held, declared[name], "deals") for name, held in values.items()}


def _check_fields(changes: pd.DataFrame, custom: Sequence[Column]) -> None:
    """A change is one of a contract's tracked field or of a custom column that is declared to change."""
    tracked = tracked_kinds(custom)
    unknown = sorted(set(changes["field"]) - tracked.keys())
    if unknown:
        own = [name for name in tracked if name not in TRACKED]
        advice = f"custom columns with a history are {', '.join(own)}" if own else "no custom column is declared to change"
        raise DataError("deal_changes", f"'{unknown[0]}' is no field with a history", advice, column="field")
