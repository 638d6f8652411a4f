"""Hostile input on every route: a problem with the right status, nothing of the input in it, no 500, and no long wait.

The routes come from the OpenAPI document, so a new one is tried without being listed here.
"""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.testclient import TestClient

from features.dataset import Dataset
from serving.api import create_app
from serving.errors import Problem
from serving.registry.champions import cache_below
from serving.settings import Settings
from tests.serving.conftest import KEY
from tests.serving.stored import runtime_over, store_of

CANARY = "canary7f3a"
PLACES = {"deal_id": "D-1", "account_id": "A-1", "preset": "salesforce", "table": "deals"}
LONGEST_SECONDS = 5.0

BODIES: list[tuple[str, bytes, set[int]]] = [
    ("NaN", b'{"deals": NaN, "x": "%s"}', {422}),
    ("Infinity", b'{"horizons": [Infinity], "x": "%s"}', {422}),
    ("1e999", b'{"horizons": [1e999], "x": "%s"}', {422}),
    ("lone surrogate", b'{"period": "\\ud800 %s"}', {422}),
    ("surrogate in a name", b'{"\\ud800 %s": 1}', {422}),
    ("NUL", b'{"period": "\\u0000 %s", "%s": 1}', {422}),
    ("deep nesting", b"[" * 60_000, {400}),
    ("deep objects", b'{"a":' * 10_000, {400}),
    ("a number of 5000 digits", b'{"value": ' + b"9" * 5000 + b"}", {400, 422}),
    ("bad UTF-8", b'{"period": "\xff\xfe %s"}', {400}),
    ("UTF-16", '{"period": "%s"}'.encode("utf-16"), {400}),
    ("a BOM alone", b"\xef\xbb\xbf", {400}),
    ("nothing", b"", {400, 422}),
    ("null", b"null", {422}),
    ("a text", b'"%s"', {422}),
    ("a list", b'["%s"]', {422}),
    ("a name twice", b'{"%s": 1, "%s": 2}', {422}),
    ("cut off", b'{"period": "%s', {400}),
    ("20 MB", b'{"period": "' + b"x" * 20_000_000 + b'"}', {413}),
    ("year 1", b'{"as_of": "0001-01-01T00:00:00+14:00", "day": "0001-01-01", "x": "%s"}', {422}),
    ("year 9999", b'{"as_of": "9999-12-31T23:59:59-14:00", "day": "9999-12-31", "x": "%s"}', {422}),
    ("a naive instant", b'{"as_of": "2026-10-01T00:00:00", "x": "%s"}', {422}),
]
IDS = [
    *("%00", "%0d%0a", "..%2f..%2fetc%2fpasswd", "a%2fb", "a//b", "%ff%fe", "%ed%a0%80", "%25", "%3Cscript%3E", "'%20or%201=1--"),
    *("\u00e9", "e\u0301", "\u202e", "\u05d0", "\U00010348", "\U0001f600", "\U000e0001", "\U0010ffff", "\ufffe", "\u200d" * 50),
    *("x" * 201, "x" * 60_000, " ", "+", ";", "{}", "[]", "\\", "~", "con", "-1", "NaN", "null", "undefined"),
]
QUERIES = [
    *("limit=0", "limit=1e3", "limit=NaN", "limit=99999999999999999999", "limit=-1", "limit=", "limit=1&limit=2"),
    *("cursor=%00", "cursor=x", "cursor=WyJ2YWx1ZSJd", "as_of=0001-01-01", "as_of=9999-12-31", "as_of=NaN"),
    *("as_of=2026-10-01T00:00:00%2B99:00", "period=0000Q1", "period=9999Q4", "period=2026Q9", "period=..", "to=1&from=2"),
    *("period=" + "9" * 300, "from=0001-01-01", "from=9999-12-31", "from=10000-01-01", "search=%00", "search=%ed%a0%80"),
    *("search=" + "x" * 300, "value_min=1e999", "value_min=nan", "value_min=inf", "p_won_min=2", "horizons=0"),
    *("horizons=1e999", "horizons=nan", "horizons=" + "9" * 5000, "sort=__class__", "parts=curve&parts=" + CANARY),
    *("owner_id=%00", "deal_id=" + "x" * 201, "&".join(f"deal_id={n}" for n in range(2000)), "overdue=yes"),
    *("expected_close_from=0001-01-01", "expected_close_to=9999-12-31", "expected_close_from=1700000000"),
    *("language=xx", "kpi=" + CANARY, "by=" + CANARY, "format=" + CANARY, "scope_id=" + CANARY),
]
FOR_ALL = ["=", "&&&", "%ff=%ff", f"{CANARY}=1", "a" * 60_000, "a=1&" * 5000]
TYPES = [
    *("text/plain", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded", ""),
    "application/json; charset=utf-16",
]


def routes(client: TestClient, *methods: str) -> list[tuple[str, str]]:
    paths: dict[str, Any] = client.get("/openapi.json").json()["paths"]
    return [(method, path) for path, found in paths.items() for method in found if method in methods]


def filled(path: str, **places: str) -> str:
    for name in path.split("{")[1:]:
        name = name.split("}")[0]
        path = path.replace("{" + name + "}", places.get(name, PLACES.get(name, "x")))
    return path


def declared(client: TestClient, method: str, path: str) -> set[str]:
    """The statuses that the contract names for an operation."""
    return set(client.get("/openapi.json").json()["paths"][path][method]["responses"])


def check(answer: Any, begun: float, where: str, known: set[str]) -> None:
    """An error is a problem that repeats nothing, with a status that the contract names; whatever it is, it came soon."""
    assert time.monotonic() - begun < LONGEST_SECONDS, where
    assert answer.status_code != 500, where
    assert str(answer.status_code) in known, f"{where}: {answer.status_code} is not declared"
    if answer.status_code >= 400:
        found = Problem.model_validate(answer.json())
        assert answer.headers["content-type"] == "application/problem+json", where
        assert (found.status, bool(found.code)) == (answer.status_code, True), where
        assert CANARY not in answer.text, where
        assert len(answer.content) < 20_000, where


@pytest.fixture(scope="module")
def admin(company: Dataset, trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A caller who may do everything, of an app as in production."""
    home = tmp_path_factory.mktemp("hostile")
    shutil.copytree(cache_below(trained_home), cache_below(home))
    settings = Settings(home=home, api_key=KEY, rate_limit=0)
    held = runtime_over(store_of(company, settings.store_url), home)
    held.refresh()
    app = create_app(held, settings, watching=False)
    with TestClient(app, headers={"X-API-Key": KEY}, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def posting(admin: TestClient) -> list[tuple[str, str]]:
    return routes(admin, "post", "put", "patch")


@pytest.mark.parametrize(("body", "statuses"), [each[1:] for each in BODIES], ids=[each[0] for each in BODIES])
def test_a_hostile_body(admin: TestClient, posting: list[tuple[str, str]], body: bytes, statuses: set[int]) -> None:
    for method, path in posting:
        begun = time.monotonic()
        answer = admin.request(
            method, filled(path), content=body.replace(b"%s", CANARY.encode()), headers={"content-type": "application/json"}
        )
        check(answer, begun, f"{method} {path}", declared(admin, method, path))
        assert answer.status_code in statuses, f"{method} {path}: {answer.text[:300]}"


@pytest.mark.parametrize("kind", TYPES)
def test_a_body_of_another_kind(admin: TestClient, posting: list[tuple[str, str]], kind: str) -> None:
    for method, path in posting:
        begun = time.monotonic()
        answer = admin.request(method, filled(path), content=json.dumps({CANARY: 1}), headers={"content-type": kind})
        check(answer, begun, f"{method} {path}", declared(admin, method, path))
        assert answer.status_code in {400, 415, 422}, f"{method} {path}: {answer.text[:300]}"


def test_a_body_in_parts_without_length(admin: TestClient, posting: list[tuple[str, str]]) -> None:
    for method, path in posting:
        begun = time.monotonic()
        answer = admin.request(method, filled(path), content=(b"x" * 1_000_000 for _ in range(20)))
        check(answer, begun, f"{method} {path}", declared(admin, method, path))
        assert answer.status_code == 413


@pytest.mark.parametrize("key", IDS, ids=lambda key: ascii(key[:20]))
def test_a_strange_id_is_not_found_or_refused(admin: TestClient, key: str) -> None:
    for _, path in routes(admin, "get"):
        if "{" in path and len(path) > 1:
            name = path.split("{")[1].split("}")[0]
            begun = time.monotonic()
            answer = admin.get(filled(path, **{name: key}))
            elsewhere = {"404"} if "/" in unquote(key) else set()  # a slash makes it another address, which may be nobody's
            check(answer, begun, f"{path} {key[:20]!a}", declared(admin, "get", path) | elsewhere)
            assert answer.status_code in {200, 404, 422}
            assert answer.status_code != 200 or not name.endswith("_id")


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: ascii(query[:30]))
def test_a_strange_address_of_the_routes_that_know_the_parameter(admin: TestClient, query: str) -> None:
    name = query.split("=")[0]
    paths: dict[str, Any] = admin.get("/openapi.json").json()["paths"]
    found = [
        path for path, each in paths.items() if name in {known["name"] for known in each.get("get", {}).get("parameters", [])}
    ]
    assert found
    for path in found:
        begun = time.monotonic()
        check(admin.get(f"{filled(path)}?{query}"), begun, f"{path}?{query[:60]}", declared(admin, "get", path))


@pytest.mark.parametrize("query", FOR_ALL, ids=lambda query: ascii(query[:30]))
def test_a_strange_address_of_every_route(admin: TestClient, query: str) -> None:
    for _, path in routes(admin, "get"):
        begun = time.monotonic()
        check(admin.get(f"{filled(path)}?{query}"), begun, f"{path}?{query[:60]}", declared(admin, "get", path))


@pytest.mark.parametrize("name", ["é", "e\u0301"])
def test_both_forms_of_a_text_are_one(admin: TestClient, name: str) -> None:
    answers = [admin.get("/v1/deals", params={"stage": each}).content for each in (name, "é")]
    assert answers[0] == answers[1]
