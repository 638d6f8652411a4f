"""Scores as a file: Parquet or CSV, by its ending, there as a whole or not at all.

A cell of a CSV that begins with = + - or @ is run as a formula by spreadsheets, and the names of deals come from outside. Such
text gets a leading apostrophe; numbers stay numbers.
"""

import os
from pathlib import Path
from typing import Final

import pandas as pd

from features.errors import UsageError

ENDINGS: Final = (".parquet", ".csv")
_FORMULA: Final = r"^(?=[=+\-@\t\r\n＝＋－＠])"


def check_destination(path: Path) -> None:
    """Raises UsageError for an ending that cannot be written, or a folder that is not there."""
    if path.suffix not in ENDINGS:
        raise UsageError(f"'{path.name}' must end in {' or '.join(ENDINGS)}")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"The folder of '{path}' does not exist")


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write beside the destination first, then put it in its place. Raises UsageError as `check_destination` does."""
    check_destination(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            if path.suffix == ".csv":
                file.write(defused(frame).to_csv(index=False).encode())
            else:
                frame.to_parquet(file, index=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def defused(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with every text that a spreadsheet would run as a formula made harmless."""
    texts = [name for name in frame if isinstance(frame[name].dtype, pd.StringDtype)]
    return frame.assign(**{str(name): frame[name].str.replace(_FORMULA, "'", regex=True) for name in texts})
