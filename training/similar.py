"""Past deals that looked like this one: at the same stage, nearest in the space of the signals, with what became of them.

A deal that is decided by as_of is compared as it looked at some earlier moment, when it was still open: on each of up to
`N_DATES` dates before as_of its signals are derived from what was known on that date, by the same functions as everybody's. Its
outcome counts if it was on record strictly before as_of. So neither half of the comparison knows more than a person could have
known, and nothing recorded at or after as_of can change the list.

Example, as of 1 June: deal A was at "Proposal" on 2 May and lost on 20 May. A deal that is at "Proposal" on 1 June, with as much
silence and as many contacts as A had on 2 May, has it among its neighbours: "lost 18 days later".
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import clock
from features.clock import Floats, Mask, Micros
from features.dataset import Dataset
from features.deals import deal_signals
from features.flat import Texts
from features.history import OPEN, WON, Rows
from features.snapshot import Snapshot
from training.explain import Explainer
from training.space import Space

N_DATES: Final = 12
STEP_DAYS: Final = 30.0
SHOWN: Final = 5


@dataclass(frozen=True)
class PastDeals:
    """Decided deals as they looked at earlier moments; a deal has one row for each date on which it was open.

    deal           position in the Dataset
    stage, places  the stage then, and the coordinates
    seen, closed   when it looked so, and when it closed, in microseconds
    won            whether it was won
    amount         its amount as known now, in the organisation's currency
    """

    deal: Rows
    deal_id: Texts
    stage: Texts
    places: npt.NDArray[np.float32]
    seen: Micros
    closed: Micros
    won: Mask
    amount: Floats


def past_deals(dataset: Dataset, explainer: Explainer, as_of: pd.Timestamp) -> PastDeals:
    """Collect the deals that were decided by as_of. Takes as long as deriving the signals of `N_DATES` dates."""
    now = Snapshot(dataset, as_of)
    decided = now.exists & (now.state != OPEN)
    parts = [_looked(dataset, explainer, date, decided) for date in _dates(now)]
    deal, stage, places, seen = (np.concatenate(part) for part in zip(*parts, strict=True))
    return PastDeals(
        deal,
        dataset.deals["deal_id"].to_numpy(dtype=object)[deal],
        stage,
        places,
        seen,
        now.state_since[deal],
        now.state[deal] == WON,
        now.deal_amounts[deal],
    )


def similar_deals(past: PastDeals, space: Space, row: npt.NDArray[np.float32], stage: str | None) -> pd.DataFrame:
    """The nearest past deals of one encoded row at a stage, each deal once, the nearest first; at most `SHOWN`.

    Columns: deal_id, outcome (won or lost), days_to_close (from the moment compared to the close), closed_at, amount (in the
    organisation's currency), distance (0: the same; signals that differ by their whole usual span lie about 1 apart).
    """
    there = np.flatnonzero(past.stage == stage)
    distance = np.abs(past.places[there] - space.of(row[None]).astype(np.float32)).sum(axis=1)
    order = np.lexsort((past.seen[there], past.deal[there], distance))
    _, first = np.unique(past.deal[there][order], return_index=True)
    chosen = order[np.sort(first)[:SHOWN]]
    rows = there[chosen]
    return pd.DataFrame(
        {
            "deal_id": pd.Series(past.deal_id[rows], dtype="str"),
            "outcome": pd.Series(np.where(past.won[rows], "won", "lost"), dtype="str"),
            "days_to_close": clock.days_between(past.seen[rows], past.closed[rows]),
            "closed_at": clock.to_series(past.closed[rows]),
            "amount": past.amount[rows],
            "distance": distance[chosen].astype(np.float64),
        }
    )


def _dates(now: Snapshot) -> list[pd.Timestamp]:
    """Moments before as_of, evenly spread over a year, or over the history where it is shorter."""
    known = now.dataset.deal_known[now.exists]
    span = float(clock.days_between(int(known.min()), now.at)) if len(known) else 0.0
    step = min(STEP_DAYS, span / (N_DATES + 1))
    return [clock.instant(clock.after_days(now.at, -step * number)) for number in range(1, N_DATES + 1)]


def _looked(
    dataset: Dataset, explainer: Explainer, date: pd.Timestamp, decided: Mask
) -> tuple[Rows, Texts, npt.NDArray[np.float32], Micros]:
    """How the deals that are decided by now looked on a date on which they were open."""
    then = Snapshot(dataset, date)
    rows = then.open_deals[decided[then.open_deals]]
    signals = deal_signals(then, rows=rows)
    places = explainer.typical.space.of(explainer.model.encoding.rows(signals)).astype(np.float32)
    stage = signals["stage"].to_numpy(dtype=object)
    return rows, stage, places, clock.repeated(clock.micros(date), len(rows))
