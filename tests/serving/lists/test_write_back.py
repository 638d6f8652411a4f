"""What is sent to a CRM: in its shape, in its batches, every open deal once."""

from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
from starlette.testclient import TestClient

from features import clock
from features.dataset import Dataset
from serving.api import create_app
from serving.lists.write_back import SHAPES, TRENDS, VALUES, Preset
from serving.registry.champions import Champions
from serving.served.runtime import Runtime
from serving.settings import Settings, WriteBack
from tests.serving.conftest import MemorySource

SCORE: dict[str, Any] = dict.fromkeys(VALUES) | {"deal_id": "O'Hara/7", "score": 71, "grade": "A", "model_version": "3"}
UNSCORED: dict[str, Any] = dict.fromkeys(VALUES) | {"deal_id": "D-2"}


def pages(client: TestClient, preset: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = {**query, "reasons": "false", **({"cursor": cursor} if cursor else {})}
        found.append(client.get(f"/v1/write-back/{preset}", params=asked).json())
        cursor = found[-1]["next_cursor"]
    return found


def records(page: dict[str, Any]) -> list[dict[str, Any]]:
    (request,) = page["requests"]
    found: list[dict[str, Any]] = request["body"]["records"]
    return found


def test_salesforce_gets_each_open_deal_once_by_id(client: TestClient, runtime: Runtime) -> None:
    found = [record for page in pages(client, "salesforce", limit=7) for record in records(page)]
    assert [each["id"] for each in found] == sorted(runtime.served().deals.ids)
    assert {each["attributes"]["type"] for each in found} == {"Opportunity"}
    shown = {item["deal_id"]: item for item in client.get("/v1/deals?limit=200").json()["items"]}
    for each in found:
        item = shown[each["id"]]
        assert each["Dealcast_Score__c"] == round(100 * item["p_won_90d"])
        assert each["Dealcast_Grade__c"] == item["grade"]
        assert each["Dealcast_Predicted_Close__c"] == item["predicted_close_on"]


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_reasons_are_those_of_the_deal_in_the_language_asked_for(client: TestClient, language: str) -> None:
    page = client.get("/v1/write-back/salesforce", params={"limit": 3, "language": language}).json()
    for record in records(page):
        own = client.get(f"/v1/deals/{record['id']}", params={"parts": "reasons", "horizon_days": 90}).json()
        assert record["Dealcast_Reasons__c"] == own["reasons"][language]


@pytest.mark.parametrize("preset", get_args(Preset))
def test_a_page_is_never_larger_than_the_crm_takes(client: TestClient, preset: Preset) -> None:
    assert sum(page["n_deals"] for page in pages(client, preset)) == client.get("/v1/deals?limit=1").json()["n_total"]
    assert SHAPES[preset].batch <= 200


def test_hubspot_takes_texts_and_an_empty_one_empties() -> None:
    (request,) = SHAPES["hubspot"].requests(SHAPES["hubspot"], [SCORE, UNSCORED])
    first, second = request["body"]["inputs"]
    assert (request["method"], request["path"]) == ("POST", "/crm/v3/objects/deals/batch/update")
    assert (first["properties"]["dealcast_score"], second["properties"]["dealcast_score"]) == ("71", "")


def test_dynamics_takes_a_letter_as_a_number_and_no_empty_score() -> None:
    (request,) = SHAPES["dynamics"].requests(SHAPES["dynamics"], [SCORE, UNSCORED])
    assert request["method"] == "PATCH"
    assert request["path"] == (
        "/api/data/v9.2/msdyn_predictivescores(msdyn_entityid='O%27%27Hara%2F7',msdyn_entitytype='opportunity')"
    )
    assert request["body"] == {"msdyn_score": 71, "msdyn_grade": 0, "msdyn_scoretrend": 3}


@pytest.mark.parametrize(("trend", "number"), [("up", 0), ("steady", 1), ("down", 2), (None, 3)])
def test_dynamics_takes_the_journals_trend_as_a_number(trend: str | None, number: int) -> None:
    (request,) = SHAPES["dynamics"].requests(SHAPES["dynamics"], [SCORE | {"trend": trend}])
    assert request["body"]["msdyn_scoretrend"] == number


class AllAlike:
    """A week ago every deal but some had the same chance."""

    def __init__(self, dataset: Dataset) -> None:
        self.ids = dataset.tables["deals"]["deal_id"].astype(object)[::2]

    def earlier(self, target: str, as_of: pd.Timestamp) -> pd.DataFrame | None:
        del target
        return pd.DataFrame({"p": 0.5, "as_of": clock.micros(as_of)}, index=self.ids)


def test_the_trend_is_that_of_the_lists(company: Dataset, trained_home: Path, tmp_path: Path) -> None:
    runtime = Runtime(MemorySource(company), Champions(trained_home), AllAlike(company))
    runtime.refresh()
    app = create_app(runtime, Settings(home=tmp_path, demo=True), watching=False)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        shown = {each["deal_id"]: each["trend"] for each in client.get("/v1/deals?limit=200").json()["items"]}
        page = client.get("/v1/write-back/dynamics?reasons=false").json()
    sent = {request["path"].split("'")[1]: request["body"]["msdyn_scoretrend"] for request in page["requests"]}
    assert len(sent) > 20
    assert {deal_id: TRENDS[shown[deal_id]] for deal_id in sent} == sent
    assert set(sent.values()) == {0, 1, 2, 3}


def test_names_are_those_of_the_settings(runtime: Runtime, tmp_path: Path) -> None:
    own = WriteBack(object="Deal__c", id_field="External_Id__c", fields={"score": "Win__c", "p_won": "P__c", "reasons": ""})
    app = create_app(runtime, Settings(home=tmp_path, demo=True, write_back={"salesforce": own}), watching=False)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        (record,) = records(client.get("/v1/write-back/salesforce?limit=1&reasons=false").json())
    assert record["attributes"] == {"type": "Deal__c"}
    assert {"External_Id__c", "Win__c", "P__c", "Dealcast_Grade__c"} <= set(record)
    assert "Dealcast_Reasons__c" not in record


def test_an_unknown_crm_is_refused(client: TestClient) -> None:
    assert client.get("/v1/write-back/other").status_code == 422


def test_the_documentation_names_every_preset_and_value() -> None:
    text = (Path(__file__).parents[3] / "docs" / "write-back.md").read_text(encoding="utf-8")
    assert [name for name in (*SHAPES, *VALUES) if f"`{name}`" not in text] == []
    assert [field for shape in SHAPES.values() for field in shape.fields.values() if f"`{field}`" not in text] == []
