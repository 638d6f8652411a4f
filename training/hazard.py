"""The model: one discrete-time competing-risk hazard answers every question about a deal or a client.

For each row and bucket still at risk it gives P(stay), P(cause 1), P(cause 2), … in that bucket; `training.curves` chains them.
There is one way from signals to hazards, and scores and reasons both take it:

    log(start in the calendar's days x relative risk) + the trees' raw score - the level gained -> calibration -> hazards

The start is the life table, or BG/NBD for clients who order; `training.pace` moves it to each row's days, and
`training.relative_risk` says what multiplies it.
LightGBM leaves all of it out of what it predicts, so it is added here.
"""

from dataclasses import dataclass, replace
from typing import Final, Protocol

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import FiscalCalendar
from features.clock import Floats, Micros
from features.history import Rows
from training.bg_nbd import PURCHASE_SIGNALS, BgNbdStart
from training.calibrate import UNCALIBRATED, Calibration
from training.curves import Curves, Passing
from training.encoding import Encoding, with_buckets
from training.life_table import LifeTable
from training.pace import Pace, PacedTime
from training.relative_risk import RelativeRisk

LIFE_TABLE: Final = "life_table"
BG_NBD: Final = "bg_nbd"
ALONE: Final = 4096
"""Rows of a matrix that one thread is quick enough with."""


class Start(Protocol):
    """Where boosting starts."""

    def hazards(self, signals: pd.DataFrame) -> Floats:
        """P(stay), P(cause 1), … in each bucket, (rows, buckets, 1 + causes)."""


@dataclass(frozen=True)
class Spec:
    """What kind of hazard: the causes of ending, and the signals that define the life table's cells.

    ages   the first of these signals that the data has is the age: days in the stage tell more than days since creation
    start  LIFE_TABLE, or BG_NBD for one cause that is the next order; it also sets the level (`training.level`)
    paced  whether ends keep a calendar: weekdays, a quarter's last weeks (`training.pace`)
    plain  signals with factors on the hazards from the start (`training.relative_risk`), as far as the data has them
    """

    causes: tuple[str, ...]
    kind_signal: str | None
    ages: tuple[str, ...]
    start: str = LIFE_TABLE
    paced: bool = False
    plain: tuple[str, ...] = ()


@dataclass(frozen=True)
class HazardModel:
    """A fitted hazard.

    edges        bucket edges in days; from `life_table.n_watched` on the curve is extrapolated
    booster      None where the start alone answers; `because` then says why
    life_table_weight  how much the answers lean on the start, 0 to 1 (`training.fitting.weight_of_start`)
    pace         of the calendar's days, by cause
    risk         factors of the plain signals; None: there are none
    calibration  the correction of the hazard logits in the buckets that were watched
    bg_nbd       where boosting starts; None: from the life table
    gained       what is taken off the hazard logits of each bucket, by cause: trees move the level too (`training.level`);
                 empty: nothing
    """

    spec: Spec
    calendar: FiscalCalendar
    edges: Floats
    life_table: LifeTable
    pace: Pace
    encoding: Encoding
    booster: lgb.Booster | None
    because: str
    life_table_weight: float = 1.0
    calibration: Calibration = UNCALIBRATED
    threads: int = 2
    bg_nbd: BgNbdStart | None = None
    gained: tuple[tuple[float, ...], ...] = ()
    risk: RelativeRisk | None = None

    @property
    def start(self) -> Start:
        """What answers where nothing was boosted."""
        return self.life_table if self.bg_nbd is None else self.bg_nbd

    @property
    def rounds(self) -> int:
        """Rounds of boosting; 0 where the start answers."""
        return 0 if self.booster is None else int(self.booster.current_iteration())

    def unboosted(self) -> "HazardModel":
        """The life table or BG/NBD alone, at the pace of the calendar and of each row, as a model of its own."""
        bare = replace(self, booster=None, because="not boosted", life_table_weight=1.0, calibration=UNCALIBRATED)
        return replace(bare, gained=(), risk=self.risk.even() if self.risk is not None and self.risk.speeds.any() else None)

    def curves(self, signals: pd.DataFrame, as_of: Micros) -> Curves:
        """Curves of each row of signals, as of each row's as_of."""
        watched = self.life_table.n_watched
        hazards = self.started(signals, as_of).copy()
        if len(signals):
            offset = self.less_gained(np.log(hazards[:, :watched]))
            hazards[:, :watched] = self.hazards(self.matrix(signals, as_of, watched), offset)
        return Curves(self.edges, hazards, float(self.edges[watched]), self.passing(as_of))

    def passing(self, as_of: Micros) -> Passing | None:
        """How the days after each row's as_of pass; None where all are alike."""
        return PacedTime(self.pace, as_of, float(self.edges[-1])) if self.pace.weights.any() and len(as_of) else None

    @property
    def start_signals(self) -> tuple[str, ...]:
        """The signals that say where boosting starts."""
        if self.bg_nbd is not None:
            return PURCHASE_SIGNALS
        cells = self.life_table.cells
        own = tuple(name for name in (cells.kind_signal, cells.age_signal) if name is not None)
        return own if self.risk is None else tuple(dict.fromkeys((*own, *self.risk.signals)))

    def hazards(self, matrix: npt.NDArray[np.float32], offset: Floats) -> Floats:
        """Calibrated P(stay), P(cause 1), … in the first buckets, (rows, buckets, 1 + causes).

        `matrix` is (rows x buckets, columns), the buckets of a row one after the other; `offset` is (rows, buckets, 1 + causes),
        the start's log hazards. The number of buckets is at most `life_table.n_watched`.
        """
        return self.of_logits(self.logits(matrix, offset))

    def of_logits(self, logits: Floats) -> Floats:
        """The last step from logits to hazards, which scores and reasons share; shapes as in `hazards`."""
        return self.calibration.hazards(logits)

    def logits(self, matrix: npt.NDArray[np.float32], offset: Floats) -> Floats:
        """Log hazards, up to a constant for each bucket, before calibration; shapes as in `hazards`."""
        if self.booster is None or not len(matrix):
            return offset
        # For few rows, threads take longer to wake up than one of them takes to answer.
        threads = self.threads if len(matrix) > ALONE else 1
        raw = np.asarray(self.booster.predict(matrix, raw_score=True, num_threads=threads), dtype=np.float64)
        return np.asarray(offset + raw.reshape(offset.shape))

    def matrix(self, signals: pd.DataFrame, as_of: Micros, n_buckets: int) -> npt.NDArray[np.float32]:
        """Each row at each of the first buckets; without columns where the start answers."""
        if self.booster is None:
            return np.empty((len(signals) * n_buckets, 0), dtype=np.float32)
        row, bucket = np.divmod(np.arange(len(signals) * n_buckets), n_buckets)
        return with_buckets(self.encoding, signals, as_of, self.edges, row, bucket, self.calendar)

    def started(self, signals: pd.DataFrame, as_of: Micros) -> Floats:
        """Where boosting starts: hazards at the pace of each row's days, (rows, buckets, 1 + causes); reads `start_signals`."""
        if self.risk is None:
            return self.pace.paced(self.start.hazards(signals), as_of, self.edges)
        return self.risk.on(self.pace.paced(self.start.hazards(signals), as_of, self.edges, self.risk.speed(signals)), signals)

    def offset(self, signals: pd.DataFrame, as_of: Micros, n_buckets: int) -> Floats:
        """Log hazards where boosting starts, in the first buckets, (rows, buckets, 1 + causes), less what the trees gained."""
        return self.less_gained(np.log(self.started(signals, as_of)[:, :n_buckets]))

    def less_gained(self, offset: Floats, bucket: Rows | None = None) -> Floats:
        """The start's log hazards less what the trees would move the level by.

        `offset` is (rows, buckets, 1 + causes) from the first bucket on, or (pairs, 1 + causes) with the `bucket` of each pair.
        """
        if not self.gained:
            return offset
        level = np.array(self.gained)[: offset.shape[1]] if bucket is None else np.array(self.gained)[bucket]
        return np.concatenate([offset[..., :1], offset[..., 1:] - level], axis=-1)
