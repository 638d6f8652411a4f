"""Money in one currency, by the newest rate of a day that had begun, as recorded by then."""

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.clock import Floats
from features.dataset import Dataset
from features.money import converted
from features.organisation import Organisation
from features.snapshot import Snapshot
from tests.features.companies import AS_OF, MICROSECOND, ORDERS, RATES, dataset, moment

KNOWN = dataset(orders=ORDERS, rates=RATES)


def euros(known: Dataset, as_of: pd.Timestamp, *amounts: tuple[float, str | None]) -> Floats:
    """Amounts with their currencies, as a Snapshot converts them."""
    values = np.array([amount for amount, _ in amounts])
    return Snapshot(known, as_of).converted(values, pd.Series([currency for _, currency in amounts], dtype="str"))


def test_the_newest_rate_whose_day_has_begun() -> None:
    # The rate of 1 April begins at as_of itself; that of 31 March is newest.
    assert euros(KNOWN, AS_OF, (100, "USD")).tolist() == [90]
    assert euros(KNOWN, AS_OF + MICROSECOND, (100, "USD")).tolist() == [80]


def test_a_rate_recorded_later_is_not_known() -> None:
    assert euros(KNOWN, moment("2026-03-31"), (100, "USD")).tolist() == [70]  # that of 30 March came on 1 April
    only = dataset(orders=ORDERS, rates="currency | date | rate | recorded_at\nUSD | 2026-01-01 | 2 | 2026-04-01")
    assert np.isnan(euros(only, AS_OF, (100, "USD"))).all()
    assert euros(only, AS_OF + MICROSECOND, (100, "USD")).tolist() == [200]


def test_a_day_begins_where_the_organisation_is() -> None:
    tokyo = dataset(Organisation(timezone="Asia/Tokyo"), orders=ORDERS, rates=RATES)
    assert euros(tokyo, moment("2026-03-31T15:00"), (100, "USD")).tolist() == [90]
    assert euros(tokyo, moment("2026-03-31T15:00") + MICROSECOND, (100, "USD")).tolist() == [80]


def test_before_the_first_rate_an_amount_is_unknown() -> None:
    assert np.isnan(euros(KNOWN, moment("2026-01-01"), (100, "USD"))).all()


def test_an_unknown_amount_stays_unknown() -> None:
    assert np.isnan(euros(KNOWN, AS_OF, (np.nan, "USD"))).all()


def test_own_money_and_money_without_a_currency_are_left_alone() -> None:
    assert euros(KNOWN, AS_OF, (100, "EUR"), (100, None), (100, "USD")).tolist() == [100, 100, 90]
    assert euros(dataset(orders=ORDERS), AS_OF, (100, "EUR"), (100, None)).tolist() == [100, 100]


def test_a_currency_without_a_rate_is_unknown() -> None:
    assert np.isnan(euros(KNOWN, AS_OF, (100, "CHF"))).all()
    assert np.isnan(euros(dataset(orders=ORDERS), AS_OF, (100, "CHF"))).all()


def test_a_rate_of_the_own_currency_changes_nothing() -> None:
    known = dataset(orders=ORDERS, rates="currency | date | rate\nEUR | 2026-01-01 | 3\nUSD | 2026-01-01 | 2")
    assert euros(known, AS_OF, (100, "EUR"), (100, "USD")).tolist() == [100, 200]


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rates_does_not_matter(seed: int) -> None:
    shuffled = KNOWN.with_tables({**KNOWN.tables, "rates": KNOWN.tables["rates"].sample(frac=1.0, random_state=seed)})
    assert euros(shuffled, AS_OF, (100, "USD")).tolist() == [90]


def test_each_amount_may_have_a_moment_of_its_own() -> None:
    days = ["2026-03-31", "2026-04-01", "2026-04-02", "2025-01-01"]
    moments = np.array([clock.micros(moment(day)) for day in days])
    found = converted(np.full(4, 100.0), pd.Series(["USD"] * 4), moments, KNOWN.tables["rates"], KNOWN.organisation)
    np.testing.assert_array_equal(found, [70, 90, 80, np.nan])
