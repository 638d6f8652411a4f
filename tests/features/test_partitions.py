"""A company in seven parts by account gives the same matrices, to the byte, as the company in one."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from features.clients import client_signals, cohort
from features.dataset import Dataset
from features.deals import deal_signals
from features.partition import split
from features.rates import rates
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, generate
from features.tables import CHANGES, Column, Kind
from tests.features.companies import moment

OWN = (
    Column("seats", Kind.NUMBER, CHANGES),
    Column("campaign", Kind.CATEGORY, "created_at"),
    Column("pilot", Kind.FLAG, "created_at"),
    Column("renewal", Kind.DATE, CHANGES),
)
DATES = ["2025-09-01", "2026-03-15T12:34:56.000001", "2026-10-01"]


@cache
def company() -> Dataset:
    """An untidy company with own columns; some of its deals have no account."""
    made = generate(Settings(n_deals=250, seed=9, dirt=Dirt.all())).dataset()
    n = np.arange(made.n_deals)
    deals = made.deals.assign(
        account_id=made.deals["account_id"].mask(n % 11 == 3),
        seats=(n % 17).astype("float64"),
        campaign=pd.Series([f"c{number % 30}" for number in n]).mask(n % 5 == 0),
        pilot=pd.Series(n % 3 == 0, dtype="boolean").mask(n % 7 == 0),
        renewal=pd.Series(np.datetime64("2026-06-01", "us") + n.astype("timedelta64[D]")),
    )
    given = {name: frame for name, frame in made.tables.items() if name != "deals"} | {"deals": deals}
    facts = {"static": made.static, "tracked_since": made.tracked_since, "extracted_at": moment("2026-09-30")}
    return Dataset.of(given, made.organisation, custom=OWN, **facts)  # type: ignore[arg-type]


@cache
def parts() -> list[Dataset]:
    return split(company(), 7)


def same_bytes(whole: pd.DataFrame, pieces: list[pd.DataFrame]) -> None:
    """The rows of the pieces are those of the whole: numbers to the byte, texts and what is missing."""
    joined = pd.concat([piece.astype(whole.dtypes.to_dict()) for piece in pieces]).loc[whole.index]
    assert sum(map(len, pieces)) == len(whole) > 0
    for name in whole:
        assert all(list(piece) == list(whole) for piece in pieces)
        if pd.api.types.is_numeric_dtype(whole[name]):
            assert joined[name].to_numpy().tobytes() == whole[name].to_numpy().tobytes(), name
        else:
            assert joined[name].fillna("").tolist() == whole[name].fillna("").tolist(), name


def test_every_deal_and_account_is_in_one_part() -> None:
    assert sum(part.n_deals for part in parts()) == company().n_deals
    assert min(part.n_deals for part in parts()) > 0
    accounts = pd.concat([part.tables["accounts"]["account_id"] for part in parts()])
    assert sorted(accounts) == sorted(company().tables["accounts"]["account_id"])
    assert all(not part.deals["account_id"].isna().all() for part in parts())


def test_a_part_does_not_depend_on_the_other_rows() -> None:
    few = company().with_tables(dict(company().tables) | {"deals": company().deals.iloc[::2]})
    for part, smaller in zip(parts(), split(few, 7), strict=True):
        assert set(smaller.deals["deal_id"]) <= set(part.deals["deal_id"])


@pytest.mark.parametrize("as_of", DATES)
def test_deals(as_of: str) -> None:
    snapshot = Snapshot(company(), moment(as_of))
    lent = rates(snapshot)
    pieces = [deal_signals(Snapshot(part, moment(as_of)), lent) for part in parts()]
    same_bytes(deal_signals(snapshot, lent), pieces)


@pytest.mark.parametrize("regime", ["orders", "contracts"])
@pytest.mark.parametrize("as_of", DATES)
def test_clients(regime: str, as_of: str) -> None:
    snapshots = [Snapshot(part, moment(as_of)) for part in (company(), *parts())]
    whole, *pieces = [client_signals(each, cohort(each, regime)) for each in snapshots]
    same_bytes(whole, pieces)
