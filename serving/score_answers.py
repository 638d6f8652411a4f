"""Answers about posted records: items read one by one, scored by the batcher, and put back into the order of the request."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import pandas as pd
from pydantic_core import to_json
from starlette.responses import Response

from serving import posted_company, posted_items, schemas
from serving.answers import stamp
from serving.batching import Batcher, OverloadedError
from serving.deal_batch import Answered, DealJob
from serving.errors import ProblemError
from serving.posted import PostedDeal, ScoreRequest
from serving.runtime import Served

T = TypeVar("T")

QUICK_BYTES: Final = 65_536
"""A body up to this size is read where it arrives, within a millisecond or two; reading a larger one would hold up the others."""

_BLANK_DEAL: Final[dict[str, Any]] = {
    **dict.fromkeys(("index", *schemas.Score.model_fields)),
    "horizons": [],
    "reasons": None,
    "warnings": [],
}


async def deals(served: Served, asked: ScoreRequest, body: bytes, batcher: Batcher) -> Response:
    """One result for each posted deal. Raises ProblemError where too much work waits, UsageError for an as_of before training."""
    kind = _kind_of_deals(served)
    items = await _read(body, lambda: posted_items.read(kind, asked.deals))
    as_of = None if asked.as_of is None else pd.Timestamp(asked.as_of).tz_convert("UTC").as_unit("us")
    fit = tuple(item.posted for item in items if item.posted is not None)
    answered: Answered = await _answer(batcher, DealJob(served, fit, tuple(asked.horizons), as_of, asked.wants_reasons, body))
    rows = iter(answered.rows)
    results = [
        posted_items.refused(kind, item) if item.posted is None else {**_BLANK_DEAL, "index": item.index, **next(rows)}
        for item in items
    ]
    return _respond({**stamp(served, "deals"), "as_of": answered.as_of, "results": results})


def _kind_of_deals(served: Served) -> posted_items.Kind[PostedDeal]:
    return posted_items.Kind(
        "deals", "deal_id", PostedDeal, posted_company.own_ids, partial(posted_company.complaints, served.dataset)
    )


async def _read(body: bytes, read: Callable[[], T]) -> T:
    """Read items where they arrived, or in a thread where there are many."""
    return read() if len(body) <= QUICK_BYTES else await asyncio.to_thread(read)


async def _answer(batcher: Batcher, job: Any) -> Any:
    try:
        return await batcher.answer(job)
    except OverloadedError as error:
        wait = {"Retry-After": str(error.retry_after)}
        raise ProblemError(
            503, "overloaded", "More records wait to be scored than can be in time; come again later.", wait
        ) from None


def _respond(content: dict[str, Any]) -> Response:
    """Values that were made here are written as they are; that they keep the schema is for tests to see, not for each answer."""
    return Response(to_json(content, inf_nan_mode="null"), media_type="application/json")
