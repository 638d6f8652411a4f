"""The estimator on one snapshot without dates."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from features.calendar import FiscalCalendar
from training.boosting import Parameters
from training.hazard import HazardModel, Spec
from training.metrics import Flags, auc, log_loss
from training.one_snapshot import fit_snapshot, p_left

SPEC = Spec(("left",), "contract", ("tenure",))
CALENDAR = FiscalCalendar("UTC", 1)
KINDS = {"monthly": -0.4, "yearly": -2.5}


def snapshot(n: int, seed: int = 1) -> tuple[pd.DataFrame, Flags, "np.ndarray[tuple[int], np.dtype[np.float64]]"]:
    """Clients, who left, and the probability with which they did."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(list(KINDS), n)
    tenure, fee = rng.uniform(0, 60, n), rng.uniform(20, 100, n)
    chance = expit(np.array([KINDS[each] for each in kind]) - tenure / 30 + 2.0 * (fee > 70))
    index = pd.Index([f"C{seed}-{i}" for i in range(n)], name="account_id")
    signals = pd.DataFrame({"contract": pd.Series(kind, dtype="str").to_numpy(), "tenure": tenure, "fee": fee}, index=index)
    return signals, rng.random(n) < chance, chance


@cache
def model() -> HazardModel:
    signals, left, _ = snapshot(4000)
    return fit_snapshot(signals, left, SPEC, CALENDAR, Parameters(threads=1))


def test_it_has_one_bucket_and_comes_near_the_truth() -> None:
    signals, left, chance = snapshot(3000, seed=2)
    predicted = p_left(model(), signals)
    assert model().life_table.n_watched == 1
    assert auc(left, predicted) > auc(left, chance) - 0.01
    assert log_loss(left, predicted) < log_loss(left, chance) + 0.01
    assert np.abs(logit(predicted) - logit(chance)).mean() < 0.3


def test_the_order_of_the_rows_decides_nothing() -> None:
    signals, left, _ = snapshot(600)
    shuffled = np.random.default_rng(3).permutation(len(left))
    one = fit_snapshot(signals, left, SPEC, CALENDAR, Parameters(threads=1))
    two = fit_snapshot(signals.iloc[shuffled], left[shuffled], SPEC, CALENDAR, Parameters(threads=1))
    np.testing.assert_array_equal(p_left(two, signals), p_left(one, signals))


def test_a_handful_of_clients_gets_base_rates() -> None:
    signals, left, _ = snapshot(12)
    few = fit_snapshot(signals, left, SPEC, CALENDAR, Parameters(threads=1))
    assert few.rounds == 0
    assert ((p_left(few, signals) > 0) & (p_left(few, signals) < 1)).all()


@pytest.mark.real_data
def test_real_churn_is_ranked_as_well_as_stated(real_data: Path) -> None:
    table = pd.read_csv(real_data / "telco_churn" / "WA_Fn-UseC_-Telco-Customer-Churn.csv.gz").set_index("customerID")
    left = (table.pop("Churn") == "Yes").to_numpy(dtype=bool)
    table["TotalCharges"] = pd.to_numeric(table["TotalCharges"], errors="coerce")
    taught = np.arange(len(left)) % 5 != 0
    spec = Spec(("left",), "Contract", ("tenure",))
    fitted = fit_snapshot(table[taught], left[taught], spec, CALENDAR, Parameters(threads=1))
    assert auc(left[~taught], p_left(fitted, table[~taught])) > 0.835
