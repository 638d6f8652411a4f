"""The cookies of a login, and what keeps a page elsewhere from using them.

`dealcast_session` holds the session's id; `dealcast_login` a random value that the login form is signed with before there is a
session. Both are HttpOnly and SameSite=Lax. Behind https they are Secure and bear the prefix `__Host-`, with which a browser
takes them from this very host only, so that no neighbouring host name can plant one.

A form is taken when it carries the token of the browser's own session, and when the browser, if it says where the form stood
(Sec-Fetch-Site, Origin), says that it stood here.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request
from starlette.responses import Response

from serving.access.sessions import SESSION_SECONDS, SHORTEST_ID, Session, Sessions, form_token, is_form_token

SESSION: Final = "dealcast_session"
LOGIN: Final = "dealcast_login"
HOST: Final = "__Host-"
LONGEST_FORM: Final = 8_192


@dataclass(frozen=True)
class Cookies:
    """Sessions by the cookies of requests."""

    sessions: Sessions

    async def session(self, request: Request) -> Session | None:
        """The session of a request's sender. Raises NotReadyError where that cannot be known."""
        return await self.sessions.find(read(request, SESSION))


def read(request: Request, name: str) -> str | None:
    return request.cookies.get(_named(request, name))


def write(request: Request, response: Response, name: str, value: str) -> None:
    response.set_cookie(
        _named(request, name), value, SESSION_SECONDS, path="/", httponly=True, samesite="lax", secure=_is_https(request)
    )


def remove(request: Request, response: Response, name: str) -> None:
    response.delete_cookie(_named(request, name), path="/", httponly=True, samesite="lax", secure=_is_https(request))


def signed_form(request: Request) -> tuple[str, str]:
    """The token for a login form, and the value of the cookie that it belongs to: the one that is there, else a new one."""
    secret = read(request, LOGIN) or ""
    secret = secret if len(secret) >= SHORTEST_ID else secrets.token_urlsafe(32)
    return form_token(secret), secret


def is_own_form(request: Request, secret: str | None, form: Mapping[str, str]) -> bool:
    """Whether a form was made here for the browser that sends it."""
    return bool(secret) and is_from_here(request) and is_form_token(secret or "", form.get("token", ""))


def is_from_here(request: Request) -> bool:
    """Whether what the browser says of the sending page, if anything, does not speak against it."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site in {"same-origin", "none"}
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form; none of one that is too long to be ours."""
    body = await request.body()
    text = body.decode("utf-8", "replace") if len(body) <= LONGEST_FORM else ""
    return dict(parse_qsl(text))


def own_path(text: str) -> str:
    """A path of this server, `/` for everything else: no page leads anywhere else after a login.

    >>> own_path("/deals/D-1?horizon=30"), own_path("//evil.example"), own_path("https://evil.example")
    ('/deals/D-1?horizon=30', '/', '/')
    """
    plain = text.isprintable() and "\\" not in text and text.startswith("/") and not text.startswith("//")
    return text if plain and not text.startswith(("/login", "/logout")) else "/"


def _named(request: Request, name: str) -> str:
    return f"{HOST}{name}" if _is_https(request) else name


def _is_https(request: Request) -> bool:
    return request.url.scheme == "https"
