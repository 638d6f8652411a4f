"""One shape for every error, nothing of the request in it, and no input that ends in a 500."""

import json
from typing import Any

import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from serving import errors, schemas
from serving.errors import Problem, field_errors, problem
from serving.operations.limits import LARGEST_BODY, LARGEST_RECORDS
from serving.served.runtime import Runtime
from tests.serving.conftest import KEY
from tests.serving.posted.test_posted import DEAL

CANARY = "canary-7f3a"
BODY = json.dumps({"deals": [DEAL]})


def check_problem(answer: Any, *statuses: int) -> Problem:
    assert answer.status_code in statuses
    assert answer.headers["content-type"] == "application/problem+json"
    found = Problem.model_validate(answer.json())
    assert found.status == answer.status_code
    assert CANARY not in answer.text
    return found


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", f"/v1/{CANARY}", 404, "not_found"),
        ("GET", f"/v1/deals/{CANARY}", 404, "no_such_deal"),
        ("GET", f"/openapi/{CANARY}", 404, "not_found"),
        ("DELETE", "/v1/deals", 405, "method_not_allowed"),
        ("GET", f"/v1/deals?limit={CANARY}", 422, "invalid_request"),
        ("GET", f"/v1/deals?{CANARY}=1", 422, "invalid_request"),
        ("GET", f"/v1/deals?cursor={CANARY}", 422, "unusable_request"),
        ("GET", "/v1/deals?stage=a%00b", 422, "invalid_request"),
        ("GET", "/v1/deals/a%00b", 422, "invalid_request"),
        ("GET", "/v1/deals?limit=201", 422, "invalid_request"),
    ],
)
def test_refusals_have_one_shape(client: TestClient, method: str, path: str, status: int, code: str) -> None:
    assert check_problem(client.request(method, path), status).code == code


HOSTILE = {
    "empty": b"",
    "not json": CANARY.encode(),
    "cut off": BODY[:-3].encode(),
    "not utf-8": b'{"deals": "\xff\xfe"}',
    "utf-16": BODY.encode("utf-16"),
    "nan": BODY.replace("42000", "NaN").encode(),
    "infinity": BODY.replace("42000", "-Infinity").encode(),
    "integer of 5000 digits": BODY.replace("42000", "9" * 5000).encode(),
    "key twice": BODY.replace('"stage"', '"stage": "x", "stage"').encode(),
    "deep nesting": b"[" * 100_000,
    "a list": b"[]",
    "a text": f'"{CANARY}"'.encode(),
    "no deals": b'{"deals": []}',
    "deals that are no list": f'{{"deals": "{CANARY}"}}'.encode(),
    "unknown field beside the deals": BODY.replace('"deals"', f'"{CANARY}": 1, "deals"').encode(),
    "too many": json.dumps({"deals": [{**DEAL, "deal_id": str(n)} for n in range(1001)]}).encode(),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bodies_are_refused_and_never_echoed(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/score", content=body, headers={"content-type": "application/json"})
    found = check_problem(answer, 400, 422)
    assert len(answer.content) < 10_000
    assert len(found.errors) <= 20


HOSTILE_ITEMS = {
    "1e999": BODY.replace("42000", "1e999").encode(),
    "huge integer": BODY.replace("42000", "9" * 400).encode(),
    "lone surrogate": BODY.replace("Proposal", "\\ud800").encode(),
    "lone surrogate as a key": BODY.replace('"stage"', '"\\ud800"').encode(),
    "lone surrogate as a custom column": BODY.replace('"stage"', '"custom": {"\\ud800": 1}, "stage"').encode(),
    "nul": BODY.replace("Proposal", "a\\u0000b").encode(),
    "nul in the id": BODY.replace("D-1", "\\u0000").encode(),
    "deep but closed": b'{"deals":' + b"[" * 500 + b"]" * 500 + b"}",
    "no object": b'{"deals": [17]}',
    "unknown field": BODY.replace('"stage"', f'"{CANARY}": 1, "stage"').encode(),
    "text for a number": BODY.replace("42000", f'"{CANARY}"').encode(),
    "unknown currency": BODY.replace('"stage"', '"currency": "XXQ", "stage"').encode(),
    "undeclared column": BODY.replace('"stage"', f'"custom": {{"{CANARY}": 1}}, "stage"').encode(),
    "blank stage": BODY.replace("Proposal", " ").encode(),
}


@pytest.mark.parametrize("body", HOSTILE_ITEMS.values(), ids=HOSTILE_ITEMS)
def test_a_hostile_deal_gets_its_errors_and_is_not_echoed(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/score", content=body, headers={"content-type": "application/json"})
    (result,) = answer.json()["results"]
    assert (answer.status_code, result["reason"], result["index"]) == (200, "invalid", 0)
    assert result["deal_id"] in ("D-1", None)
    assert 0 < len(result["errors"]) <= 20
    assert CANARY not in answer.text
    assert len(answer.content) < 10_000


def test_text_that_is_merely_unusual_is_no_error(client: TestClient) -> None:
    deal = {**DEAL, "name": "😀 \u202e שלום é e\u0301", "stage": "Предложение"}
    assert client.post("/v1/score", json={"deals": deal}).status_code == 200
    bom = b"\xef\xbb\xbf" + BODY.encode()
    assert client.post("/v1/score", content=bom, headers={"content-type": "application/json"}).status_code == 200


def test_a_body_beyond_what_its_address_takes_is_refused(client: TestClient) -> None:
    check_problem(client.post("/v1/score", content=b" " * (LARGEST_RECORDS + 1)), 413)
    check_problem(client.post("/v1/forecast/what-if", content=b" " * (LARGEST_BODY + 1)), 413)


def test_a_body_of_another_type_is_refused(client: TestClient) -> None:
    check_problem(client.post("/v1/score", content=BODY, headers={"content-type": "text/plain"}), 422)


def test_a_failure_inside_says_nothing_about_the_inside(
    client: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(runtime, "served", fail)
    assert check_problem(client.get("/v1/deals"), 500).code == "internal_error"


def test_a_pointer_leads_to_the_field_and_stops_before_names_that_the_sender_made_up() -> None:
    errors: list[dict[str, Any]] = [
        {"type": "float_type", "loc": ("body", "deals", 0, "amount"), "msg": "Input should be a valid number"},
        {"type": "extra_forbidden", "loc": ("body", "deals", 0, CANARY), "msg": "Extra inputs are not permitted"},
        {"type": "missing", "loc": ("query", "a/b~c"), "msg": "Field required"},
    ]
    assert [error.pointer for error in field_errors(errors)] == ["/body/deals/0/amount", "/body/deals/0", "/query/a~1b~0c"]


@pytest.mark.parametrize("status", [400, 404, 418, 429, 500, 503])
def test_every_status_has_words(status: int) -> None:
    found = problem(status)
    assert found.title
    assert found.detail


def test_every_429_and_503_says_when_to_come_again() -> None:
    waiting = {status: errors.respond(problem(status)).headers.get("retry-after") for status in (400, 403, 429, 500, 503)}
    assert waiting == {400: None, 403: None, 429: "1", 500: None, 503: "5"}
    assert errors.respond(problem(503), {"Retry-After": "7"}).headers.getlist("retry-after") == ["7"]


def test_whoever_asks_before_there_is_data_is_told_when_to_come_again(empty: TestClient) -> None:
    paths = [path for path, known in empty.get("/openapi.json").json()["paths"].items() if "get" in known and "{" not in path]
    refused = [answer for answer in map(empty.get, paths) if answer.status_code == 503]
    assert len(refused) >= 8
    assert {answer.headers["retry-after"] for answer in refused} == {"5"}


def free_names(model: type[BaseModel]) -> set[str]:
    """The fields of a model whose inner names a sender chooses."""
    return {name for name, info in model.model_fields.items() if "dict[" in str(info.annotation)}


def below(model: type[BaseModel]) -> set[type[BaseModel]]:
    return {model}.union(*(below(each) for each in model.__subclasses__()))


def test_every_field_with_free_names_is_known_to_the_errors() -> None:
    assert set().union(*(free_names(model) for model in below(schemas.Request))) <= errors.FREE_NAMES


def test_a_name_that_the_sender_made_up_is_not_repeated(client: TestClient) -> None:
    sent = {**DEAL, "custom": {"secret\u0001name": [1]}}
    answer = client.post("/v1/score", json={"deals": [sent]})
    assert "secret" not in answer.text


def test_an_address_says_all_the_methods_it_answers_to(keyed: TestClient) -> None:
    answer = keyed.put("/v1/calls", headers={"X-API-Key": KEY})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    "query", ["limit=1&limit=2", "limit=1&limit=2&sercet=1&sercet=2", "overdue=yes", "overdue=1", "overdue=True"]
)
def test_an_address_is_read_strictly(client: TestClient, query: str) -> None:
    answer = client.get(f"/v1/deals?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "sercet" not in answer.text


@pytest.mark.parametrize("query", ["period=it's it' is no", "as_of=it' has 'lies", "as_of=2026-10-01T09:00", "kpi=it's"])
def test_what_is_unusable_is_not_repeated_either(client: TestClient, query: str) -> None:
    answer = client.get(f"/v1/kpis?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "unusable_request")
    assert query.split("=")[1] not in answer.json()["detail"].replace("2026-04-01T09:00", "")


def test_a_filter_may_stand_several_times(client: TestClient) -> None:
    assert client.get("/v1/deals?stage=a&stage=b").status_code == 200
