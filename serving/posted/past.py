"""What records that are posted with a past as_of are scored beside: the stored data as it was then, and not that of now.

Example: posted is D1 of account A7 as of 1 May, and on 8 May two of A7's orders were deleted and a third was corrected. As of
1 May the two are there, and the third has its old amount. So the score is the one that was given on 1 May.

The data of a past date is put together and compiled in a thread of its own, where it holds up no other score. An as_of after the
last write needs none, nor does now.
"""

import asyncio
from dataclasses import replace
from typing import Final

import pandas as pd

from features import clock
from features.dataset import Dataset
from features.excerpt import prepare
from features.rates import of_the_day
from features.snapshot import Snapshot
from serving.scoring.scored import refuse_hindsight
from serving.served.earlier import Earlier
from serving.served.state import Served

DEALS: Final = "deals"
CLIENTS: Final = "clients"


async def as_it_was(served: Served, target: str, as_of: pd.Timestamp | None, earlier: Earlier) -> Served:
    """The same models beside the data as it was at a moment; what is served where that is no other.

    Raises UsageError for an as_of before training, and NotReadyError as `Earlier` does.
    """
    if as_of is None or clock.is_known(clock.micros(served.dataset.extracted_at), clock.micros(as_of)):
        return served
    if target in served.bundles:
        refuse_hindsight(served.bundles[target], as_of)
    dataset = await asyncio.to_thread(_ready, earlier, served.dataset, as_of)
    return served if dataset is served.dataset else replace(served, dataset=dataset)


def _ready(earlier: Earlier, now: Dataset, as_of: pd.Timestamp) -> Dataset:
    """The data as of a moment, with all compiled that a posted record asks for."""
    dataset = earlier.known_at(now, as_of)
    dataset.remembered("prepared", lambda: prepare(dataset))
    of_the_day(Snapshot(dataset, as_of))
    return dataset
