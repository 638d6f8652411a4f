import pytest

from features import clock
from features.vocabulary import accounts_known, texts_known
from tests.features.companies import dataset, moment, sales

DEALS = """
    deal_id | account_id | created_at | stage | source
    D1      | A1         | 2026-01-05 | A     | Web
    D2      | A2         | 2026-02-05 | B     | Web
    D3      | A2         | 2026-03-05 | B     |
"""


def test_a_text_is_known_since_the_first_deal_that_had_it() -> None:
    known = texts_known(dataset(deals=DEALS, extracted_at="2026-04-01"), "source")
    assert set(known) == {"Web"}


def test_an_account_is_known_since_the_first_row_of_any_table() -> None:
    orders = "order_id | account_id | ordered_at | amount\nO1 | A2 | 2026-01-20 | 5"
    known = accounts_known(dataset(deals=DEALS, orders=orders, extracted_at="2026-04-01"))
    assert {name: clock.instant(at) for name, at in known.items()} == {"A1": moment("2026-01-05"), "A2": moment("2026-01-20")}


@pytest.mark.parametrize("field", ["stage", "owner_id", "source"])
def test_the_whole_vocabulary_is_there(field: str) -> None:
    past = sales().history(field)
    labels = [] if past.labels is None else list(past.labels)
    known = texts_known(sales(), field)
    assert sorted(known) == sorted(labels)
    for number, label in enumerate(labels):
        assert known[label] == min(past.known[past.value == number], default=clock.NEVER)
