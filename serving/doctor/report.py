"""What is wrong with an installation, in plain words: `dealcast doctor` runs these checks and says what to do.

Each check looks at one thing, changes nothing, and gives up after a while. `ok` needs nothing, `warning` works but wants to be
known, `error` keeps something from working. A check that fails in an unforeseen way is an error with what was said.
"""

import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import TimeoutError as TooLateError
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from typing import Any, Final, Literal

from features.errors import DealcastError, UsageError
from serving import background
from serving.doctor import data
from serving.doctor.data import Finding
from serving.settings import Settings, check_servable, origins

State = Literal["ok", "warning", "error"]

LEAST_FREE: Final = 100_000_000
FEW_FREE: Final = 1_000_000_000
PATIENCE: Final = 20.0
"""Seconds that one check may take."""
PACKAGES: Final = ("lightgbm", "mlflow", "pandas", "numpy", "pyarrow", "sqlalchemy", "fastapi")


@dataclass(frozen=True)
class Check:
    """What one check found.

    name   of the check, stable
    found  what is the case
    do     what to do; empty where nothing is
    """

    name: str
    state: State
    found: str
    do: str = ""


def examine(settings: Settings) -> Iterator[Check]:
    """Run all checks, one after the other."""
    for name, look in CHECKS.items():
        yield _checked(name, partial(look, settings))


def unusable(error: UsageError) -> Check:
    """The one check there can be where the settings cannot be read."""
    return Check("settings", "error", str(error), "Correct what is named, in the environment or in dealcast.toml.")


def as_dict(check: Check) -> dict[str, Any]:
    return asdict(check)


def _checked(name: str, look: Callable[[], Finding]) -> Check:
    try:
        state, found, advice = background.start(look).result(PATIENCE)
    except TooLateError:
        return Check(
            name, "error", f"no answer within {PATIENCE:g} seconds", "See whether what it asks is running and reachable."
        )
    except DealcastError as error:
        return Check(name, "error", str(error), "See the message.")
    except Exception as error:
        return Check(name, "error", f"{type(error).__name__}: {error}", "This is not foreseen; please report it.")
    return Check(name, state, found, advice)


def _settings(settings: Settings) -> Finding:
    given = origins(settings)
    said = ", ".join(f"{name} from {where}" for name, where in given.items())
    return "ok", said or "all at their defaults", ""


def _home(settings: Settings) -> Finding:
    home = settings.home
    if not home.is_dir():
        return "warning", f"{home} does not exist yet", "The first command that writes makes it, such as 'dealcast ingest'."
    try:
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        return "error", f"{home} cannot be written: {error.strerror}", "Let the user who runs Dealcast write there."
    free = shutil.disk_usage(home).free
    said = f"{home} can be written, {free / 1e9:.1f} GB free"
    if free < LEAST_FREE:
        return "error", said, "Free some space: models and copies are not written any more on a full disk."
    return ("warning", said, "Free some space soon.") if free < FEW_FREE else ("ok", said, "")


def _key(settings: Settings) -> Finding:
    if settings.demo:
        return "ok", "demo mode: no key is needed, this machine only", ""
    try:
        check_servable(settings, lambda: data.somebody_is_admin(settings))
    except UsageError as error:
        return "error", "no key is set" if settings.api_key is None else "the key that is set is weak", str(error)
    return "ok", "keys are in the database" if settings.api_key is None else "a key is set, and it is long enough", ""


def _port(settings: Settings) -> Finding:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            busy = f"{settings.host}:{settings.port} cannot be listened on: {error.strerror}"
            return "warning", busy, "Where that is Dealcast itself, all is well; else choose another one with DEALCAST_PORT."
    return "ok", f"{settings.host}:{settings.port} is free", ""


def _versions(settings: Settings) -> Finding:
    del settings
    return "ok", ", ".join(f"{name} {version(name)}" for name in ("dealcast", *PACKAGES)), ""


CHECKS: Final[Mapping[str, Callable[[Settings], Finding]]] = {
    "settings": _settings,
    "home": _home,
    "store": data.store,
    "time zone": data.time_zone,
    "clock": data.clock_skew,
    "service tables": data.service_tables,
    "copy of the store": data.copy_of_the_store,
    "registry": data.registry,
    "champion for deals": partial(data.champion, target="deals"),
    "champion for clients": partial(data.champion, target="clients"),
    "journal": data.journal,
    "key": _key,
    "port": _port,
    "versions": _versions,
}
