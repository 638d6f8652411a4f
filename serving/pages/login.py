"""`/login` and `/logout`: a person trades a key for a session."""

import asyncio
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import URL
from starlette.responses import RedirectResponse, Response

from serving.access import audit_log, cookies
from serving.access.attempts import Attempts
from serving.access.audit_log import Event
from serving.access.auth import LoginNeededError, Scope, check_host, open_to_all, settings_of
from serving.access.cookies import Cookies, own_path
from serving.access.identity import Identity, IdentityProvider
from serving.errors import ProblemError
from serving.pages.view import View, bare_view

LONGEST_PATH = 2_000

pages = APIRouter(include_in_schema=False, dependencies=[open_to_all()])
Bare = Annotated[View, Depends(bare_view)]


@pages.get("/login")
def login_page(view: Bare) -> Response:
    """The form; it leads back to the page that was asked for."""
    asked = own_path(view.request.query_params.get("next", "")[:LONGEST_PATH])
    return RedirectResponse(asked, 303) if settings_of(view.request).keyless else _form(view, asked)


@pages.post("/login")
async def log_in(view: Bare) -> Response:
    """Trade a key for a session, under a new id; a session that the browser had ends."""
    check_host(view.request)
    request, form = view.request, await cookies.form_of(view.request)
    asked, address = own_path(form.get("next", "")), request.client.host if request.client else ""
    attempts: Attempts = request.app.state.attempts
    text = view.tongue.text
    if not cookies.is_own_form(request, cookies.read(request, cookies.LOGIN), form):
        return _form(view, asked, 403, text("login.stale"))
    if seconds := attempts.wait(address):
        answer = _form(view, asked, 429, text("login.too_often"))
        answer.headers["retry-after"] = str(seconds)
        return answer
    person = await _identified(request, form)
    if person is None:
        attempts.failed(address)
        return _form(view, asked, 401, text("login.wrong"))
    if Scope.READ not in person.caller.scopes:
        return _form(view, asked, 403, text("login.no_pages"))
    return await _begun(request, person, asked)


@pages.post("/logout")
async def log_out(request: Request) -> Response:
    """End the session. A form from elsewhere changes nothing."""
    held: Cookies = request.app.state.cookies
    session, form = await held.session(request), await cookies.form_of(request)
    answer = RedirectResponse("/login", 303)
    if session is not None:
        if not cookies.is_own_form(request, session.session_id, form):
            raise ProblemError(403, "foreign_form", "This form was not made here, or too long ago; go back and try again.")
        await held.sessions.end(session, audit_log.asked_by(request, session.caller.key_id))
        cookies.remove(request, answer, cookies.SESSION)
    return answer


async def to_login(request: Request, error: Exception) -> Response:
    """Lead to the login, and from there back to what was asked for: of a form, to the page that it stood on."""
    assert isinstance(error, LoginNeededError)
    asked = own_path(_asked_page(request))
    return RedirectResponse("/login" if asked == "/" else f"/login?{urlencode({'next': asked})}", 303)


def _asked_page(request: Request) -> str:
    """The path of the page that a request is about, `/` where it is not known."""
    url = request.url
    if request.method not in {"GET", "HEAD"}:
        url = URL(request.headers.get("referer", "/"))
        if url.netloc != request.url.netloc:
            return "/"
    return f"{url.path}?{url.query}" if url.query else url.path


async def _identified(request: Request, form: dict[str, str]) -> Identity | None:
    """Who it is; None for nobody, which goes into the audit log."""
    people: IdentityProvider = request.app.state.people
    try:
        return await people.identify(form)
    except ProblemError as error:
        told = Event("login.refused", "page", {"code": error.problem.code})
        await asyncio.to_thread(audit_log.record, request.app.state.database, audit_log.asked_by(request), told)
        return None


async def _begun(request: Request, person: Identity, asked: str) -> Response:
    held: Cookies = request.app.state.cookies
    origin = audit_log.asked_by(request, person.subject)
    session_id = await held.sessions.begin(person, origin, cookies.read(request, cookies.SESSION))
    answer = RedirectResponse(asked, 303)
    cookies.write(request, answer, cookies.SESSION, session_id)
    cookies.remove(request, answer, cookies.LOGIN)
    return answer


def _form(view: View, asked: str, status: int = 200, wrong: str | None = None) -> Response:
    token, secret = cookies.signed_form(view.request)
    answer = view.render("login.html", status=status, wrong=wrong, next=asked, token=token)
    cookies.write(view.request, answer, cookies.LOGIN, secret)
    return answer
