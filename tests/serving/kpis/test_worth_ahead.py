"""What clients are worth ahead: each figure put together another way, and the reason where there is none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from features.balance import UNPREDICTED, Prediction
from features.dataset import Dataset
from features.kpis.value import Window
from features.snapshot import Snapshot
from serving.access.sight import sight_of
from serving.forecast.forecaster import Forecaster
from serving.kpis.predictions import Foresight
from serving.kpis.worth_ahead import worth_ahead
from serving.scoring.score import score_clients
from serving.served.runtime import Runtime
from serving.served.state import Served
from training.lifetime import Terms

YEAR = pd.Timedelta(days=365)


@pytest.fixture
def served(runtime: Runtime) -> Served:
    return runtime.served()


def told(served: Served, variant: str, by: str = "company") -> dict[str | None, Prediction]:
    found = worth_ahead(served.bundles["clients"], served.snapshot, by)
    return {node: each[f"ltv:{variant}"] for node, each in found.items()}


def scores(served: Served, regime: str) -> pd.DataFrame:
    scored = score_clients(served.dataset, served.bundles["clients"], served.as_of, (90.0,), Terms(days=1095.0), reasons=False)
    return scored[scored["regime"] == regime]


def test_contracts_are_worth_the_mean_of_the_scores(served: Served) -> None:
    found, own = told(served, "contracts")[""], scores(served, "contracts")
    assert found.value == pytest.approx(own["ltv"].mean())
    assert (found.n, found.days, found.margin) == (len(own), 1095, None)
    assert (found.low or 0.0) < (found.value or 0.0) < (found.high or 0.0)


def test_orders_are_worth_their_margin(served: Served) -> None:
    """The gross margin of the orders of the last 365 days, taken straight from the table."""
    found, own = told(served, "orders")[""], scores(served, "orders")
    orders = served.dataset.tables["orders"]
    within = orders["ordered_at"].between(served.as_of - YEAR, served.as_of, inclusive="left") & orders["cost"].notna()
    margin = 1 - orders.loc[within, "cost"].sum() / orders.loc[within, "amount"].sum()
    assert found.margin == pytest.approx(margin)
    assert found.value == pytest.approx(own["ltv"].mean() * margin)


def test_the_people_add_up_to_the_company(served: Served) -> None:
    found = told(served, "contracts", "owner")
    parts = [each for node, each in found.items() if node != "" and each.value is not None]
    assert len(parts) > 2
    assert sum(each.n or 0 for each in parts) == found[""].n
    assert sum((each.n or 0) * (each.value or 0.0) for each in parts) == pytest.approx(
        (found[""].n or 0) * (found[""].value or 0.0)
    )


def test_what_is_no_dimension_of_clients_has_the_company_alone(served: Served) -> None:
    assert told(served, "contracts", "product") == told(served, "contracts")


def test_without_a_model_there_is_a_reason(served: Served) -> None:
    champion = served.bundles["clients"]
    later = replace(champion, trained_as_of=served.as_of + YEAR)
    partial = replace(champion, models={"orders": replace(champion.models["orders"], bg_nbd=None)})
    reasons = [{each.reason for each in worth_ahead(model, served.snapshot)[""].values()} for model in (None, later, partial)]
    assert reasons == [{"no_client_model"}, {"model_is_later"}, {"no_client_model", "no_order_model"}]
    assert set().union(*reasons) <= UNPREDICTED.keys()


def test_nobody_is_worth_nothing_but_a_reason(served: Served) -> None:
    before = Snapshot(served.dataset, pd.Timestamp("2000-01-01T00:00Z").as_unit("us"))
    early = replace(served.bundles["clients"], trained_as_of=before.as_of)
    assert {each.reason for each in worth_ahead(early, before)[""].values()} == {"no_clients_now"}


def test_only_a_running_window_has_it_and_without_a_champion_the_reason(served: Served, tmp_path: Path) -> None:
    running = Window("running", served.as_of - YEAR, served.as_of + YEAR)
    over = replace(running, end=served.as_of)
    ahead = replace(running, start=served.as_of + pd.Timedelta(days=1))
    foresight = Foresight(None, tmp_path)
    assert foresight.predictions(served.snapshot, running, "company")[""]["ltv:contracts"].reason == "no_client_model"
    assert foresight.predictions(served.snapshot, over, "company") == {}
    assert foresight.predictions(served.snapshot, ahead, "company") == {}


def test_a_person_sees_what_their_own_clients_are_worth(served: Served, tmp_path: Path) -> None:
    """Of people below alone, and by region nothing: clients there are others' too."""
    running = Window("running", served.as_of - YEAR, served.as_of + YEAR)
    users = served.dataset.tables["users"]
    boss = users["manager_id"].mode()[0]
    sight = sight_of(served.snapshot, served.teams, boss)
    whole = Forecaster(served.dataset, served.bundles, served.as_of, tmp_path)
    seen = Foresight(whole.seen_by(sight), tmp_path)
    by_owner = {node for node, each in seen.predictions(served.snapshot, running, "owner").items() if "ltv:contracts" in each}
    assert by_owner == sight.people
    assert not any("ltv:contracts" in each for each in seen.predictions(served.snapshot, running, "region").values())


def test_the_api_says_how_far_it_reaches_and_leaves_the_value_alone(client: TestClient) -> None:
    query = "/v1/kpis?period=2026&kpi=ltv&as_of=2026-10-01&by=owner"
    plain, found = (client.get(each).json()["values"] for each in (query, f"{query}&predict=true"))
    assert [each["value"] for each in plain] == [each["value"] for each in found]
    company = found[0]["prediction"]
    assert (company["days"], company["margin"], company["reason"]) == (1095, None, None)
    assert company["low"] < company["value"] < company["high"]
    assert np.isclose(company["n"], sum(each["prediction"]["n"] or 0 for each in found[1:]))


def test_figures_of_one_product_have_no_forecast_of_them_all(client: TestClient, company: Dataset) -> None:
    product = company.deals["product"].mode()[0]
    query = f"/v1/kpis?period=2026&kpi=bookings&predict=true&where=product={product}&as_of=2026-10-01"
    (found,) = client.get(query).json()["values"]
    assert found["value"] > 0
    assert found["prediction"] is None
