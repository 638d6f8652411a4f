"""What signals borrow from all the others: shrunken win rates and load, from outcomes known at as_of."""

import numpy as np
import pytest

from features.rates import PRIOR_DEALS, rates
from features.snapshot import Snapshot
from tests.features.companies import AS_OF, MICROSECOND, ORDERS, dataset, moment, sales

NOW = rates(Snapshot(sales(), AS_OF))


def names(*owners: str | None) -> "np.ndarray[tuple[int], np.dtype[np.object_]]":
    return np.array(owners, dtype=object)


def test_the_overall_rate_is_won_of_closed_as_known() -> None:
    # Known closes: D2 and D7 won, D6 lost. D3 came back; the loss of D8 is entered tomorrow; D1 is won next week.
    assert NOW.overall == pytest.approx(2 / 3)


def test_an_owners_rate_is_pulled_towards_the_overall_rate_by_twenty_deals() -> None:
    assert PRIOR_DEALS == 20
    u1, u2 = NOW.of_owners(names("U1", "U2"), "win_rate")
    assert u1 == pytest.approx((2 + 20 * 2 / 3) / 22)  # D2 and D7
    assert u2 == pytest.approx(2 / 3)  # no closed deal


def test_an_owners_load_is_what_they_hold_now() -> None:
    assert NOW.of_owners(names("U1", "U2"), "n_open").tolist() == [1, 3]  # D8; D1 (handed over), D3 and D4


def test_an_unknown_owner_has_the_overall_rate_and_no_deals() -> None:
    assert NOW.of_owners(names("U9", None), "win_rate").tolist() == [NOW.overall, NOW.overall]
    assert NOW.of_owners(names("U9", None), "n_open").tolist() == [0, 0]


def test_before_the_first_close_there_is_no_rate() -> None:
    early = rates(Snapshot(sales(), moment("2026-02-10")))  # D6 is lost at this instant
    assert np.isnan(early.overall)
    assert np.isnan(early.of_owners(names("U1", "U9"), "win_rate")).all()


@pytest.mark.parametrize(("closed_at", "before", "after"), [("2026-02-10", np.nan, 0.0), ("2026-03-01", 0.0, 1 / 3)])
def test_a_close_counts_one_microsecond_after_it(closed_at: str, before: float, after: float) -> None:
    at = moment(closed_at)
    found = [rates(Snapshot(sales(), each)).overall for each in (at, at + MICROSECOND)]
    np.testing.assert_array_equal(found, [before, after])


def test_while_a_deal_is_lost_it_counts_and_not_after_it_came_back() -> None:
    lost, back = (rates(Snapshot(sales(), moment(day))) for day in ("2026-03-02", "2026-03-11"))
    assert lost.overall == pytest.approx(1 / 3)  # D2 won; D3 and D6 lost
    assert back.overall == pytest.approx(1 / 2)


def test_rates_hold_no_outcome_of_a_deal_that_is_still_open() -> None:
    # The other way round: had D1, D3 and D8 ended otherwise, nothing would be different on 1 April.
    changes = sales().tables["deal_changes"]
    later = (changes["changed_at"] >= AS_OF) | (changes["recorded_at"] >= AS_OF)
    swapped = changes.assign(new_value=changes["new_value"].mask(later & changes["new_value"].eq("Lost"), "Won"))
    other = rates(Snapshot(sales().with_tables({**sales().tables, "deal_changes": swapped}), AS_OF))
    assert other.overall == NOW.overall
    np.testing.assert_array_equal(other.owners.to_numpy(), NOW.owners.to_numpy())


def test_a_deal_that_was_entered_after_its_close_counts_once_it_is_on_record() -> None:
    deals = """
        deal_id | created_at | recorded_at | stage | outcome | closed_at
        D1      | 2026-01-01 |             | Won   | won     | 2026-02-01
        D2      | 2026-01-01 | 2026-04-01  | Lost  | lost    | 2026-02-01
    """
    known = dataset(deals=deals)
    assert [rates(Snapshot(known, each)).overall for each in (AS_OF, AS_OF + MICROSECOND)] == [1, 0.5]


def test_a_company_without_owners() -> None:
    deals = "deal_id | created_at | stage | closed_at | outcome\nD1 | 2026-01-01 | A | 2026-02-01 | won\nD2 | 2026-01-01 | B | |"
    found = rates(Snapshot(dataset(deals=deals), AS_OF))
    assert found.overall == 1
    assert found.of_owners(names(None), "win_rate").tolist() == [1]


def test_a_company_without_deals() -> None:
    found = rates(Snapshot(dataset(orders=ORDERS), AS_OF))
    assert np.isnan(found.overall)
    assert found.of_owners(names("U1"), "n_open").tolist() == [0]
