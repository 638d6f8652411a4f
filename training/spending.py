"""Gamma-gamma: what a client spends at a purchase, from what it spent before and from what others spend.

Fader, Hardie & Lee 2005, RFM and CLV: Using Iso-Value Curves for Customer Base Analysis, Journal of Marketing Research 42(4); the
likelihood is equation (1a) of Fader & Hardie 2013, The Gamma-Gamma Model of Monetary Value. Each purchase of a client is gamma
distributed with shape p and a rate of its own; the rates are gamma distributed over clients, with shape q and rate gamma. So a
client of one purchase leans on the others, one of fifty on itself.

Example: purchases are worth 300 on average, and a client has made one of 3,000. Where clients differ little, about 400 is
expected of its next one; where a client's purchases are all alike, nearly 3,000.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import gammaln

from features.clock import Floats

PRIOR_SD: Final = 3.0
"""How far the logarithms of p, q - 1 and gamma / scale are believed to lie around 0; matters for a handful of clients only."""


@dataclass(frozen=True)
class Spent:
    """What several clients spent, one entry each.

    n     purchases whose amount is known, 0 or more
    mean  their mean amount, above 0 where n is
    """

    n: Floats
    mean: Floats

    @classmethod
    def of(cls, signals: pd.DataFrame) -> "Spent":
        """Read off the client signals. All orders of one day are one purchase."""
        orders, days, amount = (signals[name].to_numpy(dtype=np.float64) for name in ("n_orders", "n_order_days", "mean_order"))
        known = (amount > 0) & (days > 0)
        return cls(np.where(known, days, 0.0), np.where(known, amount * orders / np.maximum(days, 1.0), 0.0))


@dataclass(frozen=True)
class GammaGamma:
    """The three parameters; q is above 1, gamma an amount of money."""

    p: float
    q: float
    gamma: float

    def log_likelihood(self, spent: Spent) -> Floats:
        """Of each client's mean amount; those without a purchase do not belong here."""
        p, q, gamma, n, mean = self.p, self.q, self.gamma, spent.n, spent.mean
        counted = gammaln(p * n + q) - gammaln(p * n) - gammaln(q) + q * np.log(gamma)
        return np.asarray(counted + (p * n - 1) * np.log(mean) + p * n * np.log(n) - (p * n + q) * np.log(gamma + mean * n))

    def expected(self, spent: Spent) -> Floats:
        """The mean amount of a client's next purchases: a weighted mean of its own and everybody's."""
        return np.asarray(self.p * (self.gamma + spent.n * spent.mean) / (self.p * spent.n + self.q - 1.0))

    def draw_totals(self, spent: Spent, n_purchases: Floats, chance: Iterable[np.random.Generator]) -> Floats:
        """What `n_purchases` (clients, draws) of each client add up to, its own rate drawn too; 0 for no purchase.

        `chance` is a generator for each client.
        """
        shape, rate = self.q + self.p * spent.n, self.gamma + spent.n * spent.mean
        totals = np.empty(n_purchases.shape)
        for row, rng in enumerate(chance):
            own = rng.standard_gamma(shape[row], n_purchases.shape[1]) / rate[row]
            totals[row] = rng.standard_gamma(self.p * n_purchases[row]) / own
        return totals


def fit_gamma_gamma(spent: Spent) -> GammaGamma:
    """The most probable parameters; without a purchase those of the prior."""
    some = spent.n > 0
    scale = float(np.median(spent.mean[some])) if some.any() else 1.0
    seen = Spent(spent.n[some], spent.mean[some] / scale)

    def loss(logs: Floats) -> float:
        likelihood = _from_logs(logs).log_likelihood(seen).sum()
        return float((logs @ logs) / (2 * PRIOR_SD**2) - likelihood) / max(1, len(seen.n))

    from scipy.optimize import minimize  # not above: who only answers never fits

    found = _from_logs(minimize(loss, np.zeros(3), method="L-BFGS-B", bounds=[(-12.0, 12.0)] * 3).x)
    return GammaGamma(found.p, found.q, found.gamma * scale)


def _from_logs(logs: Floats) -> GammaGamma:
    p, q, gamma = (float(value) for value in np.exp(logs))
    return GammaGamma(p, 1.0 + q, gamma)
