"""Client signals of the worked example, each worked out by hand."""

from functools import cache
from typing import Any

import pandas as pd
import pytest

from features import catalog
from features.catalog import CLIENT_SIGNALS
from features.clients import CONTRACTS, ORDERS
from features.dataset import Dataset
from tests.features import companies
from tests.features.client_rows import matrix, same
from tests.features.companies import AS_OF, dataset, moment

NAN = float("nan")

A1: dict[str, Any] = {
    "days_since_order": 10,  # 22 March; the order of the 25th was entered at as_of
    "client_age_days": 90,  # 1 January
    "n_orders": 3,
    "n_order_days": 3,
    "order_band": "2-3",
    "n_orders_30d": 1,
    "n_orders_90d": 3,  # that of 1 January is exactly 90 days old
    "n_orders_180d": 3,
    "n_orders_365d": 3,
    "n_active_months": 3,  # 10, 50 and exactly 90 days ago: in the last, the last but one, and the third span of 30 days
    "revenue_90d": 600,
    "revenue_365d": 600,
    "revenue_total": 600,
    "mean_order": 200,
    "median_order": 200,
    "largest_order": 300,
    "last_order_ratio": 1.5,
    "margin_365d": NAN,  # no costs
    "n_returns_365d": 0,
    "returned_ratio_365d": 0,
    "mean_gap_days": 40,  # 80 days for two gaps
    "median_gap_days": 40,
    "gap_spread_days": 0,
    "gap_ratio": 0.25,  # 10 days of silence against 40
    "longest_gap_ratio": 0.25,
    "last_gap_ratio": 1,
    "gap_variation": 0,
    "orders_trend_90d": 1,  # none in the 90 days before
    "revenue_trend_90d": 1,
    "orders_trend_365d": NAN,  # the orders begin in March 2025
    "revenue_trend_365d": NAN,
    "contract_age_days": NAN,
    "days_since_contract_start": NAN,
    "contract_days_left": NAN,
    "contract_term_days": NAN,
    "monthly_amount": 0,
    "monthly_ratio": NAN,
    "n_contracts": 0,
    "n_renewals": 0,
    "n_running_contracts": 0,
    "n_contracts_ahead": 0,
    "n_contracts_cancelled": 0,
    "n_tickets_30d": 0,  # T4 is 31 days old, T5 is entered later
    "n_tickets_90d": 2,  # T3 on 1 January, T4; T2 is a day too old
    "n_tickets_365d": 3,
    "tickets_trend_90d": 1 / 3,  # two against T2
    "days_since_ticket": 31,
    "n_open_tickets": 2,  # T2 never closed, T4 closes at as_of
    "oldest_ticket_days": 91,  # T2
    "mean_days_to_close": 89,  # T3
    "n_high_tickets_90d": NAN,  # no priorities
    "survey_score": 0.25,  # 2 on a scale of 1 to 5, the answer of 1 March
    "nps_score": 0.9,
    "nps_change": NAN,  # the second answer comes at as_of
    "days_since_nps": 59,
    "n_nps": 1,
    "csat_score": 0.25,
    "csat_change": NAN,
    "days_since_csat": 31,
    "n_csat": 1,
    "ces_score": NAN,
    "ces_change": NAN,
    "days_since_ces": NAN,
    "n_ces": 0,
    "n_contacts_30d": 4,  # E2, E3, E4, E8
    "n_contacts_90d": 6,  # and E1, E7
    "n_contacts_in_30d": 1,  # E3
    "n_contacts_in_90d": 2,  # and E7
    "n_contacts_out_30d": 3,
    "n_contacts_out_90d": 4,
    "contacts_trend_90d": 1,
    "days_since_contact": 1,  # E4
    "days_since_contact_in": 4,  # E3
    "days_since_contact_out": 1,
    "n_own_people_90d": 2,  # U1 and U2
    "n_client_people_90d": NAN,  # nobody is named
    "answered_share_90d": 0.5,  # E1 the next day, E2 after eight days; E4 and E8 not yet
    "n_open_deals": 2,  # D1 and D3
    "open_deal_amount": 2250,  # 1,500 dollars at 0.9, and 900 euros
    "n_won_deals_365d": NAN,  # the deals begin on 5 January
    "n_lost_deals_365d": NAN,
    "days_since_won_deal": 0.5,  # D7
    "account_industry": "Energy",
    "account_region": None,  # known since the export in May
    "account_country": None,
    "account_employees": NAN,
    "account_annual_revenue": NAN,
    "account_age_days": 455,  # since 1 January 2025
}
A3: dict[str, Any] = {
    "days_since_order": NAN,
    "n_orders": 0,
    "n_order_days": 0,
    "order_band": None,
    "n_active_months": 0,
    "revenue_total": 0,
    "mean_order": NAN,
    "median_order": NAN,
    "largest_order": NAN,
    "mean_gap_days": NAN,
    "gap_variation": NAN,
    "orders_trend_90d": NAN,
    "contract_age_days": 730,  # since 1 April 2024
    "days_since_contract_start": 365,  # K2
    "contract_days_left": 30,  # K2 ends on 1 May; its successor has not begun
    "contract_term_days": 395,
    "monthly_amount": 20,  # K2
    "monthly_ratio": 2,  # against K1
    "n_contracts": 3,
    "n_renewals": 1,
    "n_running_contracts": 1,
    "n_contracts_ahead": 1,  # K3
    "n_contracts_cancelled": 0,
    "n_tickets_90d": 0,
    "n_high_tickets_90d": NAN,  # tickets without priorities
    "mean_days_to_close": NAN,
    "survey_score": NAN,
    "days_since_contact": NAN,
    "answered_share_90d": NAN,
    "n_client_people_90d": NAN,  # nor are people of the client told
    "n_open_deals": 0,
    "open_deal_amount": 0,
    "days_since_won_deal": NAN,
    "account_industry": None,
    "account_age_days": NAN,
}


@cache
def everything() -> Dataset:
    """The company that has clients, and deals with one of them besides."""
    return dataset(
        tracked_since="2026-01-01",
        extracted_at="2026-05-01",
        deals=companies.DEALS,
        deal_changes=companies.DEAL_CHANGES,
        stages=companies.STAGES,
        rates=companies.RATES,
        orders=companies.ORDERS,
        contracts=companies.CONTRACTS,
        tickets=companies.TICKETS,
        surveys=companies.SURVEYS,
        activities=companies.ACTIVITIES,
        accounts=companies.ACCOUNTS,
    )


@pytest.mark.parametrize("name", A1)
def test_each_signal_of_a_client_that_orders(name: str) -> None:
    assert same(matrix(everything(), AS_OF, ORDERS).T["A1"][name], A1[name])


@pytest.mark.parametrize("name", A3)
def test_each_signal_of_a_client_under_contract(name: str) -> None:
    assert same(matrix(everything(), AS_OF, CONTRACTS).T["A3"][name], A3[name])


def test_every_signal_of_the_catalog_is_worked_out_by_hand() -> None:
    assert set(A1) == {signal.name for signal in CLIENT_SIGNALS}


@pytest.mark.parametrize("regime", [CONTRACTS, ORDERS])
def test_columns_are_the_catalogs_and_of_its_kinds(regime: str) -> None:
    found = matrix(everything(), AS_OF, regime)
    assert list(found) == [signal.name for signal in CLIENT_SIGNALS]
    assert found.index.name == "account_id"
    for name in found:
        assert pd.api.types.is_float_dtype(found[name]) != catalog.SIGNALS[str(name)].is_category


def test_before_the_first_client_there_are_no_rows_and_all_columns() -> None:
    for regime in (CONTRACTS, ORDERS):
        assert matrix(everything(), moment("2020-01-01"), regime).shape == (0, len(CLIENT_SIGNALS))
