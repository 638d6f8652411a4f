"""Calls that may hang, in threads that nobody has to wait for.

Python waits at its end for the threads of executors, those of `asyncio.to_thread` included. A database that hangs would so keep a
server from stopping. Threads of this module are daemons: they are left behind.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

Result = TypeVar("Result")
MOMENT_SECONDS: Final = 2.0


def start(call: Callable[[], Result]) -> "Future[Result]":
    """Begin a call, whose outcome the future will hold."""
    outcome: Future[Result] = Future()
    outcome.set_running_or_notify_cancel()  # it cannot be called off any more, whatever becomes of who waits for it

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome


async def outcome_of(call: Callable[[], Result]) -> Result:
    """What a call returns or raises. Who is cancelled meanwhile waits a moment for what is nearly done, then leaves it behind."""
    outcome = asyncio.wrap_future(start(call))
    try:
        return await asyncio.shield(outcome)
    except asyncio.CancelledError:
        await asyncio.wait([outcome], timeout=MOMENT_SECONDS)
        if not outcome.cancel():
            outcome.exception()  # taken note of: nobody else will ask for it
        raise
