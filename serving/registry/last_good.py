"""The store, and while it does not answer, the copy of what it last held.

A server has to start, and to go on, while the database is down, hangs, or is damaged. Whenever data is loaded the store leaves a
copy of it below `home` (`features.store_copy`). This source asks the store first, waits for a few seconds at most, and falls back
to that copy; `state` says which of the two it was. Once the store answers again, what it holds is taken up like other news.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLateError
from pathlib import Path
from typing import Any, Final, TypeVar

import pandas as pd

from features import store_copy
from features.dataset import Dataset
from features.errors import NotReadyError, UsageError
from features.store import Renewal, Store
from serving import background
from serving.registry.registry_watch import State

PATIENCE: Final = 5.0
"""Seconds after which a store that does not answer counts as down."""
LOADING: Final = 1800.0
"""The same while it hands over everything it holds."""

Result = TypeVar("Result")

log = logging.getLogger("dealcast")


class LastGood:
    """A source of data (`serving.served.runtime.Source`) that needs no database once it had one.

    state  fresh: the store answered when last asked; stale: it did not; unknown: not asked yet
    """

    def __init__(self, url: str, copies: Path, patience: float = PATIENCE) -> None:
        self.url = url
        self.copies = copies
        self.patience = patience
        self.state: State = "unknown"
        self._store: Store | None = None
        self._pending: Future[Any] | None = None

    def revision(self) -> int:
        """The store's, or that of the copy. Raises NotReadyError where there is neither, UsageError for a URL that is none."""
        try:
            found = self._ask(lambda: self._opened().revision(), self.patience)
        except NotReadyError as error:
            self._say("stale", str(error))
            copied = store_copy.newest_revision(self.copies, self.url)
            if copied is None:
                raise
            return copied
        self._say("fresh", "the store answers")
        return found

    def load(self) -> Dataset:
        """What the store holds, or the copy. Raises NotReadyError where there is neither."""
        if self.state != "stale":
            try:
                return self._ask(lambda: self._opened().load(), LOADING)
            except NotReadyError as error:
                self._say("stale", str(error))
        copied = store_copy.newest(self.copies, self.url)
        if copied is None:
            raise NotReadyError("the store does not answer, and there is no good copy of what it held")
        return copied

    def epoch(self, at: pd.Timestamp) -> int | None:
        """What tells the data as of an instant from that of others, by the store or the copy; None where it is that of now."""
        if self.state != "stale":
            try:
                return self._opened().epoch(at)
            except NotReadyError as error:
                log.warning("what was deleted and changed is read from the copy of the store", extra={"why": str(error)})
        return store_copy.epoch(self.copies, self.url, at)

    def load_at(self, at: pd.Timestamp, now: Dataset) -> Dataset:
        """What the store, or the copy, held as of an instant, made of the data of now where that does. Raises NotReadyError."""
        if self.state != "stale":
            try:
                return self._opened().rewound(now, at) or self._opened().load(at)
            except NotReadyError as error:
                log.warning("the past is read from the copy of the store", extra={"why": str(error)})
        copied = store_copy.newest(self.copies, self.url, at)
        if copied is None:
            raise NotReadyError("the store does not answer, and there is no good copy of what it held")
        return copied

    def renew(self, before: Dataset, revision: int) -> Renewal | None:
        """What was loaded, with what was written since; None where the store does not answer, or has to be loaded whole."""
        if self.state != "fresh":
            return None
        try:
            return self._ask(lambda: self._opened().renew(before, revision), LOADING)
        except NotReadyError as error:
            self._say("stale", str(error))
            return None

    def store(self) -> Store:
        """The store itself, for who writes. Raises NotReadyError where it does not answer."""
        return self._opened()

    def close(self) -> None:
        """Give back the connections."""
        if self._store is not None:
            self._store.close()

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store(self.url, self.copies)
        return self._store

    def _ask(self, call: Callable[[], Result], patience: float) -> Result:
        """The outcome of a call, unless it takes too long or another one still does. Raises NotReadyError."""
        if self._pending is not None and not self._pending.done():
            raise NotReadyError("the store has not answered an earlier question yet")
        asked = background.start(call)
        self._pending = asked
        try:
            return asked.result(patience)
        except TooLateError:
            raise NotReadyError(f"the store did not answer within {patience:g} seconds") from None
        except (NotReadyError, UsageError):
            raise
        except (
            Exception
        ) as error:  # a file that is no database, a folder that cannot be written: whatever it is, the copy is good
            raise NotReadyError(f"the store cannot be read: {type(error).__name__}: {str(error).splitlines()[0]}") from error

    def _say(self, state: State, why: str) -> None:
        """Once for each change."""
        if state != self.state:
            log.log(logging.WARNING if state == "stale" else logging.INFO, "store is %s", state, extra={"why": why})
        self.state = state
