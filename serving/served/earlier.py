"""The data of past dates: with what was deleted since, which at that time was there.

What is served is the data of now, from which deleted records are gone. An answer as of a date before a deletion is given from the
data of that date, which is loaded when it is first asked for. All dates between two deletions share it, and one is kept: it takes
as much memory as the data of now. Where nothing was deleted since a date, its data is what is served, and nothing is loaded.
"""

from typing import Final, Protocol

import pandas as pd

from features.dataset import Dataset
from serving.served.newest import Newest

KEPT: Final = 1


class Archive(Protocol):
    """Where the data of past dates comes from."""

    def epoch(self, at: pd.Timestamp) -> int | None: ...
    def load_at(self, at: pd.Timestamp, /) -> Dataset: ...


class Earlier:
    """The data as of past dates, from an archive."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self._kept = Newest(KEPT)

    def known_at(self, dataset: Dataset, at: pd.Timestamp) -> Dataset:
        """The data of now as it was at a moment: with what was deleted since. Raises NotReadyError where it cannot be read."""
        epoch = self.archive.epoch(at)
        if epoch is None:
            return dataset
        found: Dataset = self._kept.get((dataset.extracted_at, epoch), lambda: self.archive.load_at(at))
        return found
