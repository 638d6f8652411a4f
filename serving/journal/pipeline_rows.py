"""Rows of the journal for what the ranked lists show, with the curve and the hash of the signals behind each.

The lists hold no signals and no curves, so both are computed again, for the rows that are written: few, but for the first time.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import clients, clock
from features.deals import deal_signals
from serving.journal.rows import ScoreRow, compact, hashes, number
from serving.scoring.score import leaving
from serving.scoring.scored import DEALS
from serving.served.columns import Rows
from serving.served.ranking import Ranking
from serving.served.state import Served
from training.curves import Curves
from training.targets import LOST, WON

DIGITS: Final = 5
Ids = npt.NDArray[np.object_]
LISTED: Final[Mapping[str, Mapping[str, str]]] = {
    "deals": {name: name for name in ("p_won_this_quarter", "p_won_next_quarter", "p_won", "p_lost", "value", "expected_value")},
    "clients": {"p_leaves": "p_leaves", "value": "ltv", "expected_value": "value_at_risk"},
}
"""The numbers of a row, and what the list calls them."""


def ranking_of(served: Served, target: str) -> Ranking | None:
    """The list of a target; None where there is none."""
    return served.deals if target == DEALS else served.clients


def pipeline_rows(served: Served, target: str, at: Rows) -> list[ScoreRow]:
    """A row for each of these positions of a list."""
    ranking = ranking_of(served, target)
    if ranking is None:
        return []
    ids, listed = ranking.ids[at], ranking.rows(at)
    found = _behind_deals(served, ids) if target == DEALS else _behind_clients(served, ids)
    behind = {key: (hashed, curve) for key, hashed, curve in found}
    return [_row(served, target, key, each, *behind.get(key, (None, None))) for key, each in zip(ids, listed, strict=True)]


def _row(
    served: Served, target: str, key: str, listed: Mapping[str, Any], hashed: str | None, curve: dict[str, Any] | None
) -> ScoreRow:
    numbers: dict[str, Any] = {name: number(listed[column]) for name, column in LISTED[target].items()}
    return ScoreRow(
        kind="pipeline",
        target=target,
        record_id=key,
        as_of=clock.micros(served.as_of),
        revision=served.revision,
        model_version=served.bundles[target].version,
        signals_sha256=hashed,
        owner_id=listed.get("owner_id"),
        reason=listed["reason"],
        answer=None if curve is None or listed["reason"] else compact({"curve": curve}),
        **numbers,
    )


def curves_of_deals(curves: Curves, rows: Rows) -> Iterator[dict[str, Any]]:
    """These rows of some curves, at the model's own days."""
    won, lost = (np.round(curves.incidence[rows, :, cause - 1], DIGITS).tolist() for cause in (WON, LOST))
    for p_won, p_lost in zip(won, lost, strict=True):
        yield {"days": _days(curves), "p_won": p_won, "p_lost": p_lost}


def _behind_deals(served: Served, ids: Ids) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Id, hash of the signals and curve of each deal."""
    rows = np.sort(served.dataset.deal_rows.get_indexer(pd.Index(ids, dtype=object)))
    signals = deal_signals(served.snapshot, served.rates, rows)
    model = served.bundles[DEALS].models[DEALS]
    curves = model.curves(signals, np.full(len(signals), served.snapshot.at, dtype=np.int64))
    for key, hashed, curve in zip(signals.index, hashes(signals), curves_of_deals(curves, np.arange(len(signals))), strict=True):
        yield str(key), hashed, curve


def _behind_clients(served: Served, ids: Ids) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Id, hash of the signals and curve of each client that a model answers for."""
    for regime, model in served.bundles["clients"].models.items():
        cohort = clients.cohort(served.snapshot, regime)
        rows = cohort[np.isin(served.dataset.client_ids[cohort], ids)]
        if not len(rows):
            continue
        signals = clients.client_signals(served.snapshot, rows)
        curves = model.curves(signals, np.full(len(signals), served.snapshot.at, dtype=np.int64))
        leaves = np.stack([leaving(regime, float(day)).answer(curves) for day in curves.edges], axis=1)
        for key, hashed, p_leaves in zip(signals.index, hashes(signals), np.round(leaves, DIGITS).tolist(), strict=True):
            yield str(key), hashed, {"days": _days(curves), "p_leaves": p_leaves}


def _days(curves: Curves) -> list[float]:
    return [int(day) if float(day).is_integer() else float(day) for day in curves.edges]
