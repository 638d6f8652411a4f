"""The places of stages in their pipeline: the open stages by their positions, the first of them 1."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from features.clock import Floats
from features.history import FieldHistory
from features.snapshot import Snapshot

Ladder: TypeAlias = Mapping[str, float]


@dataclass(frozen=True)
class Places:
    """Where deals stand.

    of_rows  for each row of the stage history its place in the pipeline that its deal is in at as_of, NaN where it has none
    count    for each deal how many places its pipeline has, NaN where that is not known
    """

    of_rows: Floats
    count: Floats


def places(snapshot: Snapshot) -> Places:
    """A pipeline without stages of its own takes those that name no pipeline, or those of the only pipeline there is."""
    past, pipelines = snapshot.dataset.history("stage"), snapshot.dataset.history("pipeline")
    dataset = snapshot.dataset
    known: Mapping[str, Ladder] = dataset.remembered("ladders", lambda: _ladders(dataset.tables["stages"]))
    default = known.get("", next(iter(known.values())) if len(known) == 1 else {})
    ladders = [known.get(name, default) for name in (*_labels(pipelines), "")]
    grid = np.array([[ladder.get(stage, np.nan) for stage in (*_labels(past), "")] for ladder in ladders])
    sizes = np.array([max(ladder.values(), default=np.nan) for ladder in ladders])
    code = snapshot.codes("pipeline")
    return Places(grid[code[past.deal], past.value.astype(np.int64)], sizes[code])


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


def _labels(past: FieldHistory) -> list[str]:
    return [] if past.labels is None else [str(label) for label in past.labels]
