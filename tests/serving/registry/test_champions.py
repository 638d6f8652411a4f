import asyncio
from pathlib import Path

import pytest

from features.errors import NotReadyError
from serving.registry.champions import Champions, fetch_champions, quiet_environment
from serving.settings import Settings


def test_the_cache_names_the_current_versions(trained_home: Path) -> None:
    champions = Champions(trained_home)
    assert champions.versions() == {"deals": "1", "clients": "1"}
    assert champions.champion("clients").target == "clients"


def test_an_empty_cache_has_no_champion_and_says_how_to_get_one(tmp_path: Path) -> None:
    assert Champions(tmp_path).versions() == {}
    with pytest.raises(NotReadyError, match="dealcast train --target clients"):
        Champions(tmp_path).champion("clients")


def test_a_registry_that_does_not_answer_changes_nothing(trained_home: Path) -> None:
    settings = Settings(home=trained_home, tracking_uri="http://127.0.0.1:9")
    assert not asyncio.run(fetch_champions(settings))
    assert Champions(trained_home).versions() == {"deals": "1", "clients": "1"}


def test_no_telemetry_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    environment = quiet_environment()
    assert (environment["MLFLOW_DISABLE_TELEMETRY"], environment["DO_NOT_TRACK"]) == ("true", "true")
    assert environment["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "30"
