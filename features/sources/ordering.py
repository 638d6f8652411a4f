"""The order of the stages, where the export does not tell it: from the list that the mapping declares as `stage_order`.

Without an order nobody can say which stage is the next one, and there is neither conversion nor time by stage. A list that leaves
out a stage in use would call a step to it none, so then no stage is placed, and the report names those that are missing.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from features import contracts
from features.sources.closing import known_stages
from features.stages import infer_stages

Tables = Mapping[str, pd.DataFrame]


def placed(tables: Tables, order: Sequence[str]) -> tuple[dict[str, pd.DataFrame], tuple[str, ...]]:
    """The tables with positions of the stages, and the open stages that the list lacks; as they are where the export has some."""
    if "deals" not in tables or tables["deals"].empty or _has_positions(tables):
        return dict(tables), ()
    stages = _stages(tables)
    open_stages = stages.loc[stages["kind"] == "open", "stage"].drop_duplicates()
    missing = tuple(sorted(open_stages[~open_stages.isin(list(order))]))
    if missing or open_stages.empty:
        return dict(tables), missing
    places = {stage: float(place) for place, stage in enumerate(order, start=1)}
    return {**tables, "stages": contracts.conform("stages", stages.assign(position=stages["stage"].map(places)))}, ()


def _has_positions(tables: Tables) -> bool:
    stages = tables.get("stages")
    return stages is not None and "position" in stages and bool(stages["position"].notna().any())


def _stages(tables: Tables) -> pd.DataFrame:
    if "stages" in tables:
        return tables["stages"]
    return known_stages(tables) if "deal_changes" in tables else infer_stages(tables["deals"])
