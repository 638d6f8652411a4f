import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from serving.api import create_app
from serving.database import FORECASTS, SCORES, Database
from serving.registry.champions import Champions
from serving.served.runtime import Runtime
from serving.settings import Settings
from tests.serving.conftest import MemorySource


@pytest.fixture
def app(runtime: Runtime, trained_home: Path, url: str) -> Iterator[TestClient]:
    held = Runtime(MemorySource(runtime.served().dataset), Champions(trained_home))
    held._held = runtime.served()
    settings = Settings(home=trained_home, store_url=url, demo=True)
    with TestClient(create_app(held, settings, watching=False), base_url="http://127.0.0.1") as opened:
        yield opened


def rows(app: TestClient, table: sa.Table) -> pd.DataFrame:
    database: Database = app.app.state.database  # type: ignore[attr-defined]
    with database.transaction() as connection:
        return pd.DataFrame(connection.execute(sa.select(table)).all(), columns=[column.name for column in table.c])


def test_a_forecast_is_recorded_once_for_each_node(app: TestClient) -> None:
    for _ in range(2):
        answer = app.get("/v1/forecast", params={"by": "team"}).json()
        app.get("/forecast")
    found = rows(app, FORECASTS)
    assert list(zip(found["dimension"], found["node"], strict=True)) == [
        (line["dimension"], line["id"] or "") for line in answer["lines"]
    ]
    company, line = found.iloc[0], answer["lines"][0]
    assert company["mean"] == pytest.approx(line["mean"], abs=0.01)
    stored = json.loads(company["answer"])
    assert {level: tuple(span) for level, span in stored["intervals"].items()} == {
        str(span["level"]): (span["low"], span["high"]) for span in line["spans"]
    }
    assert [part["name"] for part in stored["parts"]] == ["won", "open", "new"]
    assert (company["period"], company["revision"], company["model_version"], company["asked_by"]) == (
        answer["period"],
        1,
        "1",
        "demo",
    )


def test_another_period_and_split_are_recorded_beside_it(app: TestClient) -> None:
    for asked in ({"by": "team"}, {"by": "owner"}, {"period": "2027Q1"}):
        assert app.get("/v1/forecast", params=asked).status_code == 200
    found = rows(app, FORECASTS)
    assert set(found["period"]) == {"2026Q4", "2027Q1"}
    assert set(found["dimension"]) == {"company", "team", "owner"}
    assert not found.duplicated(["period", "dimension", "node"]).any()


def test_the_forecast_of_a_part_is_not_recorded_as_that_of_the_company(app: TestClient) -> None:
    held: Any = app.app.state.runtime  # type: ignore[attr-defined]
    held._held = held.served().seen_by(held.served().deals.row(0)["owner_id"])
    assert app.get("/v1/forecast").status_code == 200
    assert len(rows(app, FORECASTS)) == 0


def test_reasons_are_recorded_once_for_each_horizon(app: TestClient) -> None:
    deal = app.get("/v1/deals", params={"limit": 1}).json()["items"][0]
    for days in (30, 30, 60):
        answer = app.get(f"/v1/deals/{deal['deal_id']}", params={"horizon_days": days}).json()
    app.get(f"/v1/deals/{deal['deal_id']}", params={"parts": "curve"})
    found = rows(app, SCORES)
    assert (found["kind"].tolist(), found["asked"].tolist()) == (["reasons", "reasons"], ["30", "60"])
    stored, said = json.loads(found["answer"].iloc[1])["reasons"], answer["reasons"]
    assert (stored["days"], stored["reference"]) == (60.0, said["reference"]["p"])
    assert stored["groups"] == {item["group"]: item["contribution"] for item in said["items"]}
    assert (found["p_won"].iloc[0], found["owner_id"].iloc[0]) == (deal["p_won"], deal["owner_id"])


def test_a_page_s_reasons_are_recorded_too(app: TestClient) -> None:
    deal = app.get("/v1/deals", params={"limit": 1}).json()["items"][0]["deal_id"]
    app.get(f"/deals/{deal}")
    assert rows(app, SCORES)["kind"].tolist() == ["reasons"]
