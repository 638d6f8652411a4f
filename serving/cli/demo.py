"""The main job on the embedded default: a synthetic company, models trained on it, and the server, with one command.

Each step is skipped when its result is there already, so a second run starts at once. The demo marks the store that it filled,
and refuses to touch one that it did not: made-up deals never mix with real ones.
"""

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from features.dataset import Dataset
from features.errors import DealcastError, UsageError
from features.sources import IngestReport, SourceData, TableReport
from features.store import Store
from features.synthetic import Dirt, generate
from features.synthetic import Settings as CompanySettings
from serving.forecast import backtests
from serving.operations import logs
from serving.process import server
from serving.process.listener import address, listen
from serving.registry.champions import TARGETS, Champions, quiet_environment
from serving.settings import Settings, check_servable

PORTS_TRIED: Final = 50
N_DEALS: Final = 2000
QUARTERS: Final = 4
DIRT: Final = Dirt(late_entry=0.05, missing_values=0.03, pushed_dates=0.35, reopened=0.03, leavers=0.1)
"""A demo of a tidy CRM would be a lie: here dates are overdue, deals come back and people leave."""

Say = Callable[[str], None]


def run(settings: Settings, n_deals: int | None, say: Say) -> None:
    """Fill the store, train, serve until a signal ends it. Raises DealcastError."""
    check_servable(settings)
    os.environ.setdefault("OMP_NUM_THREADS", str(settings.threads))
    settings.home.mkdir(parents=True, exist_ok=True)
    fill(settings, n_deals, say)
    train(settings, say)
    replay(settings, say)
    held = server.open_runtime(settings)
    with _step("Data and champions loaded, pipeline computed", say):
        held.refresh()
    logs.configure(settings.log_level, settings.log_style)
    listener = listen(settings.host, settings.port, tries=PORTS_TRIED)
    say(f"\n{invitation(address(listener))}\n")
    server.run(held, settings, listener)


def fill(settings: Settings, n_deals: int | None, say: Say) -> None:
    """Put the synthetic company into the store, unless it is there. Raises UsageError for a store with other data."""
    marker = settings.home / "demo.json"
    with closing(Store(settings.store_url, settings.store_cache)) as store:
        if store.revision():
            _check_same(settings, _made(marker), n_deals)
            say("The synthetic company is there already")
            return
        wanted = n_deals or N_DEALS
        with _step(f"Synthetic company of {wanted:,} deals made and stored", say):
            marker.write_text(json.dumps({"n_deals": wanted}), encoding="utf-8")
            store.replace(source_of(generate(CompanySettings(n_deals=wanted, dirt=DIRT)).dataset()))


def source_of(dataset: Dataset) -> SourceData:
    """A dataset as something to ingest."""
    tables = {name: TableReport(len(frame), len(frame)) for name, frame in dataset.tables.items()}
    return SourceData(
        dataset.tables,
        dataset.organisation,
        dataset.static,
        dataset.tracked_since,
        IngestReport("dealcast demo", tables),
        dataset.extracted_at,
        dataset.custom,
    )


def _made(marker: Path) -> int | None:
    """How many deals the demo put here; None where it did not."""
    return int(json.loads(marker.read_text(encoding="utf-8"))["n_deals"]) if marker.exists() else None


def _check_same(settings: Settings, made: int | None, wanted: int | None) -> None:
    elsewhere = "Run the demo in a folder of its own: DEALCAST_HOME=another-folder dealcast demo"
    if made is None:
        raise UsageError(f"The store below {settings.home} holds data that the demo did not make. {elsewhere}")
    if wanted not in (None, made):
        raise UsageError(f"The demo below {settings.home} was made with {made:,} deals. {elsewhere} --deals {wanted}")


def train(settings: Settings, say: Say) -> None:
    """Train both targets in a child process, unless their champions are there: MLflow stays out of the server."""
    if set(Champions(settings.home).versions()) == set(TARGETS):
        say("Champions for deals and clients are there already")
        return
    with _step("Deals and clients trained and registered", say):
        targets = [part for target in TARGETS for part in ("--target", target)]
        asyncio.run(_in_child(settings, "train", *targets))


def replay(settings: Settings, say: Say) -> None:
    """Replay the last quarters, unless that was done: the forecast learns from them how wide it has to be."""
    if backtests.place(settings.home, "quarter").exists():
        say("The forecast's track record is there already")
        return
    with _step(f"The last {QUARTERS} quarters replayed", say):
        try:
            asyncio.run(_in_child(settings, "backtest", "--last", str(QUARTERS)))
        except DealcastError:
            say("There is no track record yet: the forecast is made without one, and its intervals are wide")


def invitation(place: str) -> str:
    """What is shown when the demo is up: where it is and what to try."""
    return "\n".join(
        [
            f"Dealcast is ready: {place}",
            "  1. open it in a browser, and a deal in it; the same in Russian: " + f"{place}/?lang=ru",
            f"  2. ask as a program would: curl -s '{place}/v1/deals?limit=3'",
            f"  3. write all scores to a file: {own_name()} score --output scores.csv",
            "Ctrl+C ends it.",
        ]
    )


def own_name() -> str:
    """How the person who runs this can run it again: `dealcast` where that is on the path, else as it was called."""
    found, called = shutil.which("dealcast"), Path(sys.argv[0])
    return "dealcast" if found and called.exists() and Path(found).samefile(called) else str(called)


async def _in_child(settings: Settings, *command: str) -> None:
    """Run a command of Dealcast in a process of its own. Raises DealcastError where it fails."""
    where = {"DEALCAST_HOME": str(settings.home), "DEALCAST_STORE_URL": settings.store_url}
    environment = quiet_environment() | where | {"DEALCAST_TRACKING_URI": settings.tracking_uri}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "serving.cli.main", *command, stdout=sys.stderr, env=environment
    )
    if await child.wait() != 0:
        raise DealcastError(f"'{command[0]}' failed; its messages stand above.")


@contextmanager
def _step(text: str, say: Say) -> Iterator[None]:
    started = time.monotonic()
    yield
    say(f"{text} ({time.monotonic() - started:.1f} s)")
