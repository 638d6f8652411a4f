"""What single answers leave in the journal, once each: the reasons of a deal, and the forecast of a period.

The reasons are recorded once for each deal, moment, model and horizon; of forecasts see `serving.forecast.issued`. Both are
reads, which a full spool does not stop: the log says what was not recorded.
"""

import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

from fastapi import Request

from features import clock
from features.errors import NotReadyError
from serving.access import auth
from serving.journal.journal import Journal
from serving.journal.pipeline_rows import LISTED
from serving.journal.rows import Row, ScoreRow, brief_reasons, compact, number
from serving.served.state import Served

MOST_KNOWN: Final = 50_000

log = logging.getLogger("dealcast")


class Issued:
    """Hands rows to the journal, and remembers which it has taken, so that an answer that is asked for again costs nothing."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known: set[Hashable] = set()
        self._lock = threading.Lock()

    def once(self, key: Hashable, rows: Callable[[], Sequence[Row]]) -> None:
        """Record an answer, unless the one with this key has been."""
        if key not in self._known:
            self._keep(key, rows())

    def reasons(self, served: Served, deal: dict[str, Any], days: float, said: Any, asked_by: str | None) -> None:
        """Record why P(won within `days`) of an open deal is what it is."""
        if said is not None:
            key = (deal["deal_id"], days, served.as_of, served.revision, served.bundles["deals"].version)
            self.once(key, lambda: [_reasons_row(served, deal, days, said, asked_by)])

    def _keep(self, key: Hashable, rows: Sequence[Row]) -> None:
        try:
            self._journal.append_now(rows)
        except NotReadyError as error:
            log.warning("an answer was not recorded: %s", error)
            return
        with self._lock:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known.add(key)


def issued_of(request: Request) -> Issued:
    """What this server records its answers with."""
    held: Issued = request.app.state.issued
    return held


def asker_of(request: Request) -> str | None:
    """Who asks, where that is known."""
    caller = auth.known_caller(request)
    return None if caller is None else caller.key_id


def _reasons_row(served: Served, deal: dict[str, Any], days: float, said: Any, asked_by: str | None) -> ScoreRow:
    numbers: dict[str, Any] = {name: number(deal[column]) for name, column in LISTED["deals"].items()}
    return ScoreRow(
        kind="reasons",
        target="deals",
        record_id=deal["deal_id"],
        as_of=clock.micros(served.as_of),
        revision=served.revision,
        model_version=served.bundles["deals"].version,
        asked=f"{days:g}",
        owner_id=deal["owner_id"],
        asked_by=asked_by,
        answer=compact({"reasons": brief_reasons(said)}),
        **numbers,
    )
