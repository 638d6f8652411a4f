"""The journal as a file or a stream, CSV or Parquet: a page at a time, so that its size does not matter.

Instants are timestamps in UTC, everything else is as the table has it. In a CSV no cell is a formula to a spreadsheet.
"""

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import sqlalchemy as sa

from features import clock
from serving import export
from serving.database import Database
from serving.journal.reading import Row, Wanted, pages

INSTANTS: Final = ("issued_at", "as_of")


def write(database: Database, wanted: Wanted, path: Path) -> int:
    """Write what is wanted beside the destination first, then put it in its place; how many rows.

    Raises UsageError for an ending that cannot be written, or a folder that is not there.
    """
    export.check_destination(path)
    temporary, n_rows = path.with_name(f"{path.name}.{os.getpid()}.tmp"), 0

    def counted() -> Iterator[Sequence[Row]]:
        nonlocal n_rows
        for page in pages(database, wanted):
            n_rows += len(page)
            yield page

    try:
        with temporary.open("wb") as file:
            for part in encoded(wanted, counted(), path.suffix):
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return n_rows


def encoded(wanted: Wanted, found: Iterable[Sequence[Row]], ending: str) -> Iterator[bytes]:
    """Pages as the bytes of a CSV or Parquet file, a part for each page."""
    return _as_csv(wanted, found) if ending == ".csv" else _as_parquet(wanted, found)


def _as_csv(wanted: Wanted, found: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    yield _frame(wanted, []).to_csv(index=False).encode()
    for page in found:
        yield export.defused(_frame(wanted, page)).to_csv(index=False, header=False).encode()


def _as_parquet(wanted: Wanted, found: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    schema, sink = pa.schema([(column.name, _arrow_type(column)) for column in wanted.table.columns]), _Sink()
    with pa.parquet.ParquetWriter(pa.PythonFile(sink, mode="w"), schema) as writer:
        for page in found:
            writer.write_table(pa.Table.from_pylist(list(page), schema))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file whose content is taken away as it grows."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def taken(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _frame(wanted: Wanted, rows: Sequence[Row]) -> pd.DataFrame:
    """Rows as a table whose dtypes do not depend on them."""
    columns = {column.name: _dtype(column) for column in wanted.table.columns}
    frame = pd.DataFrame(list(rows), columns=list(columns)).astype(columns)
    return frame.assign(**{name: clock.to_series(frame[name].to_numpy()) for name in INSTANTS})


def _arrow_type(column: "sa.Column[Any]") -> pa.DataType:
    if column.name in INSTANTS:
        return pa.timestamp("us", "UTC")
    return {"float64": pa.float64(), "int64": pa.int64(), "str": pa.string()}[_dtype(column)]


def _dtype(column: "sa.Column[Any]") -> str:
    if isinstance(column.type, sa.Double):
        return "float64"
    return "int64" if isinstance(column.type, sa.Integer) else "str"
