"""The forecast page: one period as a manager reads it, in English and Russian, without a script.

An address that asks for a period or a split that there is not falls back to the running quarter, which is said, and to teams.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, get_args

from fastapi import APIRouter, Depends
from starlette.responses import Response

from features import clock
from features.errors import UsageError
from features.kpis import windows
from features.kpis.value import Window
from serving.access.auth import Scope, needs_login
from serving.calls.api import Kept
from serving.calls.store import NODES
from serving.forecast import outlook_words as words
from serving.forecast.api import Known
from serving.forecast.forecaster import Forecaster, is_over
from serving.forecast.issued import issue
from serving.forecast.outlook import Outlook, Span, outlook
from serving.forecast.schemas import By
from serving.language import Tongue
from serving.lists.answers import answerers
from serving.pages import calls_view, changes_view
from serving.pages.calls import may_say
from serving.pages.span_chart import HEIGHT, WIDTH, bar, recurring_bar, scale_of
from serving.pages.view import FullView, full_view

SPLITS: Final[tuple[str, ...]] = tuple(each for each in get_args(By) if each != "company")
OFFERED: Final = 3

pages = APIRouter(include_in_schema=False, dependencies=[needs_login(Scope.READ)])


@pages.get("/forecast")
def forecast_page(view: Annotated[FullView, Depends(full_view)], forecaster: Known, calls: Kept) -> Response:
    """The forecast of the period that the address names."""
    query, tongue = view.request.query_params, view.tongue
    by = query.get("by") if query.get("by") in SPLITS else "team"
    window = _window(forecaster, query.get("period"))
    found = outlook(forecaster, window or forecaster.window(None), by or "team")
    served, currency = view.served, view.served.dataset.organisation.currency
    issue(view.request, served, found)
    return view.render(
        "forecast.html",
        found=found,
        unread=window is None,
        money=lambda value: tongue.money(value, currency),
        period=words.period(tongue, found.window.label),
        periods=[(label, words.period(tongue, label)) for label in _offered(forecaster, found.window)],
        splits=SPLITS,
        bars=_bars(found),
        size=(WIDTH, HEIGHT),
        spoken=lambda spans, mean: spoken(tongue, spans, mean, currency),
        words=words,
        changes=changes_view.since_last_week(forecaster, found.window, tongue, currency),
        over=is_over(found.window, found.as_of),
        said=calls_view.on_period(calls, tongue, found.window.label, currency),
        may_say=may_say(view.request),
        nodes=list(_callable(tongue, found)),
        currency=currency,
        call_record=calls_view.record_of(calls, tongue, served),
        as_of=served.as_of,
        champion=served.bundles["deals"],
        answered_by=answerers(served.bundles["deals"]),
        age_days=served.age_days,
        stale_days=clock.STALE_AFTER_DAYS,
    )


def _callable(tongue: Tongue, found: Outlook) -> Iterator[tuple[str, str]]:
    """The nodes that a person may commit for, as scope:id and name."""
    for line in found.lines:
        if line.dimension in NODES and line.id is not None:
            yield f"{line.dimension}:{line.id}", words.whose(tongue, line)


def spoken(tongue: Tongue, spans: Sequence[Span], mean: float, currency: str) -> str:
    """A bar in words, for those who do not see it."""
    limits = (tongue.text("outlook.bar_span", level=each.level, **_limits(tongue, each, currency)) for each in spans)
    return tongue.text("outlook.bar", mean=tongue.money(mean, currency), spans="; ".join(limits))


def _limits(tongue: Tongue, span: Span, currency: str) -> dict[str, str]:
    return {"low": tongue.money(span.low, currency), "high": tongue.money(span.high, currency)}


def _bars(found: Outlook) -> dict[str, Any]:
    """The company's bar on a scale of its own, those of its nodes on one that they share, and that of recurring revenue."""
    company, nodes = found.company, found.lines[1:]
    largest = scale_of(nodes) if nodes else 0.0
    return {
        "company": bar(company, scale_of([company])),
        "nodes": [bar(line, largest) for line in nodes],
        "recurring": None if found.recurring is None else recurring_bar(found.recurring),
    }


def _window(forecaster: Forecaster, text: str | None) -> Window | None:
    """The period that an address names; None for one that there is not."""
    try:
        return forecaster.window(text)
    except (UsageError, ValueError):
        return None


def _offered(forecaster: Forecaster, shown: Window) -> list[str]:
    """The periods that can be chosen: this quarter and those around it, this year, and the one that is shown."""
    calendar, at = forecaster.dataset.organisation.calendar, forecaster.as_of
    quarters = [calendar.quarter(at, ahead).label for ahead in range(-1, OFFERED)]
    return list(dict.fromkeys([*quarters, windows.month(at, calendar).label, windows.year(at, calendar).label, shown.label]))
