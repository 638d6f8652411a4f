"""What the forecast of a period leaves in the journal.

It is recorded once for each period, node, day, revision and model, when it is first answered. A caller who sees a part of the
company gets a forecast of that part, which is nobody else's: it is not recorded.
"""

from dataclasses import asdict
from typing import Any

from fastapi import Request

from features import clock
from serving.forecast.outlook import Line, Outlook
from serving.journal.issued import asker_of, issued_of
from serving.journal.rows import ForecastRow, compact, number
from serving.served.state import Served


def issue(request: Request, served: Served, found: Outlook) -> None:
    """Record the forecast of a period that a request is answered with."""
    key = (found.window, found.by, found.as_of, served.revision, served.bundles["deals"].version)
    if served.owners is None:
        issued_of(request).once(key, lambda: forecast_rows(served, found, asker_of(request)))


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
