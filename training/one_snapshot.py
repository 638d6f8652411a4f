"""The same estimator for one snapshot without dates: one bucket, and who left in it.

Some exports say who left and not when. Each row then counts as watched for one day, which is the only bucket, and the rows are
dealt out over made-up weeks by a hash of their ids, so that "earlier" and "later" are different clients. Everything else, from
the life table to the choice of rounds and the correction, is `training.fitting` as it stands. Dates play no part in the answer.

Example: of 7,043 clients 1,869 left. Six tenths of them teach the trees that are tried, two tenths tell after how many rounds to
stop, all tell whether to correct; then all teach.
"""

from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.calendar import FiscalCalendar
from features.clock import Floats, Mask
from training.boosting import Parameters
from training.examples import Examples
from training.fitting import fit_hazard
from training.hazard import HazardModel, Spec
from training.labels import Outcomes
from training.life_table import fold_of
from training.splits import Slices

N_WEEKS: Final = 10
MIDDLE_WEEK: Final = 6
LAST_WEEK: Final = 8
WATCHED_DAYS: Final = 1.0
WEEK: Final = 7 * clock.MICROS_PER_DAY
"""A whole week, so that all rows have the same day of the week."""


def fit_snapshot(
    signals: pd.DataFrame, left: Mask, spec: Spec, calendar: FiscalCalendar, parameters: Parameters | None = None
) -> HazardModel:
    """`signals` has one row for each client, indexed by its id; `left` says who left. The spec has one cause."""
    week = fold_of(signals.index, N_WEEKS)
    # By id within a week: LightGBM's samples follow the order of the rows.
    order = np.lexsort((signals.index.to_numpy(dtype=object).astype(str), week))
    ended = left[order]
    outcomes = Outcomes(np.where(ended, WATCHED_DAYS / 2, np.inf), ended.astype(np.int64), np.full(len(ended), WATCHED_DAYS))
    rows = Examples(signals.iloc[order], week[order] * WEEK, outcomes)
    return fit_hazard(rows, Slices(MIDDLE_WEEK * WEEK, LAST_WEEK * WEEK), spec, calendar, parameters)


def p_left(model: HazardModel, signals: pd.DataFrame) -> Floats:
    """P(left) of each row, 0 to 1."""
    return model.curves(signals, np.zeros(len(signals), dtype=np.int64)).by(WATCHED_DAYS, 1)
