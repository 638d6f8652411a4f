"""One open deal by its id: its signals and its curve, from which every answer about it is read.

found = look_up(snapshot, rates, bundle, "D-17")
found.at([7, 30])            # P(won), P(lost) within 7 and 30 days, as `POST /v1/score` would answer
curve_table(found.curves)    # at the model's own days
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.dataset import Dataset
from features.deals import deal_signals
from features.errors import NotReadyError
from features.rates import Rates, of_the_day
from features.snapshot import Snapshot
from serving.scoring.scored import DEALS, curves_of
from training.bundle import Bundle
from training.curves import Curves
from training.targets import LOST, WON


@dataclass(frozen=True)
class OneDeal:
    """The signals of one deal, a frame of one row, and its curve."""

    signals: pd.DataFrame
    curves: Curves

    def at(self, horizons: Iterable[float]) -> list[dict[str, Any]]:
        """P(won) and P(lost) within each number of days."""
        return [{"days": days, "p_won": self._by(days, WON), "p_lost": self._by(days, LOST)} for days in horizons]

    def _by(self, days: float, cause: int) -> float:
        return float(self.curves.by(days, cause)[0])


def look_up(snapshot: Snapshot, rates: Rates, bundle: Bundle, deal_id: str) -> OneDeal:
    """Derive an open deal's signals and curve. Raises NotReadyError for one that is not open at the snapshot's moment."""
    row = snapshot.dataset.deal_rows.get_indexer(pd.Index([deal_id]))
    if not np.isin(row, snapshot.open_deals).all():
        raise NotReadyError(f"deal {deal_id} is not open as of {snapshot.as_of.isoformat()}")
    signals = deal_signals(snapshot, rates, row)
    return OneDeal(signals, curves_of(bundle.models[DEALS], signals, snapshot.as_of))


def curve_table(curves: Curves) -> pd.DataFrame:
    """The first of some curves at the model's own days: columns day, p_won, p_lost, p_open, extrapolated."""
    return pd.DataFrame(
        {
            "day": curves.edges,
            "p_won": curves.incidence[0, :, WON - 1],
            "p_lost": curves.incidence[0, :, LOST - 1],
            "p_open": curves.staying[0],
            "extrapolated": curves.edges > curves.extrapolated,
        }
    )


def curve(dataset: Dataset, bundle: Bundle, deal_id: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """One deal's curve as `curve_table` gives it. Raises NotReadyError for a deal that is not open at as_of."""
    snapshot = Snapshot(dataset, as_of)
    return curve_table(look_up(snapshot, of_the_day(snapshot), bundle, deal_id).curves)
