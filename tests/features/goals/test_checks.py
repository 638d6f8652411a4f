"""What is wrong with goals, said in both languages."""

from dataclasses import replace

from features.goals.checks import Known, check_goals
from features.goals.findings import ERROR, KINDS, WARNING, Finding
from features.goals.goal import Goal, goals_of_plans
from features.goals.progress import Progress
from features.goals.standing import known, standing
from features.kpis import example
from features.kpis.catalog import KPIS
from tests.features.companies import moment
from tests.features.funnel.dirty import MOMENTS, seen

THERE = Known(KPIS, frozenset({"market_share"}), frozenset({"ann", "bob", "eva"}), {"North": frozenset({"ann", "bob"})})
GOOD = Goal("bookings", "team", "North", 500_000.0, moment("2026-01-01"), moment("2026-04-01"), owner="eva", source="file")


def found(*goals: Goal, standing: tuple[Progress, ...] = ()) -> list[Finding]:
    return list(check_goals(goals, THERE, standing))


def kinds(*goals: Goal) -> list[str]:
    return [finding.kind for finding in found(*goals)]


def of(person: str, target: float) -> Goal:
    return replace(GOOD, scope="user", scope_id=person, target=target, owner=person)


def test_a_good_goal_has_no_findings() -> None:
    assert kinds(GOOD) == []
    assert kinds(replace(GOOD, kpi="market_share", target=0.2)) == []


def test_what_makes_a_goal_useless() -> None:
    assert kinds(replace(GOOD, kpi="happiness")) == ["not_measurable"]
    assert kinds(replace(GOOD, target=None)) == ["no_target"]
    assert kinds(replace(GOOD, end=None)) == ["no_deadline"]
    assert kinds(replace(GOOD, start=None)) == ["no_start"]
    assert kinds(replace(GOOD, kpi="win_rate", target=35.0)) == ["impossible_share"]
    assert kinds(replace(GOOD, kpi="growth", target=1.2)) == []
    assert kinds(replace(GOOD, scope_id="Nord")) == ["unknown_scope"]


def test_owners_and_horizons() -> None:
    assert kinds(replace(GOOD, owner=None)) == ["no_owner"]
    assert kinds(replace(GOOD, owner="max")) == ["unknown_owner"]
    assert kinds(replace(GOOD, stated="long")) == ["other_horizon"]
    assert kinds(replace(GOOD, end=moment("2032-01-01"))) == ["too_long"]


def test_a_team_plan_that_is_not_the_sum_of_its_members() -> None:
    (finding,) = found(GOOD, of("ann", 260_000.0), of("bob", 200_000.0))
    assert (finding.kind, finding.goals, finding.severity) == ("sum_of_members", (0, 1, 2), WARNING)
    assert "500,000" in finding.text.en
    assert "460\N{NO-BREAK SPACE}000 (-40\N{NO-BREAK SPACE}000)" in finding.text.ru


def test_rounding_is_no_contradiction_and_other_periods_are_none() -> None:
    assert kinds(GOOD, of("ann", 300_000.0), of("bob", 199_000.0)) == []
    later = replace(of("ann", 1.0), start=moment("2026-04-01"), end=moment("2026-07-01"))
    assert kinds(GOOD, later) == []


def test_members_without_a_plan_are_named() -> None:
    assert kinds(GOOD, of("ann", 260_000.0)) == ["sum_of_members", "members_without_plan"]
    assert found(GOOD, of("ann", 260_000.0))[1].text.en.endswith("bob")


def test_what_does_not_add_up_is_not_added() -> None:
    team, ann, bob = (replace(each, kpi="win_rate", target=0.3) for each in (GOOD, of("ann", 1.0), of("bob", 1.0)))
    assert kinds(team, ann, bob) == []


def test_two_targets_for_one_goal() -> None:
    (finding,) = found(GOOD, replace(GOOD, target=600_000.0))
    assert (finding.kind, finding.severity, finding.goals) == ("two_targets", ERROR, (0, 1))
    assert "500,000; 600,000" in finding.text.en
    assert kinds(GOOD, GOOD) == []


def test_a_target_that_is_met_and_a_deadline_that_has_passed() -> None:
    met = Progress(GOOD, value=510_000.0, days_left=20.4, met=True)
    (finding,) = found(GOOD, standing=(met,))
    assert finding.text.en.startswith("The target of 500,000 is met already: it is 510,000, 20 days to go")
    (finding,) = found(GOOD, standing=(replace(met, over=True),))
    assert (finding.kind, "2026-04-01" in finding.text.ru) == ("over", True)


def test_the_plans_of_the_ten_deal_company_contradict_each_other() -> None:
    """The company's 12,500 of the first quarter are not Ann's 5,000 and Bob's 8,000."""
    snapshot = example.snapshot()
    goals = goals_of_plans(snapshot)
    findings = check_goals(goals, known(snapshot), standing(snapshot, goals))
    assert [each.goals for each in findings if each.kind == "sum_of_members"] == [(0, 2, 3)]
    assert [each.goals for each in findings if each.kind == "over"] == [(0,), (2,), (3,)]


def test_the_plans_of_a_company_that_adds_them_up_do_not() -> None:
    snapshot = seen(MOMENTS[-1])
    goals = goals_of_plans(snapshot)
    assert len(goals) > 50
    assert {each.kind for each in check_goals(goals, known(snapshot))} <= {"unknown_scope", "unknown_owner"}


def test_every_finding_speaks_both_languages() -> None:
    assert all(text.en and text.ru and text.en != text.ru for _, text in KINDS.values())
    assert {severity for severity, _ in KINDS.values()} == {ERROR, WARNING}
