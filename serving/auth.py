"""Who may read: one key for programs, and for people a cookie that proves they once typed it.

The cookie is an HMAC made with the key: it tells nothing about the key, needs no table of sessions, and is worthless as soon as
the key changes. Keys are compared in constant time.
"""

import hmac
import re
from hashlib import sha256
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.responses import Response

from serving.errors import ProblemError, problem
from serving.settings import Settings

COOKIE: Final = "dealcast_session"
COOKIE_SECONDS: Final = 12 * 3600

_LOCAL_HOST: Final = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")
_BEARER: Final = HTTPBearer(auto_error=False, description="The key, as a bearer token.")
_HEADER: Final = APIKeyHeader(name="X-API-Key", auto_error=False, description="The key, in a header of its own.")


class LoginNeededError(Exception):
    """A page was asked for without a session."""


def settings_of(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def same(given: str, expected: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())


def session(key: str) -> str:
    """The cookie's value for this key."""
    return hmac.new(key.encode(), b"dealcast session 1", sha256).hexdigest()


def require_key(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    header: Annotated[str | None, Depends(_HEADER)],
) -> None:
    """A program shows its key. Raises ProblemError 401, or 421 for a foreign host name in demo mode."""
    settings = settings_of(request)
    _check_host(request, settings)
    if settings.api_key is None:
        return
    given = bearer.credentials if bearer else header or ""
    if not same(given, settings.api_key.get_secret_value()):
        raise ProblemError(401, "key_required", problem(401).detail, {"WWW-Authenticate": "Bearer"})


def require_session(request: Request) -> None:
    """A person has logged in, or the key comes along as for a program. Raises LoginNeededError."""
    settings = settings_of(request)
    _check_host(request, settings)
    if settings.api_key is None:
        return
    if not same(request.cookies.get(COOKIE, ""), session(settings.api_key.get_secret_value())):
        raise LoginNeededError


def author_of(request: Request) -> str:
    """Who signs what this request says."""
    return "demo" if settings_of(request).api_key is None else "api_key"


def log_in(request: Request, response: Response, key: str) -> bool:
    """Set the cookie on the response if the key is right."""
    settings = settings_of(request)
    if settings.api_key is None or not same(key, settings.api_key.get_secret_value()):
        return False
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, session(key), COOKIE_SECONDS, httponly=True, samesite="lax", secure=secure)
    return True


def _check_host(request: Request, settings: Settings) -> None:
    """Without a key, a web page elsewhere could reach this server under a name of its own: only loopback names are answered."""
    if settings.api_key is None and not _LOCAL_HOST.fullmatch(request.headers.get("host", "")):
        raise ProblemError(421, "misdirected_request", problem(421).detail)
