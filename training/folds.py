"""Which time a model is judged on: dates later than all it was taught.

Worked example: training as of 1 October 2026 with history from 1 April 2024, 913 days. The last quarter of it, from 14 February
2026 on, is the test time. A model is fitted as it would have been on that day: on rows before it, **watched no further than it**
(with hazards that cut is the whole embargo), its rounds chosen inside that earlier time. It scores the rows from 14 February on,
all of them and unsampled, and is compared with what was seen of them until 1 October. A row counts for "within 90 days" when it
was watched for 90 days, that is, when its as_of lies before 3 July; never because its deal closed early. Then the model that will
answer is fitted once more on everything, and nobody has judged it: what is judged is the procedure.

With several folds the test time is cut into as many parts, and each part is scored by a model that was fitted up to its start.
"""

from dataclasses import dataclass
from typing import Final

import pandas as pd

from features import clock
from training.examples import Examples

TEST_SHARE: Final = 0.25


@dataclass(frozen=True)
class Fold:
    """One earlier model and the rows that judge it.

    starts_at  the model of this fold knows nothing from here on, neither as a signal nor as an outcome
    ends_at    its test rows have their as_of in `[starts_at, ends_at)`
    """

    starts_at: pd.Timestamp
    ends_at: pd.Timestamp

    def taught(self, rows: Examples) -> Examples:
        """The rows before the fold, watched until it starts."""
        start = clock.micros(self.starts_at)
        return rows.take(clock.known(rows.as_of, start)).cut(start)

    def tested(self, rows: Examples) -> Examples:
        """The rows of the fold, watched for as long as they were."""
        return rows.take(clock.within(rows.as_of, clock.micros(self.starts_at), clock.micros(self.ends_at)))


def folds(first_fact: pd.Timestamp, as_of: pd.Timestamp, n_folds: int = 1) -> tuple[Fold, ...]:
    """Equal folds, ascending, over the last quarter of the time between the first fact and as_of."""
    begin, end = clock.micros(first_fact), clock.micros(as_of)
    start = end - TEST_SHARE * (end - begin)
    cuts = [clock.instant(int(start + (end - start) * step / n_folds)) for step in range(n_folds)]
    return tuple(Fold(one, other) for one, other in zip(cuts, [*cuts[1:], as_of], strict=True))
