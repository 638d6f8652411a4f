"""What a route of the API answers from: the dependencies that hand it the data and the scores of one moment.

`Current` is everything, and needs a champion for deals; `Known` is the data alone, for what needs no model. A route takes its one
value from here and asks for no other, so that an answer never mixes two states, and so that what a caller may see is narrowed in
one place.
"""

from typing import Annotated, TypeVar

from fastapi import Depends, Request

from serving.access.auth import caller_of
from serving.errors import ProblemError
from serving.served.runtime import Runtime
from serving.served.state import Loaded, Served

Seen = TypeVar("Seen", bound=Loaded)


def get_runtime(request: Request) -> Runtime:
    held: Runtime = request.app.state.runtime
    return held


def served_for(request: Request) -> Served:
    """Data and scores, as far as the caller may see them. Raises NotReadyError before there are any, ProblemError for nothing."""
    return _not_empty(get_runtime(request).served().seen_by(caller_of(request).user_id))


def loaded_for(request: Request) -> Loaded:
    """The data, with or without a champion; `sight` says what of it may be shown. Raises NotReadyError, ProblemError likewise."""
    return _not_empty(get_runtime(request).loaded().seen_by(caller_of(request).user_id))


async def get_served(request: Request) -> Served:
    """As a dependency; a coroutine, because plain functions wait for a thread."""
    return served_for(request)


async def get_loaded(request: Request) -> Loaded:
    return loaded_for(request)


def _not_empty(seen: Seen) -> Seen:
    if seen.sight is not None and not seen.sight.people:
        raise ProblemError(403, "nothing_to_see", "The person of this key has left, or is not in the data.")
    return seen


Held = Annotated[Runtime, Depends(get_runtime)]
Current = Annotated[Served, Depends(get_served)]
Known = Annotated[Loaded, Depends(get_loaded)]
