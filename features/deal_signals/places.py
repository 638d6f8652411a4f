"""The places of stages in their pipeline: the open stages by their positions, the first of them 1."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from features.clock import Floats
from features.deal_signals.asked import Asked
from features.history import FieldHistory
from features.snapshot import Snapshot

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
    ladders = _ladders_of(asked.snapshot, pipelines)
    sizes = np.array([max(ladder.values(), default=np.nan) for ladder in ladders])
    return Places(_grid(ladders, past.names)[code[past.groups.of], past.codes], sizes[code])


def stage_places(snapshot: Snapshot) -> Floats:
    """For each row of the whole stage history its place in the pipeline that its deal is in at as_of, NaN where it has none."""
    past, pipelines = snapshot.dataset.history("stage"), snapshot.dataset.history("pipeline")
    grid = _grid(_ladders_of(snapshot, _labels(pipelines)), _labels(past))
    return np.asarray(grid[snapshot.codes("pipeline")[past.deal], past.value.astype(np.int64)])


def _ladders_of(snapshot: Snapshot, pipelines: Iterable[object]) -> list[Ladder]:
    """The ladder of each pipeline, in their order."""
    dataset = snapshot.dataset
    known: Mapping[str, Ladder] = dataset.remembered("ladders", lambda: _ladders(dataset.tables["stages"]))
    default = known.get("", next(iter(known.values())) if len(known) == 1 else {})
    return [known.get(str(name or ""), default) for name in pipelines]


def _grid(ladders: Sequence[Ladder], stages: Iterable[object]) -> Floats:
    """(ladders, stages) the place of each stage, NaN where it has none."""
    return np.array([[ladder.get(str(stage or ""), np.nan) for stage in stages] for ladder in ladders])


def _labels(past: FieldHistory) -> list[object]:
    """The values of a text field by their codes; the last stands for none (-1)."""
    return [*(past.labels if past.labels is not None else ()), None]


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
