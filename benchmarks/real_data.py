"""Where the benchmarks find real exports."""

import os
import sys
from pathlib import Path


def folder(name: str) -> Path:
    """The folder of one export, below DEALCAST_REAL_DATA or beside the project. Ends the program where it is absent."""
    beside = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    found = Path(os.environ.get("DEALCAST_REAL_DATA", beside)) / name
    if not found.is_dir():
        sys.exit(f"{found} is absent: set DEALCAST_REAL_DATA to the folder that holds {name}")
    return found
