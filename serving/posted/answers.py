"""Answers about posted records: items read one by one, scored by the batcher, and put back into the order of the request."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

import pandas as pd
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.responses import Response

from serving.errors import ProblemError
from serving.journal.journal import Journal
from serving.lists.answers import clients_of, stamp
from serving.operations import metrics, traces
from serving.posted import company, items, schemas
from serving.posted.batching import Batcher, OverloadedError
from serving.posted.client_batch import ClientJob
from serving.posted.clients import PostedClient, ScoreClientsRequest, own_ids
from serving.posted.deal_batch import Answered, DealJob
from serving.posted.deals import PostedDeal, ScoreRequest
from serving.posted.journalled import client_rows, deal_rows
from serving.scoring.schemas import Score
from serving.scoring.score import YEAR
from serving.served.state import Served

T = TypeVar("T")
P = TypeVar("P", bound=BaseModel)

QUICK_BYTES: Final = 65_536
"""A body up to this size is read where it arrives, within a millisecond or two; reading a larger one would hold up the others."""

NOT_PERSISTED: Final = (
    "The database does not answer. The scores are in the spool on this server's disk, and are brought over once it does."
)

_BLANK_DEAL: Final[dict[str, Any]] = {
    **dict.fromkeys(("index", *Score.model_fields)),
    "horizons": [],
    "reasons": None,
    "warnings": [],
}
_BLANK_CLIENT: Final[dict[str, Any]] = {**dict.fromkeys(schemas.ScoredClient.model_fields), "horizons": [], "warnings": []}
CLIENTS: Final = items.Kind("clients", "account_id", PostedClient, own_ids, lambda _: ())


async def deals(
    served: Served, asked: ScoreRequest, body: bytes, batcher: Batcher, journal: Journal, asked_by: str | None
) -> Response:
    """One result for each posted deal, given once it is in the journal; `served` is of their as_of (`serving.posted.past`).

    Raises ProblemError where too much work waits, UsageError for an as_of before training, SpoolFullError where the journal can
    keep nothing.
    """
    kind = _kind_of_deals(served)
    read = await _read(body, lambda: items.read(kind, asked.deals))
    fit = tuple(item.posted for item in read if item.posted is not None)
    job = DealJob(served, fit, tuple(asked.horizons), moment(asked.as_of), asked.wants_reasons, body)
    answered: Answered = await _answer(batcher, job)
    persisted = await journal.append(await _read(body, lambda: deal_rows(job, answered, asked_by)))
    results = _in_place(kind, read, answered, _BLANK_DEAL)
    _count("deals", served, results)
    return _respond({**stamp(served, "deals"), "as_of": answered.as_of, **kept(persisted), "results": results})


async def clients(
    served: Served, asked: ScoreClientsRequest, body: bytes, batcher: Batcher, journal: Journal, asked_by: str | None
) -> Response:
    """One result for each posted client. Raises NotReadyError without a champion for clients; else as `deals`."""
    clients_of(served)
    read = await _read(body, lambda: items.read(CLIENTS, asked.clients))
    fit = tuple(item.posted for item in read if item.posted is not None)
    job = ClientJob(served, fit, tuple(asked.horizons), moment(asked.as_of), asked.wants_reasons)
    answered: Answered = await _answer(batcher, job)
    persisted = await journal.append(await _read(body, lambda: client_rows(job, answered, body, asked_by)))
    own = {"horizon_days": served.dataset.organisation.client_horizon_days, "value_days": int(YEAR.days)}
    results = _in_place(CLIENTS, read, answered, _BLANK_CLIENT)
    _count("clients", served, results)
    return _respond({**stamp(served, "clients"), **own, "as_of": answered.as_of, **kept(persisted), "results": results})


def kept(persisted: bool) -> dict[str, Any]:
    """Where the rows of the journal are, for an answer."""
    return {"persisted": persisted, "not_persisted": None if persisted else NOT_PERSISTED}


def moment(as_of: datetime | None) -> pd.Timestamp | None:
    """The as_of of a request, None for now."""
    return None if as_of is None else pd.Timestamp(as_of).tz_convert("UTC").as_unit("us")


def _in_place(
    kind: items.Kind[P], read: Sequence[items.Item[P]], answered: Answered, blank: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A result for each item, refused or answered, in the order of the request."""
    rows = iter(answered.rows)
    return [items.refused(kind, item) if item.posted is None else {**blank, "index": item.index, **next(rows)} for item in read]


def _kind_of_deals(served: Served) -> items.Kind[PostedDeal]:
    return items.Kind("deals", "deal_id", PostedDeal, company.own_ids, partial(company.complaints, served.dataset))


async def _read(body: bytes, read: Callable[[], T]) -> T:
    """Read items where they arrived, or in a thread where there are many."""
    return read() if len(body) <= QUICK_BYTES else await asyncio.to_thread(read)


def _count(target: str, served: Served, results: Sequence[Mapping[str, Any]]) -> None:
    outcomes = Counter(each["reason"] or "scored" for each in results)
    codes = [warning.get("code") or warning["name"] for each in results for warning in each.get("warnings", ())]
    metrics.scored(target, served.bundles[target].version, outcomes, codes)


async def _answer(batcher: Batcher, job: Any) -> Any:
    try:
        with traces.span("score", records=job.weight):
            return await batcher.answer(job)
    except OverloadedError as error:
        metrics.request_shed("busy")
        wait = {"Retry-After": str(error.retry_after)}
        raise ProblemError(
            503, "overloaded", "More records wait to be scored than can be in time; come again later.", wait
        ) from None


def _respond(content: dict[str, Any]) -> Response:
    """Values that were made here are written as they are; that they keep the schema is for tests to see, not for each answer."""
    return Response(to_json(content, inf_nan_mode="null"), media_type="application/json")
