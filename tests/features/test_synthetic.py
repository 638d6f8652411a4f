"""The tables of a synthetic company: complete, consistent, repeatable, and shaped like business."""

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import UsageError
from features.synthetic import Company, Dirt, Settings, generate
from features.synthetic.process import STAGES
from features.tables import TABLES

EVENTS = {
    "deals": ("created_at", "closed_at"),
    "deal_changes": ("changed_at",),
    "activities": ("logged_at", "done_at"),
    "leads": ("created_at", "first_response_at", "qualified_at", "converted_at"),
    "orders": ("ordered_at",),
    "contracts": ("known_at", "cancelled_at"),
    "tickets": ("opened_at", "closed_at"),
    "surveys": ("answered_at",),
}


@cache
def company(seed: int = 7, *, n_deals: int = 1500, rush: bool = True, shock_sd: float = 0.25, dirty: bool = False) -> Company:
    dirt = Dirt.all() if dirty else Dirt()
    return generate(Settings(n_deals=n_deals, seed=seed, rush=rush, shock_sd=shock_sd, dirt=dirt))


def in_last_two_weeks(times: pd.Series) -> float:
    """Share of the times that lie in the last two weeks of a calendar quarter."""
    days = times.dt.tz_localize(None)
    quarter_end = days.dt.to_period("Q").dt.end_time
    return float(((quarter_end - days).dt.days < 14).mean())


def test_the_same_seed_gives_the_same_tables() -> None:
    again = generate(company().settings)
    for name, frame in company().tables.items():
        pd.testing.assert_frame_equal(frame, again.tables[name])


def test_another_seed_gives_other_tables() -> None:
    other = company(8).tables
    assert not other["deals"]["created_at"].equals(company().tables["deals"]["created_at"])
    assert not other["accounts"]["name"].equals(company().tables["accounts"]["name"])


def test_every_table_of_the_contract_is_there_and_none_is_empty() -> None:
    assert set(company().tables) == set(TABLES)
    assert all(len(frame) for frame in company().tables.values())


@pytest.mark.parametrize("dirty", [False, True])
def test_the_tables_make_a_dataset_that_ends_at_the_end(dirty: bool) -> None:
    made = company(dirty=dirty)
    dataset = made.dataset()
    assert dataset.n_deals == 1500
    assert dataset.ends_at == made.settings.end_at


@settings(max_examples=6, deadline=None)
@given(
    n_deals=st.integers(1, 40), seed=st.integers(0, 10**6), months=st.integers(3, 14), dirty=st.booleans(), day=st.integers(1, 31)
)
def test_any_settings_make_a_dataset(n_deals: int, seed: int, months: int, dirty: bool, day: int) -> None:
    dirt = Dirt.all() if dirty else Dirt()
    made = generate(Settings(n_deals=n_deals, seed=seed, months=months, ends_on=date(2026, 8, day), dirt=dirt))
    assert made.dataset().n_deals == n_deals


@pytest.mark.parametrize("dirty", [False, True])
def test_each_change_starts_where_the_one_before_it_ended(dirty: bool) -> None:
    changes = company(dirty=dirty).tables["deal_changes"].sort_values(["deal_id", "field", "changed_at"], kind="stable")
    before = changes.groupby(["deal_id", "field"])["new_value"].shift()
    assert (before.isna() | (before == changes["old_value"])).all()
    assert (changes["old_value"] != changes["new_value"]).all()


@pytest.mark.parametrize("dirty", [False, True])
@pytest.mark.parametrize("field", ["stage", "owner_id", "amount", "expected_close_on", "forecast_category", "crm_probability"])
def test_the_last_change_is_the_present_value(field: str, dirty: bool) -> None:
    tables = company(dirty=dirty).tables
    changes = tables["deal_changes"].query("field == @field").sort_values("changed_at").drop_duplicates("deal_id", keep="last")
    now = tables["deals"].set_index("deal_id")[field].loc[changes["deal_id"]]
    written = now.dt.strftime("%Y-%m-%d") if field == "expected_close_on" else now.astype("str")
    assert len(changes) > 10
    assert (written.to_numpy() == changes["new_value"].to_numpy()).all()


def test_a_deal_closes_when_its_closing_change_says_so() -> None:
    tables = company().tables
    changes = tables["deal_changes"]
    closing = changes[(changes["field"] == "stage") & changes["new_value"].isin(["Won", "Lost"])].set_index("deal_id")
    closed = tables["deals"].dropna(subset="outcome").set_index("deal_id")
    assert closing.index.is_unique
    assert (closed["closed_at"] == closing["changed_at"].loc[closed.index]).all()
    assert (closed["outcome"] == closing["new_value"].str.lower().loc[closed.index]).all()


@pytest.mark.parametrize("dirty", [False, True])
@pytest.mark.parametrize("name", EVENTS)
def test_nothing_happens_after_the_end(name: str, dirty: bool) -> None:
    made = company(dirty=dirty)
    for column in (*EVENTS[name], *({"recorded_at"} & set(made.tables[name]))):
        times = made.tables[name][column].dropna()
        assert len(times)
        assert times.max() < made.settings.end_at


@pytest.mark.parametrize(
    ("name", "time"), [("deal_changes", "changed_at"), ("activities", "logged_at"), ("orders", "ordered_at")]
)
def test_nothing_happens_to_a_deal_before_it_exists(name: str, time: str) -> None:
    frame = company().tables[name].dropna(subset="deal_id")
    created = company().tables["deals"].set_index("deal_id")["created_at"].loc[frame["deal_id"]]
    assert (frame[time].to_numpy() >= created.to_numpy()).all()


def test_activities_stop_when_a_deal_closes() -> None:
    activities = company().tables["activities"].dropna(subset="deal_id")
    closed = company().tables["deals"].set_index("deal_id")["closed_at"].loc[activities["deal_id"]].to_numpy()
    assert ((activities["logged_at"].to_numpy() < closed) | pd.isna(closed)).all()
    assert ((activities["done_at"] >= activities["logged_at"]) | activities["done_at"].isna()).all()


@pytest.mark.parametrize(
    ("name", "column", "target"),
    [
        ("deals", "account_id", "accounts"),
        ("deals", "owner_id", "users"),
        ("activities", "deal_id", "deals"),
        ("activities", "account_id", "accounts"),
        ("activities", "user_id", "users"),
        ("leads", "deal_id", "deals"),
        ("orders", "deal_id", "deals"),
        ("contracts", "account_id", "accounts"),
        ("tickets", "account_id", "accounts"),
        ("surveys", "account_id", "accounts"),
        ("users", "manager_id", "users"),
        ("accounts", "parent_id", "accounts"),
    ],
)
def test_references_lead_somewhere(name: str, column: str, target: str) -> None:
    tables = company().tables
    used = tables[name][column].dropna()
    assert len(used)
    assert used.isin(tables[target][TABLES[target].key[0]]).all()


def test_deals_are_sold_by_people_who_are_already_there() -> None:
    tables = company().tables
    owner = tables["users"].set_index("user_id").loc[tables["deals"]["owner_id"]]
    assert (owner["hired_at"].to_numpy() <= tables["deals"]["closed_at"].fillna(company().settings.end_at).to_numpy()).all()
    assert owner["team"].notna().all()


def test_the_rates_are_those_of_a_business() -> None:
    deals = company(n_deals=4000).tables["deals"]
    won = (deals["outcome"] == "won").sum() / deals["outcome"].notna().sum()
    activities = company(n_deals=4000).tables["activities"]["deal_id"].notna().sum() / len(deals)
    assert 0.23 < won < 0.33
    assert 0.08 < deals["outcome"].isna().mean() < 0.15
    assert 7 < activities < 12


def test_teams_have_five_to_eight_sellers() -> None:
    users = company(n_deals=4000).tables["users"]
    leads = set(users["manager_id"].dropna())
    sizes = users[~users["user_id"].isin(leads)].groupby("team").size()
    assert len(sizes) > 3
    assert sizes.between(5, 8).all()


def test_the_rush_brings_wins_to_the_end_of_a_quarter() -> None:
    rushed = in_last_two_weeks(company(n_deals=4000).tables["deals"].query("outcome == 'won'")["closed_at"])
    calm = in_last_two_weeks(company(n_deals=4000, rush=False).tables["deals"].query("outcome == 'won'")["closed_at"])
    assert calm < 0.19
    assert rushed > 0.23


def test_shocks_move_the_work_of_a_month() -> None:
    calm, shaken = company(n_deals=4000, shock_sd=0.0), company(n_deals=4000, shock_sd=0.5)
    counts = [
        made.tables["activities"]["logged_at"].dt.strftime("%Y-%m").value_counts().sort_index().to_numpy()
        for made in (calm, shaken)
    ]
    starts = pd.date_range(calm.settings.starts_on, periods=30, freq="MS").to_numpy().astype("datetime64[D]").astype(np.float64)
    shocks = shaken.story.clock.shock(starts)
    assert np.corrcoef(np.log(counts[1] / counts[0])[6:], shocks[6:])[0, 1] > 0.6


def test_weekends_and_august_are_slow() -> None:
    logged = company(n_deals=4000, shock_sd=0.0).tables["activities"]["logged_at"]
    months = logged[logged.dt.year == 2025].dt.month.value_counts()
    assert (logged.dt.day_of_week >= 5).mean() < 0.06
    assert months[8] < 0.75 * months[11]


def test_contracts_come_from_won_deals_and_follow_each_other() -> None:
    contracts = company().tables["contracts"]
    chained = contracts.merge(contracts, left_on=["account_id", "ends_on"], right_on=["account_id", "starts_on"])
    deals = company().tables["deals"].query("outcome == 'won'")
    signed = contracts.merge(deals, left_on=["account_id", "known_at"], right_on=["account_id", "closed_at"])
    assert len(chained) > 50
    assert (chained["known_at_y"].dt.tz_localize(None) < chained["ends_on_x"]).all()
    assert len(signed) > 50


def test_the_first_order_of_a_new_client_is_its_won_deal() -> None:
    orders = company().tables["orders"].dropna(subset="deal_id")
    deals = company().tables["deals"].set_index("deal_id").loc[orders["deal_id"]]
    assert (deals["closed_at"].to_numpy() == orders["ordered_at"].to_numpy()).all()
    assert (deals["outcome"] == "won").all()


def test_plans_add_up() -> None:
    plans = company().tables["plans"]
    totals = plans.groupby(["scope", "period_start"])["target"].sum().unstack("scope")
    assert (totals["company"] == totals["team"]).all()
    assert (totals["company"] == totals["user"]).all()


def test_stages_stand_in_order() -> None:
    stages = company().tables["stages"]
    assert stages["stage"].tolist() == list(STAGES)
    assert stages["position"].is_monotonic_increasing
    assert stages["kind"].tolist() == ["open"] * 5 + ["won", "lost"]


@pytest.mark.parametrize(
    ("wrong", "name"),
    [({"n_deals": 0}, "n_deals"), ({"months": 1}, "months"), ({"seed": -1}, "seed"), ({"shock_sd": -0.1}, "shock_sd")],
)
def test_impossible_settings_are_refused(wrong: dict[str, int], name: str) -> None:
    with pytest.raises(UsageError, match=name):
        Settings(**wrong)  # type: ignore[arg-type]
