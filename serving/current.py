"""What a route of the API answers from: the dependencies that hand it the data and the scores of one moment.

`Current` is everything, and needs a champion for deals; `Known` is the data alone, for what needs no model. A route takes its one
value from here and asks for no other, so that an answer never mixes two states, and so that what a caller may see is narrowed in
one place.
"""

from typing import Annotated

from fastapi import Depends, Request

from serving.runtime import Loaded, Runtime, Served


def get_runtime(request: Request) -> Runtime:
    held: Runtime = request.app.state.runtime
    return held


def served_for(request: Request) -> Served:
    """Data and scores. Raises NotReadyError before there are any."""
    return get_runtime(request).served()


def loaded_for(request: Request) -> Loaded:
    """The data, with or without a champion. Raises NotReadyError before there is any."""
    return get_runtime(request).loaded()


async def get_served(request: Request) -> Served:
    """As a dependency; a coroutine, because plain functions wait for a thread."""
    return served_for(request)


async def get_loaded(request: Request) -> Loaded:
    return loaded_for(request)


Held = Annotated[Runtime, Depends(get_runtime)]
Current = Annotated[Served, Depends(get_served)]
Known = Annotated[Loaded, Depends(get_loaded)]
