"""Answers about KPIs on the ten-deal company: what stands in them, in both languages."""

import pytest

from features.errors import UsageError
from features.kpis.texts import REASONS
from serving.kpis.answers import kpis
from serving.kpis.goal_answers import goals
from serving.kpis.queries import FunnelQuery, GoalsQuery, KpisQuery, TeamQuery
from serving.kpis.schemas import KpisAnswer, KpiValue
from serving.kpis.team_answers import funnel, team
from tests.serving.kpi_company import ten_deals


def answer(**asked: object) -> KpisAnswer:
    return kpis(ten_deals(), KpisQuery.model_validate({"period": "2026Q1", "as_of": "2026-04-01", **asked}))


def of(found: KpisAnswer, kpi: str, node: str | None = "") -> KpiValue:
    return next(each for each in found.values if (each.kpi, each.node.id) == (kpi, node))


def test_a_value_carries_all_that_one_needs_to_judge_it() -> None:
    rate = of(answer(compare=["previous"]), "win_rate")
    assert (rate.value, rate.numerator, rate.denominator, rate.n, rate.variant) == (0.625, 5, 8, 8, "closed")
    assert rate.interval is not None
    assert 0 < rate.interval.low < 0.625 < rate.interval.high < 1
    assert (rate.window.label, rate.basis, rate.unit) == ("2026Q1", "when the deal closed", "share")
    assert rate.against == {"previous": None}
    assert [each.name for each in rate.beside] == ["life_table"]


def test_what_is_null_says_why_in_the_language_asked_for() -> None:
    found = of(answer(language="ru", period="2027Q1"), "bookings")
    assert (found.value, found.reason, found.reason_text) == (None, "not_begun", REASONS["not_begun"].ru)
    assert of(answer(language="ru"), "bookings").exclusions[0].text == "без суммы"


def test_slices_name_people_and_leave_out_nobody_where_there_is_nothing() -> None:
    found = answer(by="owner", kpi=["bookings"], compare=["plan"])
    assert [(each.node.title, each.value) for each in found.values] == [
        ("Company", 10_000),
        ("Ann", 5000),
        ("Bob", 5000),
        ("Eva", 0),
    ]
    assert of(found, "bookings", "bob").against == {"plan": 8000}


def test_variants_options_and_filters_are_asked_for_and_told() -> None:
    found = answer(kpi=["average_deal:median", "cac"], cost_lag_months=3)
    assert [(each.kpi, each.variant) for each in found.kpis] == [("average_deal", "median"), ("cac", "all")]
    assert (of(found, "average_deal").value, of(found, "cac").value) == (2500, 300)
    assert found.options["cost_lag_months"] == 3
    assert of(answer(where=["owner=ann"]), "bookings").value == 5000
    with pytest.raises(UsageError, match="there is no owner 'Anne' in the data"):
        answer(where=["owner=Anne"])


def test_the_running_quarter_is_the_default_and_at_its_first_instant_the_one_before() -> None:
    asked = KpisQuery(as_of="2026-04-01", kpi=["bookings"])
    assert {each.window.label for each in kpis(ten_deals(), asked).values} == {"2026Q1"}
    three = kpis(ten_deals(), KpisQuery(as_of="2026-04-01", kpi=["bookings"], periods=3))
    assert [each.window.label for each in three.values] == ["2025Q3", "2025Q4", "2026Q1"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"as_of": "2190-01-01"}, "future"),
        ({"period": "soon"}, "not a window"),
        ({"period": "1900-01-01..2199-01-01"}, "hundred years"),
        ({"kpi": ["happiness"]}, "not a KPI"),
        ({"kpi": ["win_rate:best"]}, "not a variant"),
        ({"where": ["product"]}, "product=Pro"),
        ({"where": ["planet=Mars"]}, "not a dimension"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_what_to_do(asked: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        answer(**asked)


def test_the_funnel_of_everybody_and_of_one_team() -> None:
    whole = funnel(ten_deals(), FunnelQuery(period="2026Q1"))
    assert [step.name for step in whole.steps] == ["lead", "qualified", "deal", "offer", "won"]
    assert (whole.n_leads, whole.steps[-1].entered, whole.won_amount) == (5, 4, 7000)
    north = funnel(ten_deals(), FunnelQuery(period="2026Q1", team="North"))
    assert north.n_leads == 2
    assert funnel(ten_deals(), FunnelQuery(period="2026Q1", owner_id="bob", source="web", language="ru")).steps[0].title == "Лиды"
    with pytest.raises(UsageError, match="North, South"):
        funnel(ten_deals(), FunnelQuery(team="West"))
    for unknown in (FunnelQuery(source="fair"), FunnelQuery(owner_id="Anne")):
        with pytest.raises(UsageError, match=r"there is no (source|owner)"):
            funnel(ten_deals(), unknown)


def test_people_who_cannot_be_told_apart_stand_in_one_group() -> None:
    found = team(ten_deals(), TeamQuery(period="2026Q1", language="ru"))
    assert [(each.name, each.plan, each.attainment) for each in found.members] == [("Ann", 5000, 1), ("Bob", 8000, 0.625)]
    rates = next(each for each in found.compared if each.figure == "win_rate")
    assert rates.groups == [["ann", "bob"]]
    assert "не позволяют различить" in rates.text
    assert [each.person for each in team(ten_deals(), TeamQuery(period="2026Q1", team="South")).members] == ["bob"]


def test_goals_of_the_plans_with_what_is_wrong_and_how_they_stand() -> None:
    found = goals(ten_deals(), GoalsQuery(as_of="2026-03-01", language="ru"))
    own = {(each.scope_title, each.period): each for each in found.items}
    assert set(own) == {("Компания", "2026Q1"), ("Компания", "2026Q2"), ("Ann", "2026Q1"), ("Bob", "2026Q1")}
    assert (own["Ann", "2026Q1"].value, own["Ann", "2026Q1"].met) == (5000, True)
    assert {each.kind for each in own["Ann", "2026Q1"].findings} == {"already_met"}
    assert {each.scope for each in goals(ten_deals(), GoalsQuery(as_of="2026-03-01", scope="user")).items} == {"user"}
    assert len(goals(ten_deals(), GoalsQuery(as_of="2026-07-01", over=True)).items) == 4


def test_goals_of_whom_there_is_may_be_none() -> None:
    assert goals(ten_deals(), GoalsQuery(as_of="2026-03-01", scope="team", scope_id="North", kpi="nps")).items == []
    with pytest.raises(UsageError, match="no team or user"):
        goals(ten_deals(), GoalsQuery(scope_id="nobody"))
