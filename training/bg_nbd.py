"""BG/NBD: when a client without a contract orders next, if ever again, from three numbers of its past.

Fader, Hardie & Lee 2005, "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model, Marketing Science 24(2).
While it is a client, a client orders at random with a rate of its own; after each repeat order it leaves for good with a
probability of its own. Rates are gamma distributed over clients (shape r, rate alpha, per day), leaving is beta (a, b): four
parameters, fitted by maximum likelihood. What counts of a client is how many repeat purchases it made (x), its age at the last of
them (t_x), and its age now (T), in days from the first; orders on the same day are one purchase.

Example: two clients of 100 days made their last purchase on day 40. One had bought twice by then, the other 20 times: 60 days of
silence mean little in the first, and say of the second that it has left. So where recency is poor, P(alive) falls with frequency.

From P(alive) and the gamma posterior of the rate follows P(no order within d days) for every d, hence a hazard for each bucket.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import betaln, gammaln, hyp2f1, log_expit

from features.clock import Floats
from training.labels import Outcomes

PURCHASE_SIGNALS: Final = ("n_order_days", "days_since_order", "client_age_days")
PRIOR_SD: Final = 3.0
"""How far the logarithms of the parameters are believed to lie around 0 (alpha: around that of the mean age). Thousands of
clients do not feel it; three clients without a repeat order would otherwise have no finite maximum."""
SMALLEST_HAZARD: Final = 1e-9


@dataclass(frozen=True)
class Purchases:
    """The past of several clients, one entry each.

    x    repeat purchases, 0 or more
    t_x  age in days at the last purchase, 0 where there was no repeat
    T    age in days
    """

    x: Floats
    t_x: Floats
    T: Floats

    @classmethod
    def of(cls, signals: pd.DataFrame) -> "Purchases":
        """Read off the client signals; a client that never ordered counts as one of age 0."""
        days, silence, age = (np.nan_to_num(signals[name].to_numpy(dtype=np.float64)) for name in PURCHASE_SIGNALS)
        whole = np.maximum(age, 0.0)
        x = np.maximum(days - 1.0, 0.0)
        return cls(x, np.where(x > 0, np.clip(whole - silence, 0.0, whole), 0.0), whole)

    def followed(self, outcomes: Outcomes) -> "Purchases":
        """The same clients as seen at their next order, or at the end of the follow-up where none came.

        Watching may stop at an order: the likelihood does not mind a rule that looks at the past alone.
        """
        ordered = outcomes.cause > 0
        later = self.T + np.where(ordered, outcomes.days, outcomes.follow_up)
        return Purchases(self.x + ordered, np.where(ordered, later, self.t_x), later)


@dataclass(frozen=True)
class BgNbd:
    """The four parameters, all above 0; alpha in days."""

    r: float
    alpha: float
    a: float
    b: float

    def log_likelihood(self, past: Purchases) -> Floats:
        """Of each client's purchases (equation 6 of the paper)."""
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        x = past.x
        counted = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b)
        return np.asarray(counted - (r + x) * np.log(alpha + past.T) + np.logaddexp(0.0, self._log_odds_gone(past)))

    def log_p_alive(self, past: Purchases) -> tuple[Floats, Floats]:
        """log P(still a client), and log of its complement."""
        gone = self._log_odds_gone(past)
        return np.asarray(log_expit(-gone)), np.asarray(log_expit(gone))

    def p_alive(self, past: Purchases) -> Floats:
        """P(still a client | its past), 0 to 1."""
        return np.asarray(np.exp(self.log_p_alive(past)[0]))

    def log_p_silent(self, past: Purchases, days: float | Floats) -> Floats:
        """log P(no order within `days`): it has left, or waits longer than that; E[exp(-rate d)] of a gamma is in closed form."""
        alive, gone = self.log_p_alive(past)
        waits = (self.r + past.x) * (np.log(self.alpha + past.T) - np.log(self.alpha + past.T + days))
        return np.asarray(np.logaddexp(gone, alive + waits))

    def p_silent(self, past: Purchases, days: float | Floats) -> Floats:
        """P(no order within `days` | its past), falling with the days towards 1 - P(alive)."""
        return np.asarray(np.exp(self.log_p_silent(past, days)))

    def expected_orders(self, past: Purchases, days: float) -> Floats:
        """How many orders to expect within `days` (equation 10 of the paper); undefined for a = 1 exactly."""
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        x, grown = past.x, alpha + past.T + days
        gauss = hyp2f1(r + x, b + x, a + b + x - 1.0, days / grown)
        shrunk = ((alpha + past.T) / grown) ** (r + x) * gauss
        return np.asarray((a + b + x - 1.0) / (a - 1.0) * (1.0 - shrunk) * self.p_alive(past))

    def hazards(self, past: Purchases, edges: Floats) -> Floats:
        """P(stays silent), P(orders) in each bucket, (clients, buckets, 2)."""
        silent = np.stack([self.log_p_silent(past, float(edge)) for edge in edges], axis=1)
        ordered = np.clip(-np.expm1(np.diff(silent, axis=1)), SMALLEST_HAZARD, 1.0 - SMALLEST_HAZARD)
        return np.stack([1.0 - ordered, ordered], axis=2)

    def _log_odds_gone(self, past: Purchases) -> Floats:
        """log of P(left) / P(alive); -inf without a repeat purchase, because a client may leave only after one."""
        repeated = past.x > 0
        odds = np.log(self.a) - np.log(self.b + np.maximum(past.x, 1.0) - 1.0)
        silence = np.log(self.alpha + past.T) - np.log(self.alpha + past.t_x)
        return np.where(repeated, odds + (self.r + past.x) * silence, -np.inf)


@dataclass(frozen=True)
class BgNbdStart:
    """Where boosting starts for clients who order: BG/NBD's own hazard of the next order in each bucket."""

    model: BgNbd
    edges: Floats

    def hazards(self, signals: pd.DataFrame) -> Floats:
        """P(no order), P(order) in each bucket, (rows, buckets, 2)."""
        return self.model.hazards(Purchases.of(signals), self.edges)

    def to_json(self) -> dict[str, Any]:
        model = self.model
        return {"r": model.r, "alpha": model.alpha, "a": model.a, "b": model.b, "edges": self.edges.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "BgNbdStart":
        return cls(BgNbd(data["r"], data["alpha"], data["a"], data["b"]), np.array(data["edges"], dtype=np.float64))


def fit_bg_nbd(past: Purchases) -> BgNbd:
    """The most probable parameters; an empty past gives those that the prior is centred on."""
    centre = np.array([0.0, np.log(max(1.0, float(past.T.mean()))) if len(past.T) else 0.0, 0.0, 0.0])

    def loss(logs: Floats) -> float:
        likelihood = BgNbd(*np.exp(logs)).log_likelihood(past).sum()
        return float(((logs - centre) ** 2).sum() / (2 * PRIOR_SD**2) - likelihood) / max(1, len(past.T))

    from scipy.optimize import minimize  # not above: who only answers never fits

    found = minimize(loss, centre, method="L-BFGS-B", bounds=[(middle - 15.0, middle + 15.0) for middle in centre])
    return BgNbd(*(float(value) for value in np.exp(found.x)))


def newest(signals: pd.DataFrame, outcomes: Outcomes) -> Purchases:
    """Each client's last row among stacked cohorts in order of time, followed until its next order or the end of the follow-up.

    A client that has left the cohort by long silence was watched until then, which is a stopping rule like any other.
    """
    last = ~signals.index.duplicated(keep="last")
    seen = Outcomes(outcomes.days[last], outcomes.cause[last], outcomes.follow_up[last])
    return Purchases.of(signals[last]).followed(seen)
