"""Requests whose JSON is read strictly, and the route class that reads them so."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response


class StrictRequest(Request):
    """A request whose JSON is read strictly: UTF-8, no key twice, no NaN or Infinity."""

    async def json(self) -> Any:
        return read_json(await self.body())


class StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return strict


def read_json(body: bytes) -> Any:
    """JSON read strictly. Raises JSONDecodeError, or UnicodeDecodeError for another encoding than UTF-8."""
    return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_refuse)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise json.JSONDecodeError("a key stands twice in one object", "", 0)
    return found


def _refuse(_: str) -> Any:
    raise json.JSONDecodeError("NaN and Infinity are not JSON", "", 0)
