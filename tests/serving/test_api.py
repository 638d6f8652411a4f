import json
from typing import Any, get_args

import pytest
from starlette.testclient import TestClient

from serving.errors import ProblemError
from serving.lists.answers import find_deal
from serving.lists.queries import DealPart, DealSort
from serving.posted.batching import OverloadedError
from serving.posted.schemas import ScoreAnswer
from serving.served.runtime import Runtime
from tests.serving.posted.test_posted import ACTIVITY, CHANGE, DEAL

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


@pytest.mark.parametrize("name", ["owner_id", "product", "stage"])
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


@pytest.mark.parametrize("sort", get_args(DealSort))
def test_every_order_pages_without_loss(client: TestClient, runtime: Runtime, sort: str) -> None:
    items = all_pages(client, "/v1/deals", 7, sort=sort)
    assert sorted(item["deal_id"] for item in items) == sorted(runtime.served().deals.ids)
    there = [item[sort] for item in items if item[sort] is not None]
    assert there == sorted(there, reverse=not sort.endswith("_on"))
    assert all(item[sort] is None for item in items[len(there) :])


def test_a_cursor_belongs_to_its_order(client: TestClient) -> None:
    cursor = client.get("/v1/deals?limit=1&sort=value").json()["next_cursor"]
    answer = client.get("/v1/deals", params={"sort": "p_won", "cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "unusable_request")


def test_the_horizons_by_id_are_those_of_the_curve_and_of_posted_deals(client: TestClient) -> None:
    deal_id = client.get("/v1/deals?limit=1").json()["items"][0]["deal_id"]
    answer = client.get(f"/v1/deals/{deal_id}", params={"horizons": [30, 45.5, 90], "parts": "curve"}).json()
    at = {point["day"]: point for point in answer["curve"]}
    assert [each["days"] for each in answer["horizons"]] == [30, 45.5, 90]
    assert answer["horizons"][0]["p_won"] == at[30]["p_won"]
    assert answer["horizons"][2]["p_won"] == answer["deal"]["p_won_90d"]
    assert answer["horizons"][0]["p_lost"] < answer["horizons"][1]["p_lost"] < answer["horizons"][2]["p_lost"]


@pytest.mark.parametrize("part", get_args(DealPart))
def test_only_the_parts_that_are_asked_for_are_answered(client: TestClient, part: str) -> None:
    deal_id = client.get("/v1/deals?limit=1").json()["items"][0]["deal_id"]
    whole = client.get(f"/v1/deals/{deal_id}").json()
    answer = client.get(f"/v1/deals/{deal_id}", params={"parts": part}).json()
    assert {name: answer[name] for name in get_args(DealPart)} == {**dict.fromkeys(get_args(DealPart)), part: whole[part]}


def test_the_warnings_of_the_list_are_those_of_the_deal(client: TestClient) -> None:
    for item in client.get("/v1/deals?limit=5").json()["items"]:
        answer = client.get(f"/v1/deals/{item['deal_id']}", params={"parts": "curve"}).json()
        assert item["warnings"] == [warning["name"] for warning in answer["warnings"]]


def test_a_closed_deal_is_told_from_an_unknown_one_where_the_caller_may_know(client: TestClient, runtime: Runtime) -> None:
    closed = runtime.served().dataset.deals
    row = closed[closed["outcome"] == "won"].iloc[0]
    asked = {row["deal_id"]: "deal_closed", "nowhere": "no_such_deal", "A/7": "no_such_deal"}
    answers = {deal_id: client.get(f"/v1/deals/{deal_id}") for deal_id in asked}
    assert {deal_id: answer.json()["code"] for deal_id, answer in answers.items()} == asked
    assert {answer.status_code for answer in answers.values()} == {404}
    others = runtime.served().seen_by("somebody else")
    with pytest.raises(ProblemError, match="no open deal"):
        find_deal(others, row["deal_id"])


def test_a_client_in_parts_agrees_with_the_list(client: TestClient) -> None:
    for item in client.get("/v1/clients", params={"limit": 3, "reasons": True}).json()["items"]:
        answer = client.get(f"/v1/clients/{item['account_id']}").json()
        assert {**answer["client"], "reasons": answer["reasons"]} == item
        at = {point["day"]: point["p_leaves"] for point in answer["curve"]}
        assert at[answer["horizon_days"]] == pytest.approx(item["p_leaves"])
        assert client.get(f"/v1/clients/{item['account_id']}?parts=curve").json()["reasons"] is None


def test_a_client_of_the_past_is_told_from_an_unknown_one(client: TestClient, runtime: Runtime) -> None:
    served = runtime.served()
    assert served.clients is not None
    past = next(each for each in served.dataset.client_ids if served.clients.find(each) is None)
    answers = [client.get(f"/v1/clients/{each}").json() for each in (past, "nowhere")]
    assert [answer["code"] for answer in answers] == ["client_not_active", "no_such_client"]


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


def test_a_deal_that_cannot_be_read_has_its_errors_in_place_of_its_score(client: TestClient) -> None:
    deals = [{**DEAL, "deal_id": "N-1"}, {**DEAL, "deal_id": "N-2", "amount": "much"}, {**DEAL, "deal_id": "N-3"}, 17]
    results = client.post("/v1/score", json={"deals": deals}).json()["results"]
    assert [(result["index"], result["deal_id"]) for result in results] == [(0, "N-1"), (1, "N-2"), (2, "N-3"), (3, None)]
    assert [result["reason"] for result in results] == [None, "invalid", None, "invalid"]
    assert results[1]["errors"][0]["pointer"] == "/body/deals/1/amount"
    assert results[0]["p_won"] == results[2]["p_won"]


def test_a_new_client_is_scored_and_said_to_be_new(client: TestClient) -> None:
    (result,) = client.post("/v1/score", json={"deals": {**DEAL, "account_id": "A-new"}}).json()["results"]
    assert result["p_won"] is not None
    assert ("unknown_account", "account_id") in [(each.get("code"), each.get("field")) for each in result["warnings"]]


def test_what_is_written_is_what_the_schema_says(client: TestClient) -> None:
    deals = [DEAL, {"deal_id": "N-2"}, {**DEAL, "deal_id": "later", "created_at": "2026-11-03T09:15:00Z"}]
    answer = client.post("/v1/score", json={"deals": deals, "reasons": True})
    assert json.loads(ScoreAnswer.model_validate_json(answer.content).model_dump_json()) == answer.json()


def test_more_than_can_be_done_in_time_is_refused_with_when_to_come_again(client: TestClient) -> None:
    def refuse(_: object) -> None:
        raise OverloadedError(4)

    client.app.state.deal_scores.answer = refuse  # type: ignore[attr-defined]
    answer = client.post("/v1/score", json={"deals": DEAL})
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "overloaded", "4")


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
    "path", ["/v1/deals", "/v1/deals/D-1", "/v1/clients", "/v1/forecast", "/v1/bridge?from=2026-09-01", "/readyz"]
)
def test_what_needs_a_model_says_that_there_is_none(untrained: TestClient, path: str) -> None:
    answer = untrained.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "no_champion")
    assert "dealcast train" in answer.json()["detail"]


def test_readiness_says_how_the_registry_is(client: TestClient) -> None:
    assert client.get("/readyz").json()["registry"] == "unknown"
