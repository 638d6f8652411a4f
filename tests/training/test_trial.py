from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.errors import NotReadyError
from tests.training.trials import dataset_of, examined, fit_earlier, in_folds, rows_of, trial
from training.contests import contest, contests
from training.hazard import HazardModel
from training.questions import AT_ALL
from training.slices import OTHERS, UNKNOWN, slices
from training.trial import BASE_RATE, CHAMPION, CRM, LIFE_TABLE, MODEL, Incumbent, Trial, cluster_names, hold


def test_only_later_rows_judge_and_all_of_them() -> None:
    held, rows = trial(), rows_of(True)
    start = clock.micros(held.folds[0].starts_at)
    assert (held.rows.as_of >= start).all()
    assert len(held.rows) + held.n_taught == len(rows)


def test_every_contestant_answers_every_row() -> None:
    held = trial()
    for name in (MODEL, LIFE_TABLE, BASE_RATE):
        assert not any(np.isnan(said).any() for said in held.contestants[name].of.values())


def test_the_base_rate_gives_everybody_the_same_curve() -> None:
    said = trial().contestants[BASE_RATE].of["won_30d"]
    assert said.std() == pytest.approx(0.0, abs=1e-12)


def test_the_crm_is_asked_only_what_it_says() -> None:
    said = trial().contestants[CRM].of
    assert np.isnan(said["won_30d"]).all()
    assert said[f"won_{AT_ALL}"] == pytest.approx(trial().rows.signals["crm_probability"].to_numpy(), nan_ok=True)


def test_with_two_folds_each_row_is_answered_by_the_model_before_it() -> None:
    one, two = trial(), trial(n_folds=2)
    later = one.rows.as_of >= clock.micros(two.folds[1].starts_at)
    gap = np.abs(one.contestants[BASE_RATE].of["won_30d"] - two.contestants[BASE_RATE].of["won_30d"])
    assert gap[~later].max() < 1e-12
    assert gap[later].min() > 1e-6


def with_champion(trained_as_of: pd.Timestamp) -> Trial:
    dataset, rows, folded = dataset_of(True), rows_of(True), in_folds(True)
    model = fit_earlier(dataset, folded[0].taught(rows), folded[0])
    held = hold(dataset, "deals", rows, folded, lambda *_: model, Incumbent("7", model, trained_as_of))
    assert isinstance(held, Trial)
    return held


def test_a_champion_answers_only_rows_since_its_training() -> None:
    since = in_folds(True)[0].starts_at + pd.Timedelta(days=40)
    held = with_champion(since)
    answered = ~np.isnan(held.contestants[CHAMPION].of["won_30d"])
    assert (answered == (held.rows.as_of >= clock.micros(since))).all()
    found = contest(held, MODEL, CHAMPION, 7)
    assert found.n_rows == answered.sum()
    assert (found.curve.gap.value, found.curve.gap.low) == (0.0, 0.0)


def test_a_champion_that_saw_all_test_rows_is_not_compared() -> None:
    held = with_champion(dataset_of(True).ends_at)
    assert CHAMPION not in held.contestants
    assert "version 7" in held.missing[CHAMPION]


def test_a_champion_whose_signals_are_gone_is_not_compared() -> None:
    dataset, rows, folded = dataset_of(True), rows_of(True), in_folds(True)
    model = fit_earlier(dataset, folded[0].taught(rows), folded[0])
    assert model.booster is not None
    stranger = replace(model, encoding=replace(model.encoding, numbers=("phase_of_the_moon", *model.encoding.numbers[1:])))
    held = hold(dataset, "deals", rows, folded, lambda *_: model, Incumbent("7", stranger, folded[0].starts_at))
    assert isinstance(held, Trial)
    assert "phase_of_the_moon" in held.missing[CHAMPION]


def test_without_outcomes_there_is_no_trial() -> None:
    rows, folded = rows_of(True), in_folds(True)
    blind = rows.cut(int(rows.as_of.min()))
    said = hold(dataset_of(True), "deals", blind, folded, lambda *_: pytest.fail("nothing to fit"))
    assert isinstance(said, str)
    assert "nothing had ended" in said


def test_a_history_too_short_for_an_earlier_model_is_said_to_be_so() -> None:
    def too_short(*_: object) -> HazardModel:
        raise NotReadyError("1.5 days of history")

    said = hold(dataset_of(True), "deals", rows_of(True), in_folds(True), too_short)
    assert said == "an earlier model cannot be fitted: 1.5 days of history"


def test_rows_of_one_account_are_one_cluster_and_a_deal_without_one_is_its_own() -> None:
    dataset, rows = dataset_of(True), rows_of(True)
    nameless = dataset.with_tables(
        {
            **dataset.tables,
            "deals": dataset.deals.assign(account_id=dataset.deals["account_id"].where(dataset.deals.index % 2 == 0)),
        }
    )
    names = cluster_names(nameless, "deals", rows)
    account = nameless.deals.set_index("deal_id")["account_id"].reindex(rows.signals.index)
    assert names.str.startswith("account ").to_numpy().tolist() == account.notna().to_numpy().tolist()
    assert names.nunique() == account.nunique() + account[account.isna()].index.nunique()


def test_slices_name_what_was_known_and_gather_the_rare() -> None:
    held = trial()
    sliced = slices(dataset_of(True), held.rows, rows_of(True))
    assert {"stage", "owner", "team", "product", "amount", "age in days"} <= set(sliced)
    assert (sliced["stage"].to_numpy() == held.rows.signals["stage"].to_numpy()).all()
    assert sliced["owner"].nunique() <= 13
    assert {name for name in sliced if (sliced[name] == OTHERS).any()} <= {"owner", "country", "product"}
    assert sliced["amount"].str.contains(UNKNOWN).mean() == held.rows.signals["amount"].isna().mean()


def test_a_skilled_model_beats_the_base_rate_and_coins_are_not_beaten() -> None:
    skilled, coins = ({(each.challenger, each.incumbent): each for each in contests(trial(skill), 7)} for skill in (True, False))
    assert skilled[MODEL, BASE_RATE].curve.better
    assert skilled[LIFE_TABLE, BASE_RATE].curve.better
    assert not coins[LIFE_TABLE, BASE_RATE].curve.better
    outcome = coins[MODEL, BASE_RATE].outcome
    assert outcome is not None
    assert not outcome.better


def test_a_margin_is_the_difference_of_the_two_losses() -> None:
    main = examined().main_answer
    line = main.against.set_index("baseline").loc["base_rate"]
    assert line["gap"] == pytest.approx(main.estimates["log_loss"].value - line["log_loss"])
