"""How good a forecast has been: errors, coverage and gain over the rivals, by how far into the period it was made.

For one lead, over periods t with actual A and forecast F:

    wape      sum |A - F| / sum A, 0 is perfect; 1 - wape is what KPIs call forecast accuracy
    bias      sum (F - A) / sum A, above 0: promised too much
    pinball   mean over the quantiles of (q - [A < Q]) (A - Q), as a share of the mean A; less is better
    coverage  share of periods that fell into the 50, 80 and 95 % intervals

A rival is judged on the periods in which it had a forecast, and so is the model beside it. The gain is the rival's wape less the
model's, with a 95 % interval from resampling periods, always the same ones for both: periods are few, and the interval says so.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features.clock import Floats
from training.backtest import QUANTILES, Backtest
from training.rivals import RIVALS

COVERAGE: Final = {50: (0.25, 0.75), 80: (0.1, 0.9), 95: (0.025, 0.975)}
RESAMPLES: Final = 2000


@dataclass(frozen=True)
class Gain:
    """How much smaller the model's wape is than a rival's, over the periods that both forecast."""

    rival: str
    n: int
    wape: float
    model_wape: float
    low: float
    high: float

    @property
    def gain(self) -> float:
        return self.wape - self.model_wape


@dataclass(frozen=True)
class Record:
    """The track record at one lead (days into the period)."""

    lead: float
    n: int
    wape: float
    bias: float
    pinball: float
    coverage: dict[int, float]
    gains: tuple[Gain, ...]


def track_record(tested: Backtest, seed: int = 7) -> tuple[Record, ...]:
    """One record for each lead, the earliest first."""
    table = tested.table()
    return tuple(_record(rows, float(str(lead)), seed) for lead, rows in _by_lead(table))


def _by_lead(table: pd.DataFrame) -> list[tuple[float, pd.DataFrame]]:
    """Leads are told apart by their place within the period: a third of a month has 10 days, or 9 and a third."""
    place = table.groupby("period", sort=False).cumcount()
    groups = [table[place == each] for each in sorted(place.unique())]
    return [(float(rows["lead"].median()), rows) for rows in groups]


def _record(rows: pd.DataFrame, lead: float, seed: int) -> Record:
    actual = rows["actual"].to_numpy(dtype=np.float64)
    cuts = rows[[f"q_{level:g}" for level in QUANTILES]].to_numpy(dtype=np.float64)
    inside = {level: float(_covered(actual, cuts, *ends).mean()) for level, ends in COVERAGE.items()}
    forecast = rows["mean"].to_numpy(dtype=np.float64)
    gains = tuple(_gain(name, rows, seed) for name in RIVALS if rows[name].notna().any())
    return Record(lead, len(rows), wape(actual, forecast), _bias(actual, forecast), pinball(actual, cuts), inside, gains)


def wape(actual: Floats, forecast: Floats) -> float:
    """Sum of absolute errors over the sum of what came: 0 is perfect; NaN where nothing came."""
    total = float(np.abs(actual).sum())
    return float(np.abs(actual - forecast).sum()) / total if total else float("nan")


def _bias(actual: Floats, forecast: Floats) -> float:
    total = float(np.abs(actual).sum())
    return float((forecast - actual).sum()) / total if total else float("nan")


def pinball(actual: Floats, cuts: Floats) -> float:
    """Mean pinball loss over QUANTILES as a share of the mean actual (Koenker & Bassett 1978); 0 is perfect."""
    miss = actual[:, None] - cuts
    levels = np.array(QUANTILES)
    loss = np.maximum(levels * miss, (levels - 1) * miss).mean()
    usual = float(np.abs(actual).mean())
    return float(loss / usual) if usual else float("nan")


def _covered(actual: Floats, cuts: Floats, low: float, high: float) -> Floats:
    first, last = cuts[:, QUANTILES.index(low)], cuts[:, QUANTILES.index(high)]
    return ((actual >= first) & (actual <= last)).astype(np.float64)


def _gain(name: str, rows: pd.DataFrame, seed: int) -> Gain:
    both = rows[rows[name].notna()]
    actual = both["actual"].to_numpy(dtype=np.float64)
    errors = np.abs(both[[name, "mean"]].to_numpy(dtype=np.float64) - actual[:, None])
    chosen = np.random.default_rng(seed).integers(0, len(both), (RESAMPLES, len(both)))
    totals = np.abs(actual)[chosen].sum(axis=1)
    came = totals > 0  # of periods in which nothing came there is no share
    gains = (errors[:, 0] - errors[:, 1])[chosen].sum(axis=1)[came] / totals[came]
    low, high = np.quantile(gains, [0.025, 0.975]) if came.any() else (float("nan"), float("nan"))
    both_wape = [wape(actual, both[column].to_numpy(dtype=np.float64)) for column in (name, "mean")]
    return Gain(name, len(both), both_wape[0], both_wape[1], float(low), float(high))
