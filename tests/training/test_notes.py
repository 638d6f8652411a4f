from dataclasses import replace

import numpy as np
import pytest

from features.clock import Floats
from features.dataset import Dataset
from features.kpis import windows
from features.snapshot import Snapshot
from tests.training.forecasts import day, foretold_by_stage, small_company
from training.draws import Draws, OpenDeals
from training.notes import width
from training.rollup import PeriodForecast, forecast_period
from training.shock import Shock, fit_shock

QUARTER = windows.parse("2026Q2", small_company().organisation.calendar)
RNG = np.random.default_rng(5)


def made(at: str) -> PeriodForecast:
    snapshot = Snapshot(small_company(), day(at))
    return forecast_period(snapshot, foretold_by_stage(snapshot), QUARTER, fit_shock([]), n_draws=400)


def deals(n: int, amount: float) -> OpenDeals:
    places = np.zeros(n, dtype=np.int64)
    return OpenDeals(np.zeros(n), np.full(n, 0.3), np.full(n, amount), np.ones((n, 2)), places, places)


def drawn(opened: Floats, new: Floats) -> Draws:
    return Draws((opened + new)[:, None], opened, new, np.zeros(len(opened)))


def test_of_a_period_that_is_over_nothing_lacks_that_is_still_to_come() -> None:
    assert [note.code for note in made("2026-07-02").notes] == ["period_over"]
    assert "period_over" not in {note.code for note in made("2026-06-29").notes}


def test_data_that_end_before_the_as_of_are_said_to() -> None:
    company, calendar = small_company(), small_company().organisation.calendar
    later = Snapshot(company, company.ends_at + np.timedelta64(10, "D"))
    forecast = forecast_period(later, foretold_by_stage(later), windows.quarter(later.as_of, calendar), Shock.none(), n_draws=100)
    assert {note.code: note.number for note in forecast.notes}["stale_data"] == pytest.approx(10)
    assert "stale_data" not in {note.code for note in made("2026-05-10").notes}


def test_the_largest_source_of_a_wide_interval_is_named() -> None:
    few, many, none = deals(4, 1000.0), deals(4000, 1.0), np.zeros(2000)
    by_chance = (100_000.0 * RNG.binomial(4, 0.3, 2000)).astype(np.float64)
    by_luck = (120_000.0 * RNG.choice([0.5, 1.5], 2000)).astype(np.float64)
    assert [note.code for note in width(np.zeros(1), few, drawn(by_chance, none))] == ["wide_by_open_deals"]
    assert [note.code for note in width(np.zeros(1), many, drawn(by_luck, none))] == ["wide_by_shared_luck"]
    assert [note.code for note in width(np.zeros(1), many, drawn(none, by_chance))] == ["wide_by_new_deals"]


def test_an_interval_that_is_narrow_beside_what_is_expected_needs_no_reason() -> None:
    by_chance = (100_000.0 * RNG.binomial(4, 0.3, 2000)).astype(np.float64)
    assert width(np.array([1e7]), deals(4, 1000.0), drawn(by_chance, np.zeros(2000))) == ()


def test_the_sources_are_shares_of_one_variance() -> None:
    forecast = made("2026-05-10")
    certain = replace(forecast.open, by_start=np.zeros(len(forecast.open)), by_end=np.ones(len(forecast.open)))
    for opened in (forecast.open, certain):
        assert all(0 < note.number <= 100 for note in width(np.zeros(1), opened, forecast.draws))


def test_a_point_is_not_said_to_be_wide_out_of_caution() -> None:
    """All deals are lost, so nothing is open and nothing is expected."""
    company = small_company()
    ended = company.deals[company.deals["outcome"].eq("lost")]
    tables = {"deals": ended, "stages": company.tables["stages"]}
    snapshot = Snapshot(Dataset.of(tables, company.organisation, static=company.static), company.ends_at)
    window = windows.quarter(snapshot.as_of, company.organisation.calendar)
    forecast = forecast_period(snapshot, foretold_by_stage(snapshot), window, fit_shock([]), n_draws=100)
    assert not forecast.draws.total.any()
    assert "few_past_periods" not in {note.code for note in forecast.notes}
