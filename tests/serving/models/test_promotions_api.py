"""Promotions over HTTP, with a real MLflow on SQLite, in the child process that the server really starts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from serving.access.auth import Scope
from serving.api import create_app
from serving.registry.champions import Champions, cache_below
from serving.served.runtime import Runtime
from serving.settings import Settings
from tests.serving.conftest import KEY, key_for, showing
from training.registry import MlflowRegistry, RunRecord

ADMIN = showing(KEY)
# MLflow warns of its own use of SQLAlchemy; that is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, trained_home: Path) -> Settings:
    """An installation with two registered versions, neither of them champion."""
    settings = Settings(home=tmp_path_factory.mktemp("installed"), api_key=KEY)
    registry = MlflowRegistry(settings.home, settings.tracking_uri)
    for gate in ("promoted", "refused"):
        registry.register("deals", cache_below(trained_home) / "deals" / "1", RunRecord({}, {}, {"gate": gate}))
    return settings


@pytest.fixture
def client(runtime: Runtime, registered: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(runtime, registered, watching=False), base_url="http://sales.example") as opened:
        yield opened


def test_a_version_is_promoted_and_reaches_the_cache_and_a_second_one_is_told(client: TestClient, registered: Settings) -> None:
    wish = {"target": "deals", "version": "1", "expected_revision": 0, "note": "the first"}
    made = client.post("/v1/models/promote", json=wish, headers=ADMIN)
    assert (made.status_code, made.json()["revision"], made.json()["who"]) == (200, 1, "environment")
    assert Champions(registered.home).versions() == {"deals": "1"}
    assert MlflowRegistry(registered.home, registered.tracking_uri).history("deals") == ["1"]
    late = client.post("/v1/models/promote", json=wish, headers=ADMIN)
    assert (late.status_code, late.json()["code"]) == (409, "promotion_conflict")
    assert client.get("/v1/models/promotions", headers=ADMIN).json()["items"] == [made.json()]
    newest = client.get("/v1/audit?limit=1", headers=ADMIN).json()["items"][0]
    assert (newest["action"], newest["details"]["note"], newest["address"]) == ("model.promoted", "the first", "testclient")


def test_a_registry_that_is_down_changes_nothing(runtime: Runtime, registered: Settings) -> None:
    down = registered.model_copy(update={"tracking_uri": "http://127.0.0.1:9"})
    with TestClient(create_app(runtime, down, watching=False), base_url="http://sales.example") as client:
        before = client.get("/v1/models/promotions", headers=ADMIN).json()
        answer = client.post("/v1/models/rollback", json={"target": "deals"}, headers=ADMIN)
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert "does not answer" in answer.json()["detail"]
        assert client.get("/v1/models/promotions", headers=ADMIN).json() == before


def test_who_is_no_admin_promotes_nothing(client: TestClient) -> None:
    _, token = key_for(client, Scope.READ, Scope.SCORE, Scope.WRITE)
    answer = client.post("/v1/models/promote", json={"target": "deals", "version": "1"}, headers=showing(token))
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
