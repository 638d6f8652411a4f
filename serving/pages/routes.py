"""The page: what a sales manager reads, as plain HTML made on the server, in English and Russian.

No script and nothing from elsewhere: tables are tables, bars and curves are SVG, filters are a form, pages are links. So the
content security policy forbids everything but the one own style sheet, and the page works the same in any browser and on a phone.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from features import clock
from features.errors import UsageError
from serving.access.auth import LoginNeededError, Scope, guarded, needs_login, settings_of
from serving.calls.api import Kept
from serving.errors import retry_after
from serving.journal.issued import asker_of, issued_of
from serving.language import Tongue
from serving.lists.answers import answerers, curve_of, totals
from serving.lists.explained import deal_in_full, explained, quarter_days, reasons_of_clients
from serving.lists.filters import OneOf
from serving.lists.grade import Grade, grade
from serving.lists.narrowing import people_filters
from serving.pages import calls as calls_page
from serving.pages import calls_view, charts, history_view, login
from serving.pages.charts import NARROW, WIDE, CurveChart, Point
from serving.pages.reason_view import HORIZONS, chosen, why_client, why_deal
from serving.pages.view import FOLDER, FullView, NothingToShowError, View, bare_view, full_view
from serving.served.ranking import Filter, RankedPage, Ranking
from serving.served.state import Served

PAGE_ROWS: Final = 50
FILTERS: Final = ("owner_id", "team", "stage")
LONGEST_FILTER: Final = 200

pages = APIRouter(include_in_schema=False, dependencies=[needs_login(Scope.READ)])


Full = Annotated[FullView, Depends(full_view)]


@pages.get("/")
def pipeline_page(view: Full) -> Response:
    """The ranked pipeline."""
    ranking, query = view.served.deals, view.request.query_params
    filters = {name: query.get(name, "")[:LONGEST_FILTER] or None for name in FILTERS}
    kept = _kept(view.served, filters)
    page = _page(ranking, kept, query.get("cursor"))
    return view.render(
        "pipeline.html",
        page=page,
        sums=totals(ranking, kept),
        following=_following(page, filters),
        first="?" + urlencode(_given(filters)),
        paged="cursor" in query,
        filters=filters,
        options={name: _options(view.served, name) for name in FILTERS if ranking.options(name)},
        grade=_grading(view),
        **_stamp(view.served, "deals"),
    )


@pages.get("/clients")
def clients_page(view: Full) -> Response:
    """The clients at risk."""
    if view.served.clients is None:
        return view.render(
            "message.html", title=view.tongue.text("clients.no_champion"), body=view.tongue.text("missing.clients")
        )
    ranking, cursor = view.served.clients, view.request.query_params.get("cursor")
    page = _page(ranking, [], cursor)
    return view.render(
        "clients.html",
        page=page,
        following=_following(page, {}),
        paged=cursor is not None,
        n_leaving=float(np.nansum(ranking.numbers("p_leaves"))),
        at_risk=float(np.nansum(ranking.numbers("value_at_risk"))),
        horizon=view.served.dataset.organisation.client_horizon_days,
        **_stamp(view.served, "clients"),
    )


@pages.get("/clients/{account_id:path}")
def client_page(view: Full, account_id: str) -> Response:
    """One client: what is at stake, and the reasons."""
    client = view.served.clients.find(account_id) if view.served.clients is not None else None
    if client is None:
        return _not_found(view)
    reasons = reasons_of_clients(view.served, [account_id]).get(account_id)
    return view.render(
        "client.html",
        client=client,
        past=history_view.course(view.request.app.state.database, "clients", account_id, view.served.as_of, client["p_leaves"]),
        why=why_client(view.served, view.tongue, reasons) if reasons else None,
        horizon=view.served.dataset.organisation.client_horizon_days,
        **_stamp(view.served, "clients"),
    )


@pages.get("/deals/{deal_id:path}")
def deal_page(view: Full, calls: Kept, deal_id: str) -> Response:
    """One deal: its curve, the reasons, warnings and similar deals."""
    deal = view.served.deals.find(deal_id)
    if deal is None:
        return _not_found(view)
    curve = curve_of(view.served, deal)
    horizon = chosen(view.request.query_params.get("horizon"))
    days = HORIZONS.get(horizon) or quarter_days(view.served)
    found = deal_in_full(view.served, deal_id, days) if curve else {}
    issued_of(view.request).reasons(view.served, deal, days, found.get("reasons"), asker_of(view.request))
    return view.render(
        "deal.html",
        deal=deal,
        curve=curve,
        chart_shapes=_charts(view.served, deal, curve) if curve else {},
        warnings=[each[view.tongue.language] for each in explained(view.served, "warnings", deal_id, 0.0)],
        why=why_deal(view.served, view.tongue, horizon, found["reasons"]) if curve else None,
        past=history_view.course(view.request.app.state.database, "deals", deal_id, view.served.as_of, deal["p_won"]),
        similar=found.get("similar", []),
        gaps=found.get("data_gaps", []),
        grade=_grading(view),
        may_say=calls_page.may_say(view.request),
        quarter_label=view.served.dataset.organisation.calendar.quarter(view.served.as_of).label,
        said=calls_view.on_deal(calls, view.tongue, deal_id, view.served.dataset.organisation.currency),
        reason=_reason(view.tongue, deal["reason"]),
        **_stamp(view.served, "deals"),
    )


class Static(StaticFiles):
    """Addresses of static files carry a fingerprint of their content, so browsers may keep them."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def install(app: FastAPI) -> None:
    """Add the pages to the app."""
    app.include_router(guarded(login.pages))
    app.include_router(guarded(pages))
    app.mount("/static", Static(directory=FOLDER / "static"))
    app.add_exception_handler(LoginNeededError, login.to_login)
    app.add_exception_handler(NothingToShowError, _nothing_yet)


async def _nothing_yet(request: Request, _: Exception) -> Response:
    view, held = bare_view(request), request.app.state.runtime
    text = view.tongue.text
    answer = view.render("message.html", status=503, title=text("missing.title"), body=text(f"missing.{held.lacks}"))
    answer.headers.update(retry_after(503))
    return answer


def _not_found(view: View) -> Response:
    text = view.tongue.text
    return view.render("message.html", status=404, title=text("missing.page"), body=text("missing.page_text"))


def _kept(served: Served, filters: dict[str, str | None]) -> list[Filter]:
    """The filters of the address; a team stands for its whole subtree."""
    owner, team, stage = ([value] if value else [] for value in (filters[name] for name in FILTERS))
    return [*people_filters(served, owner, team), *(OneOf("stage", frozenset([each])) for each in stage)]


def _grading(view: View) -> Callable[[float | None], Grade | None]:
    """The grade of a probability, by the limits of this installation."""
    return partial(grade, limits=settings_of(view.request).grade_limits)


def _page(ranking: Ranking, filters: list[Filter], cursor: str | None) -> RankedPage:
    """A page of the ranking; the first one for a cursor that is broken."""
    try:
        return ranking.page(filters, PAGE_ROWS, cursor)
    except UsageError:
        return ranking.page(filters, PAGE_ROWS)


def _given(filters: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in filters.items() if value is not None}


def _following(page: RankedPage, filters: dict[str, str | None]) -> str | None:
    return "?" + urlencode({**_given(filters), "cursor": page.next_cursor}) if page.next_cursor else None


def _options(served: Served, name: str) -> list[tuple[str, str]]:
    """What a filter offers: (value, label), in the order of the labels; stages in the order of the pipeline."""
    ranking = served.deals
    if name == "owner_id":
        ids, first = np.unique(ranking.texts(name).codes, return_index=True)
        found = ranking.rows(first[ids >= 0])
        return sorted(((each["owner_id"], each["owner_name"] or each["owner_id"]) for each in found), key=lambda each: each[1])
    if name == "team":
        return [(team, team) for team in sorted(served.teams) if len(ranking.matching(people_filters(served, teams=[team])))]
    if name == "stage" and "position" in served.dataset.tables["stages"]:
        stages = served.dataset.tables["stages"].sort_values("position")["stage"]
        there = set(ranking.options(name))
        return [(stage, stage) for stage in dict.fromkeys(stages) if stage in there]
    return [(value, value) for value in ranking.options(name)]


def _stamp(served: Served, target: str) -> dict[str, Any]:
    calendar = served.dataset.organisation.calendar
    return {
        "as_of": served.as_of,
        "champion": served.bundles[target],
        "answered_by": answerers(served.bundles[target]),
        "age_days": served.age_days,
        "stale_days": clock.STALE_AFTER_DAYS,
        "quarter": calendar.quarter(served.as_of).label,
        "next_quarter": calendar.quarter(served.as_of, 1).label,
        "currency": served.dataset.organisation.currency,
    }


def _charts(served: Served, deal: dict[str, Any], curve: list[dict[str, Any]]) -> dict[str, CurveChart]:
    """The same curve for a wide screen and for a phone; the style sheet shows one of them."""
    points = charts.worth_drawing([Point(each["day"], each["p_won"], each["p_lost"]) for each in curve])
    at = clock.micros(served.as_of)
    quarter = served.dataset.organisation.calendar.quarter(served.as_of)
    markers = [("quarter_end", float(clock.days_between(at, clock.micros(quarter.end))))]
    if deal["days_to_expected_close"] is not None:
        markers.append(("crm_date", deal["days_to_expected_close"]))
    return {name: charts.curve_chart(points, markers, shape) for name, shape in (("wide", WIDE), ("narrow", NARROW))}


def _reason(tongue: Tongue, reason: str | None) -> str | None:
    if reason is None:
        return None
    try:
        return tongue.text(f"reason.{reason}")
    except KeyError:
        return tongue.text("reason.other")
