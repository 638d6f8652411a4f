"""Records that a CRM keeps up to date by itself: put, deleted, merged. What is answered is stored.

The routes are plain functions, which the server runs in its thread pool: they wait for the database. After a write this worker
takes the new state up at once, and the others find it when they next look at the revision.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, TypeAlias

import pandas as pd
import sqlalchemy as sa
from fastapi import APIRouter, Depends, Header, Path, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError, WithJsonSchema
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response

from features.deletions import Deletion, DeletionReport
from features.errors import DataError, DataErrors
from features.store import Store
from features.tombstones import key_text
from features.upserts import UpsertReport
from serving.access import audit_log
from serving.access.audit_log import Event
from serving.access.auth import Scope, author_of, caller_of, needs
from serving.database import Database
from serving.errors import FieldError, ProblemError, declared, problem
from serving.posted.deals import Id
from serving.records.idempotency import REPLAYED, begin, fingerprint_of, key_of
from serving.records.rows import upsert_of
from serving.records.schemas import (
    REQUESTS,
    DeletableName,
    DeleteAnswer,
    DeleteRequest,
    MergeableName,
    MergeRequest,
    PutAnswer,
    TableName,
    request_body,
)
from serving.registry.last_good import LastGood
from serving.served.runtime import Runtime
from serving.strict import StrictRoute, read_json


class RecordKey(Convertor[str]):
    """A key in an address: any text, slashes included, but for the names of the operations on a table."""

    regex = "(?!(?:delete|merge)$).*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("record", RecordKey())

router = APIRouter(
    prefix="/v1/records",
    route_class=StrictRoute,
    dependencies=[needs(Scope.WRITE)],
    tags=["records"],
    responses=declared(400, 401, 403, 408, 409, 413, 415, 421, 422, 500, 503),
)


async def body_of(request: Request) -> bytes:
    """The body as it came. Raises ProblemError 415 for another type than JSON, which a foreign page could send unasked."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ProblemError(415, "unsupported_media_type", "Send the body as application/json.")
    return await request.body()


Body = Annotated[bytes, Depends(body_of)]
KeyText = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^[!#-\[\]-~]{1,255}$"})]
"""Declared, and read by `key_of`, which answers 400 to what is none."""
IdempotencyKey = Annotated[
    KeyText | None,
    Header(
        alias="Idempotency-Key",
        description="A text of your choice that names this request, for instance a UUID. Sent again with the same body within "
        "24 hours, the request is not done again: its first answer is given, with the header Idempotency-Replayed: true. With "
        "another body: 422. While the first is still being worked on: 409.",
    ),
]
CHANGES: Final = frozenset({"inserted", "changed", "revived", "deleted"})
Beside: TypeAlias = Callable[[sa.Connection, BaseModel], None]


def now() -> pd.Timestamp:
    """The moment of a write: what it brings is known from then on."""
    return pd.Timestamp.now(tz="UTC").as_unit("us")


def writable(request: Request) -> Store:
    """The store behind the runtime. Raises ProblemError 403 where the data comes from elsewhere, which no waiting changes."""
    source = runtime_of(request).source
    if isinstance(source, LastGood):
        return source.store()
    if not isinstance(source, Store):
        raise ProblemError(403, "read_only", "This server serves data that it cannot change.")
    return source


def runtime_of(request: Request) -> Runtime:
    held: Runtime = request.app.state.runtime
    return held


@router.put("/{table}", operation_id="put_records", response_model=PutAnswer, openapi_extra={"requestBody": request_body()})
def put_records(
    request: Request,
    table: Annotated[TableName, Path(description="The table of the contract whose rows the body holds.")],
    body: Body,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Insert or update rows of one table by its key: all of them, or none.

    A column that a row does not name keeps its stored value; null empties it. A changed tracked field of a deal is added to its
    history, at the time of the request; a column declared static keeps its first value. Rows that are as they were stored change
    nothing, so the same body may be sent again. Scores follow within a second.

    A new row is known from the request on, whatever it says of when it happened, unless it brings its own `recorded_at`. With
    `history` true, for a first load of what was on record elsewhere, it is known from when it happened.
    """
    sent, store = sent_in(table, body), writable(request)

    def work(beside: Beside) -> None:
        upsert = upsert_of(table, sent.rows, store.custom() if table == "deals" else (), history=sent.history)
        store.put(
            upsert, now(), lambda connection, report: beside(connection, PutAnswer.model_validate(report, from_attributes=True))
        )

    return once(request, idempotency_key, body, work)


@router.delete("/{table}/{key:record}", operation_id="delete_record", response_model=DeleteAnswer, responses=declared(404))
def delete_record(
    request: Request,
    table: Annotated[DeletableName, Path(description="The table of the record.")],
    key: Annotated[Id, Path(description="Its key: an id, or of a key of several columns a JSON list of their values.")],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Delete one record: a fact of this moment. What is asked as of an earlier one still has it.

    The addresses of the keys `delete` and `merge` are those of other operations: POST to the former deletes such records too.
    A row that is put again with this key is there again. 404 where no record has the key; one that is deleted already is counted.
    """

    def work(beside: Beside) -> None:
        def noted(connection: sa.Connection, report: DeletionReport) -> None:
            if report.unknown:
                raise ProblemError(404, "no_such_record", "No record of this table has this key.")
            beside(connection, _delete_answer(report))

        writable(request).delete(Deletion(table, (key,), author_of(request)), now(), noted)

    return once(request, idempotency_key, b"", work)


@router.post("/{table}/delete", operation_id="delete_records", response_model=DeleteAnswer)
def delete_records(
    request: Request,
    table: Annotated[DeletableName, Path(description="The table of the records.")],
    asked: DeleteRequest,
    body: Body,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Delete up to 5,000 records of one table. Keys that no record has are counted, and no error."""
    keys = tuple(key if isinstance(key, str) else key_text(key) for key in asked.keys)
    return once(request, idempotency_key, body, _deletion(request, Deletion(table, keys, author_of(request))))


@router.post("/{table}/merge", operation_id="merge_records", response_model=DeleteAnswer)
def merge_records(
    request: Request,
    table: Annotated[MergeableName, Path(description="accounts or deals.")],
    asked: MergeRequest,
    body: Body,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Merge one record into another, as CRMs do with duplicates: from now on what names the one names the other.

    The other keeps its own columns, and of deals its own history.
    """
    return once(
        request, idempotency_key, body, _deletion(request, Deletion(table, (asked.gone,), author_of(request), asked.into))
    )


def _deletion(request: Request, deletion: Deletion) -> Callable[[Beside], None]:
    store = writable(request)

    def work(beside: Beside) -> None:
        store.delete(deletion, now(), lambda connection, report: beside(connection, _delete_answer(report)))

    return work


def _delete_answer(report: DeletionReport) -> DeleteAnswer:
    return DeleteAnswer.model_validate(report, from_attributes=True)


def _put_answer(report: UpsertReport) -> PutAnswer:
    return PutAnswer.model_validate(report, from_attributes=True)


def once(request: Request, header: str | None, body: bytes, work: Callable[[Beside], None]) -> Response:
    """Do some work in one transaction with its answer, or give the answer that was given before.

    `work` hands its answer to a function that it calls in its own transaction. Raises ProblemErrors of what is wrong, 409 and 422
    of `serving.records.idempotency`.
    """
    database: Database = request.app.state.database
    claim = None
    if header is not None:
        fingerprint = fingerprint_of(request.method, request.url.path, body)
        found = begin(database, caller_of(request).key_id, key_of(header), fingerprint, now())
        if isinstance(found, str):
            return Response(found, media_type="application/json", headers={REPLAYED: "true"})
        claim = found
    answers: list[str] = []

    def beside(connection: sa.Connection, answer: BaseModel) -> None:
        answers.append(answer.model_dump_json())
        _note(connection, request, answer)
        if claim is not None:
            claim.finish(connection, answers[-1])

    try:
        with told_by_row():
            work(beside)
    except BaseException:
        if claim is not None:
            claim.give_back(database)
        raise
    runtime_of(request).wake()
    return Response(answers[-1], media_type="application/json")


def _note(connection: sa.Connection, request: Request, answer: BaseModel) -> None:
    """Who wrote how much goes into the audit log, in the transaction of the write; nothing does where nothing changed."""
    counts = {name: each for name, each in answer if name in CHANGES and each}
    if counts:
        counts |= {"history": True} if getattr(answer, "history", False) else {}
        action = "records.put" if isinstance(answer, PutAnswer) else "records.deleted"
        audit_log.append(connection, audit_log.asked_by(request), Event(action, str(request.path_params["table"]), counts))


def sent_in(table: str, body: bytes) -> Any:
    """The request in a body. Raises RequestValidationError with the places of what is wrong."""
    try:
        return REQUESTS[table].validate_python(read_json(body))
    except json.JSONDecodeError as error:
        raise RequestValidationError([{"type": "json_invalid", "loc": ("body", error.pos), "msg": error.msg}]) from None
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in found]) from None
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise ProblemError(400, "malformed_request", problem(400).detail) from None


@contextmanager
def told_by_row() -> Iterator[None]:
    """Turns what a contract says of rows into the one shape of errors, with a pointer to each of the first offending rows."""
    try:
        yield
    except DataErrors as error:
        raise _refused(error.errors) from None
    except DataError as error:
        raise _refused([error]) from None


def _refused(errors: Iterable[DataError]) -> ProblemError:
    detail = "The rows break a rule of the table; nothing was stored."
    return ProblemError(422, "invalid_data", detail, errors=[each for error in errors for each in _field_errors(error)])


def _field_errors(error: DataError) -> Iterator[FieldError]:
    columns = (error.column or "").split(", ")
    for place in [f"/body/rows/{row}" for row in error.positions] or ["/body"]:
        pointer = f"{place}/{columns[0]}" if columns[0] and error.positions else place
        yield FieldError(
            pointer=pointer, code="invalid_data", detail=f"{error.table}.{error.column}: {error.rule}; {error.advice}"
        )
