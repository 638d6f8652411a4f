"""What commands open: settings, store and champions of this installation."""

import os
from contextlib import closing
from dataclasses import dataclass

import pandas as pd

from features import clock
from features.dataset import Dataset
from features.snapshot import Snapshot
from features.store import Store
from serving.database import Database
from serving.forecast.recorded import Recorded, from_journal
from serving.registry.champions import Champions
from serving.settings import Settings, read
from training.bundle import Bundle


@dataclass(frozen=True)
class Opened:
    """Settings, and the data that the store holds."""

    settings: Settings
    dataset: Dataset

    def instant(self, text: str | None) -> pd.Timestamp:
        """A date as a moment of the organisation; now where none is given. Raises UsageError."""
        return clock.parse_as_of(text, self.dataset.organisation.timezone) if text else clock.now(self.dataset.ends_at)

    def known_at(self, _: Dataset, at: pd.Timestamp) -> Dataset:
        """The data as of a moment, with what was deleted since, and what was changed since as it stood."""
        with closing(Store(self.settings.store_url, self.settings.store_cache)) as store:
            return self.dataset if store.epoch(at) is None else store.rewound(self.dataset, at) or store.load(at)

    def as_of(self, text: str | None) -> Dataset:
        """The data as of a date; that of now where none is given. Raises UsageError."""
        return self.known_at(self.dataset, self.instant(text)) if text else self.dataset

    def record(self, snapshot: Snapshot) -> Recorded:
        """The scores of a past date as the journal holds them. Raises UsageError where that is not all of them."""
        with closing(Database.open(self.settings.store_url)) as database:
            return from_journal(database, snapshot)

    def champions(self) -> dict[str, Bundle]:
        """The last good champions, from the cache. Raises NotReadyError where there is none for deals."""
        found = Champions(self.settings.home)
        others = {target: found.load(target, version) for target, version in found.versions().items() if target != "deals"}
        return {"deals": found.champion("deals"), **others}


def opened() -> Opened:
    """Read the settings and load the data. Raises UsageError and NotReadyError."""
    settings = read()
    os.environ.setdefault("OMP_NUM_THREADS", str(settings.threads))
    settings.home.mkdir(parents=True, exist_ok=True)
    with closing(Store(settings.store_url, settings.store_cache)) as store:
        return Opened(settings, store.load())
