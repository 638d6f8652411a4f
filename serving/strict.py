"""Requests whose JSON is read strictly, and the route class that reads them so."""

import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final, get_origin

from fastapi import Request
from fastapi._compat import ModelField
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from starlette.exceptions import HTTPException
from starlette.responses import Response

REPEATED: Final = "The parameter stands more than once"


class StrictRequest(Request):
    """A request whose JSON is read strictly: UTF-8, no key twice, no NaN or Infinity (422; what is no JSON at all is 400)."""

    async def json(self) -> Any:
        return read_json(await self.body())


class StrictRoute(APIRoute):
    """Reads JSON strictly, and refuses a parameter that stands twice in the address where one value is meant."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler, several = super().get_route_handler(), _lists(self.dependant.query_params)

        async def strict(request: Request) -> Response:
            counted = Counter(name for name, _ in request.query_params.multi_items())
            if twice := [name for name, n in counted.items() if n > 1 and name not in several]:
                raise RequestValidationError([{"loc": ("query", *_known(twice, self)), "type": "repeated", "msg": REPEATED}])
            return await handler(StrictRequest(request.scope, request.receive))

        return strict


def _lists(parameters: Iterable[ModelField]) -> frozenset[str]:
    """Names of the parameters that may stand several times."""
    return frozenset(
        info.alias or name
        for each in parameters
        for name, info in _fields(each.field_info.annotation).items()
        if get_origin(info.annotation) is list
    )


def _known(names: Iterable[str], route: APIRoute) -> list[str]:
    """The first of these names that the route declares: what a sender made up is not repeated."""
    declared = {
        info.alias or name for each in route.dependant.query_params for name, info in _fields(each.field_info.annotation).items()
    }
    return [name for name in names if name in declared][:1]


def _fields(model: Any) -> Mapping[str, FieldInfo]:
    return model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}


def read_json(body: bytes) -> Any:
    """JSON read strictly. Raises JSONDecodeError, or UnicodeDecodeError for another encoding than UTF-8."""
    return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_refuse)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise HTTPException(422, "a key stands twice in one object")
    return found


def _refuse(_: str) -> Any:
    raise HTTPException(422, "NaN and Infinity are not JSON")
