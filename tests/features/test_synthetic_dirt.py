"""Each kind of dirt shows when it is on, is absent when it is off, and leaves the rest as it was."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from features.errors import UsageError
from features.synthetic import Company, Dirt, Settings, deal_truth, generate

N_DEALS = 1200


@cache
def company(**shares: float) -> Company:
    return generate(Settings(n_deals=N_DEALS, dirt=Dirt(**shares)))


def same(name: str, other: Company) -> bool:
    return company().tables[name].equals(other.tables[name])


def overdue(made: Company) -> float:
    deals = made.tables["deals"]
    open_ = deals[deals["outcome"].isna()]
    return float((open_["expected_close_on"] < pd.Timestamp(made.settings.ends_on)).mean())


def reopened(made: Company) -> int:
    changes = made.tables["deal_changes"]
    return int(((changes["field"] == "stage") & changes["old_value"].isin(["Won", "Lost"])).sum())


@pytest.mark.parametrize("name", ["deal_changes", "activities", "orders", "tickets", "surveys"])
def test_late_entry_records_some_rows_days_later(name: str) -> None:
    assert "recorded_at" not in company().tables[name]
    late = company(late_entry=0.5).tables[name]
    time = {"deal_changes": "changed_at", "activities": "logged_at", "orders": "ordered_at", "tickets": "opened_at"}
    lag = late["recorded_at"] - late[time.get(name, "answered_at")]
    assert (lag >= pd.Timedelta(0)).all()
    assert 0.4 < (lag > pd.Timedelta(0)).mean() < 0.6


def test_late_entry_adds_nothing_but_the_column() -> None:
    late = company(late_entry=0.5).tables
    assert same("deals", company(late_entry=0.5))
    assert late["activities"].drop(columns="recorded_at").equals(company().tables["activities"])


@pytest.mark.parametrize(
    ("name", "column"), [("accounts", "industry"), ("deals", "source"), ("deals", "amount"), ("accounts", "employees")]
)
def test_missing_values_are_missing(name: str, column: str) -> None:
    assert company().tables[name][column].notna().all()
    assert 0.15 < company(missing_values=0.3).tables[name][column].isna().mean() < 0.4


def test_neglected_dates_are_overdue() -> None:
    assert overdue(company()) < 0.02
    assert overdue(company(pushed_dates=0.8)) > 0.04
    assert same("accounts", company(pushed_dates=0.8))
    assert same("activities", company(pushed_dates=0.8))


def test_reopened_deals_leave_a_closed_stage() -> None:
    assert reopened(company()) == 0
    assert reopened(company(reopened=0.2)) > 50
    assert same("contracts", company(reopened=0.2))


def test_reopened_deals_can_still_be_won() -> None:
    changes = company(reopened=0.2).tables["deal_changes"]
    again = changes[(changes["field"] == "stage") & (changes["old_value"] == "Lost")]["deal_id"]
    deals = company(reopened=0.2).tables["deals"].set_index("deal_id").loc[again.unique()]
    assert {"won", "lost"} <= set(deals["outcome"].dropna())
    assert (deals["closed_at"].notna() == deals["outcome"].notna()).all()


def test_leavers_leave_and_hand_their_deals_over() -> None:
    assert company().tables["users"]["left_at"].isna().all()
    tables = company(leavers=0.6).tables
    left = tables["users"].set_index("user_id")["left_at"].dropna()
    open_ = tables["deals"][tables["deals"]["outcome"].isna()]
    changes = tables["deal_changes"].query("field == 'owner_id'")
    handed = changes["changed_at"].to_numpy() == left.reindex(changes["old_value"]).to_numpy()
    assert len(left) >= 3
    assert handed.sum() > 5
    assert not open_["owner_id"].isin(left.index).any()


def test_leavers_do_nothing_after_they_left() -> None:
    tables = company(leavers=0.6).tables
    left = tables["users"].set_index("user_id")["left_at"]
    activities, leads = tables["activities"], tables["leads"]
    assert not (activities["logged_at"].to_numpy() >= left.loc[activities["user_id"]].to_numpy()).any()
    assert not (leads["created_at"].to_numpy() >= left.loc[leads["owner_id"]].to_numpy()).any()


def test_duplicated_activities_stand_twice_under_two_numbers() -> None:
    doubled = company(duplicated_activities=0.1).tables["activities"]
    clean = company().tables["activities"]
    assert 0.08 < len(doubled) / len(clean) - 1 < 0.12
    assert doubled["activity_id"].is_unique
    assert doubled[doubled["activity_id"].isin(clean["activity_id"])].reset_index(drop=True).equals(clean)
    assert same("deals", company(duplicated_activities=0.1))


@pytest.mark.parametrize(("name", "column"), [("deals", "source"), ("accounts", "industry")])
def test_untidy_categories_are_spelt_in_several_ways(name: str, column: str) -> None:
    untidy, clean = company(untidy_categories=0.2).tables[name][column], company().tables[name][column]
    assert untidy.nunique() > clean.nunique()
    assert (untidy.str.strip().str.lower() == clean.str.lower()).all()


def test_all_turns_every_kind_on() -> None:
    assert all(share > 0 for share in Dirt.all().shares.values())
    assert Dirt().is_clean
    assert not Dirt(reopened=0.01).is_clean


def test_a_share_is_a_share() -> None:
    with pytest.raises(UsageError, match="late_entry is 2"):
        Dirt(late_entry=2)


def test_there_is_no_truth_in_dirt() -> None:
    with pytest.raises(UsageError, match="clean company"):
        deal_truth(company(reopened=0.2), pd.Timestamp("2026-01-01", tz="UTC"), [30])


def test_a_late_change_is_unknown_until_it_is_recorded() -> None:
    dataset = company(late_entry=0.5).dataset()
    history = dataset.history("stage")
    assert (history.known >= history.time).all()
    assert np.mean(history.known > history.time) > 0.1
