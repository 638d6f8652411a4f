"""From a source to the store, in one step: what `dealcast ingest` does."""

from dataclasses import replace as with_

from features import sources
from features.sources import IngestReport
from features.store import Store


def ingest(source: str, mapping: str | None, store: Store, *, replace: bool) -> IngestReport:
    """Read a folder, file or database URL by a mapping and store it, whole or not at all; what was done on the way.

    `replace` forgets what was stored; else the source is laid over it. Raises the errors of `sources.read` and of the store.
    """
    data = sources.read(source, mapping)
    revision = store.replace(data) if replace else store.merge(data)
    return with_(data.report, revision=revision)
