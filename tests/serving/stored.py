"""The company in a real store, for tests that write."""

from pathlib import Path
from typing import Any

import pandas as pd

from features.dataset import Dataset
from features.sources import IngestReport, SourceData
from features.store import Store
from serving.registry.champions import Champions
from serving.registry.last_good import LastGood
from serving.served.runtime import Runtime

PATIENCE = 60.0


def source_of(company: Dataset) -> SourceData:
    report, tracked = IngestReport("synthetic", {}), dict(company.tracked_since)
    return SourceData(dict(company.tables), company.organisation, company.static, tracked, report, company.extracted_at)


def store_of(company: Dataset, url: str) -> Store:
    opened = Store(url)
    opened.replace(source_of(company))
    return opened


def by_key(columns: Any, key: str) -> pd.DataFrame:
    """A ranking as a frame, by id."""
    rows = [columns.row(at) for at in range(len(columns))]
    return pd.DataFrame(rows).set_index(key).sort_index()


def source_over(store: Store) -> LastGood:
    """What a server asks for the data of a store in a file; with patience, as a shared machine is slow now and then."""
    url = store.engine.url
    return LastGood(url.render_as_string(hide_password=False), Path(str(url.database)).parent / "copies", PATIENCE)


def runtime_over(store: Store, home: Path) -> Runtime:
    """What a server holds, over a store in a file and the champions of a home; patient like the source."""
    held = Runtime(source_over(store), Champions(home))
    held.earlier.patience = PATIENCE
    return held
