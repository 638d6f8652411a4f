import numpy as np
import pandas as pd

from features.dataset import Dataset
from features.snapshot import Snapshot
from tests.features.companies import dataset, moment
from training.labels import Outcomes, contract_outcomes, deal_outcomes, order_outcomes

STAGES = "stage | kind\nOpen | open\nWon | won\nLost | lost"
DEALS = """
    deal_id | created_at | stage | outcome | closed_at
    D1      | 2026-01-01 | Won   | won     | 2026-03-11
    D2      | 2026-01-01 | Open  |         |
    D3      | 2026-01-01 | Won   | won     | 2026-03-21
"""
CHANGES = """
    deal_id | changed_at | field | old_value | new_value
    D1      | 2026-03-11 | stage | Open      | Won
    D3      | 2026-02-01 | stage | Open      | Lost
    D3      | 2026-02-20 | stage | Lost      | Open
    D3      | 2026-03-21 | stage | Open      | Won
"""
AS_OF = moment("2026-03-01")


def sales() -> Dataset:
    return dataset(deals=DEALS, deal_changes=CHANGES, stages=STAGES, tracked_since="2026-01-01")


def seen(as_of: str, until: str) -> Outcomes:
    company = sales()
    return deal_outcomes(company, np.arange(3), moment(as_of), moment(until))


def test_the_first_close_after_as_of_is_the_label() -> None:
    found = seen("2026-03-01", "2026-04-01")
    assert found.days.tolist() == [10, np.inf, 20]
    assert found.cause.tolist() == [1, 0, 1]
    assert found.follow_up.tolist() == [31, 31, 31]


def test_a_deal_lost_and_re_opened_has_a_label_in_each_spell() -> None:
    first, second = seen("2026-01-15", "2026-04-01"), seen("2026-02-20", "2026-04-01")
    assert (first.cause[2], first.days[2]) == (2, 17)
    assert (second.cause[2], second.days[2]) == (1, 29)


def test_what_happens_after_the_follow_up_is_unknown_and_not_lost() -> None:
    found = seen("2026-03-01", "2026-03-11")
    assert found.days.tolist() == [np.inf] * 3
    assert found.cause.tolist() == [0, 0, 0]


def test_an_event_at_as_of_is_an_outcome_and_one_at_the_end_is_not() -> None:
    assert seen("2026-03-11", "2026-04-01").days[0] == 0
    assert np.isinf(seen("2026-03-01", "2026-03-11").days[0])


def test_signals_and_labels_share_no_event() -> None:
    company = sales()
    for as_of in pd.date_range("2026-01-10", "2026-03-30", freq="37h", tz="UTC"):
        at = as_of.as_unit("us")
        cohort = Snapshot(company, at).open_deals
        days = deal_outcomes(company, cohort, at, moment("2026-06-01")).days
        assert (days >= 0).all()


def test_eligible_is_a_matter_of_watching_and_not_of_ending_early() -> None:
    rows = Outcomes(np.array([2.0, np.inf]), np.array([1, 0]), np.array([5.0, 30.0]))
    assert rows.eligible(7.0).tolist() == [False, True]
    assert rows.within(7.0, 1).tolist() == [True, False]


def test_a_contract_that_runs_out_is_left_when_the_grace_period_is_over() -> None:
    contracts = """
        contract_id | account_id | starts_on  | ends_on    | monthly_amount | cancelled_at | known_at
        C1          | A1         | 2025-01-01 | 2026-03-05 | 10             |              | 2025-01-01
        C2          | A2         | 2025-01-01 | 2026-03-05 | 10             |              | 2025-01-01
        C3          | A2         | 2026-03-20 | 2027-03-20 | 10             |              | 2026-03-18
        C4          | A3         | 2025-01-01 | 2027-01-01 | 10             | 2026-03-09   | 2025-01-01
    """
    company = dataset(contracts=contracts)
    found = contract_outcomes(company, np.arange(3), AS_OF, moment("2026-06-01"))
    assert found.days.tolist() == [34, np.inf, 8]


def test_the_event_of_a_client_who_orders_is_the_next_order() -> None:
    orders = """
        order_id | account_id | ordered_at | amount
        O1       | A1         | 2026-02-01 | 5
        O2       | A1         | 2026-03-04 | 5
        O3       | A1         | 2026-03-08 | 5
        O4       | A2         | 2026-02-01 | 5
    """
    found = order_outcomes(dataset(orders=orders), np.arange(2), AS_OF, moment("2026-06-01"))
    assert found.days.tolist() == [3, np.inf]
