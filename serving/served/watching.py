"""What a server does beside answering: looks for news, brings all scores to one moment, and knows how the registry is doing."""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from serving import background
from serving.operations import metrics_watch, run_folder
from serving.registry import registry_watch
from serving.registry.registry_watch import Registry
from serving.served.runtime import Runtime
from serving.settings import Settings

SETTLE_SECONDS: Final = 30.0
"""So often, at most, are all deals scored again after writes that touched some."""

log = logging.getLogger("dealcast")


async def watch(runtime: Runtime, settings: Settings) -> None:
    """Refresh whenever something changed, and at once when woken, until cancelled."""
    news, loop = asyncio.Event(), asyncio.get_running_loop()
    runtime.woken_by(lambda: loop.call_soon_threadsafe(news.set))
    while True:
        news.clear()
        await asyncio.wrap_future(background.start(runtime.try_refresh))
        if runtime.ready and runtime.folder is not None:
            run_folder.ready_file(runtime.folder).touch()
        with suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), settings.poll_seconds)


async def watch_settling(runtime: Runtime) -> None:
    """Score everything as of one moment again and again after writes that touched some deals, until cancelled."""
    while True:
        await asyncio.sleep(SETTLE_SECONDS)
        try:
            await asyncio.wrap_future(background.start(runtime.settle))
        except Exception:
            log.exception("scoring all deals failed; those that were not touched keep their scores")


async def watch_registry(runtime: Runtime, settings: Settings) -> None:
    """Know how the registry is doing, until cancelled: by asking it, or from the process that does."""

    def heard(known: Registry) -> None:
        runtime.registry = known

    def asked(known: Registry) -> None:
        heard(known)
        metrics_watch.registry(answered=known.state == "fresh")

    if runtime.folder is None:
        await registry_watch.ask(settings, asked)
    else:
        await registry_watch.listen(run_folder.registry_file(runtime.folder), heard)
