"""People's calls: kept, asked for, taken back, and judged beside the model."""

import math
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from features.kpis import example
from features.snapshot import Snapshot
from serving.calls.record import judged
from serving.calls.store import Call, Calls, standing
from serving.database import Database
from tests.serving.cli.test_main import dealcast, home
from tests.serving.conftest import KEY, log_in

__all__ = ["home"]


def call(at: str = "2026-01-05", **changed: Any) -> Call:
    made_at = pd.Timestamp(f"{at}T12:00Z").as_unit("us")
    plain: dict[str, Any] = {"author": "ann", "scope": "owner", "scope_id": "ann", "period": "2026Q1", "measure": "commit"}
    return Call(made_at, **{**plain, "value": 6000.0, "model_value": 4500.0, **changed})


@pytest.fixture
def calls(url: str) -> Iterator[Calls]:
    database = Database.open(url)
    yield Calls(database)
    database.close()


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return Snapshot(example.dataset(), example.AS_OF)


def test_a_call_comes_back_as_it_was_made(calls: Calls) -> None:
    made = call(
        scope="deal", scope_id="D9", period=None, measure="close_on", value=None, day=date(2026, 5, 1), note="Signed – «да»"
    )
    made_id = calls.add(made)
    assert calls.history() == [Call(**{**vars(made), "call_id": made_id})]


def test_the_newest_call_of_a_subject_stands_until_it_is_taken_back(calls: Calls) -> None:
    for at, value in (("2026-01-05", 6000.0), ("2026-01-20", 5500.0)):
        calls.add(call(at, value=value))
    calls.add(call(scope_id="bob", value=1.0))
    assert sorted((each.scope_id, each.value) for each in standing(calls.history())) == [("ann", 5500.0), ("bob", 1.0)]
    calls.add(call("2026-02-01", value=None))
    assert [each.scope_id for each in standing(calls.history())] == ["bob"]
    assert len(calls.history("owner", "ann")) == 3


def test_a_commit_is_judged_against_what_came_beside_the_model(snapshot: Snapshot) -> None:
    (found,) = judged([call()], snapshot)  # ann won 5,000 in the first quarter
    assert (found.measure, found.third, found.n, found.reached) == ("commit", 1, 1, 0.0)
    assert (found.error, found.model_error, found.bias, found.model_bias) == pytest.approx((0.2, 0.1, 0.2, -0.1))
    assert found.gain == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("scope", "scope_id", "came"), [("company", "", 10000.0), ("team", "North", 5000.0), ("manager", "eva", 5000.0)]
)
def test_the_same_money_counts_as_in_the_kpis(snapshot: Snapshot, scope: str, scope_id: str, came: float) -> None:
    (found,) = judged([call(scope=scope, scope_id=scope_id, value=came, model_value=came / 2)], snapshot)
    assert (found.error, found.model_error, found.reached) == pytest.approx((0.0, 0.5, 1.0))


def test_of_one_author_the_last_call_in_each_third_counts(snapshot: Snapshot) -> None:
    made = [call("2026-01-05", value=9000.0), call("2026-01-20", value=5000.0), call("2026-03-30", value=5200.0)]
    first, last = judged(made, snapshot)
    assert [(each.third, each.n) for each in (first, last)] == [(1, 1), (3, 1)]
    assert [each.error for each in (first, last)] == pytest.approx([0.0, 0.04])


def test_probabilities_are_judged_by_their_squared_error(snapshot: Snapshot) -> None:
    on: dict[str, Any] = {"scope": "deal", "measure": "p_won"}
    made = [call(**on, scope_id="D1", value=0.9, model_value=0.6), call(**on, scope_id="D6", value=0.4, model_value=0.2)]
    (found,) = judged(made, snapshot)  # D1 was won, D6 lost
    assert (found.error, found.model_error) == pytest.approx(((0.01 + 0.16) / 2, (0.16 + 0.04) / 2))


def test_amounts_and_days_are_judged_once_the_deal_is_won(snapshot: Snapshot) -> None:
    on: dict[str, Any] = {"scope": "deal", "scope_id": "D1", "period": None}
    amount = call(**on, measure="amount", value=3300.0, model_value=2700.0)
    day = call(**on, measure="close_on", value=None, model_value=None, day=date(2026, 1, 15), model_day=date(2026, 1, 9))
    still_open = call(**{**on, "scope_id": "D9"}, measure="amount", value=1.0, model_value=1.0)
    found = judged([amount, day, still_open], snapshot)
    assert [(str(each.measure), each.n) for each in found] == [("amount", 1), ("close_on", 1)]
    assert [each.error for each in found] == pytest.approx([0.1, 4.0])
    assert [each.model_bias for each in found] == pytest.approx([-0.1, -2.0])


@pytest.mark.parametrize("unknown", [{"period": "2026Q2"}, {"scope_id": "nobody"}, {"model_value": None}, {"value": None}])
def test_what_cannot_be_judged_yet_counts_for_nothing(snapshot: Snapshot, unknown: dict[str, Any]) -> None:
    assert judged([call(**unknown)], snapshot) == []


@pytest.mark.parametrize("value", [5000.0, None])
def test_a_call_from_after_the_period_counts_for_nothing_and_takes_nothing_back(snapshot: Snapshot, value: float | None) -> None:
    (found,) = judged([call("2026-03-30"), call("2026-04-01", value=value)], snapshot)
    assert (found.third, found.n) == (3, 1)
    assert found.error == pytest.approx(0.2)


def test_few_subjects_have_no_interval_and_many_have_one(snapshot: Snapshot) -> None:
    on: dict[str, Any] = {"scope": "deal", "measure": "p_won", "value": 0.5, "model_value": 0.5}
    few, many = (judged([call(**on, scope_id=f"D{n}") for n in range(1, last)], snapshot)[0] for last in (4, 9))
    assert math.isnan(few.low)
    assert (many.low, many.high) == (0.0, 0.0)


def deal_of(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/v1/deals?limit=1").json()["items"][0]
    return found


def test_an_override_is_kept_beside_the_answer_and_changes_nothing(client: TestClient) -> None:
    deal = deal_of(client)
    body = {"scope": "deal", "scope_id": deal["deal_id"], "measure": "p_won", "value": 0.99, "note": "They said yes"}
    made = client.post("/v1/calls", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["model_value"] == pytest.approx(deal["p_won_this_quarter"], abs=1e-9)
    assert (made.json()["author"], made.json()["model_version"]) == ("demo", "1")
    assert deal_of(client) == deal
    stands = client.get(f"/v1/calls?scope=deal&scope_id={deal['deal_id']}").json()["items"]
    assert [each["call_id"] for each in stands] == [made.json()["call_id"]]


def test_a_commit_stands_beside_the_models_median(client: TestClient) -> None:
    line = client.get("/v1/forecast?by=team").json()["lines"][1]
    made = client.post("/v1/calls", json={"scope": "team", "scope_id": line["id"], "measure": "commit", "value": 1000.0}).json()
    assert made["model_value"] == pytest.approx(line["median"], abs=0.01)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"scope": "deal", "scope_id": "none", "measure": "p_won", "value": 0.5}, 404, "no open deal"),
        ({"scope": "team", "scope_id": "none", "measure": "commit", "value": 1.0}, 404, "no team"),
        ({"scope": "team", "scope_id": "North", "measure": "p_won", "value": 0.5}, 422, "commit"),
        ({"scope": "deal", "scope_id": "D", "measure": "commit", "value": 1.0}, 422, "p_won"),
        ({"scope": "deal", "scope_id": "D", "measure": "p_won", "value": 1.5}, 422, "probability"),
        ({"scope": "deal", "scope_id": "D", "measure": "close_on", "value": 1.0}, 422, "day"),
        ({"scope": "deal", "scope_id": "D", "measure": "amount", "value": 1.0, "period": "2026Q4"}, 422, "no period"),
        ({"scope": "company", "measure": "commit", "value": -1.0}, 422, "schema"),
        ({"scope": "company", "measure": "commit", "value": 1.0, "period": "soon"}, 422, "not a window"),
        ({"scope": "company", "measure": "commit", "value": 1.0, "period": "2025Q1"}, 422, "was over"),
        ({"scope": "deal", "scope_id": "D", "measure": "close_on", "day": "2025-01-01"}, 422, "a day to come"),
    ],
)
def test_a_call_that_means_nothing_is_refused(client: TestClient, body: dict[str, Any], status: int, said: str) -> None:
    answer = client.post("/v1/calls", json=body)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text


def test_calls_need_the_key(keyed: TestClient) -> None:
    assert keyed.get("/v1/calls").status_code == 401
    headers = {"X-API-Key": KEY}
    assert keyed.get("/v1/calls", headers=headers).status_code == 200
    assert keyed.get("/v1/calls/record", headers=headers).json() == {"items": []}


def test_the_pages_show_what_people_expect(client: TestClient) -> None:
    deal = deal_of(client)["deal_id"]
    client.post(
        "/v1/calls", json={"scope": "deal", "scope_id": deal, "measure": "amount", "value": 12345.0, "note": "<b>sure</b>"}
    )
    client.post("/v1/calls", json={"scope": "company", "measure": "commit", "value": 765432.0})
    page = client.get(f"/deals/{deal}?lang=ru").text
    assert "Что ожидают люди" in page
    assert "12\xa0345" in page
    assert "&lt;b&gt;sure" in page
    assert "765,432" in client.get("/forecast?lang=en").text


def test_the_command_line_lists_calls_and_their_record(home: Path) -> None:
    database = Database.open(f"sqlite:///{home / 'store.db'}")
    Calls(database).add(call("2024-01-05", author="=cmd", scope="company", scope_id="", period="2024Q1"))
    database.close()
    table = dealcast("calls", DEALCAST_HOME=str(home), COLUMNS="300").stdout
    assert "2024Q1" in table
    assert "nan" not in table
    assert "'=cmd" in dealcast("calls", "--format", "csv", DEALCAST_HOME=str(home)).stdout
    assert '"measure":"commit"' in dealcast("calls", "--record", "--format", "json", DEALCAST_HOME=str(home)).stdout.replace(
        " ", ""
    )


def test_a_form_on_a_deals_page_keeps_what_is_said_and_leads_back(client: TestClient) -> None:
    deal = deal_of(client)["deal_id"]
    said = {"scope": "deal", "scope_id": deal, "measure": "p_won", "percent": "37.5", "note": "", "next": f"/deals/{deal}"}
    answer = client.post("/calls", data=said, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/deals/{deal}#calls")
    newest = client.get(f"/v1/calls?scope=deal&scope_id={deal}&history=true").json()["items"][-1]
    assert (newest["value"], newest["note"]) == (0.375, None)
    assert 'action="/calls"' in client.get(f"/deals/{deal}").text


def test_a_form_for_a_node_of_the_forecast(client: TestClient) -> None:
    found = client.get("/v1/forecast?by=team").json()
    team = {"scope": f"team:{found['lines'][1]['id']}", "measure": "commit", "value": "54321"}
    said = {**team, "period": found["period"], "next": "/forecast?by=team"}
    assert client.post("/calls", data=said, follow_redirects=False).headers["location"] == "/forecast?by=team#calls"
    assert "54,321" in client.get("/forecast?by=team&lang=en").text


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"percent": "much"}, 422), ({"scope_id": "none"}, 422), ({"percent": "120"}, 422), ({"scope": "x"}, 422)],
)
def test_a_form_that_cannot_be_kept_says_so(client: TestClient, changed: dict[str, str], status: int) -> None:
    said = {"scope": "deal", "scope_id": deal_of(client)["deal_id"], "measure": "p_won", "percent": "50", **changed}
    answer = client.post("/calls", data=said, headers={"accept-language": "ru"})
    assert (answer.status_code, "Это не сохранено" in answer.text) == (status, True)


def test_a_form_from_elsewhere_changes_nothing(client: TestClient, keyed: TestClient) -> None:
    said = {"scope": "company", "measure": "commit", "value": "1"}
    assert client.post("/calls", data=said, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert keyed.post("/calls", data=said, follow_redirects=False).headers["location"].startswith("/login")
    log_in(keyed)
    assert keyed.post("/calls", data=said).status_code == 403
    token = keyed.get("/forecast").text.split('name="token" value="')[1].split('"')[0]
    assert keyed.post("/calls", data={**said, "token": token, "next": "/forecast"}, follow_redirects=False).status_code == 303
