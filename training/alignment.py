"""Positions of several dates over the same deals: between two dates a deal may have been deleted, and the later data lacks it.

Example: as of April there are D1, D2 and D3, as of May, when D2 was deleted, D1 and D3. Over D1, D2, D3 both positions have three
entries, and in that of May D2 is not there.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.history import OPEN, Rows
from training.bridge import Position


def aligned(positions: Sequence[tuple[Position, "pd.Index[Any]"]]) -> list[Position]:
    """Positions, each with the ascending ids of its own deals, as positions over the deals of all of them."""
    ids = [own for _, own in positions]
    if all(own.equals(ids[0]) for own in ids):
        return [each for each, _ in positions]
    every = ids[0].append(ids[1:]).unique().sort_values()
    return [_over(each, every.get_indexer(own).astype(np.int64), len(every)) for each, own in positions]


def _over(own: Position, rows: Rows, n: int) -> Position:
    """A position over `n` deals, its own at `rows`; the others are not there."""

    def spread(values: npt.NDArray[Any], missing: float) -> Any:
        whole = np.full((n, *values.shape[1:]), missing, dtype=values.dtype)
        whole[rows] = values
        return whole

    return replace(
        own,
        exists=spread(own.exists, False),
        state=spread(own.state, OPEN),
        due=spread(own.due, False),
        won=spread(own.won, False),
        amount=spread(own.amount, 0.0),
        rate=spread(own.rate, np.nan),
        p=spread(own.p, 0.0),
        open_deals=rows[own.open_deals],
        leaves=spread(own.leaves, -1),
    )
