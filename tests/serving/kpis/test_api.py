"""KPIs over HTTP, on the synthetic company: as the engine has them, by those who may, and problems for the rest."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from features.dataset import Dataset
from features.kpis import windows
from features.kpis.scorecard import all_kpis, scorecard
from features.snapshot import Snapshot
from tests.serving.conftest import KEY

PATHS = ("/v1/kpis", "/v1/funnel", "/v1/team", "/v1/goals")


@pytest.mark.parametrize("path", PATHS)
def test_who_has_no_key_gets_nothing(keyed: TestClient, path: str) -> None:
    refused = keyed.get(path)
    assert (refused.status_code, refused.json()["code"]) == (401, "key_required")
    assert keyed.get(path, headers={"X-API-Key": KEY}).status_code == 200


@pytest.mark.parametrize("path", ["/scorecard", "/scorecard.csv"])
def test_the_page_needs_a_session(keyed: TestClient, path: str) -> None:
    assert keyed.get(path, follow_redirects=False).status_code == 303


@pytest.mark.parametrize("path", PATHS)
def test_before_there_is_data_the_answer_says_so(empty: TestClient, path: str) -> None:
    answer = empty.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "no_data")


def test_the_values_are_those_of_the_engine(client: TestClient, company: Dataset) -> None:
    snapshot = Snapshot(company, company.ends_at)
    asked = windows.parse("2026Q3", company.organisation.calendar)
    card = scorecard(snapshot, all_kpis(snapshot), [asked], by="team", compare=["previous"])
    items = client.get("/v1/kpis", params={"period": "2026Q3", "by": "team", "compare": "previous"}).json()["values"]
    assert {item["kpi"] for item in items} == {kpi for kpi, _ in card.answers}
    for item in items:
        value = card.value(item["kpi"], node=item["node"]["id"])
        assert (item["value"], item["reason"], item["n"]) == (value.value, value.reason, value.n)
        assert item["against"] == value.against


def test_csv_is_a_file_of_the_same_values(client: TestClient) -> None:
    answer = client.get("/v1/kpis?period=2026Q3&format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    assert len(answer.text.splitlines()) == 1 + len(client.get("/v1/kpis?period=2026Q3").json()["values"])


HOSTILE: list[dict[str, Any]] = [
    {"by": "planet"},
    {"periods": 0},
    {"periods": 41},
    {"periods": "many"},
    {"kpi": "x" * 201},
    {"kpi": "\x00"},
    {"kpi": ["bookings"] * 101},
    {"compare": "yesterday"},
    {"as_of": "2190-01-01"},
    {"as_of": "now()"},
    {"period": "2026Q5"},
    {"period": "9999999"},
    {"period": "2026-01-01..2025-01-01"},
    {"period": "1900-01-01..2199-01-01"},
    {"period": "\ud83d".encode("utf-8", "surrogatepass")},
    {"where": "=cmd"},
    {"cost_lag_months": -1},
    {"lifetime_months": "nan"},
    {"lifetime_months": "1e308"},
    {"trailing_days": 10**9},
    {"language": "de"},
    {"format": "xlsx"},
    {"unknown": "1"},
]


@pytest.mark.parametrize("query", HOSTILE, ids=lambda query: f"{next(iter(query))}={str(next(iter(query.values())))[:24]!r}")
def test_a_hostile_question_is_a_clear_problem(client: TestClient, query: dict[str, Any]) -> None:
    answer = client.get("/v1/kpis", params=query)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert problem["errors"] or len(problem["detail"]) > 20


@pytest.mark.parametrize(
    "address",
    ["/v1/funnel?team=nobody", "/v1/team?team=nobody", "/v1/goals?scope=planet", "/v1/funnel?period=x", "/v1/team?as_of=x"],
)
def test_the_other_questions_are_refused_as_clearly(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
