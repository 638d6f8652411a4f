import json
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from features.calendar import FiscalCalendar
from features.clock import Floats
from features.dataset import Dataset
from features.errors import NotReadyError, UsageError
from features.kpis import windows
from features.snapshot import Snapshot
from tests.training.forecasts import day, small_company
from training.backtest import Backtest, backtest, leads, past_periods
from training.bundle import Bundle
from training.rivals import rival_forecasts
from training.rollup import won_within
from training.run import fit
from training.track_record import pinball, track_record, wape

FIRST = day("2025-10-01")


@lru_cache(maxsize=4)
def fitted(at: pd.Timestamp) -> Bundle:
    return fit(small_company(), "deals", at, threads=1)


def quick(dataset: Dataset, at: pd.Timestamp) -> Bundle:
    assert dataset is not None
    return fitted(at)


@lru_cache(maxsize=1)
def replayed() -> Backtest:
    return backtest(small_company(), quick, first=FIRST, n_draws=400)


def test_whole_periods_between_two_moments() -> None:
    calendar = FiscalCalendar("Europe/Berlin", 4)
    quarters = past_periods("quarter", day("2026-01-02"), day("2026-12-31"), calendar)
    assert [each.label for each in quarters] == ["2026Q1", "2026Q2"]
    weeks = past_periods("week", day("2026-03-16"), day("2026-04-13"), calendar)
    assert [f"{each.start.tz_convert('Europe/Berlin'):%a %H}" for each in weeks] == ["Mon 00"] * 3
    with pytest.raises(UsageError, match="no kind of period"):
        past_periods("fortnight", FIRST, FIRST, calendar)


def test_leads_of_a_quarter_are_days_and_of_other_periods_thirds() -> None:
    calendar = FiscalCalendar()
    assert leads(windows.parse("2026Q1", calendar)) == (0.0, 30.0, 60.0)
    assert leads(windows.parse("2026-06", calendar)) == pytest.approx((0, 10, 20))


def test_models_are_refitted_half_yearly_and_never_see_their_period() -> None:
    table = replayed().table()
    assert (table["trained"] <= table["start"]).all()
    assert ((table["start"] - table["trained"]).dt.days < 182).all()
    assert table["trained"].nunique() == 2


def test_actuals_are_what_was_won_and_leads_come_nearer() -> None:
    table = replayed().table()
    for _, rows in table.groupby("period"):
        snapshot = Snapshot(small_company(), rows["end"].iloc[0])
        inside = won_within(snapshot, windows.span(rows["start"].iloc[0], rows["end"].iloc[0]))
        amount = snapshot.converted(snapshot.values("amount"), small_company().deals["currency"])
        assert rows["actual"].iloc[0] == pytest.approx(np.nansum(amount[inside]), rel=1e-6)
    width = (table["q_0.9"] - table["q_0.1"]).groupby(table["lead"]).mean()
    assert width[60.0] < width[30.0] < width[0.0]


def test_the_future_of_a_period_changes_nothing_in_its_forecast() -> None:
    """The first period's forecasts from the data as it stood at the period's end."""
    whole = small_company()
    until = day("2026-01-01")
    known = {name: Snapshot(whole, until).frame(name) for name in whole.tables}
    cut = Dataset.of(known, whole.organisation, static=whole.static, tracked_since=whole.tracked_since, extracted_at=until)
    again = backtest(cut, quick, first=FIRST, until=until, n_draws=400).table()
    columns = [name for name in map(str, again) if name.startswith("q_") or name in ("mean", "stage_weighted", "run_rate")]
    assert again[columns].to_numpy() == pytest.approx(replayed().table().head(len(again))[columns].to_numpy(), rel=1e-9)


def test_the_evidence_of_a_period_serves_later_ones_only() -> None:
    table = replayed().table()
    assert table["rho"].iloc[:3].nunique() == 1
    assert table["rho"].iloc[3] != table["rho"].iloc[0]
    assert replayed().shock(small_company().ends_at, 0.0).n_periods == pytest.approx(table["period"].nunique())
    assert replayed().shock(FIRST, 0.0).n_periods == 0


@pytest.mark.parametrize(
    ("lead", "spoken"), [(-20.0, {0.0}), (0.0, {0.0}), (15.0, {0.0, 30.0}), (50.0, {30.0, 60.0}), (80.0, {60.0})]
)
def test_the_shock_is_told_by_forecasts_made_about_as_far_into_their_period(lead: float, spoken: set[float]) -> None:
    end = small_company().ends_at

    def weights(luckless: set[float]) -> Floats:
        """Of the shock, had no deal been won at these leads."""
        changed = (
            replace(each, evidence=replace(each.evidence, won=np.zeros_like(each.evidence.won)))
            if each.lead in luckless
            else each
            for each in replayed().replayed
        )
        return replace(replayed(), replayed=tuple(changed)).shock(end, lead).weights

    silent = {0.0, 30.0, 60.0} - spoken
    assert (weights(silent) == weights(set())).all()
    assert all((weights({each}) != weights(set())).any() for each in spoken)


def test_a_backtest_survives_json() -> None:
    again = Backtest.from_json(json.loads(json.dumps(replayed().to_json())))
    pd.testing.assert_frame_equal(again.table(), replayed().table())
    end = small_company().ends_at
    assert (again.shock(end, 30.0).weights == replayed().shock(end, 30.0).weights).all()


def test_rivals_use_what_was_known_and_say_what_they_lack() -> None:
    calendar = small_company().organisation.calendar
    window = windows.parse("2025Q2", calendar)
    early = rival_forecasts(
        Snapshot(small_company(), day("2025-04-20")), window, past_periods("quarter", day("2024-10-01"), window.start, calendar)
    )
    assert np.isnan(early["last_year"])
    assert early["stage_weighted"] > 0
    assert early["crm"] > 0


def test_too_short_a_history_is_refused_with_the_reason() -> None:
    with pytest.raises(NotReadyError, match="no whole year"):
        backtest(small_company(), quick, kind="year", first=FIRST)


def test_amounts_that_nobody_knew_then_are_refused_with_what_to_declare() -> None:
    company = small_company()
    changes = company.tables["deal_changes"].query("field != 'amount'")
    untracked = Dataset.of({**company.tables, "deal_changes": changes}, company.organisation, extracted_at=company.extracted_at)
    with pytest.raises(NotReadyError, match="static"):
        backtest(untracked, quick, first=FIRST, n_draws=10)


def test_the_track_record_by_hand() -> None:
    assert wape(np.array([100.0, 300.0]), np.array([150.0, 250.0])) == pytest.approx(0.25)
    perfect = np.repeat(np.array([[100.0], [300.0]]), 7, axis=1)
    assert pinball(np.array([100.0, 300.0]), perfect) == 0
    records = track_record(replayed())
    assert [each.lead for each in records] == [0.0, 30.0, 60.0]
    assert all(0 <= share <= 1 for each in records for share in each.coverage.values())
    assert all(gain.low <= gain.gain <= gain.high for each in records for gain in each.gains)


def test_periods_in_which_nothing_came_make_no_gain_boundless() -> None:
    first, second = (replace(each, lead=0.0) for each in replayed().replayed[:2])
    nothing, some = replace(first, label="a", actual=0.0), replace(second, label="b", actual=200.0)
    gains = track_record(Backtest("quarter", (nothing, some)))[0].gains
    assert gains
    assert all(max(abs(gain.low), abs(gain.high)) < 1e6 for gain in gains)
    assert all(np.isnan([gain.low, gain.high]).all() for gain in track_record(Backtest("quarter", (nothing,)))[0].gains)
