"""Where the model has no skill, the API and the page give the base rate and say why, in both languages."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
from starlette.testclient import TestClient

from features.dataset import Dataset
from serving.api import create_app
from serving.language import texts
from serving.lists.answers import answerers
from serving.registry.champions import Champions, cache_below
from serving.schemas import AnsweredBy
from serving.served.runtime import Runtime
from serving.settings import Settings
from tests.serving.conftest import MemorySource
from tests.training.companies import fair_coins
from training.fetch import fetch
from training.promote import Code
from training.registry import FolderRegistry
from training.run import train

ROOT = Path(__file__).resolve().parents[3]


def opened(dataset: Dataset, home: Path) -> Iterator[TestClient]:
    registry = FolderRegistry(home / "registry")
    train(dataset, "deals", dataset.ends_at, registry, threads=1)
    fetch(registry, "deals", cache_below(home))
    held = Runtime(MemorySource(dataset), Champions(home))
    held.refresh()
    app = create_app(held, Settings(home=home, demo=True), watching=False)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture(scope="module")
def coins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    yield from opened(fair_coins(), tmp_path_factory.mktemp("coins"))


@pytest.fixture(scope="module")
def unclosed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A CRM in which nothing was closed yet; it has a probability of its own for half of its deals."""
    days = pd.date_range("2026-01-01", periods=30, tz="UTC").as_unit("us")
    deals = pd.DataFrame({"deal_id": [f"D{day.day:02}" for day in days], "created_at": days, "stage": "Open"})
    own = pd.Series(0.25, index=deals.index).where(deals.index % 2 == 0)
    dataset = Dataset.of({"deals": deals.assign(crm_probability=own)}, static=frozenset({"deals.crm_probability"}))
    yield from opened(dataset, tmp_path_factory.mktemp("unclosed"))


def test_the_api_gives_the_base_rate_with_its_reason(coins: TestClient) -> None:
    answer = coins.get("/v1/deals?limit=200").json()
    (said,) = answer["answered_by"]
    assert (said["regime"], said["by"], said["because"]) == ("deals", "base_rate", "no_skill_over_base_rate")
    assert any("does not beat the base rate" in reason for reason in said["reasons"])
    assert len({round(item["p_won"], 12) for item in answer["items"]}) == 1


def test_the_page_says_so_in_both_languages(coins: TestClient) -> None:
    for language in ("en", "ru"):
        page = coins.get(f"/?lang={language}").text
        assert texts()["answers.no_skill_over_base_rate"][language] in page


def test_the_card_shows_what_the_gate_judged_by(coins: TestClient) -> None:
    (card,) = coins.get("/v1/models/current").json()["models"]
    (regime,) = card["regimes"]
    assert (card["target"], card["version"], card["gate"]) == ("deals", "2", "promoted")
    assert regime["answered_by"]["because"] == "no_skill_over_base_rate"
    question = next(each for each in regime["questions"] if each["metrics"])
    metrics = {each["name"]: each for each in question["metrics"]}
    assert metrics["log_loss"]["low"] < metrics["log_loss"]["value"] < metrics["log_loss"]["high"]
    gaps = {each["baseline"]: each for each in question["against"]}
    assert gaps["base_rate"]["low"] <= 0.01  # there is nothing to know in fair coins
    assert sum(each["n_rows"] for each in question["reliability"]) == question["n_rows"]


def test_before_anything_has_ended_the_card_says_so(unclosed: TestClient) -> None:
    ((regime,),) = [card["regimes"] for card in unclosed.get("/v1/models/current").json()["models"]]
    assert regime["answered_by"]["because"] == "nothing_has_ended"
    assert set(regime["n_ended"].values()) == {0}


def test_without_a_closed_deal_the_answer_is_the_crms_own_marked_as_such_or_none(unclosed: TestClient) -> None:
    answer = unclosed.get("/v1/deals?limit=200").json()
    found = {item["deal_id"]: (item["p_won"], item["reason"]) for item in answer["items"]}
    assert {each for deal, each in found.items() if int(deal[1:]) % 2 == 1} == {(0.25, "crm_probability")}
    assert {each for deal, each in found.items() if int(deal[1:]) % 2 == 0} == {(None, "no_closed_deals")}
    assert answer["answered_by"][0]["because"] == "nothing_has_ended"


@pytest.mark.parametrize("deal", ["D01", "D02"])
def test_the_page_of_a_deal_without_a_score_opens(unclosed: TestClient, deal: str) -> None:
    page = unclosed.get(f"/deals/{deal}?lang=ru")
    assert page.status_code == 200
    assert texts()["answers.nothing_has_ended"]["ru"] in page.text


def test_a_boosted_model_needs_no_excuse(runtime: Runtime) -> None:
    (said,) = answerers(runtime.served().bundles["deals"])
    boosted = runtime.served().bundles["deals"].models["deals"].booster is not None
    assert (said["by"], said["because"]) == (("boosted", None) if boosted else ("life_table", "not_boosted"))


@pytest.mark.parametrize("code", get_args(Code)[1:])
def test_every_code_is_documented_answered_and_worded(code: str) -> None:
    assert f"`{code}`" in (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    assert code in get_args(get_args(AnsweredBy.model_fields["because"].annotation)[0])
    assert f"answers.{code}" in texts()
