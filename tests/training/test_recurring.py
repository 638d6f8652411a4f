from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from features import clock
from features.kpis import windows
from features.kpis.clientele import monthly_at
from features.kpis.value import Window
from features.snapshot import Snapshot
from tests.training.forecasts import day, small_company
from training.hazard import HazardModel
from training.recurring import RECURRING_WIDE_BY, Recurring, forecast_recurring
from training.run import fit
from training.shock import Shock, fit_shock

QUARTER = windows.parse("2026Q2", small_company().organisation.calendar)


@lru_cache(maxsize=1)
def model() -> HazardModel:
    return fit(small_company(), "clients", day("2026-01-01"), threads=1).models["contracts"]


def made(at: str, window: Window = QUARTER, shock: Shock | None = None) -> Recurring:
    snapshot = Snapshot(small_company(), day(at))
    return forecast_recurring(snapshot, model(), window, shock or fit_shock([]), n_draws=3000)


def test_the_parts_lead_from_start_to_end_and_the_draws_agree() -> None:
    found = made("2026-04-20")
    assert found.end == pytest.approx(found.start + found.new + found.expansion - found.contraction - found.churn)
    assert found.draws.mean() == pytest.approx(found.end, rel=0.03)


def test_the_start_is_what_was_paid_when_the_period_began() -> None:
    snapshot = Snapshot(small_company(), day("2026-05-15"))
    assert made("2026-05-15").start == pytest.approx(monthly_at(snapshot, clock.micros(QUARTER.start)).sum())


def test_intervals_nest_and_narrow_as_the_period_passes() -> None:
    early, late = made("2026-04-01"), made("2026-06-20")
    widths = [np.subtract(*each.interval(80)[::-1]) for each in (early, late)]
    assert widths[1] < widths[0]
    assert early.interval(95)[0] <= early.interval(50)[0] <= early.interval(50)[1] <= early.interval(95)[1]


def test_a_shock_widens_the_interval_and_keeps_the_mean() -> None:
    calm, shaken = made("2026-04-01", shock=Shock.none()), made("2026-04-01")
    assert shaken.draws.std() > calm.draws.std()
    assert shaken.end == calm.end


def test_a_period_to_come_starts_where_the_running_one_is_expected_to_end() -> None:
    following = windows.parse("2026Q3", small_company().organisation.calendar)
    assert made("2026-04-01", following).start == pytest.approx(made("2026-04-01").end, rel=0.01)


def test_a_period_that_is_over_ends_at_what_was_paid_then() -> None:
    later = Snapshot(small_company(), day("2026-08-15"))
    began, ended = (monthly_at(later, clock.micros(each)).sum() for each in (QUARTER.start, QUARTER.end))
    found = made("2026-08-15")
    assert ended != pytest.approx(monthly_at(later, later.at).sum())
    assert (found.start, found.end) == pytest.approx((began, ended))
    assert not found.notes
    assert found.draws == pytest.approx(np.full_like(found.draws, ended))


def test_the_future_changes_nothing() -> None:
    whole = small_company()
    at = day("2026-04-20")
    known = {name: Snapshot(whole, at).frame(name) for name in whole.tables}
    cut = whole.with_tables(known)
    again = forecast_recurring(Snapshot(cut, at), model(), QUARTER, fit_shock([]), n_draws=500)
    first = forecast_recurring(Snapshot(whole, at), model(), QUARTER, fit_shock([]), n_draws=500)
    np.testing.assert_allclose(again.draws, first.draws, rtol=1e-12)


def test_a_wide_interval_has_its_reason_and_caution_is_named() -> None:
    narrow, wide = made("2026-06-20"), made("2026-04-01", windows.parse("2028Q4", small_company().organisation.calendar))
    reasons = [{note.code: note.number for note in found.notes if note.code in RECURRING_WIDE_BY} for found in (narrow, wide)]
    assert reasons[0] == {}
    assert len(reasons[1]) == 1
    assert all(0 < share <= 100 for share in reasons[1].values())
    assert all("no_past_of_clients" in {note.code for note in found.notes} for found in (narrow, wide))
    learned = made("2026-04-20", shock=replace(fit_shock([]), n_periods=8.0))
    assert "no_past_of_clients" not in {note.code for note in learned.notes}
