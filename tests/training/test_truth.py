"""The model against the truth that only a synthetic company has: P(won by then | what was recorded)."""

from dataclasses import replace

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats
from features.deals import deal_signals
from features.snapshot import Snapshot
from features.synthetic import Settings, deal_truth, generate
from training.run import fit
from training.targets import WON

HORIZON = 60.0


def expected_log_loss(truth: Floats, predicted: Floats) -> float:
    """The mean log loss over all outcomes that the truth could bring, in nats."""
    return float(-(truth * np.log(predicted) + (1 - truth) * np.log(1 - predicted)).mean())


def test_predictions_come_nearer_to_the_truth_than_the_life_table_and_that_nearer_than_the_mean() -> None:
    company = generate(Settings(n_deals=3000, seed=21, months=36, shock_sd=0.0))
    dataset, as_of = company.dataset(), pd.Timestamp("2026-06-15", tz="UTC").as_unit("us")
    model = fit(dataset, "deals", as_of, threads=1).models["deals"]
    signals = deal_signals(Snapshot(dataset, as_of))
    at = np.full(len(signals), clock.micros(as_of))
    truth = deal_truth(company, as_of, [HORIZON], n_draws=600).loc[signals.index, "p_won_60d"].to_numpy(dtype=np.float64)
    boosted, table = (made.curves(signals, at).by(HORIZON, WON) for made in (model, replace(model, booster=None)))
    losses = [
        expected_log_loss(truth, predicted) for predicted in (truth.clip(1e-6), boosted, table, np.full(len(truth), truth.mean()))
    ]
    assert losses == sorted(losses)
    assert np.corrcoef(boosted, truth)[0, 1] > 0.85
    # The summer ahead was seen twice, so half of it is taken for luck.
    assert abs(boosted.mean() - truth.mean()) < 0.04
