"""What signals borrow from all the others: shrunken win rates, hazards, load and medians, from outcomes known at as_of."""

import numpy as np
import pytest

from features.organisation import Organisation
from features.rates import PRIOR_DEALS, of_the_day, rates
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
    u1, u2 = NOW.of("owner_id", names("U1", "U2"), "win_rate")
    assert u1 == pytest.approx((2 + 20 * 2 / 3) / 22)  # D2 and D7
    assert u2 == pytest.approx(2 / 3)  # no closed deal


def test_an_owners_load_is_what_they_hold_now() -> None:
    assert NOW.of("owner_id", names("U1", "U2"), "n_open").tolist() == [1, 3]  # D8; D1 (handed over), D3 and D4


def test_a_new_owner_has_the_overall_rate_and_no_deals() -> None:
    asked = {column: NOW.of("owner_id", names("U9"), column).tolist() for column in ("win_rate", "win_hazard", "n_open")}
    assert asked == {"win_rate": [NOW.overall], "win_hazard": [NOW.win_hazard], "n_open": [0]}


@pytest.mark.parametrize("column", ["win_rate", "usual_amount", "win_hazard", "loss_hazard", "n_open", "open_amount"])
def test_a_deal_without_an_owner_borrows_nothing(column: str) -> None:
    assert np.isnan(NOW.of("owner_id", names(None), column)).all()


def test_the_hazards_share_one_exposure_of_open_deal_days() -> None:
    # U1 held D1 for 69 days, D2 for 40, D7 for 85.5 and D8 for 45; U2 held D1 for 12 days, D3 for 59 and D4 for a microsecond.
    u1, u2, everybody = 239.5, 71.0, 310.5
    prior = 20 * everybody / 2  # the days in which 20 deals close: D2 and D7 were won, and D6, which was lost, had no owner
    assert NOW.win_hazard == pytest.approx(2 / everybody)
    assert NOW.loss_hazard == 0
    expected = [(2 + 20) / (u1 + prior), 20 / (u2 + prior)]
    np.testing.assert_allclose(NOW.of("owner_id", names("U1", "U2"), "win_hazard"), expected)
    assert NOW.of("owner_id", names("U1", "U2"), "loss_hazard").tolist() == [0, 0]


def test_a_slow_winner_has_the_win_rate_of_a_fast_one_and_a_lower_hazard() -> None:
    deals = """
        deal_id | owner_id | created_at | stage | outcome | closed_at
        D1      | fast     | 2026-01-01 | Won   | won     | 2026-01-11
        D2      | slow     | 2026-01-01 | Won   | won     | 2026-03-31
    """
    changes = "deal_id | changed_at | field | old_value | new_value\nD9 | 2026-01-01 | owner_id | a | b"
    found = rates(Snapshot(dataset(deals=deals, deal_changes=changes), AS_OF))
    fast, slow = found.of("owner_id", names("fast", "slow"), "win_rate")
    assert fast == slow
    fast, slow = found.of("owner_id", names("fast", "slow"), "win_hazard")
    assert fast > slow


@pytest.mark.parametrize(("closed_at", "counted"), [("2025-03-31T23:59:59.999999", 0), ("2025-04-01T00:00:00", 1)])
def test_rates_look_back_a_year(closed_at: str, counted: int) -> None:
    deals = f"""
        deal_id | created_at | stage | outcome | closed_at
        D1      | 2025-01-01 | Won   | won     | {closed_at}Z
        D2      | 2025-01-01 | Lost  | lost    | 2026-01-01
    """
    assert rates(Snapshot(dataset(deals=deals), AS_OF)).overall == counted / (counted + 1)


def test_what_is_usual_of_won_deals() -> None:
    assert NOW.usual_amount == 750  # D2 with 800, D7 with 700
    assert NOW.won_cycle_days == (40 + 85.5) / 2  # D2 from 20 January to 1 March, D7 from 5 January to noon of 31 March
    assert NOW.of_stages(names("Proposal", "Discovery", "Won", "Elsewhere", None))[:2].tolist() == [40, 85.5]
    assert np.isnan(NOW.of_stages(names("Elsewhere", None))).all()


@pytest.mark.parametrize(("n_won", "usual"), [(4, 100), (5, 7)])
def test_a_median_of_few_deals_is_the_companys(n_won: int, usual: float) -> None:
    lines = [f"P{i} | Press | 7 | 2026-01-01 | Won | won | 2026-02-01" for i in range(n_won)]
    lines += [f"Q{i} | Pump | 100 | 2026-01-01 | Won | won | 2026-02-01" for i in range(9)]
    deals = "\n".join(["deal_id | product | amount | created_at | stage | outcome | closed_at", *lines])
    found = rates(Snapshot(dataset(deals=deals, extracted_at="2026-03-01"), AS_OF))
    assert found.of("product", names("Press"), "usual_amount").tolist() == [usual]


def test_segments_have_rates_like_owners() -> None:
    energy, retail = NOW.of("industry", names("Energy", "Retail"), "win_rate")
    assert energy == pytest.approx((2 + 20 * 2 / 3) / 22)  # A1: D2 and D7; D6 has no account
    assert retail == pytest.approx(2 / 3)  # A2 comes on record at as_of


def test_before_the_first_close_there_is_no_rate() -> None:
    early = rates(Snapshot(sales(), moment("2026-02-10")))  # D6 is lost at this instant
    assert np.isnan(early.overall)
    assert np.isnan(early.of("owner_id", names("U1", "U9"), "win_rate")).all()


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
    for field, table in NOW.segments.items():
        np.testing.assert_array_equal(other.segments[field].to_numpy(), table.to_numpy())


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
    assert np.isnan([found.win_hazard, *found.of("owner_id", names(None), "win_rate")]).all()


def test_a_company_without_deals() -> None:
    found = rates(Snapshot(dataset(orders=ORDERS), AS_OF))
    assert np.isnan(found.overall)
    assert np.isnan(found.of("owner_id", names("U1"), "n_open")).all()


def test_what_is_borrowed_holds_for_a_day() -> None:
    # D7 is won at noon of 31 March: that counts from 1 April on, whatever the hour.
    noon = moment("2026-03-31T12:00")
    won = [of_the_day(Snapshot(sales(), at)).overall for at in (noon, noon + MICROSECOND, AS_OF - MICROSECOND, AS_OF)]
    before = rates(Snapshot(sales(), moment("2026-03-31"))).overall
    assert won == [before, before, before, NOW.overall]
    assert before != NOW.overall


def test_the_day_is_that_of_the_organisation() -> None:
    known = dataset(Organisation(timezone="Asia/Kolkata"), deals="deal_id | created_at | stage\nD1 | 2026-03-30T18:29Z | A")
    first, second = (of_the_day(Snapshot(known, moment(at))) for at in ("2026-03-30T18:30", "2026-03-31T18:29:59"))
    assert first is second
    assert of_the_day(Snapshot(known, moment("2026-03-31T18:30"))) is not first
