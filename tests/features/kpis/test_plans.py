"""Plans: which of several counts, how they are cut to windows and to people's time, and when there is none."""

import pytest

from features.dataset import Dataset
from features.kpis import windows
from features.kpis.scorecard import scorecard
from features.kpis.value import Value
from features.snapshot import Snapshot
from tests.features.companies import dataset, moment

DEALS = """
    deal_id | owner_id | created_at | amount | stage | closed_at
    D1      | U1       | 2026-01-01 | 600    | Won   | 2026-01-20
    D2      | U2       | 2026-01-01 | 300    | Won   | 2026-02-20
"""
USERS = """
    user_id | name | manager_id | team  | hired_at   | left_at
    U1      | Uma  |            | North | 2020-01-01 |
    U2      | Ugo  | U1         | North | 2026-02-15 |
    U3      | Una  | U1         | South | 2020-01-01 | 2026-02-15
"""
STAGES = """
    stage | kind
    Won   | won
"""
QUARTERS = """
    scope   | scope_id | kpi      | period_start | period_end | target
    company |          | bookings | 2026-01-01   | 2026-04-01 | 900
    user    | U1       | bookings | 2026-01-01   | 2026-04-01 | 400
    user    | U2       | bookings | 2026-01-01   | 2026-04-01 | 900
    user    | U3       | bookings | 2026-01-01   | 2026-04-01 | 900
    team    | South    | bookings | 2026-01-01   | 2026-04-01 | 0
"""


def company(plans: str = QUARTERS, users: str = USERS) -> Dataset:
    tables = {"deals": DEALS, "users": users, "stages": STAGES, "plans": plans}
    return dataset(tables=tables, static=frozenset({"deals.owner_id", "deals.amount"}), extracted_at="2026-05-01")


def attained(
    known: Dataset, node: str | None = "", by: str = "owner", window: str = "2026Q1", variant: str = "prorated"
) -> Value:
    asked = windows.parse(window, known.organisation.calendar)
    card = scorecard(Snapshot(known, moment("2026-04-20")), [f"attainment:{variant}"], [asked], by=by)
    return card.value("attainment", node=node)


def test_a_plan_of_its_own_counts_first() -> None:
    found = attained(company())
    assert (found.value, found.denominator, found.flags) == (1.0, 900, ())


def test_joiners_and_leavers_by_days() -> None:
    """U2 is there for 45 of 90 days, U3 was."""
    assert attained(company(), "U2").value == pytest.approx(300 / (900 * 45 / 90))
    assert attained(company(), "U3").denominator == pytest.approx(900 * 45 / 90)
    assert attained(company(), "U2", variant="full").value == pytest.approx(300 / 900)
    assert attained(company(), "U1").value == pytest.approx(600 / 400)


def test_the_month_in_which_somebody_joins() -> None:
    """U2 joins on 15 February: nothing is planned for January, and 14 of the quarter's 90 days lie in February."""
    assert attained(company(), "U2", window="2026-01").reason == "plan_zero"
    assert attained(company(), "U2", window="2026-02").denominator == pytest.approx(900 * 14 / 90)
    assert attained(company(), "U2", window="2026-03").denominator == pytest.approx(900 * 31 / 90)
    assert attained(company(), "U3", window="2026-02").denominator == pytest.approx(900 * 14 / 90)


def test_a_team_without_a_plan_has_its_members_sum_over_sum() -> None:
    north = attained(company(), "North", "team")
    assert north.flags == ("plan_of_members",)
    assert north.value == pytest.approx(900 / (400 + 450 + 450))
    assert north.value != pytest.approx((600 / 400 + 300 / 450) / 2)


def test_a_plan_of_zero_is_no_hundred_percent() -> None:
    south = attained(company(), "South", "team")
    assert (south.value, south.reason, south.denominator) == (None, "plan_zero", 0)


def test_without_a_plan_there_is_no_attainment() -> None:
    assert attained(company(), None).reason == "no_plan"
    assert attained(company(), window="2025Q4").reason == "before_data"
    assert attained(company(), by="product").denominator == 900
    bare = {"deals": DEALS, "stages": STAGES}
    without = dataset(tables=bare, static=frozenset({"deals.amount"}), extracted_at="2026-05-01")
    assert attained(without).reason == "no_table"


def test_a_month_takes_its_share_of_a_quarter() -> None:
    january = attained(company(), window="2026-01")
    assert january.denominator == pytest.approx(900 * 31 / 90)
    assert "prorated" in january.flags


def test_a_year_that_is_planned_in_part_says_so() -> None:
    year = attained(company(), window="2026")
    assert (year.denominator, year.flags) == (900, ("running", "partly_covered"))
    assert year.beside["elapsed"] == pytest.approx(109 / 365)


def test_plans_by_month_and_by_year_are_not_added_up() -> None:
    months = "\n".join(
        f"company | | bookings | 2026-{month:02}-01 | {'2027-01' if month == 12 else f'2026-{month + 1:02}'}-01 | 100"
        for month in range(1, 13)
    )
    head = "scope | scope_id | kpi | period_start | period_end | target"
    both = company(f"{head}\n{months}\ncompany | | bookings | 2026-01-01 | 2027-01-01 | 1500")
    assert attained(both, window="2026").denominator == 1500
    assert attained(both, window="2026Q1").denominator == 300
    assert attained(both, window="2026-02").denominator == 100
    assert attained(both, window="2026Q1").flags == ()


def test_a_plan_in_another_currency_is_converted_and_without_a_rate_is_none() -> None:
    plans = QUARTERS.replace("target", "target | currency").replace("900\n    user    | U1", "900 | USD\n    user    | U1")
    plans = "\n".join(line if line.count("|") == 6 or not line.strip() else f"{line} |" for line in plans.splitlines())
    rates = "currency | date | rate\nUSD | 2026-04-01 | 0.5"
    tables = {"deals": DEALS, "stages": STAGES, "plans": plans, "rates": rates}
    known = dataset(tables=tables, static=frozenset({"deals.owner_id", "deals.amount"}), extracted_at="2026-05-01")
    assert attained(known).denominator == 450
    late = dataset(
        tables={**tables, "rates": rates.replace("2026-04-01", "2026-04-25")},
        static=frozenset({"deals.amount"}),
        extracted_at="2026-05-01",
    )
    assert attained(late).flags == ("plan_of_members",)


def test_a_rate_is_averaged_and_not_added() -> None:
    plans = """
        scope   | scope_id | kpi      | period_start | period_end | target
        company |          | win_rate | 2026-01-01   | 2026-02-01 | 0.2
        company |          | win_rate | 2026-02-01   | 2026-03-01 | 0.3
        company |          | win_rate | 2026-03-01   | 2026-04-01 | 0.4
    """
    known = company(plans)
    asked = windows.parse("2026Q1", known.organisation.calendar)
    card = scorecard(Snapshot(known, moment("2026-04-20")), ["win_rate", "bookings"], [asked], by="owner", compare=["plan"])
    assert card.value("win_rate").against["plan"] == pytest.approx((0.2 * 31 + 0.3 * 28 + 0.4 * 31) / 90)
    assert card.value("win_rate", node="U1").against["plan"] is None
    assert card.value("bookings").against["plan"] is None


def test_a_running_quarter_is_compared_with_the_same_part_against_its_whole_plan() -> None:
    """On 1 March 2 of 3 months are gone: so much of the plan had been reached after 59 days of the quarter before."""
    plans = """
        scope   | kpi      | period_start | period_end | target
        company | bookings | 2025-10-01   | 2026-01-01 | 1000
        company | bookings | 2026-01-01   | 2026-04-01 | 2000
    """
    deals = """
        deal_id | owner_id | created_at | amount | stage | closed_at
        D1      | U1       | 2025-09-01 | 300    | Won   | 2025-10-20
        D2      | U1       | 2025-09-01 | 900    | Won   | 2025-12-20
        D3      | U1       | 2025-09-01 | 500    | Won   | 2026-02-20
    """
    tables = {"deals": deals, "stages": "stage | kind\nWon | won", "plans": plans}
    known = dataset(None, tables, static=frozenset({"deals.amount", "deals.owner_id"}), extracted_at="2026-03-01")
    asked = windows.parse("2026Q1", known.organisation.calendar)
    snapshot = Snapshot(known, moment("2026-03-01"))
    found = scorecard(snapshot, ["attainment"], [asked], compare=["previous"]).value("attainment")
    assert (found.value, found.against["previous"]) == (500 / 2000, 300 / 1000)
