"""Made-up deals with signals of five groups, numbers and categories with gaps, and a model that learned from them."""

from functools import cache

import numpy as np
import pandas as pd

from features import clock
from features.calendar import FiscalCalendar
from training.boosting import Parameters
from training.examples import Examples
from training.explain import Explainer
from training.fitting import fit_hazard
from training.hazard import HazardModel
from training.labels import Outcomes
from training.splits import Slices
from training.targets import DEALS, WON
from training.typical import Typical, learn_typical

AS_OF = clock.instant(200 * clock.MICROS_PER_DAY)


def rows_of(n: int = 1500, seed: int = 3) -> Examples:
    """Deals whose fate hangs on pace, size, contact and product together; a fifth of the contacts and products is not known."""
    rng = np.random.default_rng(seed)
    held, amount, silence = rng.exponential(20, n), rng.lognormal(9, 1, n), rng.exponential(10, n)
    stage, product = rng.choice(["Discovery", "Proposal"], n), rng.choice(["A", "B", "C"], n)
    pull = np.where(stage == "Proposal", 1.0, 0.0) - 0.05 * silence - 0.02 * held + np.where(product == "A", 0.8, 0.0)
    days = rng.exponential(np.exp(3.5 - pull - 0.3 * (np.log(amount) - 9) * (silence < 5)))
    signals = pd.DataFrame(
        {
            "stage": stage,
            "days_in_stage": held,
            "age_days": held + rng.exponential(20, n),
            "amount": amount,
            "days_since_inbound": np.where(rng.random(n) < 0.2, np.nan, silence),
            "owner_n_open": rng.integers(0, 9, n).astype(np.float64),
            "product": pd.Series(product).mask(rng.random(n) < 0.2, None).to_numpy(dtype=object),
        },
        index=pd.Index([f"D{i}" for i in range(n)], name="deal_id"),
    )
    as_of = np.sort(rng.integers(0, 50, n)) * 4 * clock.MICROS_PER_DAY
    follow_up = 260.0 - as_of / clock.MICROS_PER_DAY
    cause, seen = np.where(rng.random(n) < 0.5, 1, 2), days < follow_up
    return Examples(signals, as_of, Outcomes(np.where(seen, days, np.inf), np.where(seen, cause, 0), follow_up))


@cache
def learned() -> tuple[HazardModel, Typical]:
    """A boosted model of 1,500 such deals, and what is typical of them."""
    rows = rows_of()
    parameters = Parameters(learning_rate=0.1, min_data_in_leaf=30, lambda_l2=5.0, threads=1)
    model = fit_hazard(
        rows, Slices(120 * clock.MICROS_PER_DAY, 150 * clock.MICROS_PER_DAY), DEALS.spec, FiscalCalendar(), parameters
    )
    return model, learn_typical(model, rows, WON)


@cache
def explainer() -> Explainer:
    return Explainer(*learned())
