"""Sources: from a foreign export, in files or a database, to validated tables. The only place where foreign names live."""

from features.sources.apply import apply
from features.sources.files import Reader, open_files
from features.sources.loading import NATIVE, load, presets
from features.sources.result import IngestReport, SourceData, TableReport
from features.sources.sql import open_database

__all__ = ["IngestReport", "Reader", "SourceData", "TableReport", "presets", "read"]


def read(source: str, mapping: str | None = None) -> SourceData:
    """Read a folder, a file or a database URL by a mapping: a preset's name or a TOML file; None: our own format.

    Raises SourceError where there is no such source, MappingError where the mapping does not fit it, DataError where its data
    breaks a contract. Nothing is returned half.
    """
    keys = load(mapping or NATIVE)
    reader: Reader = open_database(source) if "://" in source else open_files(source, keys.encoding, keys.delimiter)
    return apply(reader, keys)
