import numpy as np
import pytest

from tests.training.trials import examined, trial
from training import metrics
from training.answered import TOO_SMALL
from training.evaluate import examine
from training.trial import BASE_RATE, MODEL, UNCALIBRATED


def test_each_question_that_can_be_judged_has_every_metric_with_its_interval() -> None:
    wanted = {"log_loss", "brier", "reliability", "resolution", "uncertainty", "ece", "auc", "lift_10", "lift_20"}
    judged = [each for each in examined().answered if each.estimates]
    assert {each.key for each in judged} >= {"won_7d", "won_30d", "won_90d", "won_this_period", "won_at_all"}
    for each in judged:
        assert wanted <= set(each.estimates)
        assert all(found.low <= found.high for found in each.estimates.values())
        assert each.estimates["log_loss"].low < each.estimates["log_loss"].value < each.estimates["log_loss"].high


def test_the_numbers_are_those_of_the_rows_that_were_watched() -> None:
    held, main = trial(), examined().main_answer
    (question,) = (each for each in held.questions if each.key == main.key)
    rows = question.eligible(held.rows.outcomes)
    happened, said = question.happened(held.rows.outcomes)[rows], held.contestants[MODEL].of[main.key][rows]
    assert main.n_rows == rows.sum()
    assert main.estimates["auc"].value == pytest.approx(metrics.auc(happened, said))
    assert main.estimates["lift_10"].value == pytest.approx(metrics.lift(happened, said, 0.1))


def test_the_reliability_table_holds_every_row_once_and_never_says_never() -> None:
    table = examined().main_answer.reliability
    assert table["n_rows"].sum() == examined().main_answer.n_rows
    assert (table["high"] > 0).all()
    assert ((table["low"] <= table["observed"]) & (table["observed"] <= table["high"])).all()


def test_the_spread_over_months_holds_the_months() -> None:
    main = examined().main_answer
    low, high = main.spread("log_loss")
    assert low <= main.periods["log_loss"].dropna().median() <= high
    assert main.periods["n_rows"].sum() == main.n_rows
    assert np.isnan(main.spread("lift_10")).all()


def test_won_at_all_says_that_it_is_conditional() -> None:
    (at_all,) = (each for each in examined().answered if each.key == "won_at_all")
    assert "outcome is known" in at_all.note
    assert "crm" in set(at_all.against["baseline"])


def test_small_slices_say_so_and_give_no_score() -> None:
    slices = examined().slices
    small = slices[slices["caution"] != ""]
    assert len(small)
    assert set(small["caution"]) == {TOO_SMALL}
    assert small[["log_loss", "auc", "gap"]].isna().all(axis=None)
    assert slices.loc[slices["caution"] == "", "log_loss"].notna().all()


def test_each_slice_holds_every_row_once() -> None:
    totals = examined().slices.groupby("slice")["n_rows"].sum()
    assert set(totals) == {examined().main_answer.n_rows}


def test_the_model_orders_wins_better_than_chance_and_coins_cannot_be_ordered() -> None:
    assert examined().concordance.low > 0.55
    (coins,) = (each for each in examined(skill=False).answered if each.key == "won_at_all")
    assert coins.estimates["auc"].low < 0.5 + 0.05


def test_what_cannot_be_judged_says_why() -> None:
    report = examine("nothing has ended", "deals", "UTC", 7)
    assert (report.unjudged, report.answered) == ("nothing has ended", ())


def test_the_base_rate_has_no_order() -> None:
    line = examined().main_answer.against.set_index("baseline").loc[BASE_RATE]
    assert line["auc"] == pytest.approx(0.5)


def test_the_calibration_table_holds_every_row_of_each_view_and_the_models_own_means() -> None:
    main = examined().main_answer
    table = main.calibration
    assert set(table.groupby("by")["n_rows"].sum()) == {main.n_rows}
    assert set(table["by"]) == {"all", "stage", "month"}
    whole = table.iloc[0]
    assert whole["calibrated"] == pytest.approx(main.estimates["predicted"].value)
    assert whole["observed"] == pytest.approx(main.estimates["observed"].value)


def test_what_calibration_gains_stands_among_the_baselines() -> None:
    line = examined().main_answer.against.set_index("baseline").loc[UNCALIBRATED]
    held, key = trial(), examined().main
    same = np.array_equal(held.contestants[UNCALIBRATED].of[key], held.contestants[MODEL].of[key])
    assert (line["gap"] == 0.0) == same
