"""`/v1/calls`: what people expect, kept beside the model's answers, and how good it was."""

from typing import Annotated

import pandas as pd
from fastapi import APIRouter, Depends, Query, Request

from serving.access import auth
from serving.access.auth import Scope, caller_of, needs
from serving.calls import answers
from serving.calls.schemas import CallAnswer, CallRecords, CallRequest, CallsAnswer, CallsQuery
from serving.calls.store import Calls, standing
from serving.errors import declared
from serving.forecast.api import Known
from serving.served.current import Current, loaded_for
from serving.strict import StrictRoute


def get_calls(request: Request) -> Calls:
    """The calls that are kept, those on what the caller may see."""
    if caller_of(request).user_id is None:
        return Calls(request.app.state.database)
    seen = loaded_for(request)
    return Calls(request.app.state.database, lambda call: answers.is_seen(seen, call.scope, call.scope_id))


Kept = Annotated[Calls, Depends(get_calls)]

PROBLEMS = declared(401, 403, 421, 422, 500, 503)

router = APIRouter(
    prefix="/v1/calls", tags=["calls"], route_class=StrictRoute, dependencies=[needs(Scope.READ)], responses=PROBLEMS
)
making = APIRouter(
    prefix="/v1/calls",
    tags=["calls"],
    route_class=StrictRoute,
    dependencies=[needs(Scope.WRITE, whole=False)],
    responses=PROBLEMS,
)


@making.post("", operation_id="make_call", status_code=201, responses=declared(400, 404, 408, 413, 415))
def make_call(request: Request, served: Current, forecaster: Known, calls: Kept, asked: CallRequest) -> CallAnswer:
    """Say what you expect of a deal, or of the bookings of a node; kept beside the model's answer and never mixed into it."""
    call = answers.made(served, forecaster, asked, auth.author_of(request), pd.Timestamp.now(tz="UTC").as_unit("us"))
    return answers.answer(call).model_copy(update={"call_id": calls.add(call)})


@router.get("", operation_id="list_calls")
def list_calls(calls: Kept, query: Annotated[CallsQuery, Query()]) -> CallsAnswer:
    """The calls that stand, or all that were ever made."""
    found = calls.history(query.scope, query.scope_id, query.period)
    return CallsAnswer(items=[answers.answer(each) for each in (found if query.history else standing(found))])


@router.get("/record", operation_id="get_call_record")
def get_call_record(served: Current, calls: Kept) -> CallRecords:
    """How good people's calls were, beside the model's answers of the same moments."""
    return CallRecords(items=answers.record(served, calls))
