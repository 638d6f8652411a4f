"""What a later export adds to what is known: how a source without a history grows one.

Each export shows the deals as they are. Where a tracked field differs from what the store holds, it changed between the two
exports; the change is recorded at the moment of the later export, because from then on it is known, and not before. Where the
source's own history tells the change, it stays the source's. Example: an export of 1 May says amount 5000, one of 8 May says
7500, and the source keeps no history of amounts. The store then holds: amount 5000 since 1 May, and a change to 7500 on 8 May.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from features import clock
from features.clock import Micros
from features.parsing import canonical_text
from features.tables import Column, Kind
from features.tracking import tracked_kinds


def tracked(stored: pd.DataFrame, incoming: pd.DataFrame, custom: Sequence[Column]) -> dict[str, Kind]:
    """The fields whose changes are kept and which both exports have, with their kinds."""
    return {name: kind for name, kind in tracked_kinds(custom).items() if name in stored and name in incoming}


def differences(stored: pd.DataFrame, incoming: pd.DataFrame, kinds: dict[str, Kind]) -> pd.DataFrame:
    """Fields in which deals that both exports have differ: `deal_id`, `field`, `old_value`, `new_value`, in canonical writing."""
    before = stored.set_index("deal_id")
    after = incoming.set_index("deal_id").reindex(before.index.intersection(pd.Index(incoming["deal_id"]), sort=False))
    before = before.reindex(after.index)
    parts = [_difference(name, before[name], after[name], kind) for name, kind in kinds.items()]
    empty = pd.DataFrame({name: pd.Series(dtype="str") for name in ("deal_id", "field", "old_value", "new_value")})
    return pd.concat([empty, *parts], ignore_index=True)


def unexplained(found: pd.DataFrame, history: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """Those differences that the history does not end with, as rows of `deal_changes` at a moment.

    `history` holds the changes of these deals, stored and incoming. Where it has the field, a change starts from its last value.
    """
    order = np.argsort(clock.to_micros(history["changed_at"]), kind="stable")
    last = history.iloc[order].drop_duplicates(["deal_id", "field"], keep="last")
    known = found.merge(
        last[["deal_id", "field", "new_value"]], on=["deal_id", "field"], how="left", suffixes=("", "_last"), indicator="in"
    )
    told = (known["in"] == "both").to_numpy()
    ends_so = told & (known["new_value_last"].fillna("") == known["new_value"].fillna("")).to_numpy()
    old_value = known["old_value"].mask(told, known["new_value_last"])
    rows = known.assign(old_value=old_value, changed_at=pd.Series(at, index=known.index, dtype="datetime64[us, UTC]"))
    return rows.loc[~ends_so, ["deal_id", "changed_at", "field", "old_value", "new_value"]].reset_index(drop=True)


def kept(stored: pd.DataFrame, incoming: pd.DataFrame, kinds: dict[str, Kind]) -> tuple[pd.DataFrame, dict[str, int]]:
    """The incoming deals with the stored values of these columns, an empty one too; and in how many deals each had another."""
    both = {name: kind for name, kind in kinds.items() if name in stored and name in incoming}
    changed = differences(stored, incoming, both)["field"].value_counts()
    before = stored.set_index("deal_id").reindex(incoming["deal_id"]).set_axis(incoming.index)
    known = incoming["deal_id"].isin(stored["deal_id"])
    columns = {name: before[name].astype(incoming[name].dtype).where(known, incoming[name]) for name in both}
    return incoming.assign(**columns), {str(name): int(n) for name, n in changed.items()}


def openings(stored: pd.DataFrame, derived: pd.DataFrame, custom: Sequence[Column] = (), *, anew: bool = False) -> pd.DataFrame:
    """For each derived row the opening of every field that is known since earlier; the stored one where both are, unless `anew`.

    What was known at the first ingest so stays known, and a history that a later export brings along reaches further back. A
    field that the later export lacks keeps what is stored.
    """
    kept = stored.set_index("deal_id").reindex(derived["deal_id"]).reset_index()
    columns: dict[str, pd.Series] = {"deal_id": derived["deal_id"].reset_index(drop=True)}
    for name in tracked_kinds(custom):
        if name not in derived:
            columns[name], columns[f"{name}_since"] = kept[name], pd.Series(_since(kept[f"{name}_since"]))
            continue
        new, old = (_since(side[f"{name}_since"]) for side in (derived, kept))
        gap = clock.days_between(new, old)
        better = (gap > 0) | (old == clock.UNKNOWN) | (anew & (gap == 0))
        columns[name] = kept[name].mask(better, derived[name].reset_index(drop=True)).astype(derived[name].dtype)
        columns[f"{name}_since"] = pd.Series(np.where(better, new, old))
    return pd.DataFrame(columns)


def _since(values: pd.Series) -> Micros:
    """Since when values are known; a deal that is not stored has no such time."""
    return np.asarray(values.astype("Int64").fillna(clock.UNKNOWN), dtype=np.int64)


def _difference(name: str, before: pd.Series, after: pd.Series, kind: Kind) -> pd.DataFrame:
    old, new = canonical_text(before, kind), canonical_text(after, kind)
    differs = (old.fillna("") != new.fillna("")).to_numpy()
    deals = pd.Series(before.index[differs], dtype="str")
    sides = {"old_value": old[differs].reset_index(drop=True), "new_value": new[differs].reset_index(drop=True)}
    return pd.DataFrame({"deal_id": deals, "field": pd.Series(name, index=deals.index, dtype="str"), **sides})
