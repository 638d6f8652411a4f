"""The folder of one running server: what its processes tell each other, and nothing that outlives them.

It lies below `home` and is named after the port, which no second server can have; where `home` cannot be written to, it is made
among the temporary files. It is emptied at every start.
"""

import shutil
import tempfile
from pathlib import Path


def fresh(home: Path, port: int) -> Path:
    """An empty folder for the server on this port. Raises OSError where nothing at all can be written."""
    folder = home / "run" / str(port)
    try:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "metrics").mkdir(parents=True)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="dealcast-"))
        (folder / "metrics").mkdir()
    return folder


def registry_file(folder: Path) -> Path:
    """Where the process that asks the registry writes what came of it."""
    return folder / "registry.json"


def ready_file(folder: Path) -> Path:
    """Is there once the first worker, which takes connections before it has anything to answer from, is ready."""
    return folder / "ready"


def metrics_folder(folder: Path) -> Path:
    """Where each process keeps its counts."""
    return folder / "metrics"
