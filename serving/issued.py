"""What single answers leave in the journal: the forecast of a period, and the reasons of a deal.

A forecast is recorded once for each period, node, day, revision and model, when it is first answered; the reasons once for each
deal, moment, model and horizon. Both are reads, which a full spool does not stop: the log says what was not recorded.

A caller who sees a part of the company gets a forecast of that part, which is nobody else's: it is not recorded.
"""

import logging
import threading
from collections.abc import Hashable, Sequence
from dataclasses import asdict
from typing import Any, Final

from fastapi import Request

from features import clock
from features.errors import NotReadyError
from serving import auth
from serving.journal import Journal
from serving.journal_rows import ForecastRow, Row, ScoreRow, brief_reasons, compact, number
from serving.outlook import Line, Outlook
from serving.pipeline_rows import LISTED
from serving.runtime import Served

MOST_KNOWN: Final = 50_000

log = logging.getLogger("dealcast")


class Issued:
    """Hands rows to the journal, and remembers which it has taken, so that an answer that is asked for again costs nothing."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known: set[Hashable] = set()
        self._lock = threading.Lock()

    def forecast(self, served: Served, found: Outlook, asked_by: str | None) -> None:
        """Record the forecast of a period."""
        key = (found.window, found.by, found.as_of, served.revision, served.bundles["deals"].version)
        if served.owners is None and key not in self._known:
            self._keep(key, forecast_rows(served, found, asked_by))

    def reasons(self, served: Served, deal: dict[str, Any], days: float, said: Any, asked_by: str | None) -> None:
        """Record why P(won within `days`) of an open deal is what it is."""
        key = (deal["deal_id"], days, served.as_of, served.revision, served.bundles["deals"].version)
        if said is not None and key not in self._known:
            self._keep(key, [_reasons_row(served, deal, days, said, asked_by)])

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


def forecast_rows(served: Served, found: Outlook, asked_by: str | None = None) -> list[ForecastRow]:
    """A row for each node of a forecast; that of the company holds its parts and categories as well."""
    day = f"{found.as_of.tz_convert(served.dataset.organisation.timezone):%Y-%m-%d}"
    return [
        ForecastRow(
            period=found.window.label,
            dimension=line.dimension,
            node=line.id or "",
            as_of=clock.micros(found.as_of),
            as_of_day=day,
            revision=served.revision,
            model_version=served.bundles["deals"].version,
            asked_by=asked_by,
            mean=line.mean,
            median=line.median,
            plan=number(line.plan),
            p_plan=number(line.p_plan),
            answer=compact(_quantiles(line) | (_parts(found) if line is found.company else {})),
        )
        for line in found.lines
    ]


def _quantiles(line: Line) -> dict[str, Any]:
    spans = {str(span.level): [round(span.low, 2), round(span.high, 2)] for span in line.spans}
    return {"won": round(line.won, 2), "open": round(line.open, 2), "new": round(line.new, 2), "intervals": spans}


def _parts(found: Outlook) -> dict[str, Any]:
    categories = {"crm": found.crm, "model": found.model}
    recurring = None if found.recurring is None else asdict(found.recurring) | {"notes": None}
    return {
        "parts": [asdict(each) for each in found.parts],
        "categories": {name: None if of is None else [asdict(each) for each in of] for name, of in categories.items()},
        "recurring": recurring,
    }


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
