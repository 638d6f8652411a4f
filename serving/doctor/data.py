"""The checks of `serving.doctor.report` that look at data and models: store, copy, registry, champions, journal."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa

from features import clock, store_copy
from features.engine import connect
from features.errors import NotReadyError
from features.store_state import STATE, StoreState, read_state
from serving.database import HEAD, Database
from serving.journal.spool import Spool
from serving.registry.champions import Champions
from serving.settings import Settings

Finding: TypeAlias = tuple[Literal["ok", "warning", "error"], str, str]
"""State, what was found, and what to do."""

REGISTRY_SECONDS: Final = 3.0
SKEW_SECONDS: Final = 60.0
STALE_DAYS: Final = 7.0
MANY_ROWS: Final = 1000
INGEST: Final = "Load an export: dealcast ingest SOURCE."


def store(settings: Settings) -> Finding:
    """Whether it answers, and how old what it holds is."""
    state = _state(settings)
    if state is None or state.extracted_at is None:
        return "error", f"{store_copy.origin(settings.store_url)} holds no data yet", INGEST
    age = float(clock.days_between(clock.micros(state.extracted_at), int(time.time() * 1e6)))
    said = f"{store_copy.origin(settings.store_url)} answers: revision {state.revision}, extracted {age:.1f} days ago"
    return ("warning", said, "Load a newer export, or see why the nightly one fails.") if age > STALE_DAYS else ("ok", said, "")


def time_zone(settings: Settings) -> Finding:
    """Whether this machine knows the organisation's zone."""
    state = _state(settings)
    if state is None or state.organisation is None:
        return "warning", "not known before there is data", INGEST
    name = state.organisation.timezone
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return "error", f"this machine does not know the zone '{name}'", "Install the package tzdata, or correct the mapping."
    return "ok", name, ""


def clock_skew(settings: Settings) -> Finding:
    """How far this machine's clock is from the database's."""
    if not settings.store_url.startswith("postgresql"):
        return "ok", "the store is a file on this machine", ""
    with _connection(settings) as connection:
        theirs = float(connection.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())")))
    skew = time.time() - theirs
    said = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} the database"
    return (
        ("error", said, "Set both clocks by NTP: ages and expiries are wrong.") if abs(skew) > SKEW_SECONDS else ("ok", said, "")
    )


def service_tables(settings: Settings) -> Finding:
    """Whether the service's own tables are there, and not of a newer version than this one."""
    if _missing_file(settings.store_url):
        return "warning", "there are none yet", "The server makes them when it starts."
    database = Database(connect(settings.store_url))
    try:
        found = database.revision()
    finally:
        database.close()
    if found is None or found < HEAD:
        return "ok", f"revision {found or 'none'}: the server brings them to {HEAD} when it starts", ""
    if found > HEAD:
        return "error", f"revision {found}, and this version knows {HEAD}", "Run the version that made them, or a newer one."
    return "ok", f"revision {found}", ""


def copy_of_the_store(settings: Settings) -> Finding:
    """Whether there is a good copy to serve from while the store is down, and of what revision."""
    copied = store_copy.newest_revision(settings.store_cache, settings.store_url)
    if copied is None:
        return "warning", "there is none", "It is made when the server loads the data; then a start needs no database."
    if store_copy.newest(settings.store_cache, settings.store_url) is None:
        return "warning", f"that of revision {copied} is damaged", f"Remove {settings.store_cache}; the server makes it again."
    try:
        state = _state(settings)
    except NotReadyError:
        return "ok", f"revision {copied}; the store cannot be compared with", ""
    if state is not None and state.revision != copied:
        return "warning", f"revision {copied}, the store has {state.revision}", "A running server takes it up within seconds."
    return "ok", f"revision {copied}, as in the store", ""


def registry(settings: Settings) -> Finding:
    """Whether it answers within three seconds."""
    uri = settings.tracking_uri
    if not uri.startswith(("http://", "https://")):
        if _missing_file(uri):
            return "warning", "nothing was registered yet", "Train a model: dealcast train."
        return "ok", store_copy.origin(uri), ""
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=REGISTRY_SECONDS) as answer:
            return "ok", f"answers with status {answer.status}", ""
    except (urllib.error.URLError, OSError, ValueError) as error:
        advice = "See whether MLflow runs; until then the champions in the cache answer, and no new one arrives."
        return "error", f"does not answer: {getattr(error, 'reason', error)}", advice


def champion(settings: Settings, target: str) -> Finding:
    """Whether the champion in the cache is as it was stored, gives its stored predictions, and suits this LightGBM."""
    from training import bundle

    named = Champions(settings.home).versions().get(target)
    if named is None:
        return ("error" if target == "deals" else "warning"), "there is none", f"Train one: dealcast train --target {target}."
    folder = Champions(settings.home).folder / target / named
    try:
        bundle.verify(bundle.load(folder))
    except bundle.DamagedBundleError as error:
        return "error", str(error), f"Remove {folder}: it is fetched again from the registry."
    made, here = _lightgbm_of(folder), version("lightgbm")
    said = f"version {named}, whole, its stored predictions repeated; made by LightGBM {made}"
    if made.split(".")[0] != here.split(".")[0]:
        return "warning", f"{said}, and here is {here}", "Train again with this version."
    return "ok", said, ""


def journal(settings: Settings) -> Finding:
    """How much of it waits for the database."""
    rows = Spool(settings.spool, settings.spool_megabytes * 1_000_000).waiting()
    said = f"{rows} rows wait for the database"
    if rows > MANY_ROWS:
        return "warning", said, "See why the database does not take them: a running server brings them over when it answers."
    return "ok", said, ""


def somebody_is_admin(settings: Settings) -> bool:
    """Whether a key in the database can hand out others; False where its tables are not up to date."""
    from serving.access import keys

    if _missing_file(settings.store_url):
        return False
    database = Database(connect(settings.store_url))
    try:
        return database.revision() == HEAD and keys.has_admin(database)
    finally:
        database.close()


def _state(settings: Settings) -> StoreState | None:
    """The store's state; None where there is no store yet. Raises NotReadyError where it does not answer."""
    if _missing_file(settings.store_url):
        return None
    with _connection(settings) as connection:
        if not sa.inspect(connection).has_table(STATE.name):
            return None
        return read_state(connection)


@contextmanager
def _connection(settings: Settings) -> Iterator[sa.Connection]:
    engine = connect(settings.store_url)
    try:
        with engine.connect() as connection:
            yield connection
    except sa.exc.DatabaseError as error:
        reason = str(error.orig).splitlines()[0]
        raise NotReadyError(f"{store_copy.origin(settings.store_url)} does not answer: {reason}") from None
    finally:
        engine.dispose()


def _missing_file(url: str) -> bool:
    """Whether this is a SQLite file that is not there; looking at it with a driver would make it."""
    parsed = sa.make_url(url) if "://" in url else None
    return bool(parsed and parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).exists())


def _lightgbm_of(folder: Path) -> str:
    found: str = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))["content"]["lightgbm"]
    return found
