import numpy as np
import pandas as pd
import pytest

from features.dataset import Dataset
from features.kpis import windows
from features.snapshot import Snapshot
from tests.training.forecasts import day, foretold_by_stage, small_company
from training.places import DIMENSIONS, places
from training.rollup import Foretold, PeriodForecast, forecast_period, won_money
from training.shock import fit_shock

QUARTER = windows.parse("2026Q2", small_company().organisation.calendar)


def made(at: str = "2026-05-10", *, dirty: bool = False, n_draws: int = 1500) -> PeriodForecast:
    snapshot = Snapshot(small_company(dirty), day(at))
    return forecast_period(snapshot, foretold_by_stage(snapshot), QUARTER, fit_shock([]), n_draws=n_draws)


def test_the_company_is_the_sum_of_every_dimension_draw_by_draw() -> None:
    forecast = made(dirty=True)
    whole = forecast.node_draws()[:, 0]
    for dimension in ("owner", "product", "region"):
        assert (forecast.node_draws(dimension)[:, 1:].sum(axis=1) == whole).all()


def test_a_manager_has_the_exact_sum_of_their_people() -> None:
    forecast = made()
    managers, people = forecast.table("manager"), forecast.table("owner")
    top = managers.iloc[1:].sort_values("mean").iloc[-1]
    assert top["mean"] == pytest.approx(people.iloc[1:]["mean"].sum(), rel=1e-9)


def test_parts_add_up_and_intervals_nest() -> None:
    for dimension in DIMENSIONS:
        table = made().table(dimension)
        assert table["mean"].to_numpy() == pytest.approx((table["won"] + table["open"] + table["new"]).to_numpy())
        assert (table["low_95"] <= table["low_80"]).all()
        assert (table["low_50"] <= table["median"]).all()
        assert (table["high_80"] <= table["high_95"]).all()


def test_the_mean_of_the_draws_is_the_analytic_mean() -> None:
    forecast = made(n_draws=8000)
    company = forecast.table().iloc[0]
    assert forecast.node_draws()[:, 0].mean() / 100 == pytest.approx(company["mean"], rel=0.03)


def test_a_period_that_is_over_is_what_was_won_and_certain() -> None:
    company = made("2026-08-01").table().iloc[0]
    assert company["open"] == company["new"] == 0
    assert company["low_95"] == company["high_95"] == pytest.approx(company["won"])


def test_one_that_has_not_begun_has_nothing_won_yet() -> None:
    company = made("2026-02-01").table().iloc[0]
    assert company["won"] == 0
    assert company["open"] > 0


def test_won_money_agrees_with_the_deals_table() -> None:
    snapshot = Snapshot(small_company(), day("2026-07-01"))
    deals = snapshot.frame("deals")
    inside = (deals["outcome"] == "won") & (deals["closed_at"] >= QUARTER.start) & (deals["closed_at"] < QUARTER.end)
    total = snapshot.converted(deals["amount"].to_numpy(), deals["currency"])[inside].sum()
    assert won_money(snapshot, QUARTER, places(snapshot)).sum() / 100 == pytest.approx(total, abs=1)


def test_the_chance_of_a_goal_falls_with_the_goal() -> None:
    forecast = made()
    company = forecast.table().iloc[0]
    chances = [forecast.p_at_least(target) for target in (company["won"], company["median"], 10 * company["mean"])]
    assert chances[0] == 1.0
    assert chances[1] == pytest.approx(0.5, abs=0.02)
    assert chances[2] == 0.0


def test_what_is_missing_is_said_by_name() -> None:
    notes = {note.code: note.number for note in made(dirty=True).notes}
    snapshot = Snapshot(small_company(dirty=True), day("2026-05-10"))
    bare = np.isnan(snapshot.values("amount")[snapshot.open_deals]).sum()
    assert notes.get("open_deals_without_amount", 0) == bare
    assert notes["few_past_periods"] == 4


def test_money_that_cannot_be_forecast_is_said_to_be_so() -> None:
    company = small_company()
    changes = company.tables["deal_changes"].query("field != 'amount'")
    tables = {**company.tables, "deals": company.deals.drop(columns="amount"), "deal_changes": changes}
    bare = Dataset.of(tables, company.organisation)
    snapshot = Snapshot(bare, day("2026-05-10"))
    forecast = forecast_period(snapshot, foretold_by_stage(snapshot), QUARTER, fit_shock([]), n_draws=200)
    assert "no_amounts" in {note.code for note in forecast.notes}
    assert "open_deals_without_amount" not in {note.code for note in forecast.notes}


def test_before_the_first_close_the_figures_are_said_to_rest_on_nothing() -> None:
    forecast = forecast_period(*of_open_deals_alone(), QUARTER, fit_shock([]), n_draws=200)
    assert [note.code for note in forecast.notes] == ["no_closed_deals"]


def of_open_deals_alone() -> tuple[Snapshot, Foretold]:
    """The company without all that was ever closed."""
    company = small_company()
    open_ids = company.deals.loc[company.deals["outcome"].isna(), "deal_id"]
    tables = {"deals": company.deals[company.deals["deal_id"].isin(open_ids)], "stages": company.tables["stages"]}
    snapshot = Snapshot(Dataset.of(tables, company.organisation, static=company.static), QUARTER.end - pd.Timedelta(days=5))
    return snapshot, foretold_by_stage(snapshot)


@pytest.mark.parametrize("dimension", ["owner", "product", "region"])
def test_expected_values_that_are_rounded_to_cents_still_add_up(dimension: str) -> None:
    cents = (100 * made(dirty=True).table(dimension)[["won", "open", "new", "mean"]]).to_numpy()
    whole = np.rint(cents)
    assert cents == pytest.approx(whole, abs=1e-3)
    assert (whole[1:].sum(axis=0) == whole[0]).all()
    assert (whole[:, :3].sum(axis=1) == whole[:, 3]).all()
