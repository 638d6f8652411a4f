import time
from itertools import product
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.testclient import TestClient

from serving import moments
from serving.access import keys
from serving.access.auth import Needs, NeedsLogin, Scope, guarded
from tests.serving.conftest import HERE, KEY, key_for, log_in, showing
from tests.serving.routes import address, others, routes

DATA = ["/v1/deals", "/v1/deals/D-1", "/v1/clients", "/v1/score"]
PAGES = ["/", "/clients", "/deals/D-1"]


@pytest.mark.parametrize("path", DATA)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer"},
        {"X-API-Key": ""},
        {"X-API-Key": "ключ".encode()},
    ],
)
def test_data_needs_a_key(keyed: TestClient, path: str, headers: dict[str, Any]) -> None:
    answer = keyed.request("POST" if path == "/v1/score" else "GET", path, headers=headers)
    shown = any(value for name, value in headers.items() if name != "Authorization" or value.startswith("Bearer "))
    assert (answer.status_code, answer.json()["code"]) == (401, "key_invalid" if shown else "key_required")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_session_of_the_page_is_no_key(keyed: TestClient) -> None:
    log_in(keyed)
    assert keyed.get("/").status_code == 200
    assert keyed.get("/v1/deals").status_code == 401


def test_every_route_says_which_scope_it_needs(keyed: TestClient) -> None:
    silent = [route.path for route, need in routes(keyed.app) if not isinstance(need, Needs)]  # type: ignore[arg-type]
    assert silent == []
    assert others(keyed.app) == ["/static"]  # type: ignore[arg-type]


def test_a_route_that_says_nothing_is_not_served() -> None:
    router = APIRouter()
    router.add_api_route("/v1/leak", lambda: "everything")
    with pytest.raises(TypeError, match="/v1/leak"):
        guarded(router)


KEYS = ("none", "wrong", "expired", "revoked", *Scope)


def tokens(client: TestClient) -> dict[str, str]:
    """A key of each kind."""
    made = {str(scope): key_for(client, scope)[1] for scope in Scope}
    soon = moments.now() + moments.SECOND // 2
    made["expired"] = key_for(client, *Scope, expires_at=soon)[1]
    revoked, made["revoked"] = key_for(client, *Scope)
    keys.revoke(client.app.state.database, revoked, HERE)  # type: ignore[attr-defined]
    client.app.state.keys.forget()  # type: ignore[attr-defined]
    while not moments.has_come(soon, moments.now()):
        time.sleep(0.05)
    return {**made, "none": "", "wrong": made["read"][:-1] + ("x" if made["read"][-1] != "x" else "y")}


CODES = {"none": "key_required", "wrong": "key_invalid", "expired": "key_expired", "revoked": "key_revoked"}


def expected(need: Needs, kind: str) -> str | None:
    """The code that a route answers a kind of key with, None: it lets it in."""
    if need.scope is None:
        return None
    if isinstance(need, NeedsLogin):
        return "login"
    return CODES.get(kind, None if kind == need.scope else "scope_missing")


def test_every_route_answers_every_kind_of_key_as_it_declares(keyed: TestClient) -> None:
    shown = tokens(keyed)
    asked = 0
    for route, need in routes(keyed.app):  # type: ignore[arg-type]
        for method, kind in product(route.methods or (), KEYS):
            headers = showing(shown[kind]) if shown[kind] else {}
            answer = keyed.request(method, address(route), headers=headers, follow_redirects=False)
            wanted = expected(need or Needs(None), kind)
            asked += 1
            if wanted == "login":
                assert answer.headers["location"].startswith("/login"), (route.path, kind)
            elif wanted is not None:
                status = 403 if wanted == "scope_missing" else 401
                assert (answer.status_code, answer.json()["code"]) == (status, wanted), (method, route.path, kind)
            else:
                assert answer.status_code not in (401, 403) or "/login" in route.path or "/logout" in route.path
    assert asked > 100


def test_a_body_without_a_key_is_not_read(keyed: TestClient) -> None:
    answer = keyed.post("/v1/score", content=b"{" * 3_000_000)
    assert (answer.status_code, answer.headers["connection"]) == (401, "close")


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}])
def test_the_key_opens_the_data(keyed: TestClient, headers: dict[str, str]) -> None:
    assert keyed.get("/v1/deals", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/login", "/static/page.css"])
def test_probes_the_contract_and_the_login_need_no_key(keyed: TestClient, path: str) -> None:
    assert keyed.get(path).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_a_page_without_a_session_leads_to_the_login(keyed: TestClient, path: str) -> None:
    answer = keyed.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[::1", "localhost:80:80", ""])
def test_without_a_key_only_loopback_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/v1/deals", headers={"host": host}).status_code == 421
    assert client.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000"])
def test_loopback_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/v1/deals", headers={"host": host}).status_code == 200
