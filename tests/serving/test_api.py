from typing import Any

import pytest
from starlette.testclient import TestClient

from serving.runtime import Runtime
from tests.serving.test_posted import ACTIVITY, CHANGE, DEAL

STAMP = {"model_version": "1", "as_of": "2026-10-01T00:00:00Z", "data_ends_at": "2026-10-01T00:00:00Z", "currency": "EUR"}


def all_pages(client: TestClient, path: str, limit: int, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(path, params={**query, "limit": limit, **({"cursor": cursor} if cursor else {})}).json()
        items, cursor = items + page["items"], page["next_cursor"]
    return items


def test_every_answer_is_stamped(client: TestClient) -> None:
    deal_id = client.get("/v1/deals?limit=1").json()["items"][0]["deal_id"]
    answers = [client.get(path).json() for path in ("/v1/deals", f"/v1/deals/{deal_id}", "/v1/clients", "/readyz")]
    answers.append(client.post("/v1/score", json={"deals": DEAL}).json())
    assert [{name: answer[name] for name in STAMP} for answer in answers] == [STAMP] * 5


def test_the_deals_are_ranked_and_paged_without_loss(client: TestClient, runtime: Runtime) -> None:
    items = all_pages(client, "/v1/deals", 7)
    assert [item["deal_id"] for item in items] == runtime.served().deals.ids.tolist()
    values = [item["expected_value"] for item in items if item["expected_value"] is not None]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("name", ["owner_id", "team", "stage"])
def test_a_filter_keeps_exactly_the_matching_deals(client: TestClient, name: str) -> None:
    items = all_pages(client, "/v1/deals", 200)
    wanted = items[0][name]
    found = client.get("/v1/deals", params={name: wanted, "limit": 200}).json()
    assert found["items"] == [item for item in items if item[name] == wanted]
    assert found["n_total"] == len(found["items"])


def test_a_deal_in_full_agrees_with_the_list(client: TestClient) -> None:
    item = client.get("/v1/deals?limit=1").json()["items"][0]
    answer = client.get(f"/v1/deals/{item['deal_id']}").json()
    assert answer["deal"] == item
    assert answer["curve"][-1]["p_won"] == pytest.approx(item["p_won"])
    assert all(sum(point[name] for name in ("p_won", "p_lost", "p_open")) == pytest.approx(1) for point in answer["curve"])


def adds_up(reasons: dict[str, Any]) -> bool:
    total = reasons["reference"]["p"] + sum(item["contribution"] for item in reasons["items"])
    return bool(abs(total - reasons["score"]) < 1e-6)


def test_a_deal_in_full_gives_reasons_for_what_it_is_ranked_by(client: TestClient) -> None:
    item = client.get("/v1/deals?limit=1").json()["items"][0]
    reasons = client.get(f"/v1/deals/{item['deal_id']}").json()["reasons"]
    assert reasons["score"] == pytest.approx(item["p_won_this_quarter"])
    assert adds_up(reasons)
    assert any(signal["en"] and signal["ru"] for each in reasons["items"] for signal in each["signals"])


def test_the_horizon_of_the_reasons_can_be_asked_for(client: TestClient) -> None:
    deal_id = client.get("/v1/deals?limit=1").json()["items"][0]["deal_id"]
    answer = client.get(f"/v1/deals/{deal_id}", params={"horizon_days": 30}).json()
    at = {point["day"]: point["p_won"] for point in answer["curve"]}
    assert answer["reasons"]["days"] == 30
    assert answer["reasons"]["score"] == pytest.approx(at[30])
    assert client.get(f"/v1/deals/{deal_id}", params={"horizon_days": 0}).status_code == 422


def test_a_deal_in_full_names_similar_deals_and_warnings(client: TestClient, runtime: Runtime) -> None:
    ids = runtime.served().deals.ids[:5].tolist()
    answers = [client.get(f"/v1/deals/{deal_id}").json() for deal_id in ids]
    assert all(0 < len(answer["similar"]) <= 5 for answer in answers)
    assert {past["outcome"] for answer in answers for past in answer["similar"]} <= {"won", "lost"}
    assert any(answer["warnings"] for answer in answers)


def test_clients_give_reasons_where_they_are_asked_for(client: TestClient) -> None:
    answers = [client.get("/v1/clients", params={"limit": 5, "reasons": asked}).json() for asked in (False, True)]
    plain, explained = (answer["items"] for answer in answers)
    assert [item["reasons"] for item in plain] == [None] * 5
    assert all(adds_up(item["reasons"]) for item in explained)
    assert [item["reasons"]["score"] for item in explained] == pytest.approx([item["p_leaves"] for item in explained])


@pytest.mark.parametrize(("n", "asked", "given"), [(1, None, True), (2, None, False), (2, True, True), (1, False, False)])
def test_posted_deals_get_reasons_when_single_or_asked_for(client: TestClient, n: int, asked: bool | None, given: bool) -> None:
    deals = [{**DEAL, "deal_id": f"N-{each}"} for each in range(n)]
    results = client.post("/v1/score", json={"deals": deals, "horizons": [7, 30], "reasons": asked}).json()["results"]
    assert [result["reasons"] is not None for result in results] == [given] * n
    if given:
        assert adds_up(results[0]["reasons"])
        assert results[0]["reasons"]["score"] == pytest.approx(results[0]["horizons"][1]["p_won"])


def test_posted_deals_are_scored_in_the_order_of_the_request(client: TestClient) -> None:
    deals = [{**DEAL, "deal_id": f"N-{n}", "changes": [CHANGE], "activities": [ACTIVITY]} for n in (2, 1, 3)]
    answer = client.post("/v1/score", json={"deals": deals, "horizons": [7, 30.5]}).json()
    assert [result["deal_id"] for result in answer["results"]] == ["N-2", "N-1", "N-3"]
    assert [at["days"] for at in answer["results"][0]["horizons"]] == [7, 30.5]
    assert all(0 < at["p_won"] < 1 for result in answer["results"] for at in result["horizons"])


def test_a_deal_that_cannot_be_scored_gets_a_reason_and_no_number(client: TestClient) -> None:
    later = {**DEAL, "deal_id": "later", "created_at": "2026-11-03T09:15:00Z"}
    scored, unscored = client.post("/v1/score", json={"deals": [DEAL, later]}).json()["results"]
    assert scored["reason"] is None
    assert unscored["reason"] == "not_open"
    assert unscored["p_won"] is None
    assert unscored["horizons"] == []


def test_scoring_before_the_models_training_is_refused(client: TestClient) -> None:
    answer = client.post("/v1/score", json={"deals": DEAL, "as_of": "2025-01-01T00:00:00Z"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "unusable_request"


def test_the_same_request_gives_the_same_bytes(client: TestClient) -> None:
    first, second = (client.post("/v1/score", json={"deals": DEAL}).content for _ in range(2))
    assert first == second


def test_clients_are_ranked_by_value_at_risk(client: TestClient, runtime: Runtime) -> None:
    ranked = runtime.served().clients
    assert ranked is not None
    items = all_pages(client, "/v1/clients", 50)
    assert [item["account_id"] for item in items] == ranked.ids.tolist()
    assert all(0 <= item["p_leaves"] <= 1 for item in items)
    assert all(0 <= item["ltv_low"] <= item["ltv_high"] for item in items)


def test_without_data_the_server_lives_is_not_ready_and_says_what_to_do(empty: TestClient) -> None:
    assert empty.get("/healthz").json() == {"status": "alive"}
    for path in ("/readyz", "/v1/deals", "/v1/clients"):
        answer = empty.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "no_data")
        assert "dealcast ingest" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/v1/kpis", "/v1/funnel", "/v1/team", "/v1/goals", "/scorecard"])
def test_what_needs_no_model_answers_from_the_data_alone(client: TestClient, untrained: TestClient, path: str) -> None:
    trained, alone = (opened.get(path) for opened in (client, untrained))
    assert (trained.status_code, alone.status_code) == (200, 200)
    if path in ("/v1/kpis", "/v1/funnel", "/v1/team"):
        assert alone.json() == trained.json()


@pytest.mark.parametrize(
    "path", ["/v1/deals", "/v1/deals/D-1", "/v1/clients", "/v1/forecast", "/v1/bridge?since=2026-09-01", "/readyz"]
)
def test_what_needs_a_model_says_that_there_is_none(untrained: TestClient, path: str) -> None:
    answer = untrained.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "no_champion")
    assert "dealcast train" in answer.json()["detail"]


def test_readiness_says_how_the_registry_is(client: TestClient) -> None:
    assert client.get("/readyz").json()["registry"] == "unknown"
