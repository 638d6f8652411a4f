"""What a training lacks is said with what to load."""

import pytest

from features.dataset import Dataset
from features.errors import NotReadyError
from tests.training.forecasts import small_company
from training.cohorts import first_fact_of


def test_clients_that_cannot_be_learned_of_name_the_tables() -> None:
    company = small_company()
    undecided = company.deals[company.deals["outcome"].isna()]
    bare = Dataset.of({"deals": undecided, "stages": company.tables["stages"]}, company.organisation)
    with pytest.raises(NotReadyError, match="contracts, orders, or deals that were won"):
        first_fact_of(bare, "clients")
    assert first_fact_of(bare, "deals") >= first_fact_of(company, "deals")
