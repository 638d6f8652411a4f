"""Every deal signal of the worked example, each worked out by hand."""

from functools import cache
from typing import Any

import pytest

from features.catalog import DEAL_SIGNALS
from features.dataset import Dataset
from features.deals import deal_signals
from features.snapshot import Snapshot
from tests.features.companies import (
    AS_OF,
    DEAL_CHANGES,
    DEALS,
    ORDERS,
    RATES,
    STAGES,
    STATIC,
    SURVEYS,
    TICKETS,
    dataset,
    sales,
)
from tests.features.deal_rows import one, same

NOW = deal_signals(Snapshot(sales(), AS_OF))


def counts(name: str, ever: int, in_7_days: int, in_30_days: int, in_90_days: int) -> dict[str, Any]:
    return {name: ever, f"{name}_7d": in_7_days, f"{name}_30d": in_30_days, f"{name}_90d": in_90_days}


D1: dict[str, Any] = {
    "stage": "Proposal",
    "days_in_stage": 20,  # since 12 March
    "n_stage_changes": 3,  # to Proposal, back to Discovery, to Proposal again; to Won comes later
    "n_stage_revisits": 2,  # of Discovery, where it began, and of Proposal
    "n_changes_30d": 4,  # since 2 March: amount on the 5th, stage on the 12th, owner on the 20th, date on the 25th
    "days_since_change": 7,  # the date, 25 March
    "stage_days_ratio": 0.5,  # 20 days against the 40 that D2 stood in Proposal before it was won
    **dict.fromkeys(("stage_position", "n_stages_ahead", "furthest_position", "days_since_furthest"), None),
    **dict.fromkeys(("n_stage_skips", "n_stage_backs", "days_since_forward"), None),  # the stages have no positions
    "age_days": 81,  # 10 January to 1 April: 21 + 28 + 31 + 1
    "age_ratio": 81 / 62.75,  # D2 was won after 40 days, D7 after 85.5
    "days_to_expected_close": 14,  # 15 April
    "overdue_days": 0,
    "days_past_quarter": -77,  # 1 July
    "expected_close_missing": 0,
    "n_pulls": 1,  # from 30 to 15 April
    "days_since_push": 31,  # 1 March
    "n_pushes": 1,  # from 31 March to 30 April; then it was pulled in
    "pushed_days": 15,  # 31 March to 15 April
    "amount": 1350,  # 1500 USD at 0.9, the rate of 31 March
    "amount_ratio": 1.5,  # 1500 against 1000
    "amount_to_owner_ratio": 1.8,  # U2 has won too little to have a usual amount: the company's
    "amount_to_product_ratio": None,
    "amount_to_company_ratio": 1.8,  # 1350 against the median of 800 (D2) and 700 (D7)
    "amount_missing": 0,
    "n_amount_changes": 1,
    "days_since_amount_change": 27,  # 5 March
    "n_activities": 4,  # E1 to E4; E5 is logged at as_of, E6 entered later
    "n_activities_7d": 2,  # E3 on 28 March, E4 on 31 March
    "n_activities_30d": 3,  # and E2 on 20 March
    "n_activities_90d": 4,
    **counts("n_calls", 1, 0, 0, 1),  # E1 on 1 February
    **counts("n_emails", 1, 1, 1, 1),  # E3
    **counts("n_meetings", 1, 0, 1, 1),  # E2
    **counts("n_demos", 1, 1, 1, 1),  # E4
    **counts("n_proposals", 0, 0, 0, 0),
    **counts("n_inbound", 1, 1, 1, 1),  # E3
    **counts("n_outbound", 3, 1, 2, 3),  # E1, E2 and E4
    "activity_pace_ratio": (2 / 7) / (3 / 30),
    "n_undone": 2,  # E3 has no end, E4 is done tomorrow
    "n_people": 2,  # U1 and U2
    "days_since_activity": 1,  # E4
    "days_since_inbound": 4,  # E3
    "days_since_outbound": 1,
    "days_since_meeting": 1,  # the demo
    "longest_silence_days": 47,  # from 1 February to 20 March
    "n_contacts": None,  # the source does not tell the client's people
    "n_contacts_replied": None,
    "n_unanswered_outbound": 1,  # E4
    "client_waiting_days": None,  # E4 came after E3
    "client_reply_days": 8,  # E3 after E2
    "own_reply_days": 3,  # E4 after E3
    "n_next_steps": 1,  # E4 is due tomorrow; that it will be done then is not known
    "days_to_next_step": 1,
    "n_overdue_steps": 0,
    "overdue_step_days": None,
    "owner_win_rate": 2 / 3,  # U2 closed nothing: the company's 2 of 3
    "owner_win_hazard": 20 / (71 + 20 * 310.5 / 2),  # as in test_rates
    "owner_loss_hazard": 0,
    "owner_n_open": 3,  # D1, D3 and D4
    "owner_open_amount": 2550,  # 1350, 900 and 300
    "days_without_owner": 0,
    "n_owner_changes": 1,  # U1 to U2
    "days_with_owner": 12,  # since 20 March
    "client_n_won": 2,  # D2 and D7
    "client_n_lost": 0,  # D3 was lost and came back
    "client_n_open": 1,  # D3
    "client_days_since_won": 0.5,  # D7 at noon of 31 March
    "client_days_since_lost": None,  # D3 came back
    "client_won_amount_365d": None,  # the company has been selling since January
    "client_n_activities_90d": 6,  # since 1 January: E1 to E4, E7 with D3, and E8
    "client_days_since_activity": 1,
    "client_known_days": 455,  # since 1 January 2025
    "currency": "USD",
    "industry": "Energy",  # declared static
    "industry_win_rate": (2 + 20 * 2 / 3) / 22,  # D2 and D7
    **dict.fromkeys(("region", "region_win_rate", "country", "employees", "annual_revenue"), None),  # known since the export
}
CONTEXT: dict[str, Any] = {
    "pipeline": "Large",  # since 5 March; before that Small
    "product": "Press",  # declared static
    "source": None,  # has neither a history nor a declaration: known since the export
    "type": "new",  # never changed since the history of types began
    "forecast_category": "commit",  # since 1 March
    "crm_probability": 0.6,  # since 1 March
    "crm_probability_ratio": 3,
    "product_win_rate": (1 + 20 * 0.5) / 21,  # D2 was won with a press
    "source_win_rate": None,
    "type_win_rate": (1 + 20 * 0.5) / 21,  # D3, of another type, was lost; D2 was new
}
WIDE: dict[str, Any] = {
    "owner_tenure_days": 365,  # U2 came on 1 April 2025
    "days_since_owner_left": 2,  # and left on 30 March
    "owner_team": "South",
    "client_n_orders": 3,  # O1 to O3; O4 is entered at as_of, O5 placed then
    "client_n_orders_365d": 3,
    "client_order_amount_365d": 600,
    "client_days_since_order": 10,  # 22 March
    "client_n_contracts": 2,  # K1 and K2; K3 ends at as_of, K4 was cancelled, K5 begins in May
    "client_monthly_amount": 30,
    "client_contract_days": 455,  # K3, of 1 January 2025
    "client_contract_days_left": 90,  # K1 to 30 June; K2 is open-ended
    "client_n_open_tickets": 2,  # T2, and T4 which is closed at as_of
    "client_n_tickets_90d": 2,  # T3, opened 90 days ago, and T4
    "client_survey_score": 0.25,  # R1: 2 on a scale of 1 to 5
    "client_days_since_survey": 31,
    "lead_source": "partner",  # L2, the last that was converted before as_of
    "lead_response_days": None,
    "lead_conversion_days": 7,
}


USERS = """
    user_id | name | team  | hired_at   | left_at
    U1      | Ann  | North | 2024-04-01 |
    U2      | Bo   | South | 2025-04-01 | 2026-03-30
"""
LEADS = """
    lead_id | source  | created_at | first_response_at | converted_at | account_id | deal_id
    L1      | web     | 2026-01-01 | 2026-01-02        | 2026-01-10   | A1         | D1
    L2      | partner | 2026-01-05 |                   | 2026-01-12   | A1         | D1
    L3      | fair    | 2026-01-05 |                   | 2026-04-01   | A1         | D1
    L4      | fair    | 2026-03-20 | 2026-04-01        | 2026-03-30   | A2         | D8
"""
CONTRACTS = """
    contract_id | account_id | starts_on  | ends_on    | monthly_amount | cancelled_at | known_at
    K1          | A1         | 2025-04-01 | 2026-06-30 | 10             |              | 2025-03-01
    K2          | A1         | 2026-01-01 |            | 20             |              | 2025-12-01
    K3          | A1         | 2025-01-01 | 2026-04-01 | 40             |              | 2024-12-01
    K4          | A1         | 2026-01-01 |            | 80             | 2026-03-01   | 2025-12-01
    K5          | A1         | 2026-05-01 |            | 160            |              | 2026-03-01
"""


@cache
def surrounded() -> Dataset:
    """The sales company with the tables around its deals."""
    around = {"users": USERS, "leads": LEADS, "contracts": CONTRACTS, "orders": ORDERS, "tickets": TICKETS, "surveys": SURVEYS}
    own = {"deals": DEALS, "deal_changes": DEAL_CHANGES, "stages": STAGES, "rates": RATES}
    static = STATIC | {"users.team"}
    return dataset(tables=own | around, static=static, tracked_since="2026-01-01", extracted_at="2026-05-01")


@pytest.mark.parametrize("name", D1)
def test_each_signal_of_the_worked_example(name: str) -> None:
    assert same(NOW.loc["D1", name], D1[name])


@pytest.mark.parametrize("name", CONTEXT)
def test_each_signal_of_the_context(name: str) -> None:
    deals = """
        deal_id|created_at | stage | pipeline | product | source | type | forecast_category |crm_probability| outcome | closed_at
        D1 |2026-01-10 | A     | Large    | Press   | web    | new  | commit            |0.6            |         |
        D2 |2026-01-10 | Won   | Large    | Press   | web    | new  |                   |               | won     | 2026-03-02
        D3 |2026-01-10 | Lost  | Large    | Pump    | web    | more |                   |               | lost    | 2026-03-02
    """
    changes = """
        deal_id | changed_at | field             | old_value | new_value
        D1      | 2026-03-05 | pipeline          | Small     | Large
        D1      | 2026-03-01 | forecast_category | pipeline  | commit
        D1      | 2026-03-01 | crm_probability   | 0.2       | 0.6
        D9      | 2026-03-01 | type              | new       | more
    """
    known = dataset(deals=deals, deal_changes=changes, static=frozenset({"deals.product"}), extracted_at="2026-05-01")
    assert same(one(known, AS_OF)[name], CONTEXT[name])


@pytest.mark.parametrize("name", WIDE)
def test_each_signal_of_the_tables_around_a_deal(name: str) -> None:
    assert same(one(surrounded(), AS_OF)[name], WIDE[name])


def test_every_signal_of_the_catalog_is_worked_out_by_hand() -> None:
    assert {*D1, *CONTEXT, *WIDE} == {signal.name for signal in DEAL_SIGNALS}
