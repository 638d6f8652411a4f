"""What goes wrong in real CRMs: missing and foreign amounts, impossible dates, overlapping contracts, other scales, no data."""

import pandas as pd
import pytest

from features.dataset import Dataset
from features.errors import UsageError
from features.kpis import windows
from features.kpis.card import Scorecard
from features.kpis.options import Options
from features.kpis.scorecard import all_kpis, scorecard
from features.kpis.value import Value
from features.organisation import Organisation
from features.snapshot import Snapshot
from tests.features.companies import dataset, moment

STAGES = """
    stage | kind
    Talk  | open
    Won   | won
    Lost  | lost
"""
STATIC = frozenset({"deals.owner_id", "deals.amount"})
HEAD = "deal_id | owner_id | created_at | amount | currency | stage | closed_at\n"


def company(deals: str, organisation: Organisation | None = None, **more: str) -> Dataset:
    tables = {"deals": HEAD + deals, "stages": STAGES, **more}
    return dataset(organisation, tables, static=STATIC, extracted_at="2026-05-01")


def card(known: Dataset, *kpis: str, window: str = "2026Q1", as_of: str = "2026-05-01", by: str = "company") -> Scorecard:
    asked = windows.parse(window, known.organisation.calendar)
    return scorecard(Snapshot(known, moment(as_of)), kpis, [asked], by=by)


def value(known: Dataset, kpi: str, **asked: str) -> Value:
    return card(known, kpi, **asked).value(kpi.partition(":")[0])


def test_deals_without_any_amount_are_no_zero() -> None:
    known = company("D1 | U1 | 2026-01-01 | | | Won | 2026-02-01\nD2 | U1 | 2026-01-01 | | | Lost | 2026-02-01")
    for kpi in ("bookings", "average_deal", "win_rate_value"):
        assert value(known, kpi).reason == "no_amounts"
    assert value(known, "bookings").excluded == {"null_amount": 1}
    assert value(known, "win_rate").value == 0.5


def test_an_export_with_amounts_of_won_deals_alone_has_no_win_rate_by_value() -> None:
    known = company("D1 | U1 | 2026-01-01 | 10 | | Won | 2026-02-01\nD2 | U1 | 2026-01-01 | | | Lost | 2026-02-01")
    found = value(known, "win_rate_value")
    assert (found.reason, found.excluded) == ("no_amounts", {"null_amount": 1})


def test_an_amount_in_a_currency_without_a_rate_by_then_is_counted_apart() -> None:
    rates = "currency | date | rate\nUSD | 2026-04-20 | 0.5"
    known = company(
        "D1 | U1 | 2026-01-01 | 10 | | Won | 2026-02-01\nD2 | U1 | 2026-01-01 | 100 | USD | Won | 2026-02-01", rates=rates
    )
    before, after = value(known, "bookings", as_of="2026-04-20"), value(known, "bookings")
    assert (before.value, before.excluded) == (10, {"no_rate": 1})
    assert (after.value, after.excluded) == (60, {})


def test_a_deal_closed_before_it_was_created_is_a_data_error() -> None:
    """Its history says so; it is a won deal all the same."""
    changes = "deal_id | changed_at | field | old_value | new_value\nD1 | 2026-01-05 | stage | Talk | Won"
    deals = "D1 | U1 | 2026-01-10 | 10 | | Won |\nD2 | U1 | 2026-01-01 | 10 | | Won | 2026-01-31"
    known = company(deals, deal_changes=changes)
    found = value(known, "sales_cycle")
    assert (found.value, found.n, found.excluded) == (30, 1, {"negative_cycle": 1})
    assert value(known, "bookings").value == 20


def test_a_quarter_ends_at_local_midnight() -> None:
    """1 April, 00:30 in Auckland is 31 March, 11:30 UTC."""
    deals = "D1 | U1 | 2026-01-01 | 10 | | Won | 2026-03-31T10:59:59Z\nD2 | U1 | 2026-01-01 | 5 | | Won | 2026-03-31T11:00Z"
    auckland = company(deals, Organisation(timezone="Pacific/Auckland"))
    assert value(auckland, "bookings").value == 10
    assert value(company(deals), "bookings").value == 15


def test_an_hour_that_is_there_twice_is_counted_once() -> None:
    """New York set its clocks back on 2 November 2025 at 06:00 UTC; the two half past ones are an hour apart."""
    deals = "D1 | U1 | 2025-10-01 | 1 | | Won | 2025-11-02T05:30Z\nD2 | U1 | 2025-10-01 | 2 | | Won | 2025-11-02T06:30Z"
    known = company(deals, Organisation(timezone="America/New_York"))
    assert value(known, "bookings", window="2025-11-02..2025-11-03").value == 3
    assert value(known, "bookings", window="2025-11-01..2025-11-02").value == 0


def test_a_fiscal_year_that_starts_in_july() -> None:
    deals = "D1 | U1 | 2025-01-01 | 1 | | Won | 2025-06-30T23:59Z\nD2 | U1 | 2025-01-01 | 2 | | Won | 2025-07-01\n"
    known = company(deals + "D3 | U1 | 2025-01-01 | 4 | | Won | 2026-04-01", Organisation(fiscal_year_start_month=7))
    assert value(known, "bookings", window="2025").value == 6
    assert value(known, "bookings", window="2025Q1").value == 2
    assert value(known, "bookings", window="2025Q4").value == 4


def test_the_past_is_replayed() -> None:
    """Won in February, entered in March: on 1 March the deal was open."""
    changes = (
        "deal_id | changed_at | field | old_value | new_value | recorded_at\nD1 | 2026-02-10 | stage | Talk | Won | 2026-03-05"
    )
    known = company("D1 | U1 | 2026-01-10 | 10 | | Won | 2026-02-10", deal_changes=changes)
    assert value(known, "bookings", as_of="2026-03-01").value == 0
    assert value(known, "bookings", as_of="2026-04-01").value == 10


def test_a_lost_deal_that_came_back_is_won_once() -> None:
    changes = "\n".join(
        [
            "deal_id | changed_at | field | old_value | new_value",
            "D1 | 2026-01-20 | stage | Talk | Lost",
            "D1 | 2026-02-01 | stage | Lost | Talk",
            "D1 | 2026-03-01 | stage | Talk | Won",
        ]
    )
    known = company("D1 | U1 | 2026-01-10 | 10 | | Won | 2026-03-01", deal_changes=changes)
    assert value(known, "win_rate", as_of="2026-01-25").value == 0
    assert value(known, "win_rate", as_of="2026-02-15").reason == "nothing_counted"
    assert (value(known, "win_rate").value, value(known, "win_rate").n) == (1, 1)


CONTRACTS = """
    contract_id | account_id | starts_on  | ends_on    | monthly_amount | cancelled_at | known_at
    K1          | A1         | 2025-01-01 | 2026-02-01 | 100            |              | 2024-12-01
    K2          | A1         | 2026-01-15 | 2027-01-01 | 150            |              | 2025-12-01
    K3          | A2         | 2025-01-01 | 2026-01-20 | 200            |              | 2024-12-01
    K4          | A3         | 2025-01-01 | 2026-03-20 | 400            |              | 2024-12-01
    K5          | A4         | 2025-01-01 | 2026-01-10 | 50             |              | 2024-12-01
    K6          | A4         | 2026-03-15 | 2027-03-15 | 70             |              | 2026-03-10
"""


def test_overlapping_contracts_are_one_client_and_both_paid() -> None:
    known = dataset(tables={"contracts": CONTRACTS}, extracted_at="2026-05-01")
    window = windows.parse("2026-01-20..2026-03-25", known.organisation.calendar)
    answered = scorecard(Snapshot(known, moment("2026-05-01")), ["active_clients", "grr", "nrr", "retention"], [window])
    assert answered.value("grr").denominator == 250 + 200 + 400 + 50
    assert answered.value("grr").numerator == 150 + 0 + 400 + 50
    assert answered.value("nrr").numerator == 150 + 0 + 400 + 70
    assert answered.value("retention").value == 3 / 4


def test_a_contract_that_ends_is_lost_after_the_grace_period() -> None:
    """A2's ended on 20 January, so A2 left on 19 February; A4 was gone for 34 days and came back."""
    known = dataset(tables={"contracts": CONTRACTS}, extracted_at="2026-05-01")
    quarter = windows.parse("2026Q1", known.organisation.calendar)
    kpis = ["lost_clients", "new_clients", "active_clients"]
    answered = scorecard(
        Snapshot(known, moment("2026-05-01")), kpis, [quarter, windows.parse("2026-02", known.organisation.calendar)]
    )
    assert answered.value("lost_clients").value == 2
    assert (answered.value("new_clients").value, answered.value("new_clients").beside["returned"]) == (0, 1)
    assert answered.value("lost_clients", window=1).value == 2
    assert answered.value("active_clients").value == 3


def test_nobody_is_lost_before_it_is_known() -> None:
    known = dataset(tables={"contracts": CONTRACTS}, extracted_at="2026-05-01")
    quarter = windows.parse("2026Q1", known.organisation.calendar)
    early = scorecard(Snapshot(known, moment("2026-02-01")), ["lost_clients", "churn"], [quarter])
    assert early.value("lost_clients").value == 0
    assert early.value("churn").flags == ("running",)


def test_returns_lower_revenue_and_are_no_orders() -> None:
    orders = """
        order_id | account_id | ordered_at | amount | cost
        O1       | A1         | 2026-01-10 | 100    | 60
        O2       | A1         | 2026-01-20 | -100   | -60
        O3       | A2         | 2026-01-10 | 100    | 60
    """
    known = dataset(tables={"orders": orders}, extracted_at="2026-05-01")
    assert value(known, "repeat_purchase").value == 0
    assert value(known, "return_on_sales").denominator == 100
    returned = dataset(
        tables={"orders": orders.replace("O3       | A2         | 2026-01-10 | 100    | 60", "")}, extracted_at="2026-05-01"
    )
    assert value(returned, "return_on_sales").reason == "revenue_not_positive"


def test_answers_on_another_scale_are_refused() -> None:
    surveys = """
        response_id | account_id | answered_at | kind | score | scale_min | scale_max
        R1          | A1         | 2026-01-10  | nps  | 5     | 1         | 5
        R2          | A1         | 2026-01-10  | csat | 80    | 0         | 100
        R3          | A1         | 2026-01-10  | ces  | 3     | 1         | 5
    """
    known = company("D1 | U1 | 2026-01-01 | 1 | | Talk |", surveys=surveys)
    for kpi in ("nps", "csat", "ces"):
        found = value(known, kpi)
        assert (found.value, found.reason, found.excluded) == (None, "other_scale", {"other_scale": 1})


def test_nothing_at_all_is_null_and_not_zero() -> None:
    known = company("D1 | U1 | 2026-01-01 | 10 | | Talk |")
    assert value(known, "bookings").value == 0
    for kpi in ("win_rate", "win_rate_value", "average_deal", "sales_cycle"):
        assert value(known, kpi).reason == "nothing_counted"
    assert value(known, "bookings", window="2025Q4").reason == "before_data"
    assert value(known, "bookings", window="2026Q3").reason == "not_begun"
    assert value(known, "leads").reason == "no_table"
    assert value(known, "offers").reason == "no_offer_stage"
    assert value(known, "sales_velocity").reason == "no_qualified_stage"


def test_a_source_of_clients_alone_has_no_bookings() -> None:
    known = dataset(tables={"contracts": CONTRACTS}, extracted_at="2026-05-01")
    assert value(known, "bookings").reason == "no_table"
    assert "bookings" not in all_kpis(Snapshot(known, moment("2026-05-01")))
    assert "grr" in all_kpis(Snapshot(known, moment("2026-05-01")))


def test_a_running_window_is_compared_to_date() -> None:
    """By 21 January 20 days have gone by; in the first 20 days of the quarter before 10 were sold, later 90 more."""
    deals = "\n".join(
        [
            "D0 | U1 | 2025-09-01 | 1 | | Won | 2025-09-10",
            "D1 | U1 | 2025-10-01 | 10 | | Won | 2025-10-20",
            "D2 | U1 | 2025-10-01 | 90 | | Won | 2025-10-21",
            "D3 | U1 | 2025-10-01 | 15 | | Won | 2026-01-10",
        ]
    )
    found = value(company(deals), "growth", as_of="2026-01-21")
    assert (found.value, found.denominator) == (0.5, 10)
    assert set(found.flags) == {"running", "to_date"}


def test_costs_of_the_running_month_are_not_known() -> None:
    """And those of the months before the window count, when there is a lag."""
    costs = """
        period_start | period_end | category  | amount
        2025-12-01   | 2026-01-01 | marketing | 30
        2026-01-01   | 2026-02-01 | marketing | 60
        2026-02-01   | 2026-03-01 | sales     | 90
        2026-03-01   | 2026-04-01 | sales     | 1000
    """
    rows = [f"O{day} | A{day} | {day} | 5" for day in ("2025-11-01", "2026-01-10", "2026-02-10")]
    rows = ["order_id | account_id | ordered_at | amount", *rows]
    orders = "\n".join(rows)
    known = dataset(tables={"orders": orders, "costs": costs}, extracted_at="2026-05-01")
    running = value(known, "cac", as_of="2026-03-20")
    assert (running.value, running.flags) == (75, ("running", "partly_covered"))
    assert running.beside["covered"] == pytest.approx(59 / 90)
    asked = [windows.parse("2026Q1", known.organisation.calendar)]
    lagged = scorecard(Snapshot(known, moment("2026-05-01")), ["cac"], asked, options=Options(cost_lag_months=1))
    assert lagged.value("cac").value == (30 + 60 + 90) / 2


def test_measurements_count_once_their_period_is_over() -> None:
    actuals = """
        kpi   | scope   | scope_id | period_start | period_end | value
        share | company |          | 2025-10-01   | 2026-01-01 | 0.1
        share | company |          | 2026-01-01   | 2026-02-01 | 0.2
        share | company |          | 2026-02-01   | 2026-03-01 | 0.3
        share | company |          | 2026-01-01   | 2026-04-01 | 0.4
        share | user    | U1       | 2026-01-01   | 2026-04-01 | 7
    """
    known = company("D1 | U1 | 2026-01-01 | 10 | | Talk |", actuals=actuals)
    assert value(known, "share", as_of="2026-04-01").value == 0.4
    early = value(known, "share", as_of="2026-03-15")
    assert (early.value, early.flags) == (0.3, ("running", "latest_period"))
    assert value(known, "share", window="2026Q2").reason == "no_actual"
    assert card(known, "share", by="owner").value("share", node="U1").value == 7


def test_forecasts_are_judged_by_their_lead() -> None:
    """10 and 20 came; forecast early were 16 and 14, at the last moment 10 and 20."""
    deals = "D1 | U1 | 2025-12-01 | 10 | | Won | 2026-01-10\nD2 | U2 | 2025-12-01 | 20 | | Won | 2026-02-10"
    known = company(deals)
    rows = [
        ("U1", "2026-01-01", 16.0),
        ("U2", "2026-01-01", 14.0),
        ("U1", "2026-03-30", 10.0),
        ("U2", "2026-03-30", 20.0),
        ("", "2026-01-01", 33.0),
    ]
    forecasts = pd.DataFrame(rows, columns=pd.Index(["node", "made_at", "forecast"]))
    forecasts = forecasts.assign(
        made_at=pd.to_datetime(forecasts["made_at"], utc=True), period_start=moment("2026-01-01"), period_end=moment("2026-04-01")
    )
    asked = [windows.parse("2026Q1", known.organisation.calendar)]
    snapshot = Snapshot(known, moment("2026-05-01"))
    early = scorecard(snapshot, ["forecast_accuracy"], asked, "owner", options=Options(forecast_lead=60), forecasts=forecasts)
    assert early.value("forecast_accuracy", node="U1").value == pytest.approx(1 - 6 / 10)
    assert early.value("forecast_accuracy", node="U2").beside == {"bias": pytest.approx(-0.3), "lead_days": 90}
    assert early.value("forecast_accuracy").value == pytest.approx(0.9)
    late = scorecard(snapshot, ["forecast_accuracy"], asked, "owner", forecasts=forecasts)
    assert late.value("forecast_accuracy", node="U1").value == 1
    running = scorecard(Snapshot(known, moment("2026-03-31")), ["forecast_accuracy"], asked, "owner", forecasts=forecasts)
    assert running.value("forecast_accuracy").reason == "no_forecasts"


@pytest.mark.parametrize("kpis", [["profit"], ["win_rate:odd"]])
def test_what_is_no_kpi_is_refused(kpis: list[str]) -> None:
    with pytest.raises(UsageError):
        card(company("D1 | U1 | 2026-01-01 | 10 | | Talk |"), *kpis)


def test_what_cannot_be_asked_is_refused() -> None:
    snapshot = Snapshot(company("D1 | U1 | 2026-01-01 | 10 | | Talk |"), moment("2026-05-01"))
    with pytest.raises(UsageError, match="window"):
        scorecard(snapshot, ["bookings"], [])
    with pytest.raises(UsageError, match="last_year"):
        scorecard(snapshot, ["bookings"], [windows.trailing(snapshot.as_of, 30)], compare=["tomorrow"])
    for wrong in ({"teams": "none"}, {"cost_lag_months": -1}, {"lifetime_months": 0}):
        with pytest.raises(UsageError):
            Options(**wrong)


PLAN = "scope | kpi | period_start | period_end | target\ncompany | bookings | 2026-04-01 | 2026-07-01 | 1000"


@pytest.mark.parametrize(("amount", "reason"), [("", "no_amounts"), ("10", "no_probability")])
def test_a_pipeline_that_cannot_be_weighed_is_no_zero(amount: str, reason: str) -> None:
    """Another deal has a probability, in another quarter."""
    deals = "deal_id | created_at | amount | stage | expected_close_on | crm_probability\n"
    deals += f"D1 | 2026-01-01 | {amount} | Talk | 2026-06-01 |\nD2 | 2026-01-01 | 5 | Talk | 2026-08-01 | 0.5"
    static = STATIC | {"deals.expected_close_on", "deals.crm_probability"}
    known = dataset(tables={"deals": deals, "stages": STAGES, "plans": PLAN}, static=static, extracted_at="2026-05-01")
    found = value(known, "pipeline_coverage:weighted", window="2026Q2", as_of="2026-04-10")
    assert (found.value, found.reason) == (None, reason)


def test_a_quarter_without_amounts_says_nothing_of_its_forecast() -> None:
    known = company("D1 | U1 | 2025-12-01 | 10 | | Won | 2025-12-10\nD2 | U1 | 2025-12-01 | | | Won | 2026-02-10")
    quarters = [(moment("2025-10-01"), moment("2026-01-01")), (moment("2026-01-01"), moment("2026-04-01"))]
    rows = [{"node": "", "made_at": start, "period_start": start, "period_end": end, "forecast": 8.0} for start, end in quarters]
    asked = [windows.parse(label, known.organisation.calendar) for label in ("2025-10-01..2026-04-01", "2026Q1")]
    told = scorecard(Snapshot(known, moment("2026-05-01")), ["forecast_accuracy"], asked, forecasts=pd.DataFrame(rows))
    assert told.value("forecast_accuracy").value == pytest.approx(0.8)
    assert told.value("forecast_accuracy").n == 1
    assert told.value("forecast_accuracy", window=1).reason == "no_amounts"
