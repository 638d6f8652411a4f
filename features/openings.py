"""Openings: for each deal and tracked field the value with which its history begins, and since when.

A deal is created on 3 March in stage Discovery and moves to Proposal on 9 March. The export says Proposal; the history says
Discovery → Proposal on 9 March; the opening is Discovery since 3 March. For a field without any history the opening is the
exported value, known since the moment of the export and not a microsecond earlier, unless the mapping declares it static.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from features import clock, contracts
from features.clock import Mask, Micros
from features.history import Rows
from features.recorded import recorded
from features.tables import Column, Kind
from features.tracking import tracked_kinds

SET_BY_CLOSE: Final = ("stage", "forecast_category", "crm_probability")
"""Fields that closing sets: a closed deal without a change of its own did not hold the exported value before it closed."""


def derive_openings(
    tables: Mapping[str, pd.DataFrame],
    extracted_at: pd.Timestamp,
    static: frozenset[str],
    tracked_since: Mapping[str, pd.Timestamp],
    custom: Sequence[Column] = (),
) -> pd.DataFrame:
    """One row a deal: deal_id, and for each tracked field `f` its first value `f` and `f_since` in microseconds."""
    deals = tables["deals"]
    columns: dict[str, object] = {"deal_id": deals["deal_id"]}
    deal_rows = pd.Index(deals["deal_id"])
    for name, kind in tracked_kinds(custom).items():
        first = _first_changes_of(tables, name)
        row = _rows_by_deal(deal_rows.get_indexer(pd.Index(first["deal_id"])), len(deals))
        changed = row >= 0
        since = _since(deals, name, extracted_at, static, tracked_since)
        if name in SET_BY_CLOSE:
            since = np.where(changed, since, _not_before_close(deals, since, extracted_at))
        columns[name] = _first_values(deals, name, kind, first["old_value"].array.take(row, allow_fill=True), changed)
        columns[f"{name}_since"] = since
    return pd.DataFrame(columns)


def lacks(openings: pd.DataFrame, deals: pd.DataFrame, custom: Sequence[Column]) -> bool:
    """Whether a deal or a tracked field has no opening yet."""
    return not (set(tracked_kinds(custom)) <= set(openings) and deals["deal_id"].isin(openings["deal_id"]).all())


def prefer(given: pd.DataFrame, derived: pd.DataFrame) -> pd.DataFrame:
    """Stored openings win over derived ones; a deal or a field without stored ones keeps the derived."""
    kept = given[given["deal_id"].isin(derived["deal_id"])]
    fresh = derived[~derived["deal_id"].isin(kept["deal_id"])]
    new = derived[["deal_id", *(name for name in derived if name not in kept)]]
    whole = kept.merge(new, on="deal_id")[list(derived)].astype(derived.dtypes.to_dict())
    joined = pd.concat([whole, fresh]) if len(kept) else fresh
    return joined.sort_values("deal_id", ignore_index=True)


def _rows_by_deal(deal: Rows, n: int) -> Rows:
    """For each of n deals which row is about it, -1 where none is; `deal` is of each row, each deal once."""
    row = np.full(n + 1, -1, dtype=np.int64)
    row[deal] = np.arange(len(deal))
    return row[:n]


def _first_values(deals: pd.DataFrame, name: str, kind: Kind, first: ExtensionArray, changed: Mask) -> pd.Series:
    """What each deal's first change of a field started from; the current value of a deal without a change."""
    current = deals[name] if name in deals else pd.Series(None, index=deals.index, dtype=contracts.DTYPES[kind])
    old = contracts.parse(pd.Series(first), kind)
    return current.reset_index(drop=True).mask(changed, old)


def _not_before_close(deals: pd.DataFrame, since: Micros, extracted_at: pd.Timestamp) -> Micros:
    if "outcome" not in deals:
        return since
    closed = clock.to_micros(deals["closed_at"])
    closed = np.where(closed == clock.UNKNOWN, clock.micros(extracted_at), closed)
    return np.where(deals["outcome"].notna().to_numpy() & (since != clock.UNKNOWN), clock.later(since, closed), since)


def _since(
    deals: pd.DataFrame, name: str, extracted_at: pd.Timestamp, static: frozenset[str], tracked_since: Mapping[str, pd.Timestamp]
) -> Micros:
    begins = recorded("deals", deals)
    if f"deals.{name}" in static:
        return begins
    if name in tracked_since:
        return clock.later(begins, clock.repeated(clock.micros(tracked_since[name]), len(deals)))
    return clock.repeated(clock.micros(extracted_at) if name in deals else clock.UNKNOWN, len(deals))


def _first_changes_of(tables: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    """The first change of one field of each deal. Of several in the same instant, the one that none of the others led to."""
    if "deal_changes" not in tables:
        return pd.DataFrame({"deal_id": pd.Series(dtype="str"), "old_value": pd.Series(dtype="str")})
    changes = tables["deal_changes"]
    changes = changes[changes["field"] == name]
    earliest = changes[changes["changed_at"] == changes.groupby("deal_id")["changed_at"].transform("min")]
    led_to = pd.MultiIndex.from_frame(earliest[["deal_id", "new_value"]])
    follows = pd.MultiIndex.from_frame(earliest[["deal_id", "old_value"]]).isin(led_to)
    return earliest.assign(follows=follows).sort_values(["deal_id", "follows"], kind="stable").drop_duplicates("deal_id")
