"""Whether a target was ever reached in comparable periods."""

from dataclasses import replace

import pytest

from features.calendar import FiscalCalendar
from features.goals.checks import check_goals
from features.goals.goal import Goal
from features.goals.past import FEWEST, PERIODS, best_past
from features.goals.progress import Best
from features.goals.standing import known, standing
from features.kpis import windows
from features.kpis.scorecard import scorecard
from features.snapshot import Snapshot
from tests.features.companies import moment
from tests.features.funnel.dirty import MOMENTS, seen

QUARTER = Goal("bookings", "company", None, 1.0, moment("2026-07-01"), moment("2026-10-01"), owner="eva", source="file")


def best(goal: Goal, known_then: Snapshot | None = None) -> Best | None:
    return best_past(known_then or seen(MOMENTS[-1]), [goal])[0]


def quarters(kpi: str, last: str) -> dict[str, float]:
    """The KPI in the quarters up to this one that are wholly in the data."""
    calendar = seen(MOMENTS[-1]).dataset.organisation.calendar
    asked = windows.series(windows.parse(last, calendar), PERIODS, calendar)
    values = scorecard(seen(MOMENTS[-1]), [kpi], asked).values()
    return {each.window.label: each.value for each in values if each.value is not None and "partly_before_data" not in each.flags}


def test_the_best_quarter_of_those_that_are_over() -> None:
    past = quarters("bookings", "2026Q2")
    found = best(QUARTER)
    assert found == Best(max(past, key=lambda label: past[label]), max(past.values()), len(past))
    assert found.n >= FEWEST


def test_where_less_is_better_the_best_is_the_smallest() -> None:
    past = quarters("sales_cycle", "2026Q2")
    found = best(replace(QUARTER, kpi="sales_cycle", target=10.0))
    assert found is not None
    assert found.value == min(past.values())


def test_a_goal_of_next_year_looks_at_quarters_that_are_over() -> None:
    ahead = replace(QUARTER, start=moment("2027-04-01"), end=moment("2027-07-01"))
    assert best(ahead) == best(QUARTER)


@pytest.mark.parametrize(
    "goal",
    [
        replace(QUARTER, start=moment("2025-07-01"), end=moment("2025-10-01")),
        replace(QUARTER, start=moment("2026-01-01"), end=moment("2030-01-01")),
        replace(QUARTER, end=None),
        replace(QUARTER, kpi="touches"),
        replace(QUARTER, kpi="happiness"),
        replace(QUARTER, scope="user", scope_id="nobody"),
    ],
    ids=["over", "too long to compare", "no deadline", "no direction", "no such KPI", "nobody"],
)
def test_nothing_is_said_where_nothing_is_comparable(goal: Goal) -> None:
    assert best(goal) is None


def test_a_target_that_was_never_reached_is_told_and_one_that_was_is_not() -> None:
    snapshot, reached = seen(MOMENTS[-1]), best(QUARTER)
    assert reached is not None
    goals = [replace(QUARTER, target=reached.value * factor) for factor in (1.2, 0.9)]
    found = check_goals(goals, known(snapshot), standing(snapshot, goals), best_past(snapshot, goals))
    told = [each for each in found if each.kind == "beyond_best"]
    assert [each.goals for each in told] == [(0,)]
    assert reached.period in told[0].text.en
    assert f"каждого из {reached.n} последних" in told[0].text.ru


def test_a_person_is_compared_with_their_own_past() -> None:
    of_company, of_person = best(QUARTER), best(replace(QUARTER, scope="user", scope_id=_somebody()))
    assert of_company is not None
    assert of_person is not None
    assert of_person.value < of_company.value


def _somebody() -> str:
    values = scorecard(
        seen(MOMENTS[-1]), ["bookings"], [windows.between(moment("2025-07-01"), moment("2026-07-01"), calendar())], by="owner"
    ).values()
    return max((each for each in values if each.node.id), key=lambda each: each.value or 0.0).node.id or ""


def calendar() -> FiscalCalendar:
    return seen(MOMENTS[-1]).dataset.organisation.calendar
