"""The places of stages in their pipeline: the open stages by their positions, the first of them 1."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from features.clock import Floats
from features.deal_signals.asked import Asked

Ladder: TypeAlias = Mapping[str, float]


@dataclass(frozen=True)
class Places:
    """Where deals stand.

    of_rows  for each known row of the stage history its place in the pipeline that its deal is in, NaN where it has none
    count    for each asked deal how many places its pipeline has, NaN where that is not known
    """

    of_rows: Floats
    count: Floats


def places(asked: Asked) -> Places:
    """A pipeline without stages of its own takes those that name no pipeline, or those of the only pipeline there is."""
    past, (pipelines, code) = asked.past("stage"), asked.coded("pipeline")
    dataset = asked.snapshot.dataset
    known: Mapping[str, Ladder] = dataset.remembered("ladders", lambda: _ladders(dataset.tables["stages"]))
    default = known.get("", next(iter(known.values())) if len(known) == 1 else {})
    ladders = [known.get(str(name or ""), default) for name in pipelines]
    grid = np.array([[ladder.get(str(stage or ""), np.nan) for stage in past.names] for ladder in ladders])
    sizes = np.array([max(ladder.values(), default=np.nan) for ladder in ladders])
    return Places(grid[code[past.groups.of], past.codes], sizes[code])


def _ladders(stages: pd.DataFrame) -> dict[str, Ladder]:
    """For each pipeline ("" where a stage names none) the place of each open stage; equal positions share one."""
    if "position" not in stages:
        return {}
    placed = stages[stages["kind"].eq("open") & stages["position"].notna()]
    pipeline = placed["pipeline"].fillna("") if "pipeline" in placed else pd.Series("", index=placed.index)
    rank = placed["position"].groupby(pipeline).rank(method="dense")
    ladders: dict[str, dict[str, float]] = {}
    for name, stage, place in zip(pipeline, placed["stage"], rank, strict=True):
        ladders.setdefault(str(name), {})[str(stage)] = float(place)
    return dict(ladders)
