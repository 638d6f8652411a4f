"""Several workers behind one listening socket, and the small process that watches over them.

It starts the workers as fresh processes (a process forked after LightGBM has run hangs for ever), replaces one that dies at once
and one that gives no sign of life for `hang_seconds` (see `pulse`), and passes a stop on to all. It alone asks the registry; the
workers read the cache of champions, each every `poll_seconds`, so a promotion reaches all of them within seconds. It loads
neither data nor models and takes part in no request.

    dealcast serve --workers 2
    ├── python -m serving.process.worker --listener 7 …      settings, and with them the secrets, in the environment
    ├── python -m serving.process.worker --listener 7 …
    └── python -m training.fetch …                   for a moment, every registry_poll_seconds

The first worker takes connections at once, so that probes are answered while data is being loaded. Every other one, and every
one that replaces another, loads first, and waits for the first to be ready: a server that was ready stays so whichever worker a
request comes to.

A worker that cannot start, because its settings are wrong, ends the server with the same exit code: another try would end alike.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Final

from features.errors import UsageError
from serving.operations import buckets, run_folder
from serving.process.pulse import Pulse
from serving.registry import registry_watch
from serving.registry.registry_watch import Registry
from serving.settings import Settings, as_environment

GRACE_SECONDS: Final = 20.0
SPARE_SECONDS: Final = 10.0
"""What a worker may take beyond draining and finishing before it is killed."""
SOUND_SECONDS: Final = 10.0
"""Workers that die sooner than this, one after the other, are replaced after ever longer waits."""
LONGEST_WAIT: Final = 30.0
STACK_SECONDS: Final = 1.0
"""What a worker that hangs gets to write down where."""

log = logging.getLogger("dealcast")


def run(settings: Settings, listener: socket.socket, folder: Path) -> int:
    """Serve with several workers until a signal ends it; the exit code."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(run_folder.metrics_folder(folder))
    buckets.prepare(run_folder.buckets_file(folder))
    return asyncio.run(Workers(settings, listener, folder).run())


class Workers:
    """The processes that answer requests.

    running  place -> the worker that has it
    """

    def __init__(self, settings: Settings, listener: socket.socket, folder: Path) -> None:
        self.settings = settings
        self.listener = listener
        self.folder = folder
        self.running: dict[int, asyncio.subprocess.Process] = {}
        self.exit_code = 0
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """Keep every place filled until a signal ends it. Exit code 0 when every worker left by itself."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop, number)
        asking = asyncio.create_task(registry_watch.ask(self.settings, self._tell))
        await asyncio.gather(*(self._keep(place) for place in range(self.settings.workers)))
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        return self.exit_code

    def stop(self, number: int) -> None:
        """Pass a signal on to all workers, and start no more."""
        log.info("stopping")
        self._stopping.set()
        for process in self.running.values():
            _send(process, number)

    async def _keep(self, place: int) -> None:
        """Start a worker, and another one whenever it ends."""
        early = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            joins = place > 0 or run_folder.ready_file(self.folder).exists()
            pulse = Pulse()
            process = await self._start(place, pulse, joins=joins)
            code = await self._until_it_ends(process, pulse)
            del self.running[place]
            run_folder.stack_file(self.folder, process.pid).unlink(missing_ok=True)
            if self._stopping.is_set():
                return
            log.error("worker ended", extra={"place": place, "worker_pid": process.pid, "exit_code": code})
            _counts().worker_ended(process.pid)
            if code == UsageError.exit_code:
                self.exit_code = code
                self.stop(signal.SIGTERM)
            early = early + 1 if time.monotonic() - started < SOUND_SECONDS else 0
            await self._pause(min(2.0 ** (early - 2), LONGEST_WAIT) if early > 1 else 0.0)

    async def _start(self, place: int, pulse: Pulse, *, joins: bool) -> asyncio.subprocess.Process:
        inherited = {"--listener": self.listener.fileno(), "--pulse": pulse.write_end}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "serving.process.worker", "--folder", str(self.folder), "--parent", str(os.getpid())),
            *(word for option, number in inherited.items() for word in (option, str(number))),
            *(["--join"] if joins else []),
            stdin=asyncio.subprocess.DEVNULL,
            env=_environment(self.settings),
            pass_fds=list(inherited.values()),
            process_group=0,  # Ctrl+C in a terminal reaches this process alone, which passes it on
        )
        pulse.handed_over()
        self.running[place] = process
        log.info("worker started", extra={"place": place, "worker_pid": process.pid})
        if self._stopping.is_set():  # the signal came while it was being started
            _send(process, signal.SIGTERM)
        return process

    async def _until_it_ends(self, process: asyncio.subprocess.Process, pulse: Pulse) -> int:
        """Its exit code, negative for a signal."""
        ended, stopped = asyncio.ensure_future(process.wait()), asyncio.ensure_future(self._stopping.wait())
        silent = asyncio.ensure_future(pulse.until_silent(self.settings.hang_seconds))
        await asyncio.wait([ended, stopped, silent], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done() and not stopped.done():
            await self._put_down(process, ended)
        stopped.cancel()
        silent.cancel()
        if not ended.done():
            await self._see_off(process, ended)
        pulse.close()
        return await ended

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the order to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _see_off(self, process: asyncio.subprocess.Process, ended: "asyncio.Future[int]") -> None:
        """Wait for a worker that was told to leave, and kill it when it does not."""
        patience = self.settings.drain_seconds + GRACE_SECONDS + SPARE_SECONDS
        await asyncio.wait([ended], timeout=patience)
        if not ended.done():
            log.error("worker killed: it did not leave", extra={"worker_pid": process.pid})
            self.exit_code = 1
            _send(process, signal.SIGKILL)

    async def _put_down(self, process: asyncio.subprocess.Process, ended: "asyncio.Future[int]") -> None:
        """Ask a worker that hangs where it hangs, and kill it."""
        _send(process, signal.SIGUSR2)
        await asyncio.wait([ended], timeout=STACK_SECONDS)
        stack = ""
        with suppress(OSError):
            stack = run_folder.stack_file(self.folder, process.pid).read_text(encoding="utf-8", errors="replace")
        silent = self.settings.hang_seconds
        log.error("worker hangs", extra={"worker_pid": process.pid, "silent_seconds": silent, "stack": stack})
        _counts().worker_hung()
        _send(process, signal.SIGKILL)

    def _tell(self, known: Registry) -> None:
        _counts().registry(answered=known.state == "fresh")
        with suppress(OSError):
            registry_watch.write(run_folder.registry_file(self.folder), known)


def _send(process: asyncio.subprocess.Process, number: int) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


def _environment(settings: Settings) -> dict[str, str]:
    """A worker reads what this process read, even where a file with a secret has changed since."""
    given = {name: value for name, value in os.environ.items() if not (name.startswith("DEALCAST_") and name.endswith("_FILE"))}
    return given | as_environment(settings)


def _counts() -> ModuleType:
    """Imported late: it reads in the environment where the processes keep their counts."""
    from serving.operations import metrics_watch

    return metrics_watch
