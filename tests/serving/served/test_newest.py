"""What was answered is answered again from memory, as long as the same state is served and its files are the same."""

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from starlette.testclient import TestClient

from serving.forecast import backtests
from serving.served.newest import Answers, Newest
from serving.served.runtime import Runtime
from tests.serving.conftest import MemorySource
from tests.serving.forecast.test_backtests import AS_OF, made_up

if TYPE_CHECKING:
    from fastapi import FastAPI


def test_each_is_computed_once_and_the_oldest_goes() -> None:
    kept, numbers = Newest(2), count()
    assert [kept.get(key, lambda: next(numbers)) for key in "abacab"] == [0, 1, 0, 2, 0, 3]


def test_an_error_is_not_kept() -> None:
    kept = Newest(2)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 / 0)
    assert kept.get("a", lambda: 1) == 1


def test_another_state_has_no_answers_yet(runtime: Runtime) -> None:
    answers, first = Answers(), runtime.loaded()
    answers.of(first).get("a", lambda: 1)
    assert answers.of(first).get("a", lambda: 2) == 1
    other = Runtime(MemorySource(runtime.served().dataset), runtime.champions)
    other.refresh()
    assert answers.of(other.loaded()).get("a", lambda: 2) == 2


def test_a_question_is_computed_once(client: TestClient, runtime: Runtime) -> None:
    app = cast("FastAPI", client.app)
    held = app.state.answers.of(runtime.loaded()).held
    first, again, other = (client.get(f"/v1/kpis?kpi=bookings&period={each}") for each in ("2026Q2", "2026Q2", "2026Q1"))
    assert first.json() == again.json() != other.json()
    assert len(held) == 2
    assert client.get("/scorecard").text == client.get("/scorecard").text
    assert len(held) == 3


def test_a_new_backtest_is_seen_at_once(client: TestClient, trained_home: Path) -> None:
    query = "/v1/kpis?kpi=forecast_accuracy&period=2025Q2"
    assert client.get(query).json()["values"][0]["reason"] == "no_forecasts"
    path = backtests.keep(trained_home, made_up(), AS_OF)
    found = client.get(query).json()["values"][0]
    assert found["n"] == 1
    assert found["reason"] is None
    path.unlink()
