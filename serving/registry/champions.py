"""How the server learns of another champion without ever talking to the registry itself.

A child process (`training.fetch`) asks the registry, checks the files against their hashes, loads the model once to see that it
loads, and puts it into the cache below `home`. The server reads the cache alone. When the child fails, because the registry is
down or the model is damaged, the last good champion stays where it is and goes on serving. A champion that is damaged in the
cache itself is refused too: the child copies it again, and meanwhile the one before it answers.
"""

import asyncio
import logging
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from features.errors import NotReadyError
from serving.settings import Settings

if TYPE_CHECKING:
    from training.bundle import Bundle

TARGETS: Final = ("deals", "clients")
FETCH_SECONDS: Final = 120.0
VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
CONNECT_SECONDS: Final = 3.0


def cache_below(home: Path) -> Path:
    """Where the verified champions are kept."""
    return home / "cache" / "champions"


log = logging.getLogger("dealcast")


class Champions:
    """The cache of verified champions: `<home>/cache/champions/<target>/<version>/`, and `current`, which names the version."""

    def __init__(self, home: Path) -> None:
        self.folder = cache_below(home)

    def versions(self) -> Mapping[str, str]:
        """The current version of each target that has one."""
        found = {target: self._current(target) for target in TARGETS}
        return {target: version for target, version in found.items() if version}

    def champion(self, target: str) -> "Bundle":
        """The current champion of a target. Raises NotReadyError where there is none."""
        version = self.versions().get(target)
        if version is None:
            raise NotReadyError(f"There is no champion for {target} yet. Train one with 'dealcast train --target {target}'.")
        return self.load(target, version)

    def load(self, target: str, version: str) -> "Bundle":
        """Raises DamagedBundleError for one that is not as it was stored."""
        from training import bundle  # not above: the process that watches over the workers never loads a model

        return bundle.load(self.folder / target / version)

    def last_good(self, target: str) -> "Bundle | None":
        """The newest version in the cache that is as it was stored; None where there is none."""
        from training.bundle import DamagedBundleError

        folders = [folder for folder in (self.folder / target).glob("*") if folder.is_dir() and VERSION.fullmatch(folder.name)]
        for folder in sorted(folders, key=lambda each: each.stat().st_mtime, reverse=True):
            with suppress(DamagedBundleError):
                return self.load(target, folder.name)
        return None

    def _current(self, target: str) -> str:
        """Empty where there is none, or where what stands there is no version."""
        try:
            found = (self.folder / target / "current").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""
        return found if VERSION.fullmatch(found) else ""


async def fetch_champions(settings: Settings) -> bool:
    """Bring the cache up to date in a child process; False when the registry could not be asked.

    A registry that is down blocks MLflow for minutes, and a damaged model kills the process that loads it: both in the child. It
    is not even started, which costs seconds of a core, where nobody listens at the registry's address.
    """
    if not await _somebody_listens(settings.tracking_uri):
        return False
    targets = [part for target in TARGETS for part in ("--target", target)]
    command = [sys.executable, "-m", "training.fetch", "--home", str(settings.home), "--tracking-uri", settings.tracking_uri]
    process = await asyncio.create_subprocess_exec(
        *command,
        *targets,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=quiet_environment(),
    )
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            _, said = await process.communicate()
    except TimeoutError:
        return False
    else:
        return _succeeded(process, said)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _succeeded(process: asyncio.subprocess.Process, said: bytes) -> bool:
    """Whether the child ended well; if not, the log has what it said last."""
    if process.returncode == 0:
        return True
    last = said.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
    log.warning("no champion could be fetched", extra={"why": last, "exit_code": process.returncode})
    return False


async def _somebody_listens(uri: str) -> bool:
    """Whether the server of an HTTP address takes connections; True for all other addresses."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return True
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def quiet_environment() -> dict[str, str]:
    """The environment of a process that uses MLflow: no telemetry, no pickle, and no long wait for a registry that is down."""
    return {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "3",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
