"""Request ids, the line that is logged of a request, and what is counted."""

import logging
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from serving.api import create_app
from serving.operations.observe import Observed
from serving.served.runtime import Runtime
from serving.settings import Settings
from tests.serving.conftest import KEY

COUNT = re.compile(r'http_requests_total\{method="(\w+)",route="([^"]+)",status="(\d+)"\} (\S+)')


def counts(client: TestClient) -> dict[tuple[str, ...], float]:
    text = client.get("/metrics", headers={"X-API-Key": KEY}).text
    return {found.groups()[:3]: float(found[4]) for found in COUNT.finditer(text)}


@pytest.mark.parametrize("given", ["abc-1", "A" * 128, "00-4bf92f-00f067aa-01"])
def test_the_senders_id_is_kept(client: TestClient, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "A" * 129, "a b", 'x"y', "<script>", "a\tb"])
def test_another_id_is_made_for_one_that_is_not_sane(client: TestClient, given: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", client.get("/healthz", headers={"X-Request-ID": given}).headers["x-request-id"])


def test_the_line_of_a_request_holds_no_ids_and_no_key(keyed: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "dealcast")
    keyed.get("/v1/deals/D-secret-42?horizon_days=7", headers={"X-API-Key": KEY})
    keyed.get("/v1/deals/D-secret-42", headers={"Authorization": "Bearer wrong-key-0123456789"})
    records = [record.__dict__ for record in caplog.records if record.message == "request"]
    assert [(record["route"], record["status"]) for record in records] == [
        ("/v1/deals/{deal_id:path}", 404),
        ("unmatched", 401),  # turned away before its route was looked for
    ]
    assert not any(secret in str(records) for secret in ("D-secret-42", KEY, "wrong-key"))


def test_requests_are_counted_by_template(keyed: TestClient) -> None:
    before = counts(keyed)
    keyed.get("/v1/deals/D-1", headers={"X-API-Key": KEY})
    keyed.get("/v1/deals/D-2", headers={"X-API-Key": KEY})
    keyed.request("BREW", "/nowhere/at/all")
    after = counts(keyed)
    grown = {name: after[name] - before.get(name, 0.0) for name in after if after[name] != before.get(name)}
    assert grown[("GET", "/v1/deals/{deal_id:path}", "404")] == 2.0
    assert grown[("other", "unmatched", "404")] == 1.0


def test_metrics_need_the_key(keyed: TestClient) -> None:
    assert keyed.get("/metrics").status_code == 401
    answer = keyed.get("/metrics", headers={"Authorization": f"Bearer {KEY}"})
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert {"http_request_duration_seconds_bucket", "process_resident_memory_bytes"} <= set(
        re.findall(r"^\w+", answer.text, re.M)
    )


def test_a_failure_is_answered_with_its_id_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: object, __: object, ___: object) -> None:
        raise ValueError("the wheels came off")

    answer = TestClient(Observed(broken)).get("/", headers={"X-Request-ID": "abc-2"})
    assert (answer.status_code, answer.headers["x-request-id"], answer.json()["code"]) == (500, "abc-2", "internal_error")
    assert "the wheels came off" in caplog.text
    assert "wheels" not in answer.text


def test_scores_and_their_warnings_are_counted(client: TestClient) -> None:
    def now() -> dict[str, float]:
        lines = client.get("/metrics").text.splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("score_")}

    deal = {"deal_id": "P-1", "account_id": "A-none", "created_at": "2026-09-01T00:00:00Z", "stage": "Proposal", "amount": 1000}
    before = now()
    assert client.post("/v1/score", json={"deals": [deal, {**deal, "deal_id": 7}]}).status_code == 200
    grown = {name: count - before.get(name, 0.0) for name, count in now().items() if count != before.get(name)}
    assert grown['score_records_total{model="deals",outcome="scored",version="1"}'] == 1.0
    assert grown['score_records_total{model="deals",outcome="invalid",version="1"}'] == 1.0
    assert grown['score_warnings_total{code="unknown_account"}'] == 1.0


def test_a_key_that_asks_too_fast_is_told_so_and_probes_go_on(runtime: Runtime, trained_home: Path) -> None:
    settings = Settings(home=trained_home, api_key=SecretStr(KEY), rate_limit=0.01, rate_burst=2)
    with TestClient(create_app(runtime, settings, watching=False), base_url="http://sales.example") as client:
        statuses = [client.get("/v1/deals?limit=1", headers={"X-API-Key": KEY}).status_code for _ in range(3)]
        refused = client.get("/v1/deals", headers={"X-API-Key": KEY})
        assert (statuses, client.get("/healthz").status_code) == ([200, 200, 429], 200)
        assert (refused.json()["code"], refused.headers["content-type"]) == ("rate_limited", "application/problem+json")
        assert 0 < int(refused.headers["retry-after"]) <= 100
