"""Factors of plain signals on the hazards."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.clock import Floats
from training.encoding import Encoding
from training.relative_risk import RelativeRisk, learn_bins

ENCODING = Encoding(("amount",), (("source", ("event", "web")),))


def rows(n: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sources = rng.choice(["event", "web", "fax"], n)
    return pd.DataFrame({"amount": rng.uniform(0, 100, n), "source": pd.Series(sources, dtype="str")}).set_axis(
        [f"D-{k}" for k in range(n)]
    )


def learned(signals: pd.DataFrame, rate: Floats, seed: int = 2) -> RelativeRisk:
    """From ends that come at a rate of 0.4 times each row's own."""
    expected = np.full((len(signals), 1), 0.4)
    ended = np.random.default_rng(seed).poisson(0.4 * rate)[:, None].astype(np.float64)
    bins = learn_bins(ENCODING, signals, ("amount", "source"), 1)
    return bins.fitted(bins.bins(signals), ended, expected)


def test_slow_large_deals_get_a_small_factor() -> None:
    signals = rows(6000)
    large = signals["amount"].to_numpy() > 80
    factor = learned(signals, np.where(large, 0.5, 1.1)).factors(signals)[:, 0]
    assert factor[large].mean() / factor[~large].mean() == pytest.approx(0.5 / 1.1, rel=0.1)


def test_a_rare_text_stays_near_one() -> None:
    signals = rows(2000)
    signals["source"] = np.where(np.arange(2000) < 4, "event", "web")
    rate = np.where(np.arange(2000) < 4, 6.0, 1.0)
    factor = learned(signals, rate).factors(signals)[:, 0]
    assert 1.0 < factor[:4].mean() / factor[4:].mean() < 2.5


def test_missing_and_unseen_values_have_bins_of_their_own() -> None:
    risk = learned(rows(3000), np.ones(3000))
    odd = pd.DataFrame({"amount": [np.nan, 1e9], "source": pd.Series([None, "carrier pigeon"], dtype="str")}, index=["a", "b"])
    assert np.isfinite(risk.factors(odd)).all()


def test_factors_hang_on_sums_alone() -> None:
    signals, once = rows(800), np.where(rows(800)["amount"].to_numpy() > 50, 1.5, 0.5)
    ended, expected = once[:, None], np.ones((800, 1))
    risk = learn_bins(ENCODING, signals, ("amount",), 1)
    bins = risk.bins(signals)
    tenth = risk.fitted(np.tile(bins, (10, 1)), np.tile(ended, (10, 1)) / 10, np.tile(expected, (10, 1)) / 10)
    np.testing.assert_allclose(tenth.weights, risk.fitted(bins, ended, expected).weights, atol=1e-6)


def test_few_ends_set_nobody_apart() -> None:
    signals = rows(40)
    assert (learned(signals, np.ones(40)).factors(signals) == 1).all()


def test_without_plain_signals_all_are_alike() -> None:
    signals = rows(50)
    assert (learn_bins(ENCODING, signals, ("product",), 2).factors(signals) == 1).all()


def test_factors_survive_json() -> None:
    signals = rows(2000)
    risk = learned(signals, np.where(signals["amount"].to_numpy() > 50, 1.4, 0.6))
    again = RelativeRisk.from_json(json.loads(json.dumps(risk.to_json())))
    np.testing.assert_array_equal(again.factors(signals), risk.factors(signals))
    again = RelativeRisk.from_json(json.loads(json.dumps(replace(risk, usual=np.array([[1.5], [0.5]])).to_json())))
    assert again.usual.tolist() == [[1.5], [0.5]]


def test_factors_count_relative_to_those_who_are_left_in_a_bucket() -> None:
    signals = rows(2000)
    risk = replace(learned(signals, np.where(signals["amount"].to_numpy() > 50, 1.4, 0.6)), usual=np.array([[1.0], [0.8]]))
    hazards = np.tile([0.9, 0.1], (len(signals), 2, 1))
    found = -np.log(risk.on(hazards, signals)[..., 0]) / -np.log(0.9)
    np.testing.assert_allclose(found, risk.factors(signals) / [1.0, 0.8])


def test_speeds_survive_json_and_stay_when_factors_are_evened_out() -> None:
    signals = rows(200)
    risk = replace(
        learned(signals, np.ones(200)), speeds=np.random.default_rng(5).normal(0, 0.2, learned(signals, np.ones(200)).n_bins)
    )
    again = RelativeRisk.from_json(json.loads(json.dumps(risk.even().to_json())))
    assert (again.factors(signals) == 1).all()
    np.testing.assert_array_equal(again.speed(signals), risk.speed(signals))
    assert replace(risk, speeds=np.zeros(0)).speed(signals) is None
