from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.calendar import FiscalCalendar
from features.dataset import Dataset
from tests.training.companies import company, midway
from training.boosting import Parameters
from training.calibrate import UNCALIBRATED, Calibration
from training.curves import softmax
from training.encoding import with_buckets
from training.examples import Examples, examples
from training.fitting import fit_hazard, weight_of_start
from training.hazard import HazardModel
from training.labels import Outcomes
from training.person_periods import person_periods
from training.run import fit
from training.splits import Slices
from training.targets import DEALS, LOST, WON

QUICK = Parameters(learning_rate=0.1, threads=1)
SLICES = Slices(120 * clock.MICROS_PER_DAY, 160 * clock.MICROS_PER_DAY)


def learned(n: int, *, signal: bool, seed: int = 5, wins: bool = True) -> tuple[Examples, HazardModel]:
    """Rows over 200 days whose chance to be won within 10 days hangs on one signal, or on nothing."""
    rng = np.random.default_rng(seed)
    strength = rng.normal(size=n)
    pull = 1.5 * strength if signal else np.zeros(n)
    days = rng.exponential(np.exp(3.0 - pull))
    cause = np.where(rng.random(n) < 0.5, 1, 2) if wins else np.full(n, 2)
    as_of = np.sort(rng.integers(0, 200, n)) * clock.MICROS_PER_DAY
    follow_up = 260.0 - as_of / clock.MICROS_PER_DAY
    seen = days < follow_up
    signals = pd.DataFrame({"stage": "A", "strength": strength, "noise": rng.normal(size=n)}, index=[f"D{i}" for i in range(n)])
    rows = Examples(signals, as_of, Outcomes(np.where(seen, days, np.inf), np.where(seen, cause, 0), follow_up))
    return rows, fit_hazard(rows, SLICES, DEALS.spec, FiscalCalendar(), QUICK)


def test_boosting_finds_a_signal_and_beats_the_life_table() -> None:
    rows, model = learned(3000, signal=True)
    assert model.rounds > 10
    boosted, table = (made.curves(rows.signals, rows.as_of).by(14.0, WON) for made in (model, replace(model, booster=None)))
    assert np.corrcoef(boosted, rows.signals["strength"])[0, 1] > 0.8
    assert boosted.std() > 5 * table.std()


def test_without_a_signal_the_life_table_answers_or_nearly_does() -> None:
    rows, model = learned(3000, signal=False)
    boosted, table = (made.curves(rows.signals, rows.as_of).by(14.0, WON) for made in (model, replace(model, booster=None)))
    assert np.abs(boosted - table).mean() < 0.03


def test_with_thirty_rows_the_life_table_answers_and_says_why() -> None:
    rows, model = learned(30, signal=True)
    assert model.booster is None
    assert "later" in model.because
    assert model.life_table_weight == 1.0
    assert (model.curves(rows.signals, rows.as_of).by(30.0, WON) > 0).all()


@pytest.mark.parametrize("last_day", [30, 125, 165])
def test_times_without_any_deal_are_no_obstacle(last_day: int) -> None:
    rows, _ = learned(300, signal=True)
    model = fit_hazard(rows.take(rows.as_of < last_day * clock.MICROS_PER_DAY), SLICES, DEALS.spec, FiscalCalendar(), QUICK)
    assert np.isfinite(model.curves(rows.signals, rows.as_of).by(30.0, WON)).all()


def test_without_a_win_so_far_the_answer_is_a_small_chance() -> None:
    rows, model = learned(400, signal=False, wins=False)
    won = model.curves(rows.signals, rows.as_of).by(30.0, WON)
    assert ((won > 0) & (won < 0.05)).all()


def test_the_offset_is_part_of_every_prediction() -> None:
    rows, model = learned(3000, signal=True)
    assert model.booster is not None
    n = model.life_table.n_watched
    row, bucket = np.repeat(np.arange(len(rows)), n), np.tile(np.arange(n), len(rows))
    matrix = with_buckets(model.encoding, rows.signals, rows.as_of, model.edges, row, bucket, model.calendar)
    raw = np.asarray(model.booster.predict(matrix, raw_score=True)).reshape(len(rows), n, 3)
    start = np.log(model.started(rows.signals, rows.as_of)[:, :n])
    start[..., 1:] -= np.array(model.gained)
    expected = softmax(start + raw)
    np.testing.assert_allclose(model.curves(rows.signals, rows.as_of).hazards[:, :n], expected)


def test_the_correction_reaches_every_bucket_that_was_watched_and_no_other() -> None:
    rows, model = learned(3000, signal=True)
    n = model.life_table.n_watched
    shifted = replace(model, calibration=Calibration("shift", np.ones((n, 2)), np.full((n, 2), 0.3)))
    plain, moved = (made.curves(rows.signals, rows.as_of).hazards for made in (replace(model, calibration=UNCALIBRATED), shifted))
    odds = [np.log(hazards[:, :, 1:] / hazards[:, :, :1]) for hazards in (plain, moved)]
    np.testing.assert_allclose(odds[1][:, :n] - odds[0][:, :n], 0.3)
    np.testing.assert_array_equal(moved[:, n:], plain[:, n:])


def test_a_change_of_pace_in_the_last_slice_is_corrected() -> None:
    as_of = np.repeat(np.arange(200), 60) * clock.MICROS_PER_DAY
    rng = np.random.default_rng(8)
    # From the last slice on everything takes twice as long.
    days = rng.exponential(np.where(as_of >= SLICES.middle_from, 40.0, 20.0))
    follow_up = 230.0 - as_of / clock.MICROS_PER_DAY
    seen = days < follow_up
    signals = pd.DataFrame({"stage": "A", "noise": rng.normal(size=len(as_of))}, index=[f"D{i}" for i in range(len(as_of))])
    outcomes = Outcomes(np.where(seen, days, np.inf), seen.astype(np.int64), follow_up)
    model = fit_hazard(Examples(signals, as_of, outcomes), SLICES, DEALS.spec, FiscalCalendar(), QUICK)
    truth = 1 - np.exp(-7.0 / 40.0)
    off = [
        abs(made.curves(signals[-60:], as_of[-60:]).by(7.0, WON).mean() - truth)
        for made in (model, replace(model, calibration=UNCALIBRATED))
    ]
    assert off[0] < off[1] / 2


def test_hazards_match_what_happens_bucket_by_bucket() -> None:
    rows, model = learned(20_000, signal=True)
    curves = model.curves(rows.signals, rows.as_of)
    for horizon in (7.0, 30.0):
        watched = rows.outcomes.eligible(horizon)
        assert abs(curves.by(horizon, WON)[watched].mean() - rows.outcomes.within(horizon, WON)[watched].mean()) < 0.01
        assert abs(curves.by(horizon, LOST)[watched].mean() - rows.outcomes.within(horizon, LOST)[watched].mean()) < 0.01


def test_before_any_tree_each_bucket_has_its_level_though_large_deals_are_slow() -> None:
    rng = np.random.default_rng(9)
    n = 8000
    large = rng.random(n) < 0.5
    days = rng.exponential(np.where(large, 90.0, 15.0))
    as_of = np.sort(rng.integers(0, 200, n)) * clock.MICROS_PER_DAY
    follow_up = 260.0 - as_of / clock.MICROS_PER_DAY
    seen = days < follow_up
    signals = pd.DataFrame({"stage": "A", "amount": np.where(large, 90.0, 10.0)}, index=[f"D{i}" for i in range(n)])
    rows = Examples(signals, as_of, Outcomes(np.where(seen, days, np.inf), seen.astype(np.int64), follow_up))
    start = replace(fit_hazard(rows, SLICES, DEALS.spec, FiscalCalendar(), QUICK), booster=None, gained=())
    periods = person_periods(rows.outcomes, start.edges, 3)
    hazards = start.started(rows.signals, rows.as_of)[periods.row, periods.bucket, WON]
    for bucket in range(np.searchsorted(start.edges, 90.0)):
        here = periods.bucket == bucket
        assert hazards[here].sum() == pytest.approx((periods.ended[here] == WON).sum(), rel=0.08)


def test_the_same_seed_gives_the_same_model_to_the_letter() -> None:
    (_, one), (_, two) = (learned(3000, signal=True) for _ in range(2))
    assert one.booster is not None
    assert two.booster is not None
    assert one.booster.model_to_string() == two.booster.model_to_string()


def deals_alone(dataset: Dataset) -> Dataset:
    plain = ["deal_id", "created_at", "stage", "closed_at", "outcome"]
    return Dataset.of({"deals": dataset.deals[plain]}, dataset.organisation)


def test_a_list_of_deals_without_any_history_is_enough() -> None:
    dataset = deals_alone(company())
    bundle = fit(dataset, "deals", midway(dataset), threads=1)
    rows = examples(dataset, [midway(dataset)], dataset.ends_at)
    won = bundle.models["deals"].curves(rows.signals, rows.as_of).by(60.0, WON)
    assert len(won) > 10
    assert ((won > 0) & (won < 1)).all()


@pytest.mark.parametrize("closed", [0, 1, 30])
def test_a_handful_of_closed_deals_is_enough(closed: int) -> None:
    full = deals_alone(company()).deals
    done = full[full["outcome"].notna()].nsmallest(closed, "closed_at")
    still = full[full["outcome"].isna()].head(20)
    dataset = Dataset.of({"deals": pd.concat([done, still])})
    model = fit(dataset, "deals", dataset.ends_at, threads=1).models["deals"]
    rows = examples(dataset, [dataset.ends_at], dataset.ends_at)
    assert model.booster is None
    assert np.isfinite(model.curves(rows.signals, rows.as_of).by(30.0, WON)).all()


def test_the_weight_of_the_start_is_a_share_of_the_logits_variance() -> None:
    rng = np.random.default_rng(6)
    start = np.column_stack([np.zeros(5000), rng.normal(-2.0, 0.5, 5000)])
    moved = start + np.column_stack([np.zeros(5000), rng.normal(0.0, 0.5, 5000)])
    assert weight_of_start(start, start) == 1.0
    assert weight_of_start(start, moved) == pytest.approx(0.5, abs=0.02)


def test_a_strong_signal_leaves_less_weight_to_the_life_table_than_noise() -> None:
    (_, strong), (_, weak) = learned(3000, signal=True), learned(3000, signal=False)
    assert strong.life_table_weight < 0.8 < weak.life_table_weight
