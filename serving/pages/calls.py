"""The forms with which a person says what they expect: on the page of a deal, and on that of the forecast.

They lead back to the page that they stand on, which then shows what was said. A form from elsewhere changes nothing.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from features.errors import DealcastError
from serving.access import cookies
from serving.access.auth import Scope, author_of, known_caller, needs_login, settings_of
from serving.calls import answers
from serving.calls.api import Kept
from serving.calls.schemas import CallRequest
from serving.errors import ProblemError
from serving.forecast.api import Known
from serving.pages.view import FullView, full_view

pages = APIRouter(include_in_schema=False, dependencies=[needs_login(Scope.WRITE)])


@pages.post("/calls")
async def say(view: Annotated[FullView, Depends(full_view)], forecaster: Known, calls: Kept) -> Response:
    """Keep what a form says, and lead back to its page."""
    form = await cookies.form_of(view.request)
    if not _is_own(view.request, form):
        return view.render(
            "message.html", status=403, title=view.tongue.text("calls.refused"), body=view.tongue.text("login.stale")
        )
    try:
        asked = CallRequest.model_validate(_fields(form))
        at = pd.Timestamp.now(tz="UTC").as_unit("us")
        call = await asyncio.to_thread(answers.made, view.served, forecaster, asked, author_of(view.request), at)
        await asyncio.to_thread(calls.add, call)
    except (ValidationError, ValueError):
        return _refused(view, view.tongue.text("calls.unreadable_form"))
    except (DealcastError, ProblemError) as error:
        return _refused(view, str(error))
    return RedirectResponse(f"{cookies.own_path(form.get('next', ''))}#calls", 303)


def may_say(request: Request) -> bool:
    """Whether who sees a page may also say something on it."""
    caller = known_caller(request)
    return caller is not None and Scope.WRITE in caller.scopes


def _is_own(request: Request, form: Mapping[str, str]) -> bool:
    """In demo mode nobody is logged in, and a browser that says where the form stood is enough."""
    if settings_of(request).keyless:
        return cookies.is_from_here(request)
    return cookies.is_own_form(request, request.state.session.session_id, form)


def _fields(form: Mapping[str, str]) -> dict[str, Any]:
    """A form as a call: percent as a probability, an empty field as none. Raises ValueError for what is no number."""
    text = {name: form.get(name, "").strip() for name in ("value", "percent", "day", "note", "period")}
    given = {name: form.get(name, "") for name in ("scope", "scope_id", "measure")}
    if ":" in given["scope"]:
        given["scope"], _, given["scope_id"] = given["scope"].partition(":")
    value = float(text["percent"]) / 100 if text["percent"] else float(text["value"]) if text["value"] else None
    rest = {name: text[name] or None for name in ("day", "note", "period")}
    return {**given, **rest, "value": value}


def _refused(view: FullView, body: str, status: int = 422) -> Response:
    return view.render("message.html", status=status, title=view.tongue.text("calls.refused"), body=body)
