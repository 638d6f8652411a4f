"""The course of one answer over the last weeks, as a page shows it: the journal's rows as a value for each day.

Between two rows an answer stood where the first of them put it, to within a point; so the line is a step a day.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.errors import NotReadyError
from serving.database import Database
from serving.journal import reading
from serving.pages.sparkline import HEIGHT, WIDTH, Sparkline, sparkline
from serving.served.trend import COMPARED

DAYS: Final = 60
MOST_ROWS: Final = 1000


@dataclass(frozen=True)
class Course:
    """A line from `since` to now, and the answers at both ends."""

    line: Sparkline
    since: datetime
    first: float
    last: float
    width: float = WIDTH
    height: float = HEIGHT


def course(database: Database, target: str, record_id: str, as_of: pd.Timestamp, now: float | None) -> Course | None:
    """What was answered day by day, and is now; None where less than a day is on record, or the database does not answer."""
    try:
        rows = reading.history(database, target, record_id, ["pipeline"], MOST_ROWS)
    except NotReadyError:
        return None
    known = [(row["as_of"], row[COMPARED[target]]) for row in reversed(rows) if row[COMPARED[target]] is not None]
    if not known or now is None:
        return None
    ago = clock.days_between(np.array([at for at, _ in known], dtype=np.int64), clock.micros(as_of))
    days = np.arange(min(DAYS, int(ago[0])), 0, -1)
    values = [*(known[int(np.flatnonzero(ago >= day)[-1])][1] for day in days), now]
    line = sparkline(values)
    if line is None:
        return None
    return Course(line, (as_of - pd.Timedelta(days=int(days[0]))).to_pydatetime(), values[0], values[-1])
