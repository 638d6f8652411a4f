"""One of several processes that answer requests; `serving.process.workers` starts it and watches over it.

    python -m serving.process.worker --listener 7 --folder .dealcast/run/8000 --parent 4711 --pulse 9

The settings come from the environment. The listening socket is inherited, and is the same in all workers.
"""

import argparse
import faulthandler
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from features.errors import DealcastError
from serving.operations import run_folder
from serving.process import lean

if TYPE_CHECKING:
    from serving.served.runtime import Runtime

FIRST_SECONDS: Final = 60.0
"""How long to wait for the first worker."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal ends it. Exit code 0 after a graceful stop, else that of the error."""
    parser = argparse.ArgumentParser(prog="python -m serving.process.worker", description="A worker of 'dealcast serve'.")
    parser.add_argument("--listener", type=int, required=True, help="the inherited listening socket")
    parser.add_argument("--folder", type=Path, required=True, help="the folder of the running server")
    parser.add_argument("--parent", type=int, required=True, help="the process that watches over this one")
    parser.add_argument("--pulse", type=int, required=True, help="the inherited pipe for the sign of life")
    parser.add_argument("--join", action="store_true", help="load before taking connections: others are taking them")
    options = parser.parse_args(arguments)
    _say_where_it_hangs(options.folder)
    lean.load_lightgbm()
    from serving import settings  # not above: OpenMP reads its variables when it is loaded
    from serving.operations import logs  # not above: OpenMP reads its variables when it is loaded
    from serving.process import server  # not above: OpenMP reads its variables when it is loaded

    try:
        given = settings.read()
        logs.configure(given.log_level, given.log_style, settings.secrets_of(given))
        held = server.open_runtime(given)
        if options.join:
            _load(held, options.folder)
        held.folder = options.folder
        server.run(held, given, socket.socket(fileno=options.listener), server.Watch(options.parent, options.pulse))
    except DealcastError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _say_where_it_hangs(folder: Path) -> None:
    """Write down on SIGUSR2 where each thread is: even where the interpreter is blocked, for C code does it."""
    with suppress(OSError):
        said = os.open(run_folder.stack_file(folder, os.getpid()), os.O_WRONLY | os.O_CREAT, 0o600)
        faulthandler.register(signal.SIGUSR2, said, all_threads=True)


def _load(held: "Runtime", folder: Path) -> None:
    """Load what there is to load, and do not stand in for a worker that takes connections and is not ready yet."""
    held.try_refresh()
    patience = time.monotonic() + FIRST_SECONDS
    while held.ready and not run_folder.ready_file(folder).exists() and time.monotonic() < patience:
        time.sleep(0.05)


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(main())
