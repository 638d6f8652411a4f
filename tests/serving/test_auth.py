from typing import Any

import pytest
from starlette.testclient import TestClient

from serving.auth import COOKIE, session
from tests.serving.conftest import KEY

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
        {"Cookie": f"{COOKIE}={session(KEY)}"},
    ],
)
def test_data_needs_the_key(keyed: TestClient, path: str, headers: dict[str, Any]) -> None:
    answer = keyed.request("POST" if path == "/v1/score" else "GET", path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "key_required")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}])
def test_the_key_opens_the_data(keyed: TestClient, headers: dict[str, str]) -> None:
    assert keyed.get("/v1/deals", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/login", "/static/page.css"])
def test_probes_the_contract_and_the_login_need_no_key(keyed: TestClient, path: str) -> None:
    assert keyed.get(path).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_a_page_without_a_session_leads_to_the_login(keyed: TestClient, path: str) -> None:
    answer = keyed.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_a_person_logs_in_reads_and_logs_out(keyed: TestClient) -> None:
    page = keyed.post("/login", data={"key": KEY})
    assert (page.status_code, page.url.path) == (200, "/")
    assert keyed.post("/logout").url.path == "/login"
    assert keyed.get("/").url.path == "/login"


def test_the_session_cookie_is_strict_and_does_not_hold_the_key(keyed: TestClient) -> None:
    cookie = keyed.post("/login", data={"key": KEY}, follow_redirects=False).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert KEY not in cookie


@pytest.mark.parametrize("body", [b"", b"key=", b"key=wrong", b"\xff\xfe", b"key=%00", b"&".join([b"a=1"] * 50)])
def test_a_wrong_key_is_refused_in_the_form(keyed: TestClient, body: bytes) -> None:
    page = keyed.post("/login", content=body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert page.status_code == 401
    assert "set-cookie" not in page.headers
    assert 'role="alert"' in page.text


def test_a_cookie_of_another_key_is_worthless(keyed: TestClient) -> None:
    keyed.cookies.set(COOKIE, session("another key"))
    assert keyed.get("/").url.path == "/login"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[::1", "localhost:80:80", ""])
def test_without_a_key_only_loopback_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/v1/deals", headers={"host": host}).status_code == 421
    assert client.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000"])
def test_loopback_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/v1/deals", headers={"host": host}).status_code == 200
