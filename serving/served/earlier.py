"""The data of past dates: with what was deleted since, and with what was changed since as it stood.

What is served is the data of now. An answer as of a date before a deletion or a correction is given from the data of that date.
It is made of the data of now and the few rows that were otherwise, within moments; where that does not do (the first row of a
table was deleted, tens of thousands were changed) everything is loaded. All dates with the same data share it, and one is kept:
it takes as much memory as the data of now. Where nothing was otherwise, the data of a date is what is served.

It is made in a thread of its own, one at a time. Who asks waits for `patience` seconds at most and is then told to come again,
while it is made on: nobody else waits, and no thread of the server is held.
"""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Final, Protocol

import pandas as pd

from features.dataset import Dataset
from features.errors import NotReadyError
from serving import background

PATIENCE: Final = 2.0


class Archive(Protocol):
    """Where the data of past dates comes from; the data of now helps to make it."""

    def epoch(self, at: pd.Timestamp) -> int | None: ...
    def load_at(self, at: pd.Timestamp, now: Dataset, /) -> Dataset: ...


@dataclass(frozen=True)
class _Made:
    key: Hashable
    outcome: "Future[Dataset]"

    @property
    def failed(self) -> bool:
        return self.outcome.done() and self.outcome.exception() is not None


class Earlier:
    """The data as of past dates, from an archive; `patience` is in seconds."""

    def __init__(self, archive: Archive, patience: float = PATIENCE) -> None:
        self.archive = archive
        self.patience = patience
        self._newest: _Made | None = None
        self._choosing = threading.Lock()

    def known_at(self, dataset: Dataset, at: pd.Timestamp) -> Dataset:
        """The data of now as it was at a moment. Raises NotReadyError where it cannot be read, or takes long to be made."""
        epoch = self.archive.epoch(at)
        if epoch is None:
            return dataset
        key, until = (id(dataset), dataset.extracted_at, epoch), time.monotonic() + self.patience
        while True:
            made = self._begun(key, lambda: self.archive.load_at(at, dataset))
            if not wait([made.outcome], max(until - time.monotonic(), 0.0)).done:
                raise NotReadyError("The data of that date is being put together; ask again in a moment.", "past_in_the_making")
            if made.key == key:
                return made.outcome.result()

    def _begun(self, key: Hashable, make: Callable[[], Dataset]) -> _Made:
        """What is kept under a key, else what is in the making, whatever it is; begun where neither is. Errors are not kept."""
        with self._choosing:
            newest = self._newest
            if newest is None or newest.failed or (newest.key != key and newest.outcome.done()):
                newest = self._newest = _Made(key, background.start(make))
            return newest
