"""The folder of one running server: what its processes tell each other, and nothing that outlives them.

It lies in memory or among the temporary files; `home/run/<port>` leads to it, and names the port because no second server can
have it. A start removes what an earlier server left there.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")
"""Files that processes map into their memory lie here, where there is one: on a full disk, writing to them kills who writes."""
_PREFIX: Final = "dealcast-"


def fresh(home: Path, port: int) -> Path:
    """An empty folder for the server on this port; `home/run/<port>` leads to it, where that can be written.

    Raises OSError where nothing at all can be written.
    """
    link = home / "run" / str(port)
    remove(link)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    metrics_folder(folder).mkdir()
    with suppress(OSError):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder)
    return folder


@contextmanager
def opened(home: Path, port: int) -> Iterator[Path]:
    """A fresh folder, which is gone when the server is."""
    folder = fresh(home, port)
    try:
        yield folder
    finally:
        remove(home / "run" / str(port))
        shutil.rmtree(folder, ignore_errors=True)


def remove(link: Path) -> None:
    """Remove what a server before this one left on its port, which nobody uses any more."""
    with suppress(OSError):
        left = link.resolve()
        if link.is_symlink() and left.name.startswith(_PREFIX):
            shutil.rmtree(left, ignore_errors=True)
        link.unlink()


def registry_file(folder: Path) -> Path:
    """Where the process that asks the registry writes what came of it."""
    return folder / "registry.json"


def ready_file(folder: Path) -> Path:
    """Is there once the first worker, which takes connections before it has anything to answer from, is ready."""
    return folder / "ready"


def buckets_file(folder: Path) -> Path:
    """How fast each caller asked, in memory that the workers share."""
    return folder / "buckets"


def stack_file(folder: Path, pid: int) -> Path:
    """Where a worker that hangs writes down where it hangs."""
    return folder / f"stack-{pid}"


def metrics_folder(folder: Path) -> Path:
    """Where each process keeps its counts."""
    return folder / "metrics"
