"""What a Dataset is told beside its tables, and how tables in order are completed with what they do not say themselves."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from features.openings import derive_openings, lacks, prefer
from features.recorded import first_changes, first_records, newest_fact
from features.stages import infer_stages, with_outcome
from features.tables import Column
from features.tidy import no_deals


@dataclass(frozen=True)
class Told:
    """As the attributes of features.dataset.Dataset; what is None or not named is found in the tables."""

    static: frozenset[str]
    tracked_since: Mapping[str, pd.Timestamp]
    extracted_at: pd.Timestamp | None
    openings: pd.DataFrame | None
    begins: Mapping[str, int]
    custom: tuple[Column, ...]


@dataclass(frozen=True)
class Completed:
    """Tables with what belongs to them: always deals with their outcomes, stages, and an opening of each deal."""

    tables: Mapping[str, pd.DataFrame]
    openings: pd.DataFrame
    extracted_at: pd.Timestamp
    tracked_since: Mapping[str, pd.Timestamp]
    begins: Mapping[str, int]


def completed(tables: Mapping[str, pd.DataFrame], told: Told) -> Completed:
    """Complete tables that are sorted: deals without openings of their own get theirs derived."""
    whole = {"deals": no_deals(), **tables}
    whole.setdefault("stages", infer_stages(whole["deals"], whole.get("deal_changes")))
    taken = told.extracted_at or newest_fact(whole)
    whole["deals"] = with_outcome(whole["deals"], whole["stages"], taken)
    since = {**first_changes(whole), **told.tracked_since}
    return Completed(whole, _openings(whole, taken, since, told), taken, since, {**first_records(whole), **told.begins})


def _openings(
    tables: Mapping[str, pd.DataFrame], taken: pd.Timestamp, since: Mapping[str, pd.Timestamp], told: Told
) -> pd.DataFrame:
    """One row a deal, in the order of the deals."""
    openings, deals = told.openings, tables["deals"]
    if openings is None or lacks(openings, deals, told.custom):
        derived = derive_openings(tables, taken, told.static, since, told.custom)
        openings = derived if openings is None else prefer(openings, derived)
    return openings[openings["deal_id"].isin(deals["deal_id"])].sort_values("deal_id", ignore_index=True)
