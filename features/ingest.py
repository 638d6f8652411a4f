"""From a source to the store, in one step: what `dealcast ingest` does."""

from features import sources
from features.sources import IngestReport
from features.store import Store


def ingest(source: str, mapping: str | None, store: Store, *, replace: bool) -> IngestReport:
    """Read a folder, file or database URL by a mapping and store it, whole or not at all; what was done on the way.

    `replace` forgets what was stored; else the source is laid over it. Raises the errors of `sources.read` and of the store.
    """
    data = sources.read(source, mapping)
    return store.replace(data) if replace else store.merge(data)
