"""What the tests of the forecast share: a small company, and curves that need no training."""

from functools import lru_cache

import numpy as np
import pandas as pd

from features.dataset import Dataset
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, generate
from training.curves import Curves
from training.rollup import Foretold

EDGES = np.array([0.0, 15.0, 30.0, 60.0, 120.0, 365.0])


@lru_cache(maxsize=2)
def small_company(dirty: bool = False) -> Dataset:
    """400 deals in 24 months, to October 2026."""
    return generate(Settings(n_deals=400, months=24, seed=11, dirt=Dirt.all() if dirty else Dirt())).dataset()


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def stage_curves(snapshot: Snapshot, pull: float = 1.0) -> Curves:
    """Curves by stage alone: later stages win more; `pull` makes another model of it."""
    position = snapshot.codes("stage")[snapshot.open_deals] % 5
    won = np.clip(0.02 + 0.03 * position * pull, 0.0, 0.3)
    step = np.stack([1 - won - 0.05, won, np.full(len(won), 0.05)], axis=1)
    return Curves(EDGES, np.repeat(step[:, None, :], len(EDGES) - 1, axis=1), 365.0)


def foretold_by_stage(snapshot: Snapshot, pull: float = 1.0) -> Foretold:
    """The same, with deals won for nine tenths of their amount on average."""
    curves = stage_curves(snapshot, pull)
    return Foretold(curves, np.tile([0.8, 0.9, 1.0], (len(curves.hazards), 1)))
