"""Deals that were there once and are deleted by now: what a training has to see of them.

A CRM that deletes its lost deals flatters the record: of the deals that were open in March, those that are still there were won.
So whoever learns from March lists the deals that were open in March by the data *as of* March, and asks what became of each for
as long as it was there. A deal that is deleted while it is open is censored at its deletion: it counts as open until then, never
as lost. So is one that was merged into another.

Example: D1, created on 3 March, is deleted on 8 May. As of 1 April it is an example that was watched for 37 days; as of 1 June it
is none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features import clock
from features.clock import Micros
from features.dataset import Dataset
from features.flat import Texts


@dataclass(frozen=True)
class Lives:
    """What the data was at earlier dates, and what became of its deals.

    whole     the data as of the training, with the deals that were deleted by then
    gone      deal_id -> when it was deleted, in microseconds
    known_at  the data as of an earlier moment
    """

    whole: Dataset
    gone: Mapping[str, int]
    known_at: Callable[[pd.Timestamp], Dataset]

    def there_until(self, deals: Texts, watched_until: pd.Timestamp) -> Micros:
        """For how long each of these deals could be watched."""
        ends = np.array([self.gone.get(deal, clock.NEVER) for deal in deals], dtype=np.int64)
        return clock.earlier(ends, clock.repeated(clock.micros(watched_until), len(deals)))
