import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient

from features.dataset import Dataset
from serving.access.sight import Sight
from serving.api import create_app
from serving.database import Database
from serving.journal.committer import insert
from serving.journal.recorder import Recorder
from serving.journal.rows import ScoreRow
from serving.language import Tongue
from serving.pages.history_view import course
from serving.registry.champions import Champions
from serving.served.runtime import Runtime, build
from serving.served.state import Served
from serving.served.trend import JournaledPast
from serving.settings import Language, Settings
from tests.serving.conftest import MemorySource

DAYS = (0, 3, 7.5)


@pytest.fixture
def app(company: Dataset, trained_home: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A server that has been recording for a week."""
    database = Database.open(url)
    held = Runtime(MemorySource(company), Champions(trained_home), JournaledPast(database))
    held.refresh()
    recorder, begun = Recorder(database, 0.0, 730), held.served().as_of
    for days in DAYS:
        monkeypatch.setattr("features.clock.now", lambda _, days=days: begun + pd.Timedelta(days=days))
        held._held = build(company, 1, held.served().bundles, held.past)
        recorder.record(held.served())
    settings = Settings(home=trained_home, store_url=url, demo=True)
    with TestClient(create_app(held, settings, watching=False), base_url="http://127.0.0.1") as opened:
        yield opened
    database.close()


def served(app: TestClient) -> Served:
    found: Served = app.app.state.runtime.served()  # type: ignore[attr-defined]
    return found


def database(app: TestClient) -> Database:
    found: Database = app.app.state.database  # type: ignore[attr-defined]
    return found


def test_a_deal_s_history_has_the_newest_first(app: TestClient) -> None:
    listed = app.get("/v1/deals", params={"limit": 1}).json()["items"][0]
    found = app.get("/v1/history/deals", params={"deal_id": listed["deal_id"]}).json()
    assert [pd.Timestamp(row["as_of"]) for row in found["items"]] == [
        served(app).as_of - pd.Timedelta(days=DAYS[-1] - days) for days in reversed(DAYS)
    ]
    newest, oldest = found["items"][0], found["items"][-1]
    assert {name: newest[name] for name in ("p_won", "p_lost", "value", "expected_value")} == {
        name: listed[name] for name in ("p_won", "p_lost", "value", "expected_value")
    }
    assert listed["trend_change"] == pytest.approx(newest["p_won"] - oldest["p_won"])
    assert (newest["kind"], newest["model_version"], len(newest["signals_sha256"])) == ("pipeline", "1", 64)


def test_a_client_s_history(app: TestClient) -> None:
    listed = app.get("/v1/clients", params={"limit": 1}).json()["items"][0]
    found = app.get("/v1/history/clients", params={"account_id": listed["account_id"]}).json()
    assert found["items"][0]["p_leaves"] == listed["p_leaves"]
    assert listed["trend"] in {"up", "down", "steady"}


def test_the_pages_hold_every_row_once(app: TestClient) -> None:
    asked = {"deal_id": served(app).deals.ids[0], "limit": "1"}
    whole = app.get("/v1/history/deals", params={**asked, "limit": "1000"}).json()["items"]
    found, cursor = [], None
    while True:
        page = app.get("/v1/history/deals", params=asked | ({"cursor": cursor} if cursor else {})).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == whole


@pytest.mark.parametrize("cursor", ["x", "1", "9" * 20 + "_1", "1_2_3"])
def test_a_cursor_that_was_not_handed_out_harms_nothing(app: TestClient, cursor: str) -> None:
    answer = app.get("/v1/history/deals", params={"deal_id": served(app).deals.ids[0], "cursor": cursor})
    assert answer.status_code == (200 if cursor.startswith("9") else 422)


def test_what_was_never_scored_is_not_found(app: TestClient) -> None:
    answer = app.get("/v1/history/deals", params={"deal_id": "nobody's"})
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_deal")


def test_a_closed_deal_has_a_history_for_those_who_saw_its_owner_s_deals(app: TestClient) -> None:
    row = ScoreRow(
        kind="pipeline", target="deals", record_id="closed", as_of=1, revision=1, model_version="1", owner_id="U-1", p_won=0.5
    )
    with database(app).transaction() as connection:
        insert(connection, [row])
    statuses = {}
    whole = served(app)
    for owners in (None, frozenset({"U-1"}), frozenset({"U-2"})):
        sight = None if owners is None else Sight("U", owners, frozenset(), frozenset(), "U")
        seen = replace(whole, sight=sight, whole=None if sight is None else whole)
        app.app.state.runtime._held = seen  # type: ignore[attr-defined]
        statuses[owners] = app.get("/v1/history/deals", params={"deal_id": "closed"}).status_code
    assert list(statuses.values()) == [200, 200, 404]


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_page_of_a_deal_shows_its_course_and_trend(app: TestClient, language: str) -> None:
    page = app.get(f"/deals/{served(app).deals.ids[0]}", params={"lang": language}).text
    assert 'class="course"' in page
    assert {"en": "Earlier answers", "ru": "Прежние оценки"}[language] in page
    assert 'class="trend' in app.get("/").text


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_page_of_a_client_shows_its_course_and_trend(app: TestClient, language: Language) -> None:
    clients = served(app).clients
    assert clients is not None
    client = clients.row(0)
    page = app.get(f"/clients/{client['account_id']}", params={"lang": language}).text
    told = re.search(r'class="course".*?<p>(.*?)</p>', page, re.DOTALL)
    assert told, page
    assert told[1].endswith(f"{Tongue(language).percent(client['p_leaves'])}.")
    assert {"en": "Leaves within 90 days, day by day", "ru": "Уйдёт за 90 дней, по дням"}[language] in told[1]


def test_the_course_steps_from_row_to_row(app: TestClient) -> None:
    deal = served(app).deals.row(0)
    found = course(database(app), "deals", deal["deal_id"], served(app).as_of, deal["p_won"])
    assert found is not None
    assert found.last == deal["p_won"]
    assert pd.Timestamp(found.since) == served(app).as_of - pd.Timedelta(days=7)
    assert course(database(app), "deals", "nobody's", served(app).as_of, 0.5) is None
