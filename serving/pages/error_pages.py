"""Errors as pages, where a person asked: in their language, with the status and the headers that the problem had.

Whatever answers a request, a route or what stands before it, answers an error as a problem document (`serving.errors`). On its
way out this module replaces that of a page's address by a page. Programs keep the problem: at the addresses of the API always,
elsewhere where they say that they take no HTML.

    GET /deals/none    Accept: text/html          404, a page
    GET /v1/deals/x    Accept: text/html          404, application/problem+json
    GET /forecast      Accept: application/json   429, application/problem+json
"""

from collections.abc import MutableMapping
from typing import Any, Final

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving import errors
from serving.language import texts
from serving.pages.view import bare_view

PROGRAMS: Final = ("/v1/", "/metrics", "/healthz", "/readyz", "/openapi")
OF_THE_PROBLEM: Final = frozenset({"content-type", "content-length"})
"""Headers that tell of the document and not of the answer."""


class ErrorPages:
    """Plain ASGI: makes a page of every problem that would go to a reader."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not reads_pages(scope):
            await self.app(scope, receive, send)
            return
        problem: MutableMapping[str, Any] | None = None

        async def send_page(message: Message) -> None:
            nonlocal problem
            if message["type"] == "http.response.start" and _is_problem(message):
                problem = message
            elif problem is None:
                await send(message)
            elif not message.get("more_body", False):
                await _page(scope, receive, send, problem)

        await self.app(scope, receive, send_page)


def reads_pages(scope: Scope) -> bool:
    """Whether who asks is answered with pages."""
    accepted = Headers(scope=scope).get("accept", "*/*")
    return not scope["path"].startswith(PROGRAMS) and ("text/html" in accepted or "*/*" in accepted)


def _is_problem(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type") == errors.MEDIA_TYPE


async def _page(scope: Scope, receive: Receive, send: Send, problem: Message) -> None:
    view, status = bare_view(Request(scope)), problem["status"]
    title, body = (view.tongue.text(f"error.{_key(status)}{part}") for part in ("", "_text"))
    answer = view.render("message.html", status=status, title=title, body=body)
    kept = [(name, value) for name, value in problem["headers"] if name.decode("latin-1").lower() not in OF_THE_PROBLEM]
    answer.raw_headers.extend(kept)
    await answer(scope, receive, send)


def _key(status: int) -> str:
    """Which words stand for a status."""
    if f"error.{status}" in texts():
        return str(status)
    return "400" if status < 500 else "500"
