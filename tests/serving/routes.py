"""Every route that an app really serves, however it got there."""

from collections.abc import Iterator

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from serving.access.auth import Needs, needs_of

VALUES = {"deal_id": "D-1", "account_id": "A-1"}
"""What stands in a path for each of its parameters."""


def routes(app: FastAPI) -> Iterator[tuple[APIRoute, Needs | None]]:
    """Each route with what it says that it needs; None for one that says nothing."""
    yield from needs_of(app.router)
    for router in _included(app.routes):
        yield from needs_of(router)


def others(app: FastAPI) -> list[str]:
    """What the app serves besides: static files, the contract."""
    return [path for each in app.routes if not isinstance(each, APIRoute) and (path := getattr(each, "path", None))]


def address(route: APIRoute) -> str:
    """A path that the route answers to."""
    path = route.path
    for name in route.param_convertors:
        for form in (f"{{{name}:path}}", f"{{{name}}}"):
            path = path.replace(form, VALUES.get(name, "1"))
    return path


def _included(found: list[BaseRoute]) -> Iterator[APIRouter]:
    for each in found:
        router = getattr(each, "original_router", None)
        if router is not None:
            yield router
            yield from _included(router.routes)
