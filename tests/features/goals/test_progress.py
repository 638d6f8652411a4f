"""Progress: the worked example, the edges, and goals of a whole company."""

from dataclasses import replace

import pytest

from features import clock
from features.goals.goal import Goal, goals_of_plans
from features.goals.progress import Progress, progress
from features.goals.standing import known, standing
from features.kpis import example
from features.kpis.catalog import KPIS
from features.kpis.scorecard import scorecard
from features.kpis.value import Node, Value, Window
from features.snapshot import Snapshot
from tests.features.companies import moment
from tests.features.funnel.dirty import MOMENTS, seen

GOAL = Goal("bookings", "company", None, 300_000.0, moment("2026-10-01"), moment("2027-01-01"))


def value(number: float | None, reason: str | None = None) -> Value:
    window = Window("2026Q4", moment("2026-10-01"), moment("2027-01-01"))
    return Value("bookings", "standard", window, Node("company", "", ""), number, reason, None, None, 1, None, False, 0)


def at(day: str, number: float, goal: Goal = GOAL, before: float | None = None) -> Progress:
    return progress(goal, KPIS[goal.kpi], value(number), clock.micros(moment(day)), before=before)


def test_the_worked_example() -> None:
    found = at("2026-10-31", 100_000.0)
    assert found.elapsed == pytest.approx(30 / 92)
    assert found.share == pytest.approx(1 / 3)
    assert (found.remaining, found.days_left) == (200_000, 62)
    assert found.current_a_day == pytest.approx(3333, abs=1)
    assert found.required_a_day == pytest.approx(3226, abs=1)
    assert found.projected == pytest.approx(306_667, abs=1)
    assert (found.on_pace, found.met, found.over) == (True, False, False)


def test_a_goal_that_is_met_asks_for_nothing() -> None:
    found = at("2026-10-31", 310_000.0)
    assert (found.remaining, found.required_a_day, found.met, found.on_pace) == (0, None, True, True)


def test_when_the_time_is_over_the_pace_is_what_was_reached() -> None:
    found = at("2027-01-01", 299_999.0)
    assert (found.over, found.days_left, found.on_pace, found.projected) == (True, 0, False, 299_999)
    assert found.required_a_day is None


def test_before_the_start_there_is_no_pace() -> None:
    found = at("2026-09-01", 0.0)
    assert (found.elapsed, found.current_a_day, found.on_pace) == (0, None, None)
    assert found.required_a_day == pytest.approx(300_000 / 92)


def test_less_is_better() -> None:
    """A sales cycle of 60 days is to come down to 40; after a month it is at 50, so a third of a day less each day."""
    goal = replace(GOAL, kpi="sales_cycle", target=40.0)
    found = at("2026-10-31", 50.0, goal, before=60.0)
    assert (found.met, found.share, found.remaining) == (False, None, -10)
    assert found.current_a_day == pytest.approx(-1 / 3)
    assert found.on_pace
    assert at("2026-10-31", 39.0, goal).met


def test_what_does_not_add_up_needs_a_start_to_have_a_pace() -> None:
    goal = replace(GOAL, kpi="win_rate", target=0.4)
    found = at("2026-10-31", 0.3, goal)
    assert (found.current_a_day, found.projected, found.on_pace) == (None, None, None)
    assert found.required_a_day == pytest.approx(0.1 / 62)


def test_what_cannot_be_said_has_a_reason() -> None:
    now = clock.micros(moment("2026-10-31"))
    assert progress(replace(GOAL, target=None), KPIS["bookings"], value(1.0), now).reason == "no_target"
    assert progress(replace(GOAL, end=None), KPIS["bookings"], value(1.0), now).reason == "no_deadline"
    assert progress(GOAL, KPIS["bookings"], None, now).reason == "not_measured"
    assert progress(GOAL, KPIS["bookings"], value(None, "nothing_counted"), now).reason == "nothing_counted"


def test_the_probability_is_the_forecasts() -> None:
    found = progress(GOAL, KPIS["bookings"], value(1.0), clock.micros(moment("2026-10-31")), probability=0.8)
    assert found.probability == 0.8
    assert at("2026-10-31", 1.0).probability is None


def test_goals_of_the_ten_deal_company() -> None:
    snapshot = example.snapshot()
    share = Goal("market_share", "company", None, 0.2, moment("2026-01-01"), moment("2030-01-01"))
    goals = (*goals_of_plans(snapshot), share, replace(share, kpi="happiness"), replace(GOAL, scope="team", scope_id="Nowhere"))
    found = standing(snapshot, goals, {0: 0.9})
    assert [each.value for each in found] == [10_000, None, 5000, 5000, 0.12, None, None]
    assert [each.met for each in found] == [False, None, True, False, False, None, None]
    assert [each.reason for each in found] == [None, "not_begun", None, None, None, "not_measured", "not_measured"]
    assert (found[0].probability, found[1].probability) == (0.9, None)


def test_goals_read_the_scorecard() -> None:
    snapshot = Snapshot(seen(MOMENTS[-1]).dataset, moment("2026-08-10"))
    goals = [each for each in goals_of_plans(snapshot) if each.start == moment("2026-07-01")]
    card = scorecard(snapshot, ["bookings"], [Window("", moment("2026-07-01"), moment("2026-10-01"))], "owner")
    expected = {each.id: card.value("bookings", node=each.id).value for each in card.nodes}
    people = [each for each in standing(snapshot, goals) if each.goal.scope == "user"]
    assert len(people) > 2
    assert {each.goal.scope_id: each.value for each in people} == {
        each.goal.scope_id: expected[each.goal.scope_id] for each in people
    }


def test_what_goals_may_refer_to() -> None:
    there = known(example.snapshot())
    assert sorted(there.people) == ["ann", "bob", "eva"]
    assert sorted(there.measured) == ["market_share"]
    assert sorted(there.teams["North"]) == ["ann", "eva"]
