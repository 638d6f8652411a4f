"""The second opinion on a fold: nothing of its test time has reached the model.

It shares no code with what it checks. The first check goes by arithmetic on the rows that taught the model: each as_of lies
before the fold, no row was watched into it and no outcome in it. The second deletes everything recorded or revealed from the
fold's start on from the tables themselves, makes the rows of a few dates again from what is left, and compares signals and
outcomes with those that taught the model. The first costs nothing and runs in every training; the second costs a cohort for each
date.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.audit.truncation import truncated
from features.dataset import Dataset
from features.errors import DealcastError
from training.examples import CohortAt, Examples
from training.folds import Fold

N_DATES: Final = 3


class HindsightError(DealcastError):
    """A model was taught something that lies in the time that judges it. It is a fault of the program, never of the data."""


def check_rows(taught: Examples, fold: Fold) -> None:
    """Raise HindsightError unless rows, outcomes and watching of the rows that taught a model all end before the fold."""
    moments, which = np.unique(taught.as_of, return_inverse=True)
    days_left = np.array([(fold.starts_at - clock.instant(int(moment))) / pd.Timedelta(days=1) for moment in moments])[which]
    seen = taught.outcomes
    faults = {
        "rows begin in the time that judges the model": days_left <= 0,
        "rows were watched into the time that judges the model": seen.follow_up > days_left,
        "outcomes lie in the time that judges the model": (seen.cause > 0) & (seen.days >= days_left),
        "rows have an outcome that was not watched": (seen.cause > 0) & (seen.days >= seen.follow_up),
    }
    for said, rows in faults.items():
        if rows.any():
            raise HindsightError(f"{int(rows.sum()):,} {said}, from {fold.starts_at:%Y-%m-%d} on; please report this")


def check_dataset(dataset: Dataset, taught: Examples, fold: Fold, cohort_at: CohortAt, dates: Sequence[int] = ()) -> int:
    """Raise HindsightError unless the rows come out the same from a Dataset that ends where the fold starts.

    Compares those of the given as_of dates (microseconds), by default of three spread over the rows; returns how many rows.
    """
    moments = np.unique(taught.as_of)
    chosen = dates or [int(moment) for moment in moments[np.unique(np.linspace(0, len(moments) - 1, N_DATES).astype(int))]]
    past, compared = truncated(dataset, clock.micros(fold.starts_at)), 0
    for moment in chosen:
        rows = taught.take(taught.as_of == moment)
        signals, outcomes = cohort_at(past, clock.instant(moment), fold.starts_at)
        same = signals.index.equals(rows.signals.index) and bool((outcomes.cause == rows.outcomes.cause).all())
        if not same or not np.allclose(outcomes.days, rows.outcomes.days) or not _equal(signals, rows.signals):
            raise HindsightError(f"rows as of {clock.instant(moment):%Y-%m-%d} change when the time that judges them is deleted")
        compared += len(rows)
    return compared


def _equal(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    shared = [name for name in one if name in other]
    return len(shared) == len(list(one)) == len(list(other)) and one.equals(other[shared].astype(one.dtypes))
