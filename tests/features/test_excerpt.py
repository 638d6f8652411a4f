"""A posted deal gives the same bytes as the stored one, computed on its account alone."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from features.dataset import Dataset
from features.deals import deal_signals
from features.excerpt import excerpt
from features.rates import of_the_day, rates
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, generate
from tests.features.companies import AS_OF, dataset, moment, rows, sales
from tests.oracles.excerpt import excerpt as slow_excerpt

POSTED = ("deals", "deal_changes", "activities")


@cache
def company() -> Dataset:
    return generate(Settings(n_deals=80, seed=5, dirt=Dirt.all())).dataset()


def posted(known: Dataset, *deals: str) -> dict[str, pd.DataFrame]:
    """What a CRM would send of these deals: their rows with all of their history."""
    return {name: frame[frame["deal_id"].isin(deals)] for name in POSTED if (frame := known.tables.get(name)) is not None}


def scored(known: Dataset, sent: dict[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """The signals of the posted deals, with the rates of the whole company."""
    small = excerpt(known, sent, as_of)
    asked = small.deal_rows.get_indexer(pd.Index(sent["deals"]["deal_id"]))
    return deal_signals(Snapshot(small, as_of), of_the_day(Snapshot(known, as_of)), asked)


def same_bytes(one: pd.DataFrame, other: pd.DataFrame) -> None:
    assert list(one) == list(other)
    for name in one:
        if pd.api.types.is_float_dtype(one[name]):
            assert one[name].to_numpy().tobytes() == other[name].to_numpy().tobytes(), name
        else:
            assert one[name].fillna("").tolist() == other[name].fillna("").tolist(), name


@pytest.mark.parametrize("deal", ["D1", "D3", "D4", "D8"])
def test_a_posted_deal_gives_the_bytes_of_the_stored_one(deal: str) -> None:
    stored = deal_signals(Snapshot(sales(), AS_OF)).loc[[deal]]
    same_bytes(scored(sales(), posted(sales(), deal), AS_OF), stored)


@pytest.mark.parametrize("as_of", ["2025-09-01", "2026-03-15T12:34:56.000001"])
def test_so_do_deals_of_an_untidy_company(as_of: str) -> None:
    stored = deal_signals(Snapshot(company(), moment(as_of)))
    assert len(stored) > 2
    for deal in stored.index[:: len(stored) // 3]:
        same_bytes(scored(company(), posted(company(), deal), moment(as_of)), stored.loc[[deal]])


def test_several_at_once() -> None:
    stored = deal_signals(Snapshot(sales(), AS_OF)).loc[["D1", "D8"]]
    same_bytes(scored(sales(), posted(sales(), "D1", "D8"), AS_OF), stored)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_sent_otherwise_than_stored_is_compiled_like_any_dataset(seed: int) -> None:
    as_of = moment("2026-03-15T12:34:56.000001")
    sent = altered(posted(company(), *company().deals["deal_id"].iloc[seed::9]), seed)
    slow = deal_signals(Snapshot(slow_excerpt(company(), sent, as_of), as_of), of_the_day(Snapshot(company(), as_of)))
    fast = deal_signals(Snapshot(excerpt(company(), sent, as_of), as_of), of_the_day(Snapshot(company(), as_of)))
    same_bytes(fast, slow)


def altered(sent: dict[str, pd.DataFrame], seed: int) -> dict[str, pd.DataFrame]:
    """Deals with other values and other owners, without a part of their history, with several changes in one instant."""
    random = np.random.default_rng(seed)
    deals, changes, activities = (sent[name] for name in POSTED)
    some = random.random(len(deals)) < 0.5
    deals = deals.assign(
        owner_id=deals["owner_id"].mask(some, "U-new"),
        product=deals["product"].mask(some, None),
        amount=deals["amount"].mask(~some, 123.25),
        account_id=deals["account_id"].mask(random.random(len(deals)) < 0.3, "A-new"),
    ).drop(columns=["outcome", "closed_at"])
    changes = changes[random.random(len(changes)) < 0.8]
    instants = changes["changed_at"].dt.floor("180D")
    late = {"recorded_at": changes["recorded_at"].where(random.random(len(changes)) < 0.5)}
    changes = changes.assign(changed_at=instants.where(random.random(len(changes)) < 0.6, changes["changed_at"]), **late)
    return {"deals": deals, "deal_changes": changes, "activities": activities[random.random(len(activities)) < 0.8]}


def test_a_lead_is_found_by_the_deal_that_it_became() -> None:
    # L1 names the deal and no account, L2 the account and another deal.
    leads = """
        lead_id | created_at | converted_at | deal_id | account_id | source
        L1      | 2026-01-01 | 2026-01-05   | D1      |            | Fair
        L2      | 2026-01-01 | 2026-01-06   | D2      | A1         | Web
        L3      | 2026-01-01 | 2026-01-06   | D77     |            | Phone
    """
    known = sales().with_tables({**sales().tables, "leads": rows(leads)})
    assert scored(known, posted(known, "D1"), AS_OF).T["D1"]["lead_source"] == "Fair"
    assert deal_signals(Snapshot(known, AS_OF)).T["D1"]["lead_source"] == "Fair"
    new = {"deals": rows("deal_id | created_at | stage\nD77 | 2026-03-01 | Proposal")}
    assert scored(known, new, AS_OF).T["D77"]["lead_source"] == "Phone"  # the deal is not stored yet


def test_a_column_that_stored_deals_lack_and_that_was_sent_empty_is_not_there() -> None:
    known = dataset(deals="deal_id | created_at | stage\nD1 | 2025-01-01 | A", extracted_at="2026-01-01")
    sent = {"deals": rows("deal_id | created_at | stage | amount\nD1 | 2025-01-01 | A |")}
    assert np.isnan(scored(known, sent, AS_OF).T["D1"]["amount_missing"])
    same_bytes(scored(known, sent, AS_OF), deal_signals(Snapshot(known, AS_OF)))


def test_an_excerpt_holds_the_account_and_nothing_else() -> None:
    small = excerpt(sales(), posted(sales(), "D8"), AS_OF)
    assert small.deals["deal_id"].tolist() == ["D4", "D5", "D8"]  # all of A2
    assert set(small.tables["deal_changes"]["deal_id"]) == {"D8"}
    assert len(small.tables["activities"]) == 0
    assert small.tables["accounts"]["account_id"].tolist() == ["A2"]
    pd.testing.assert_frame_equal(small.tables["rates"], sales().tables["rates"])
    pd.testing.assert_frame_equal(small.tables["stages"], sales().tables["stages"])


def test_stored_rows_of_a_posted_deal_count_for_nothing() -> None:
    sent = posted(sales(), "D1")
    sent["activities"] = sent["activities"].iloc[:1]  # E1 alone
    sent["deal_changes"] = sent["deal_changes"].iloc[:0]
    row = scored(sales(), sent, AS_OF).T["D1"]
    assert (row["n_activities"], row["n_stage_changes"]) == (1, 0)


def test_a_deal_without_its_history_is_known_as_it_is_sent() -> None:
    deal = "deal_id | account_id | owner_id | created_at | amount | stage\nD99 | A1 | U2 | 2026-03-01 | 500 | Proposal"
    row = scored(sales(), {"deals": rows(deal)}, AS_OF).T["D99"]
    assert (row["stage"], row["amount"], row["age_days"], row["owner_n_open"]) == ("Proposal", 500, 31, 3)
    assert (row["n_activities"], row["client_n_won"], row["client_n_open"], row["industry"]) == (0, 2, 2, "Energy")


def test_an_untracked_field_is_known_as_it_is_sent_even_for_an_old_as_of() -> None:
    known = dataset(deals="deal_id | created_at | stage | amount\nD1 | 2025-01-01 | A | 5", extracted_at="2026-05-01")
    sent = {"deals": rows("deal_id | created_at | stage | amount\nD9 | 2025-01-01 | A | 7")}
    assert scored(known, sent, AS_OF).T["D9"]["amount"] == 7
    assert deal_signals(Snapshot(known, AS_OF))["amount"].isna().all()


def test_what_the_store_did_not_know_then_is_not_known_in_an_excerpt() -> None:
    # Regions have no history here: the export of 1 May told them, and as_of is 1 April.
    assert scored(sales(), posted(sales(), "D1"), AS_OF)["region"].isna().all()
    later = moment("2026-05-02")
    sent = {"deals": rows("deal_id | account_id | created_at | stage\nD99 | A1 | 2026-04-20 | Proposal")}
    assert scored(sales(), sent, later).T["D99"]["region"] == "North"


def test_a_deal_of_an_unknown_account_stands_alone() -> None:
    sent = {"deals": rows("deal_id | account_id | created_at | stage\nD99 | A77 | 2026-03-01 | Proposal")}
    row = scored(sales(), sent, AS_OF).T["D99"]
    assert (row["client_n_won"], row["client_n_open"]) == (0, 0)
    assert pd.isna(row["industry"])


def test_a_deal_without_an_account_has_no_client() -> None:
    sent = {"deals": rows("deal_id | created_at | stage\nD99 | 2026-03-01 | Proposal")}
    row = scored(sales(), sent, AS_OF).T["D99"]
    assert row[["client_n_won", "client_n_lost", "client_n_open"]].isna().all()


def test_what_is_posted_of_later_is_not_known() -> None:
    sent = posted(sales(), "D1")  # with its changes and activities of April
    early = moment("2026-03-01")
    same_bytes(scored(sales(), sent, early), deal_signals(Snapshot(sales(), early)).loc[["D1"]])


def test_the_dataset_is_left_alone() -> None:
    before = {name: frame.copy() for name, frame in sales().tables.items()}
    scored(sales(), posted(sales(), "D1"), AS_OF)
    for name, frame in before.items():
        pd.testing.assert_frame_equal(sales().tables[name], frame)


def test_a_small_dataset_has_the_rates_of_nobody() -> None:
    # Why rates are passed in: an account alone does not tell how often its owner wins.
    small = excerpt(sales(), posted(sales(), "D8"), AS_OF)
    assert np.isnan(rates(Snapshot(small, AS_OF)).overall)
