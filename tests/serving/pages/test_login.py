"""Logging in and out at the page: what a browser sees, and what others cannot do in its name."""

from typing import Any, cast

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving import moments
from serving.access import audit_log, keys, sessions
from serving.access.attempts import BY_ADDRESS, Attempts
from serving.access.auth import Scope
from serving.access.cookies import own_path
from serving.access.tables import SESSIONS
from serving.database import Database
from tests.serving.conftest import HERE, KEY, key_for, log_in

SESSION = "dealcast_session"


@pytest.fixture
def secure(keyed: TestClient) -> TestClient:
    """The same app, reached by https."""
    return TestClient(keyed.app, base_url="https://sales.example", raise_server_exceptions=False)


def state(client: TestClient) -> Any:
    return cast("FastAPI", client.app).state


def database(client: TestClient) -> Database:
    found: Database = state(client).database
    return found


def reads(client: TestClient) -> bool:
    return client.get("/", follow_redirects=False).status_code == 200


def stored_sessions(client: TestClient) -> list[Any]:
    with database(client).transaction() as connection:
        return list(connection.execute(sa.select(SESSIONS)).mappings())


def make_old(client: TestClient, **columns: int) -> None:
    """As if the session had been begun, or last seen, some seconds ago."""
    with database(client).transaction() as connection:
        at = moments.now()
        connection.execute(sa.update(SESSIONS).values({name: at - ago * moments.SECOND for name, ago in columns.items()}))
    state(client).cookies.sessions._known.clear()


def test_a_person_logs_in_reads_and_logs_out(keyed: TestClient) -> None:
    assert not reads(keyed)
    answer = log_in(keyed)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    page = keyed.get("/")
    assert "DEALCAST_API_KEY" in page.text
    token = page.text.split('name="token" value="')[1].split('"')[0]
    assert keyed.post("/logout", data={"token": token}).url.path == "/login"
    assert not reads(keyed)


def test_a_login_leads_back_to_the_page_that_was_asked_for(keyed: TestClient) -> None:
    led = keyed.get("/scorecard?who=team:North", follow_redirects=False)
    assert led.headers["location"] == "/login?next=%2Fscorecard%3Fwho%3Dteam%3ANorth"
    assert log_in(keyed, next="/scorecard?who=team:North").headers["location"] == "/scorecard?who=team:North"


@pytest.mark.parametrize(
    "asked",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil",
        "javascript:alert(1)",
        "/a\nb",
        "/login",
        "",
        "/\tx",
    ],
)
def test_a_login_leads_nowhere_else(keyed: TestClient, asked: str) -> None:
    assert own_path(asked) == "/"
    assert log_in(keyed, next=asked).headers["location"] == "/"


def test_the_cookie_is_strict_and_holds_no_secret_of_the_database(keyed: TestClient) -> None:
    log_in(keyed)
    answer = log_in(keyed)
    cookie = next(each for each in answer.headers.get_list("set-cookie") if each.startswith(SESSION))
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=43200"))
    stored = stored_sessions(keyed)
    assert KEY not in cookie + str(stored)
    assert keyed.cookies[SESSION] not in str(stored)


def test_behind_https_the_cookie_belongs_to_this_host_alone(secure: TestClient) -> None:
    answer = log_in(secure)
    cookie = next(each for each in answer.headers.get_list("set-cookie") if SESSION in each)
    assert cookie.startswith(f"__Host-{SESSION}=")
    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert reads(secure)


def test_a_login_gives_another_session_id_and_ends_the_one_before(keyed: TestClient) -> None:
    log_in(keyed)
    first = keyed.cookies[SESSION]
    log_in(keyed)
    assert keyed.cookies[SESSION] != first
    assert len([row for row in stored_sessions(keyed) if row["session_hash"] == keys.digest(first)]) == 0


def test_a_cookie_from_elsewhere_is_not_taken_over(keyed: TestClient) -> None:
    keyed.cookies.set(SESSION, "a" * 43)
    assert not reads(keyed)
    log_in(keyed)
    assert keyed.cookies.jar is not None
    assert "a" * 43 not in str(stored_sessions(keyed))


@pytest.mark.parametrize("age", [{"expires_at": 1}, {"seen_at": sessions.IDLE_SECONDS + 1}])
def test_a_session_ends_after_its_time_and_when_idle(keyed: TestClient, age: dict[str, int]) -> None:
    log_in(keyed)
    assert reads(keyed)
    make_old(keyed, **age)
    assert not reads(keyed)


def test_that_a_session_is_in_use_keeps_it(keyed: TestClient) -> None:
    log_in(keyed)
    make_old(keyed, seen_at=sessions.IDLE_SECONDS - 100)
    assert reads(keyed)
    assert max(row["seen_at"] for row in stored_sessions(keyed)) > moments.now() - 60 * moments.SECOND


def test_a_session_ends_with_its_key(keyed: TestClient) -> None:
    key_id, token = key_for(keyed, Scope.READ)
    log_in(keyed, token)
    assert reads(keyed)
    keys.revoke(database(keyed), key_id, HERE)
    state(keyed).keys.forget()
    assert not reads(keyed)


def test_a_session_outlives_a_rotation_by_its_overlap_only(keyed: TestClient) -> None:
    key_id, token = key_for(keyed, Scope.READ)
    log_in(keyed, token)
    keys.rotate(database(keyed), key_id, moments.now() + moments.DAY, HERE)
    state(keyed).keys.forget()
    assert reads(keyed)
    keys.rotate(database(keyed), key_id, moments.now() + moments.DAY, HERE)
    state(keyed).keys.forget()
    assert not reads(keyed)


def test_a_key_that_may_not_read_opens_no_page(keyed: TestClient) -> None:
    _, token = key_for(keyed, Scope.SCORE)
    assert log_in(keyed, token).status_code == 403
    assert not reads(keyed)


@pytest.mark.parametrize("key", ["", "wrong", "dc_aaaaaaaaaa_" + "x" * 43, "\x00", "ключ"])
def test_a_wrong_key_is_refused_in_the_form(keyed: TestClient, key: str) -> None:
    answer = log_in(keyed, key)
    assert (answer.status_code, 'role="alert"' in answer.text) == (401, True)
    assert SESSION not in str(answer.headers.get_list("set-cookie"))


@pytest.mark.parametrize("body", [b"", b"key=", b"\xff\xfe", b"&".join([b"a=1"] * 50), b"key=" + KEY.encode(), b"a" * 10_000])
def test_a_form_that_was_not_made_here_logs_nobody_in(keyed: TestClient, body: bytes) -> None:
    keyed.get("/login")
    answer = keyed.post("/login", content=body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 403
    assert not reads(keyed)


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}, {"origin": "null"}],
)
def test_a_form_sent_from_elsewhere_changes_nothing(keyed: TestClient, headers: dict[str, str]) -> None:
    log_in(keyed)
    token = sessions.form_token(keyed.cookies[SESSION])
    assert keyed.post("/logout", data={"token": token}, headers=headers).status_code == 403
    assert reads(keyed)


@pytest.mark.parametrize(
    "token", ["", "form", sessions.form_token("another session, long enough to be one")], ids=["none", "unsigned", "of another"]
)
def test_a_logout_without_the_sessions_own_token_changes_nothing(keyed: TestClient, token: str) -> None:
    log_in(keyed)
    answer = keyed.post("/logout", data={"token": token})
    assert (answer.status_code, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert reads(keyed)


def test_who_fails_too_often_waits(keyed: TestClient) -> None:
    answers = [log_in(keyed, "wrong") for _ in range(BY_ADDRESS.amount + 1)]
    assert [answer.status_code for answer in answers] == [401] * BY_ADDRESS.amount + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 300
    assert log_in(keyed).status_code == 429


def test_addresses_of_one_network_count_together_and_others_apart() -> None:
    attempts = Attempts()
    for number in range(BY_ADDRESS.amount):
        attempts.failed(f"2001:db8:1:2::{number:x}")
    waits = [attempts.wait(address) > 0 for address in ("2001:db8:1:2:ffff::1", "2001:db8:1:3::1", "10.0.0.1", "not an address")]
    assert waits == [True, False, False, False]


def test_logins_and_failures_are_in_the_audit_log(keyed: TestClient) -> None:
    log_in(keyed, "wrong")
    key_id, token = key_for(keyed, Scope.READ)
    log_in(keyed, token)
    newest = audit_log.entries(database(keyed), 3)
    assert [(row.who, row.action) for row in newest] == [(key_id, "login"), ("test", "key.created"), ("nobody", "login.refused")]
    assert newest[0].address == "testclient"
    assert "wrong" not in str(newest)


def test_in_demo_mode_there_is_nothing_to_log_in_to(client: TestClient) -> None:
    assert client.get("/login", follow_redirects=False).headers["location"] == "/"
