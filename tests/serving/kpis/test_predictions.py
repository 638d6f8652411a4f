"""What is predicted of KPIs: the forecast's own numbers, the clients' own curves, and nothing where nobody can tell."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from features import clients, clock
from features.balance import Prediction
from features.kpis import windows
from features.kpis.value import Window
from serving.forecast import backtests
from serving.forecast.forecaster import Forecaster
from serving.forecast.outlook import outlook
from serving.kpis.predictions import Foresight, predictions
from serving.served.runtime import Runtime
from tests.serving.forecast.test_backtests import AS_OF, made_up

SOON = pd.Timedelta(days=20)


@pytest.fixture
def forecaster(runtime: Runtime, tmp_path: Path) -> Forecaster:
    served = runtime.served()
    return Forecaster(served.dataset, served.bundles, served.as_of, tmp_path)


def running(forecaster: Forecaster, before: int = 40, after: int = 60) -> Window:
    """A period that has begun and is not over."""
    start, end = (forecaster.as_of + pd.Timedelta(days=each) for each in (-before, after))
    return Window("running", start, end)


def said(found: Prediction) -> float:
    """The value of a prediction that has one."""
    assert found.value is not None
    return found.value


def test_bookings_of_every_node_are_the_forecasts(forecaster: Forecaster) -> None:
    window = forecaster.window("2026Q4")
    found = predictions(forecaster, window, "owner")
    lines = {line.id: line for line in outlook(forecaster, window, "owner").lines}
    assert found.keys() == lines.keys()
    assert {node: each["bookings"].value for node, each in found.items()} == {node: line.median for node, line in lines.items()}
    bookings, attainment, plan = found[""]["bookings"], found[""]["attainment"], lines[""].plan or 0.0
    assert (bookings.low or 0.0) <= said(bookings) <= (bookings.high or 0.0)
    assert attainment.value == pytest.approx(said(bookings) / plan)
    assert attainment.p_plan == bookings.p_plan == lines[""].p_plan


def test_clients_leave_as_their_curves_say(forecaster: Forecaster) -> None:
    """Put together client by client: under contract by the curve, of those who order whoever's window runs out."""
    window, snapshot = running(forecaster), forecaster.known().snapshot
    expected = 0.0
    for regime in (clients.CONTRACTS, clients.ORDERS):
        rows = clients.cohort(snapshot, regime)
        signals = clients.client_signals(snapshot, rows)
        curves = forecaster.bundles["clients"].models[regime].curves(signals, np.full(len(rows), snapshot.at))
        log = snapshot.dataset.order_log
        for place, row in enumerate(rows):
            ordered = log.time[(log.client == row) & (log.known < snapshot.at)]
            days = 365 - (snapshot.at - ordered.max()) / clock.MICROS_PER_DAY if len(ordered) else -1.0
            if days < 60:
                left = curves.by(60.0, 1) if regime == clients.CONTRACTS else curves.still(max(days, 0.0))
                expected += left[place]
    found = predictions(forecaster, window)[""]
    before = predictions(forecaster, replace(window, start=forecaster.as_of - pd.Timedelta(seconds=1)))[""]
    assert before["lost_clients"].value == pytest.approx(expected)
    assert said(found["lost_clients"]) >= expected
    assert said(found["churn"]) + said(found["retention"]) == pytest.approx(1)
    assert 0 < said(found["churn"]) < 1


def test_recurring_revenue_is_that_of_its_forecast(forecaster: Forecaster) -> None:
    window = running(forecaster)
    made, found = forecaster.made(window).recurring, predictions(forecaster, window)[""]
    assert made is not None
    assert said(found["nrr"]) - said(found["grr"]) == pytest.approx(made.expansion / made.start)
    assert said(found["grr"]) < 1


def test_nothing_is_predicted_of_what_is_over_too_far_or_before_the_model(forecaster: Forecaster) -> None:
    over = running(forecaster, 90, -1)
    far = running(forecaster, -1500, 1600)
    assert predictions(forecaster, over) == predictions(forecaster, far) == {}
    assert predictions(forecaster, running(forecaster), as_of=forecaster.as_of - SOON) == {}
    ahead = predictions(forecaster, running(forecaster, -10, 60))[""]
    assert "churn" not in ahead
    assert "bookings" in ahead


def test_without_a_model_of_clients_nothing_is_said_of_them(forecaster: Forecaster) -> None:
    alone = Forecaster(forecaster.dataset, {"deals": forecaster.bundles["deals"]}, forecaster.as_of, forecaster.home)
    found = predictions(alone, running(forecaster))[""]
    assert "bookings" in found
    assert found.keys().isdisjoint({"churn", "retention", "lost_clients", "grr", "nrr"})


def test_the_backtest_is_what_accuracy_is_measured_on(runtime: Runtime, tmp_path: Path) -> None:
    """Of the two quarters that were over, each forecast at its first day and 30 days on."""
    dataset = runtime.served().dataset
    year = windows.parse("2025", dataset.organisation.calendar)
    foresight = Foresight(None, tmp_path)
    assert foresight.past_forecasts(dataset, year, AS_OF) is None
    backtests.keep(tmp_path, made_up(), AS_OF)
    found = foresight.past_forecasts(dataset, year, pd.Timestamp("2025-07-01", tz="UTC").as_unit("us"))
    assert found is not None
    assert found["forecast"].tolist() == [120.0, 110.0] * 2
    assert (found["made_at"] - found["period_start"]).dt.days.tolist() == [0, 30] * 2
    assert str(found["made_at"].dtype) == "datetime64[us, UTC]"


def test_the_api_predicts_where_it_is_asked_to(client: TestClient) -> None:
    query = "/v1/kpis?period=2026Q4&kpi=bookings&kpi=win_rate&as_of=2026-10-15"
    assert [each["prediction"] for each in client.get(query).json()["values"]] == [None, None]
    bookings, win_rate = client.get(f"{query}&predict=true").json()["values"]
    assert bookings["prediction"]["low"] <= bookings["prediction"]["value"] <= bookings["prediction"]["high"]
    assert 0 <= bookings["prediction"]["p_plan"] <= 1
    assert win_rate["prediction"] is None
