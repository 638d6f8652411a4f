"""One shape for every error of the server: RFC 9457 `application/problem+json`.

    {"type": "about:blank", "title": "Unprocessable Content", "status": 422, "code": "invalid_request",
     "detail": "The request does not match the schema.",
     "errors": [{"pointer": "/body/deals/0/amount", "code": "float_type", "detail": "Input should be a valid number"}]}

`code` is for programs and stable; `title` and `detail` are for people. Nothing of the request is repeated in the answer: an error
that echoes its input turns a 50 MB mistake into a 200 MB answer, and a lone surrogate into a second error.
"""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from features.errors import DataError, DealcastError, NotReadyError

SHOWN_ERRORS: Final = 20
MEDIA_TYPE: Final = "application/problem+json"

FREE_NAMES: Final = frozenset({"custom", "rate"})
"""Fields of requests whose inner names the sender chooses."""

RETRY_SECONDS: Final[Mapping[int, int]] = {429: 1, 503: 5}
"""The statuses that say when to come again: after so many seconds unless whoever answers knows better.

What no waiting mends has another status.
"""
WAIT: Final[dict[str, Any]] = {
    "Retry-After": {
        "description": "After how many seconds to come again.",
        "schema": {"type": "integer", "minimum": 1},
    }
}

_QUOTED: Final = re.compile(r"'(.*)' (?=is |lies |has )", re.DOTALL)
_DETAILS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("malformed_request", "The request cannot be read: its body has to be JSON in UTF-8."),
    401: ("key_required", "Send the key as 'Authorization: Bearer …' or as 'X-API-Key: …'."),
    403: ("forbidden", "This request is not allowed."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not answer to this method; the Allow header names those it answers to."),
    408: ("request_timeout", "The body did not arrive in time."),
    409: ("conflict", "Another request stands in the way of this one."),
    413: ("body_too_large", "The body is larger than 16 MiB for records, or 64 KiB elsewhere; send fewer in one request."),
    415: ("unsupported_encoding", "Send the body as plain JSON, without a Content-Encoding."),
    422: ("invalid_request", "The request does not match the schema."),
    421: ("misdirected_request", "In demo mode the server answers to 127.0.0.1 and localhost only."),
    429: ("rate_limited", "This key asks faster than it may; come again when Retry-After says."),
    500: ("internal_error", "The server failed to answer this request; its log says why."),
}


class FieldError(BaseModel):
    """One rule that the request broke, and where."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"pointer": "/body/deals/0/amount", "code": "float_type"}]})

    pointer: str = Field(description="JSON Pointer to the place: /body/…, /query/… or /path/….")
    code: str = Field(description="The rule, for programs.")
    detail: str = Field(description="The rule, for people, in English.")


class Problem(BaseModel):
    """RFC 9457 problem details: the shape of every error."""

    type: str = Field(default="about:blank", description="Always about:blank; `code` tells problems apart.")
    title: str = Field(description="The name of the HTTP status.", examples=["Unprocessable Content"])
    status: int = Field(description="The HTTP status, 400 to 599.", examples=[422])
    code: str = Field(description="What went wrong, for programs; stable.", examples=["invalid_request"])
    detail: str = Field(description="What went wrong and what to do, for people, in English.")
    errors: list[FieldError] = Field(default=[], description=f"The first {SHOWN_ERRORS} rules that the request broke.")


class ProblemError(Exception):
    """An error that a route raises on purpose."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Iterable["FieldError"] = (),
    ) -> None:
        super().__init__(detail)
        self.problem = problem(status, code, detail, list(errors)[:SHOWN_ERRORS])
        self.headers = headers


def problem(status: int, code: str | None = None, detail: str | None = None, errors: Iterable[FieldError] = ()) -> Problem:
    """A problem with the usual words of its status where none are given."""
    usual_code, usual_detail = _DETAILS.get(status, ("error", HTTPStatus(status).description or HTTPStatus(status).phrase))
    return Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        code=code or usual_code,
        detail=detail or usual_detail,
        errors=list(errors),
    )


def respond(answer: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as a response; a 429 or 503 always says when to come again."""
    return JSONResponse(
        answer.model_dump(), answer.status, {**retry_after(answer.status), **(headers or {})}, media_type=MEDIA_TYPE
    )


def retry_after(status: int) -> dict[str, str]:
    """The header that says when to come again; nothing for a status that waiting does not mend."""
    return {"Retry-After": str(RETRY_SECONDS[status])} if status in RETRY_SECONDS else {}


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI declaration of these error responses."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    usual = {"content": {MEDIA_TYPE: schema}}
    return {
        status: {"description": HTTPStatus(status).phrase, **usual, **({"headers": WAIT} if status in RETRY_SECONDS else {})}
        for status in statuses
    }


def describe(openapi: dict[str, Any]) -> dict[str, Any]:
    """Add the problem's schema, which `declared` refers to, to an OpenAPI document."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    parts: dict[str, Any] = schema.pop("$defs")
    openapi["components"]["schemas"] |= {**parts, "Problem": schema}
    return openapi


def field_errors(errors: Iterable[Mapping[str, Any]]) -> list[FieldError]:
    """What pydantic found, without the input and without names that the sender made up."""
    found = []
    for error in list(errors)[:SHOWN_ERRORS]:
        place, text = list(error["loc"]), str(error["msg"])
        if error["type"] == "extra_forbidden":
            place, text = place[:-1], "There is a field here that is not part of the schema"
        place, made_up = _declared(place)
        text = "A name or value here, which the sender chose, breaks a rule" if made_up else text
        found.append(FieldError(pointer=pointer(place), code=str(error["type"]), detail=text))
    return found


def install(app: FastAPI) -> None:
    """Give every error of the app the one shape."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(DealcastError, _on_dealcast)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_failure)


async def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return respond(error.problem, error.headers)


async def _on_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if any(each["type"] == "json_invalid" for each in error.errors()):
        return respond(problem(400))
    return respond(problem(422, errors=field_errors(error.errors())))


async def _on_dealcast(_: Request, error: Exception) -> Response:
    if isinstance(error, NotReadyError):
        return respond(problem(503, error.code, str(error)))
    if isinstance(error, DataError):
        place = f"{error.table}.{error.column}" if error.column else error.table
        return respond(problem(422, "invalid_data", f"{place}: {error.rule}; {error.advice}"))
    return respond(problem(422, "unusable_request", _without_input(str(error))))


def _without_input(text: str) -> str:
    """A message that begins with what was sent, as those of the command line do: in place of it, "The value"."""
    if found := _QUOTED.match(text):
        return "The value " + text[found.end() :].replace(found[1] or "''", "…")
    return text


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return respond(problem(error.status_code), headers)


def _allowed(request: Request) -> str:
    """All methods of the address: it may have several routes, and the framework names those of the first."""
    scope = {name: request.scope[name] for name in ("type", "path", "method")}
    routes = [each.original_route for each in iter_route_contexts(request.app.routes)]
    matching = [route for route in routes if route.matches(dict(scope))[0] != Match.NONE]
    return ", ".join(sorted({method for route in matching for method in getattr(route, "methods", None) or ()}))


async def _on_failure(_: Request, __: Exception) -> Response:
    return respond(problem(500))


def _declared(place: list[Any]) -> tuple[list[Any], bool]:
    """The place as far as the schema names it, and whether it went on below a name that the sender chose."""
    free = next((at for at, part in enumerate(place) if part in FREE_NAMES), len(place))
    return place[: free + 1], free + 1 < len(place)


def pointer(place: Iterable[str | int]) -> str:
    """A place in a document as a JSON Pointer (RFC 6901); what is no text, such as a lone surrogate, as a question mark."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place).encode(errors="replace").decode()
