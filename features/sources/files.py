"""Exports as files: a folder, or one file, of CSV, gzipped CSV, TSV or Parquet, found by the file's stem.

CSV is read entirely as text: ids keep their leading zeros, "NA" stays the text NA, and only an empty cell is empty. A row with
too many or too few cells, which is what a half-written file ends with, is refused with its line; so are bytes that are not of
the declared encoding and gzip files that break off. Parquet keeps its types.
"""

import codecs
import gzip
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from features.errors import DataError, MappingError, SourceError

ENDINGS: Final = (".csv", ".csv.gz", ".tsv", ".parquet")
"""What is read, the first winning where one stem has several."""

_BLOCK_BYTES: Final = 1 << 24


class Reader(Protocol):
    """An export: named sheets, each of them one DataFrame. `place` names it in messages."""

    @property
    def place(self) -> str: ...

    def names(self) -> list[str]:
        """The sheets there are, ascending."""

    def read(self, name: str) -> pd.DataFrame:
        """One of them, its columns named as in the export."""


@dataclass(frozen=True)
class Files:
    """The files of a folder, or one file, by stem."""

    place: str
    paths: dict[str, Path]
    encoding: str = "utf-8"
    delimiter: str = ","

    def names(self) -> list[str]:
        return sorted(self.paths)

    def read(self, name: str) -> pd.DataFrame:
        path = self.paths[name]
        if path.name.lower().endswith(".parquet"):
            return _parquet(path)
        return _csv(path, self.encoding, "\t" if path.name.lower().endswith(".tsv") else self.delimiter)


def open_files(place: str, encoding: str = "utf-8", delimiter: str = ",") -> Files:
    """The files at a path. Raises SourceError where there is nothing, or nothing that can be read."""
    path = Path(place)
    if not path.exists():
        raise SourceError(f"there is no file or folder {place}; nothing was loaded: check the path")
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    found: dict[str, Path] = {}
    for ending in ENDINGS:
        for file in files:
            if file.name.lower().endswith(ending):
                found.setdefault(file.name[: -len(ending)], file)
    if not found:
        raise SourceError(f"{place} holds no file that ends in {', '.join(ENDINGS)}")
    return Files(place, found, encoding, delimiter)


def _parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            path.name, f"not a Parquet file: {_first_line(error)}", "write the file again; it may be cut short"
        ) from None


def _csv(path: Path, encoding: str, delimiter: str) -> pd.DataFrame:
    data = _decoded(path, _bytes(path), encoding)
    if not data.strip():
        raise DataError(
            path.name, "the file is empty", "check that the export is complete; a CSV file begins with a line of names"
        )
    names = _header(data, delimiter)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(path.name, "two columns have one name", "rename one of them in the export", column=twice[0])
    return _parsed(path, data, names, delimiter)


def _bytes(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.name.lower().endswith(".gz") else path.read_bytes()
    except (EOFError, gzip.BadGzipFile) as error:
        raise DataError(
            path.name, f"not a whole gzip file: {error}", "write the file again; it is cut short or damaged"
        ) from None


def _decoded(path: Path, data: bytes, encoding: str) -> bytes:
    """The bytes as UTF-8, without a byte-order mark."""
    try:
        text = data.decode(encoding)
    except LookupError:
        raise MappingError(f"encoding '{encoding}' is unknown; write for instance utf-8, cp1252 or utf-16") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            path.name,
            f"line {line} is not {encoding} text",
            'save the export as UTF-8, or declare its encoding in the mapping (encoding = "cp1252" is what Excel writes)',
        ) from None
    return text.removeprefix("\ufeff").encode() if codecs.lookup(encoding).name != "utf-8" else data.removeprefix(codecs.BOM_UTF8)


def _header(data: bytes, delimiter: str) -> list[str]:
    options = pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=lambda _row: "skip")
    return list(pa.csv.open_csv(io.BytesIO(data), parse_options=options).schema.names)


def _parsed(path: Path, data: bytes, names: list[str], delimiter: str) -> pd.DataFrame:
    """The cells as text, empty ones null. Raises DataError with the lines of ragged rows."""
    ragged: list[Any] = []

    def note(row: Any) -> str:
        ragged.append(row)
        return "skip"

    # One thread: only then does the parser number the rows.
    table = pa.csv.read_csv(
        io.BytesIO(data),
        read_options=pa.csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )
    if ragged or _quote_open(data, table):
        raise _broken(path, ragged, len(names), table.num_rows)
    return pd.DataFrame({name: pd.Series(table[name].combine_chunks(), dtype="str") for name in names})


def _quote_open(data: bytes, table: pa.Table) -> bool:
    """Whether the file ends inside a quoted cell: its quotes do not pair, and its last cell swallowed a line break."""
    if data.count(b'"') % 2 == 0 or not table.num_rows:
        return False
    return "\n" in (table.column(table.num_columns - 1)[-1].as_py() or "")


def _broken(path: Path, ragged: list[Any], columns: int, whole: int) -> DataError:
    advice = "the file may be half-written: export it again; or quote cells that hold the delimiter"
    if not ragged:
        return DataError(path.name, f"the quoted cell of line {whole + 1} is never closed", advice)
    lines = [f"line {row.number}: {row.actual_columns} cells instead of {columns}: {row.text[:60]}" for row in ragged]
    return DataError(path.name, f"rows that do not have {columns} cells", advice, rows=lines, count=len(lines))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
