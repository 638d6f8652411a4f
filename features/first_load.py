"""What a first load of history by puts tells of the past of deals' fields: the openings that an ingest of it would derive.

The rows come in several requests, the deals in one and their changes in another. Each derives the openings of the deals that it
names anew, from all that is stored by then, and those that are known since earlier take the place of later ones. The history of a
field begins with its first change; where a request moves that beginning, the openings of all deals are derived.

Example: put is D1, created on 3 March, in stage Proposal; its stage is known since the request. Then its change of 9 March from
Discovery is put, the first of any stage: D1 was in Discovery since 9 March, and since 3 March once a change of 1 March is put.
"""

from collections.abc import Mapping, Sequence

import pandas as pd
import sqlalchemy as sa

from features import clock, merging, sqltables
from features.completion import Told
from features.dataset import Dataset
from features.organisation import Organisation
from features.sqltables import sql_tables
from features.store_state import StoreState


def first_changes(connection: sa.Connection, state: StoreState) -> Mapping[str, pd.Timestamp]:
    """When the loaded history of each field begins. Changes that the store itself noted between two writes are none of it."""
    if "deal_changes" not in state.columns:
        return {}
    changes = sql_tables()["deal_changes"].c
    rows = connection.execute(sa.select(changes.field, sa.func.min(changes.changed_at)).group_by(changes.field))
    own = {name: clock.micros(since) for name, since in state.watched.items()}
    return {field: clock.instant(first) for field, first in rows if clock.is_known(first, own.get(field, clock.NEVER))}


def openings(
    connection: sa.Connection, state: StoreState, deals: pd.DataFrame, at: pd.Timestamp, *, history: bool
) -> pd.DataFrame:
    """What is known of these deals' fields since the moment of the put, and of static ones since the deal is on record.

    With `history` a field that has changes is known since its history begins, as in an export.
    """
    tables, since = {"deals": deals}, dict[str, pd.Timestamp]()
    if "stages" in state.columns:
        tables["stages"] = sqltables.decode("stages", merging.stored(connection, state, "stages"))
    if history and "deal_changes" in state.columns:
        since = {**first_changes(connection, state), **state.tracked_since}
        stored = merging.stored(connection, state, "deal_changes", deals["deal_id"].to_list())
        changes = sqltables.decode("deal_changes", stored)
        tables["deal_changes"] = changes[changes["field"].isin(list(since))]
    told = Told(state.static, since, at, None, {}, state.custom)
    return Dataset.of_checked(tables, state.organisation or Organisation(), told).openings


def deepened(
    connection: sa.Connection, state: StoreState, changes: pd.DataFrame, before: Mapping[str, pd.Timestamp], at: pd.Timestamp
) -> bool:
    """Derive openings anew from changes that came in; whether the history of a field, and so of all deals, begins earlier now."""
    moved = any(before.get(name) != first for name, first in first_changes(connection, state).items())
    if "deals" in state.columns:
        _deepen(connection, state, None if moved else list(changes["deal_id"].unique()), at)
    return moved


def _deepen(connection: sa.Connection, state: StoreState, deals: Sequence[str] | None, at: pd.Timestamp) -> None:
    """Of some deals, None: of all; what is stored stays only where it is known since earlier."""
    stored = sqltables.decode("deals", merging.stored(connection, state, "deals", deals), state.custom)
    if len(stored):
        merging.keep_openings(connection, state, state, openings(connection, state, stored, at, history=True), anew=True)
