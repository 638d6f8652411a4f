"""Errors that a person sees are pages in their language; programs keep problem documents."""

from typing import Any, cast

import pytest
from starlette.testclient import TestClient

from features.errors import NotReadyError
from serving.api import create_app
from serving.language import texts
from serving.pages import error_pages
from serving.served.runtime import Runtime
from serving.settings import Settings
from tests.serving.conftest import KEY, log_in

SITE = "http://sales.example"
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "accept-language": "ru"}


def is_page(answer: Any, status: int) -> bool:
    """Whether this is the page of a status, in Russian."""
    key = f"error.{status}"
    return (
        answer.status_code == status
        and answer.headers["content-type"] == "text/html; charset=utf-8"
        and answer.headers["content-language"] == "ru"
        and f"<h1>{texts()[key]['ru']}</h1>" in answer.text
        and "content-security-policy" in answer.headers
        and "x-request-id" in answer.headers
    )


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/nothing/here", {}, 404),
        ("GET", "/static/none.css", {}, 404),
        ("GET", "/calls", {}, 405),
        ("PUT", "/forecast", {}, 405),
        ("POST", "/calls", {"content": b"x" * 100_000}, 413),
        ("GET", "/", {"headers": {"host": "sales.example"}}, 421),
    ],
)
def test_an_error_is_a_page_in_the_readers_language(
    client: TestClient, method: str, path: str, sent: dict[str, Any], status: int
) -> None:
    answer = client.request(method, path, **sent | {"headers": BROWSER | sent.get("headers", {})})
    assert is_page(answer, status), answer.text
    assert ("allow" in answer.headers) == (status == 405)


def test_programs_keep_their_problems(client: TestClient) -> None:
    answers = [client.get("/v1/deals/none", headers=BROWSER), client.get("/nothing", headers={"accept": "application/json"})]
    assert [(each.status_code, each.headers["content-type"]) for each in answers] == [(404, "application/problem+json")] * 2


def test_who_asks_too_fast_gets_a_page_that_says_so(runtime: Runtime, trained_home: Any) -> None:
    settings = Settings(home=trained_home, api_key=KEY, rate_limit=0.1, rate_burst=1)
    with TestClient(create_app(runtime, settings, watching=False), base_url=SITE) as opened:
        opened.get("/login")
        opened.cookies.clear()  # by which callers are told apart
        answer = opened.get("/login", headers=BROWSER)
    assert is_page(answer, 429)
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers.get_list("content-length") == [str(len(answer.content))]


def test_a_failure_is_a_page_without_its_cause(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("the secret cause")

    monkeypatch.setattr("serving.pages.forecast.scale_of", fail)
    answer = client.get("/forecast", headers=BROWSER)
    assert is_page(answer, 500)
    assert "secret" not in answer.text


def test_a_database_that_is_down_is_a_page_to_who_is_logged_in(keyed: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(keyed)

    async def down(*_: Any) -> None:
        raise NotReadyError("the database does not answer")

    monkeypatch.setattr(type(cast("Any", keyed.app).state.cookies), "session", down)
    answer = keyed.get("/", headers=BROWSER)
    assert is_page(answer, 503)
    assert answer.headers["retry-after"] == "5"


def test_a_form_from_elsewhere_is_refused_with_a_page(keyed: TestClient) -> None:
    log_in(keyed)
    assert is_page(keyed.post("/logout", data={"token": "made elsewhere"}, headers=BROWSER), 403)


@pytest.mark.parametrize(
    ("referer", "asked"),
    [
        (f"{SITE}/deals/D-1?horizon=30", "/login?next=%2Fdeals%2FD-1%3Fhorizon%3D30"),
        ("https://evil.example/deals", "/login"),
        ("", "/login"),
    ],
)
def test_a_form_of_a_session_that_ended_leads_back_to_its_page(keyed: TestClient, referer: str, asked: str) -> None:
    answer = keyed.post("/calls", headers={"referer": referer}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, asked)


def test_every_status_has_words() -> None:
    assert all(f"error.{error_pages._key(status)}_text" in texts() for status in range(400, 600))
