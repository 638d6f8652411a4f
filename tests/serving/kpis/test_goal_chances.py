"""Goals of bookings have the chance that the forecast's draws give them; of others nothing is said."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient

from features.goals.goal import Goal
from features.goals.standing import standing
from features.kpis.value import COMPANY
from serving.forecast.forecaster import Forecaster
from serving.forecast.outlook import outlook
from serving.kpis.goal_chances import NO_CHANCE, chances, why_none
from serving.served.runtime import Runtime


@pytest.fixture
def forecaster(runtime: Runtime, tmp_path: Path) -> Forecaster:
    served = runtime.served()
    return Forecaster(served.dataset, served.bundles, served.as_of, tmp_path)


def test_the_company_a_team_and_a_person_have_the_chance_of_their_own_draws(forecaster: Forecaster) -> None:
    window = forecaster.window(None)
    goals, expected = [], []
    for scope, by in ((COMPANY, COMPANY), ("team", "team"), ("user", "owner")):
        line = outlook(forecaster, window, by).lines[-1 if scope != COMPANY else 0]
        goals.append(Goal("bookings", scope, line.id or None, line.median, window.start, window.end))
        made = forecaster.made(window).forecast
        node = [each.id for each in made.places.nodes(by)].index(line.id)
        expected.append(made.p_at_least(line.median, by, node))
    found = chances(forecaster, goals)
    assert [found[position] for position in range(3)] == expected
    assert found[0] == pytest.approx(0.5, abs=0.01)
    assert [each.probability for each in standing(forecaster.known().snapshot, goals, found)] == expected


def test_what_the_forecast_cannot_answer_has_no_chance(forecaster: Forecaster) -> None:
    window = forecaster.window(None)
    goal = Goal("bookings", COMPANY, None, 1000.0, window.start, window.end)
    year = pd.Timedelta(days=365)
    others = [
        replace(goal, kpi="win_rate"),
        replace(goal, target=None),
        replace(goal, end=None),
        replace(goal, start=window.start - year, end=window.start),
        replace(goal, start=window.start + 9 * year, end=window.end + 9 * year),
        replace(goal, scope="team", scope_id="no such team"),
    ]
    assert chances(forecaster, [*others, goal]).keys() == {6}


def test_more_is_less_likely(forecaster: Forecaster) -> None:
    window = forecaster.window("2027Q1")
    targets = [1.0, 1e5, 1e6, 1e7]
    found = chances(forecaster, [Goal("bookings", COMPANY, None, target, window.start, window.end) for target in targets])
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert found[0] > found[3]


def test_the_goals_of_the_api_have_their_chances(client: TestClient) -> None:
    items = client.get("/v1/goals").json()["items"]
    answered = {(each["kpi"], each["probability"] is not None) for each in items}
    assert ("bookings", True) in answered
    assert {kpi for kpi, told in answered if told} == {"bookings"}
    assert all(0 <= each["probability"] <= 1 for each in items if each["probability"] is not None)
    assert all((each["probability"] is None) == bool(each["no_probability"] and each["no_probability_text"]) for each in items)


def test_a_goal_without_a_chance_says_why() -> None:
    at, end = pd.Timestamp("2026-10-01", tz="UTC").as_unit("us"), pd.Timestamp("2027-01-01", tz="UTC").as_unit("us")
    goal = Goal("bookings", COMPANY, None, 1.0, at, end)
    others = {
        "not_forecast": replace(goal, kpi="win_rate"),
        "no_target": replace(goal, target=None),
        "no_deadline": replace(goal, end=None),
        "over": replace(goal, end=at),
        "too_far": replace(goal, end=end + pd.DateOffset(years=4)),
        "no_forecast": goal,
    }
    assert {code: why_none(each, at, {}) for code, each in others.items()} == {code: code for code in others}
    assert why_none(goal, at, {0: 0.5}) == "nobody"
    assert set(NO_CHANCE) == {*others, "nobody"}


def test_a_moment_before_the_model_has_no_chances(forecaster: Forecaster) -> None:
    window = forecaster.window(None)
    goal = Goal("bookings", COMPANY, None, 1.0, window.start, window.end)
    assert chances(forecaster, [goal], forecaster.as_of - pd.Timedelta(days=1)) == {}
