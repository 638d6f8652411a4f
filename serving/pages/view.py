"""How a page of the server is made: its language, the template, what every page shows."""

from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from features.errors import NotReadyError
from serving.access import auth
from serving.access.sessions import Session, form_token
from serving.access.sight import Sight
from serving.language import LANGUAGES, Tongue, choose
from serving.served.current import loaded_for
from serving.served.state import Loaded, Served

FOLDER: Final = Path(__file__).parent / "web"
LANGUAGE_COOKIE: Final = "dealcast_language"
YEAR_SECONDS: Final = 365 * 24 * 3600


@dataclass(frozen=True)
class View:
    """One page being made: the request and the language of the answer."""

    request: Request
    tongue: Tongue

    @property
    def sight(self) -> Sight | None:
        """What of the data the reader may see, None for everything."""
        return None

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        settings, held = auth.settings_of(self.request), self.request.app.state.runtime
        session: Session | None = getattr(self.request.state, "session", None)
        shared = {
            "tongue": self.tongue,
            "text": self.tongue.text,
            "languages": [(each, self._address(lang=each)) for each in LANGUAGES],
            "style": f"/static/page.css?v={_fingerprint('page.css')}",
            "demo": settings.demo,
            "session": session,
            "sight": self.sight,
            "form_token": form_token(session.session_id) if session else None,
            "registry": held.registry.state,
            "path": self.request.url.path,
            "here": self._here(),
        }
        html = _environment().get_template(template).render(**shared, **values)
        return self._remember(HTMLResponse(html, status, {"content-language": self.tongue.language}))

    def _here(self) -> str:
        """The address of this page, for a form to lead back to."""
        url = self.request.url
        return f"{url.path}?{url.query}" if url.query else url.path

    def _address(self, **changed: str) -> str:
        return "?" + urlencode({**self.request.query_params, **changed})

    def _remember(self, response: Response) -> Response:
        """A language that the address asks for is kept in a cookie."""
        if "lang" in self.request.query_params:
            response.set_cookie(LANGUAGE_COOKIE, self.tongue.language, YEAR_SECONDS, httponly=True, samesite="lax")
        return response


@dataclass(frozen=True)
class KnownView(View):
    """A page about data, which needs no model."""

    served: Loaded

    @property
    def sight(self) -> Sight | None:
        return self.served.sight


@dataclass(frozen=True)
class FullView(KnownView):
    """A page about scores: with everything that is served."""

    served: Served


class NothingToShowError(Exception):
    """A page was asked for before there is data and a champion."""


def bare_view(request: Request) -> View:
    """A view without data: for the login form and for errors."""
    query, cookies = request.query_params, request.cookies
    accepted = request.headers.get("accept-language", "")
    default = auth.settings_of(request).language
    return View(request, Tongue(choose(query.get("lang"), cookies.get(LANGUAGE_COOKIE), accepted, default)))


def known_view(request: Request) -> KnownView:
    """A view of the data that is loaded. Raises NothingToShowError."""
    view = bare_view(request)
    try:
        loaded = loaded_for(request)
    except NotReadyError:
        raise NothingToShowError from None
    return KnownView(request, replace(view.tongue, timezone=loaded.dataset.organisation.timezone), loaded)


def full_view(request: Request) -> FullView:
    """A view of what is served. Raises NothingToShowError."""
    view = known_view(request)
    if not isinstance(view.served, Served):
        raise NothingToShowError
    return FullView(request, view.tongue, view.served)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _fingerprint(name: str) -> str:
    return sha256((FOLDER / "static" / name).read_bytes()).hexdigest()[:12]
