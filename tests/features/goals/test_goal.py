"""Goals from plans and files: their periods, owners and horizons, and what cannot be read."""

from dataclasses import replace
from pathlib import Path

import pytest

from features.calendar import FiscalCalendar
from features.errors import DataError, SourceError, UsageError
from features.goals.checks import Known, check_goals
from features.goals.findings import KINDS
from features.goals.goal import LONG, MIDDLE, SHORT, Goal, goals_of_plans, in_own_money, read_goals
from features.kpis import example
from features.kpis.catalog import KPIS
from features.snapshot import Snapshot
from tests.features.companies import moment, sales

CALENDAR = FiscalCalendar("Europe/Berlin", 4)

FILE = """
[[goal]]
kpi = "bookings"
scope = "team"
scope_id = "North"
target = 500000
period = "2026Q1"
owner = "eva"

[[goal]]
kpi = "market_share"
target = 0.2
start = 2026-01-01
end = 2030-01-01
horizon = "middle"

[[goal]]
kpi = "happiness"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "goals.toml"
    path.write_text(text, encoding="utf-8")
    return path


def goal(start: str | None = "2026-01-01", end: str | None = "2026-04-01") -> Goal:
    return Goal("bookings", "company", None, 1.0, moment(start) if start else None, moment(end) if end else None)


def test_plans_are_goals() -> None:
    goals = goals_of_plans(example.snapshot())
    assert [(each.scope, each.scope_id, each.target, each.owner) for each in goals] == [
        ("company", None, 12500, None),
        ("company", None, 14000, None),
        ("user", "ann", 5000, "ann"),
        ("user", "bob", 8000, "bob"),
    ]
    assert (goals[0].start, goals[0].end, goals[0].horizon) == (moment("2026-01-01"), moment("2026-04-01"), SHORT)


def test_no_plans_no_goals() -> None:
    assert goals_of_plans(Snapshot(sales(), moment("2026-04-01"))) == ()


def test_targets_in_other_money_are_converted_by_the_rates_of_the_day() -> None:
    """A dollar is worth 0.9 euros since 31 March; nobody has a rate for pounds, and a win rate has no currency."""
    snapshot = Snapshot(sales(), moment("2026-04-01"))
    dollars, pounds = replace(goal(), target=1000.0, currency="USD"), replace(goal(), target=1000.0, currency="GBP")
    share, euros = replace(dollars, kpi="win_rate", target=0.3), replace(dollars, currency="EUR")
    found = in_own_money(snapshot, (dollars, pounds, share, euros, goal()))
    assert [each.target for each in found] == [900, None, 0.3, 1000, 1]
    assert [each.currency for each in found] == [None, "GBP", None, None, None]
    assert [each.kind for each in check_goals(found, Known(KPIS))] == ["no_rate", "two_targets"]


def test_a_file_is_read_by_the_organisations_calendar(tmp_path: Path) -> None:
    """The fiscal year begins in April, and the day in Berlin an hour or two before that of UTC."""
    first, second, third = read_goals(written(tmp_path, FILE), CALENDAR)
    assert (first.start, first.end) == (moment("2026-03-31T22:00"), moment("2026-06-30T22:00"))
    assert (second.start, second.end) == (moment("2025-12-31T23:00"), moment("2029-12-31T23:00"))
    assert (first.owner, second.stated, third.target, third.end) == ("eva", "middle", None, None)


@pytest.mark.parametrize(
    ("end", "horizon"),
    [
        ("2026-04-01", SHORT),
        ("2027-01-01", SHORT),
        ("2027-02-01", MIDDLE),
        ("2029-01-01", MIDDLE),
        ("2031-01-01", LONG),
        ("2032-01-01", None),
    ],
)
def test_the_horizon_follows_from_the_period(end: str, horizon: str | None) -> None:
    assert goal("2026-01-01", end).horizon == horizon
    assert goal("2026-01-01", None).horizon is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[goal]\nkpi = 3", "is not TOML"),
        ('[[goal]]\nkpi = "nps"\ntarget = "many"', "goal.0.target"),
        ('[[goal]]\nkpi = "nps"\ncolour = "red"', "goal.0.colour"),
        ("[[goal]]\ntarget = 1", "goal.0.kpi"),
    ],
)
def test_what_is_no_list_of_goals_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match="goals") as error:
        read_goals(written(tmp_path, text), CALENDAR)
    assert said in str(error.value)


def test_periods_that_are_none_and_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a window"):
        read_goals(written(tmp_path, '[[goal]]\nkpi = "nps"\nperiod = "soon"'), CALENDAR)
    with pytest.raises(UsageError, match="empty"):
        read_goals(written(tmp_path, '[[goal]]\nkpi = "nps"\nstart = 2026-02-01\nend = 2026-01-01'), CALENDAR)
    with pytest.raises(SourceError, match="cannot be read"):
        read_goals(tmp_path / "nothing.toml", CALENDAR)


def test_the_documented_file_is_a_good_one(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "goals.md"
    text = page.read_text(encoding="utf-8")
    goals = read_goals(written(tmp_path, text.split("```toml\n")[1].split("```")[0]), FiscalCalendar())
    there = Known(KPIS, frozenset({"market_share"}), frozenset({"U-0000", "U-0004"}), {"DACH 1": frozenset({"U-0009"})})
    assert len(goals) == 3
    assert check_goals(goals, there) == ()


def test_every_finding_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "goals.md").read_text(encoding="utf-8")
    assert all(f"`{kind}`" in text for kind in KINDS)
