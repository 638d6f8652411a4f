"""Every KPI by hand on the ten deals of `features.kpis.example`, in the first quarter of 2026 as of its end.

Won: D1 3000 (10 days), D2 2000 (20), D3 1000 (30), D4 4000 (40), D5 without an amount (50). Lost: D6 6000, D7 2500, D8 1500.
"""

from functools import cache

import pytest

from features.kpis import windows
from features.kpis.card import Scorecard
from features.kpis.catalog import KPIS
from features.kpis.example import snapshot
from features.kpis.scorecard import all_kpis, scorecard
from features.kpis.value import Value

MONTHS = 90 / 30.4375


@cache
def card(by: str = "company", quarter: str = "2026Q1") -> Scorecard:
    known = snapshot()
    every = [f"{kpi.name}:{variant.name}" for kpi in KPIS.values() for variant in kpi.variants]
    asked = [windows.parse(quarter, known.dataset.organisation.calendar)]
    return scorecard(known, [*every, "market_share"], asked, by=by, compare=["plan"])


def value(kpi: str, node: str | None = "", by: str = "company", quarter: str = "2026Q1") -> Value:
    name, _, variant = kpi.partition(":")
    return card(by, quarter).value(name, node=node, variant=variant or None)


@pytest.mark.parametrize(
    ("kpi", "expected", "n"),
    [
        ("bookings", 3000 + 2000 + 1000 + 4000, 5),
        ("attainment", 10_000 / 12_500, 5),
        ("win_rate", 5 / 8, 8),
        ("win_rate:created", 5 / 8, 8),
        ("win_rate_value", 10_000 / (10_000 + 6000 + 2500 + 1500), 7),
        ("average_deal", 10_000 / 4, 4),
        ("average_deal:median", (2000 + 3000) / 2, 4),
        ("sales_cycle", (10 + 20 + 30 + 40 + 50) / 5, 5),
        ("sales_cycle:median", 30, 5),
        ("touches", (2 + 1 + 2 + 0 + 0) / 5, 5),
        ("touches:in", 2 / 5, 5),
        ("touches:out", 3 / 5, 5),
        ("touches:call", 3 / 5, 5),
        ("reach", 10_000 + 12_000 + 14_000, 3),
        ("leads", 5, 5),
        ("qualified_leads", 4, 4),
        ("offers", 7, 7),
        ("lead_conversion", 2 / 5, 5),
        ("lead_conversion:deal", 4 / 5, 5),
        ("lead_conversion:in_period", 3 / 5, 5),
        ("sales_velocity", 2 * 5 / 8 * 2500 / 30, 2),
        ("new_clients", 3, 3),
        ("new_clients:orders", 2, 2),
        ("new_clients:contracts", 1, 1),
        ("lost_clients", 1, 1),
        ("active_clients", 6, 6),
        ("retention", 3 / 4, 4),
        ("churn", 1 / 4, 4),
        ("churn:contracts", 1 / 3, 3),
        ("churn:annualised", 1 - 0.75 ** (12 / MONTHS), 4),
        ("grr", (100 + 0 + 300) / 600, 3),
        ("nrr", (120 + 0 + 300) / 600, 3),
        ("repeat_purchase", 2 / 3, 3),
        ("cac", (1200 + 800) / 3, 3),
        ("cac:marketing", 800 / 3, 3),
        ("return_on_sales", (4800 - 2880) / 4800, 5),
        ("return_on_sales:operating", (4800 - 2880 - 2000) / 4800, 5),
        ("nps", 100 * (2 - 1) / 4, 4),
        ("csat", 2 / 3, 3),
        ("csat:mean", 11 / 3, 3),
        ("ces", 15 / 3, 3),
        ("ces:effort", 8 - 15 / 3, 3),
        ("market_share", 0.12, 1),
    ],
)
def test_by_hand(kpi: str, expected: float, n: int) -> None:
    found = value(kpi)
    assert found.value == pytest.approx(expected)
    assert found.n == n
    assert found.reason is None


def test_what_a_client_by_order_is_worth() -> None:
    """One client at the start, three at the end, 5500 of orders less returns; none left, so its life is cut at 120 months."""
    found = value("ltv:orders")
    assert found.value == pytest.approx(5500 / MONTHS / 2 * (1 - 2880 / 4800) * 120)
    assert "lifetime_capped" in found.flags
    assert value("ltv_cac:orders").value == pytest.approx((found.value or 0) / (2000 / 3))


def test_what_a_client_by_contract_is_worth() -> None:
    """100 and 120 a month overlap by no day; B2's 200 end on 10 February, B4's 150 begin on 1 February. No margin is known."""
    revenue = (120 * 90 + 200 * 40 + 300 * 90 + 150 * 59) / 30.4375
    churn = 1 - (2 / 3) ** (1 / MONTHS)
    found = value("ltv:contracts")
    assert found.value == pytest.approx(revenue / MONTHS / 3 / churn)
    assert found.flags == ("margin_unknown",)
    assert value("cac_payback:contracts").value == pytest.approx(2000 / 3 / 150)


def test_payback_by_what_new_clients_order() -> None:
    """A1 since 15 January (76 days) and A2 since 30 January (61): 2800 and 2200, at a margin of 40 %."""
    monthly = (2800 + 2200) / (76 / 30.4375 + 61 / 30.4375)
    assert value("cac_payback:orders").value == pytest.approx(2000 / 3 / (monthly * 0.4))


@pytest.mark.parametrize(
    ("kpi", "excluded"),
    [
        ("bookings", {"null_amount": 1}),
        ("win_rate_value", {"null_amount": 1}),
        ("return_on_sales", {"null_cost": 1}),
        ("nps", {"other_scale": 1}),
        ("win_rate", {}),
    ],
)
def test_what_was_left_out_is_counted(kpi: str, excluded: dict[str, int]) -> None:
    assert value(kpi).excluded == excluded


@pytest.mark.parametrize(
    ("kpi", "reason"),
    [
        ("forecast_accuracy", "no_forecasts"),
        ("growth", "no_previous"),
        ("growth:gross_profit_previous", "previous_not_positive"),
        ("pipeline_coverage", "window_over"),
    ],
)
def test_a_null_says_why(kpi: str, reason: str) -> None:
    assert value(kpi).value is None
    assert value(kpi).reason == reason


def test_a_cohort_that_is_not_due_is_immature() -> None:
    """L6 became D9, which is open. Conversions took 12 days at most, so L5, 71 days old, is waited for no longer."""
    found = value("lead_conversion")
    assert found.immature
    assert found.censored == 1
    assert value("win_rate:created").censored == 2
    assert not value("win_rate").immature


def test_by_owner() -> None:
    assert [value("bookings", node, "owner").value for node in ("ann", "bob", None)] == [5000, 5000, 0]
    assert [value("win_rate", node, "owner").value for node in ("ann", "bob")] == [2 / 3, 3 / 5]
    assert value("win_rate", None, "owner").reason == "nothing_counted"
    assert value("attainment", "bob", "owner").value == 5000 / 8000


def test_a_team_is_its_whole_subtree_and_sum_over_sum() -> None:
    assert [value("bookings", node, "team").value for node in ("North", "South")] == [5000, 5000]
    assert value("bookings", "eva", "manager").value == 5000
    north = value("attainment", "North", "team")
    assert (north.value, north.denominator, north.flags) == (1.0, 5000.0, ("plan_of_members",))


def test_the_pipeline_of_the_next_quarter() -> None:
    """D9 of 5000 and D10 of 2000, at 50 and 20 %, against a plan of 14,000 that has not begun."""
    assert value("pipeline_coverage", quarter="2026Q2").value == 7000 / 14_000
    assert value("pipeline_coverage:weighted", quarter="2026Q2").value == pytest.approx((2500 + 400) / 14_000)
    assert value("bookings", quarter="2026Q2").reason == "not_begun"


def test_a_client_belongs_to_whoever_won_its_last_deal() -> None:
    """Bob won A1's last deal, Ann A2's; A9 was won by nobody."""
    assert [value("new_clients:orders", node, "owner").value for node in ("ann", "bob", None)] == [1, 1, 0]
    assert value("reach", "ann", "owner").reason == "not_sliced"


def test_the_plan_stands_beside_the_value() -> None:
    assert value("bookings").against == {"plan": 12_500.0}


def test_every_kpi_has_an_answer_here() -> None:
    assert set(all_kpis(snapshot())) == {*KPIS, "market_share"}
