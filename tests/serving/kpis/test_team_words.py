"""What is said of a team: groups by name, who is behind at a stage, and how far people have come."""

import pytest

from serving.kpis.queries import TeamQuery
from serving.kpis.schemas import Compared, Estimate, Member, StageBehind, TeamAnswer
from serving.kpis.team_answers import team
from serving.kpis.team_words import about, at_stages, comparisons
from serving.language import Tongue
from tests.serving.kpi_company import ten_deals

EN, RU = Tongue("en"), Tongue("ru")
BEST = Estimate(value=0.6, low=0.5, high=0.7)


@pytest.fixture
def answer() -> TeamAnswer:
    return team(ten_deals(), TeamQuery(period="2026Q1"))


def test_groups_are_named_where_there_are_several(answer: TeamAnswer) -> None:
    one = Compared(figure="win_rate", text="So.", groups=[["ann", "bob"]])
    two = Compared(figure="pace", text="So.", groups=[["ann"], ["ann", "bob"]])
    found = comparisons(answer.model_copy(update={"compared": [one, two]}), EN)
    assert found == [("Win rate", "So."), ("Pace, wins per 100 open days", "So. Alike: Ann; Ann, Bob.")]


def test_only_who_is_told_apart_is_behind(answer: TeamAnswer) -> None:
    level = StageBehind(stage="Talk", best="ann", estimate=BEST, behind=[])
    lower = StageBehind(stage="Offer", best="ann", estimate=BEST, behind=["bob"])
    said = at_stages(answer.model_copy(update={"stages": [level, lower]}), EN)
    assert said == "Offer: below the team's best, Ann (50.0% … 70.0%): Bob."
    assert "никого" in at_stages(answer.model_copy(update={"stages": [level]}), RU)
    assert at_stages(answer.model_copy(update={"stages": []}), EN) == ""


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"ramp_months": 3.0, "at_plan": True, "reports": 0}, "at plan after 3.0 mo"),
        ({"ramp_months": 3.0, "at_plan": False, "reports": 2}, "not at plan yet, 3.0 mo so far, 2 reports"),
        ({"ramp_months": None, "at_plan": None, "reports": None}, ""),
    ],
)
def test_a_person_is_described_as_far_as_is_known(answer: TeamAnswer, known: dict[str, object], said: str) -> None:
    member: Member = answer.members[0].model_copy(update=known)
    assert about(member, EN) == said
