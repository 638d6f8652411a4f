import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import clock
from features.dataset import Dataset
from tests.training.companies import company, midway
from training.amounts import AS_IT_STANDS, LEVELS, AmountModel, Ratios, fit_amounts, fit_table, pinball, won_ratios
from training.examples import examples
from training.life_table import Cells
from training.targets import DEALS

BY_STAGE = Cells("stage", None, ("Offer", "Talk"), ())


def wins(**ratios: list[float]) -> Ratios:
    """Wins by stage, each of a deal of its own."""
    stage = [name for name, values in ratios.items() for _ in values]
    values = np.array([value for each in ratios.values() for value in each])
    return Ratios(pd.DataFrame({"stage": stage}, index=[f"D{i}" for i in range(len(values))]), values, np.ones(len(values)))


def asked(*stages: str) -> pd.DataFrame:
    return pd.DataFrame({"stage": list(stages)})


def test_the_quantiles_are_those_of_past_wins() -> None:
    model = fit_table("by stage", BY_STAGE, wins(Offer=[1.0] * 7000 + [0.9] * 2000 + [0.8] * 1000))
    offer = asked("Offer")
    assert [model.ratio(offer, np.array([u]))[0] for u in (0.05, 0.2, 0.6)] == [0.8, 0.9, 1.0]
    assert model.mean(offer)[0] == pytest.approx(0.96, abs=0.01)


def test_a_stage_with_few_wins_leans_on_all() -> None:
    model = fit_table("by stage", BY_STAGE, wins(Talk=[0.5] * 500, Offer=[1.0] * 5))
    talk, offer = model.mean(asked("Talk", "Offer"))
    assert talk == pytest.approx(0.5, abs=0.02)
    assert 0.55 < offer < 0.75


def test_without_wins_the_amount_stands() -> None:
    model = fit_table("by stage", BY_STAGE, wins())
    assert (model.ratio(asked("Offer", "Talk"), np.random.default_rng(1).random((50, 2))) == 1.0).all()


@settings(max_examples=40)
@given(st.lists(st.floats(0.1, 5.0), max_size=30), st.lists(st.floats(0.1, 5.0), max_size=30))
def test_quantiles_never_cross(offer: list[float], talk: list[float]) -> None:
    model = fit_table("by stage", BY_STAGE, wins(Offer=offer, Talk=talk))
    assert (np.diff(model.quantiles, axis=-1) >= 0).all()
    assert (model.quantiles > 0).all()


def test_draws_follow_the_quantiles() -> None:
    model = fit_table("by stage", BY_STAGE, wins(Offer=np.random.default_rng(2).lognormal(0, 0.3, 3000).tolist()))
    draws = model.ratio(asked("Offer"), np.random.default_rng(3).random((20_000, 1)))
    assert draws.shape == (20_000, 1)
    assert draws.mean() == pytest.approx(model.mean(asked("Offer"))[0], rel=0.01)
    assert np.quantile(draws, 0.8) == pytest.approx(np.exp(0.3 * 0.8416), rel=0.05)


def test_pinball_is_least_at_the_true_quantiles() -> None:
    actual = np.random.default_rng(4).normal(1.0, 0.2, 4000)
    losses = [pinball(actual, np.quantile(actual, LEVELS)[None] + shift).mean() for shift in (-0.1, 0.0, 0.1)]
    assert np.argmin(losses) == 1
    assert pinball(np.ones(1), np.ones((1, len(LEVELS))))[0] == 0


def test_json_gives_the_same_draws() -> None:
    model = fit_table("by stage", BY_STAGE, wins(Offer=[0.7, 1.2], Talk=[0.9]))
    again = AmountModel.from_json(json.loads(json.dumps(model.to_json())))
    uniform = np.random.default_rng(5).random((9, 2))
    np.testing.assert_array_equal(model.ratio(asked("Talk", "Offer"), uniform), again.ratio(asked("Talk", "Offer"), uniform))


def fitted(dataset: Dataset) -> AmountModel:
    as_of = midway(dataset)
    dates = [as_of - pd.Timedelta(days=days) for days in (200, 150, 100, 60, 30)]
    boundary = clock.micros(as_of - pd.Timedelta(days=110))
    return fit_amounts(dataset, examples(dataset, dates, as_of), as_of, boundary, DEALS.spec)


def test_haggling_of_the_synthetic_company_is_found() -> None:
    model = fitted(company(1500))
    assert set(model.losses) == {AS_IT_STANDS, "one for all", "by stage", "by stage and age"}
    assert model.method != AS_IT_STANDS
    assert model.losses[model.method] < model.losses[AS_IT_STANDS]


def test_a_list_without_amounts_keeps_them_as_they_stand() -> None:
    plain = company().deals[["deal_id", "created_at", "stage", "closed_at", "outcome"]]
    model = fitted(Dataset.of({"deals": plain}, company().organisation))
    assert (model.quantiles == 1.0).all()


def test_a_win_after_the_training_teaches_nothing() -> None:
    dataset, as_of = company(), midway(company())
    rows = examples(dataset, [as_of - pd.Timedelta(days=100)], as_of)
    assert 0 < len(won_ratios(dataset, rows, as_of)) <= (rows.outcomes.cause == 1).sum()
    assert len(won_ratios(dataset, rows.cut(clock.micros(as_of - pd.Timedelta(days=100))), as_of)) == 0
