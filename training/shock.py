"""The shock that all deals of a period share, and its size, learned from past periods.

A forecast that lets every deal toss its own coin is far too sure of itself: good and bad quarters happen to all deals at once. So
each deal's latent luck has three parts,

    X = sqrt(rho) z + sqrt(tau) u[team] + sqrt(1 - rho - tau) e,

`z` shared by the company, `u` by a team, `e` the deal's own, all standard normal; the deal is won by day d where X < probit(P(won
by d)). Each deal keeps its own probability exactly, whatever rho is (a normal added to a logit would move it), and a good shock
brings wins forward as well as about (Vasicek 1987, Probability of Loss on Loan Portfolio, has the same one-factor form).

The sizes rho and tau are learned from periods that lie after the training of the model that forecast them: how far the number of
wins fell from its expectation, beyond what coins explain. A single month's luck is larger than a whole quarter's, so the sizes
are those of the time that is left (`training.backtest.Backtest.shock`). A handful of periods does not tell much, so the answer is
not a number but a distribution over a grid, and every draw of a forecast takes a pair from it.

Worked example: 100 open deals of p = 0.3. Coins alone put 80 % of all periods between 24 and 36 wins. With rho = 0.05 the same
interval holds 52 % of them, and 19 to 42 is needed for 80 %.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from scipy.special import ndtr, ndtri

from features.clock import Floats
from features.history import Rows

RHO: Final = np.array([0.0, 0.001, 0.003, 0.006, 0.01, 0.02, 0.035, 0.055, 0.08, 0.12, 0.18, 0.27, 0.4])
TAU: Final = np.array([0.0, 0.005, 0.02, 0.06])
PRIOR_SD: Final = 0.25
"""Of sqrt(rho), and half of it of sqrt(tau): half-normal. Without any evidence the forecast is cautious, not certain."""
BINS: Final = np.linspace(-4.0, 4.0, 65)
LUCK: Final = np.linspace(-4.5, 4.5, 181)
TEAM_LUCK: Final = np.linspace(-3.5, 3.5, 29)
SHIFTS: Final = np.linspace(-5.0, 5.0, 161)
CLIP: Final = 1e-7


def probit(p: Floats) -> Floats:
    """The normal quantile of each probability; 0 and 1 become -inf and inf."""
    return np.asarray(ndtri(p))


@dataclass(frozen=True)
class Evidence:
    """What one forecast of a past period expected of its open deals, and what came.

    expected  (teams, bins) how many deals of each team had a probability in each bin of the probit scale
    won       (teams,) how many of them were won
    weight    of this forecast: several of the same period share one shock, and count as one together; not kept
    """

    expected: Floats
    won: Floats
    weight: float = 1.0

    @classmethod
    def of(cls, p_won: Floats, won: Floats, team: Rows) -> "Evidence":
        """Of each deal its probability, whether it was won (0 or 1), and its team (from 0 on)."""
        nearest = np.rint((np.clip(probit(np.clip(p_won, CLIP, 1 - CLIP)), BINS[0], BINS[-1]) - BINS[0]) / (BINS[1] - BINS[0]))
        n_teams = int(team.max(initial=0)) + 1
        flat = np.bincount(team * len(BINS) + nearest.astype(np.int64), minlength=n_teams * len(BINS))
        return cls(flat.reshape(n_teams, len(BINS)).astype(np.float64), np.bincount(team, won, n_teams).astype(np.float64))

    def to_json(self) -> dict[str, Any]:
        return {"expected": self.expected.tolist(), "won": self.won.tolist()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Evidence":
        return cls(np.array(stored["expected"]), np.array(stored["won"]))


@dataclass(frozen=True)
class Shock:
    """A distribution over the sizes of the shocks.

    weights    (rhos, taus) probabilities over RHO x TAU, adding up to 1
    n_periods  weight of the evidence behind it; 0 is the prior alone
    """

    weights: Floats
    n_periods: float

    @classmethod
    def none(cls) -> "Shock":
        """No shock at all: each deal tosses its own coin."""
        weights = np.zeros((len(RHO), len(TAU)))
        weights[0, 0] = 1.0
        return cls(weights, 0.0)

    @cached_property
    def rho(self) -> float:
        """The mean of the company's shock variance, between 0 and 1."""
        return float(self.weights.sum(axis=1) @ RHO)

    @cached_property
    def tau(self) -> float:
        """The mean of the teams' shock variance."""
        return float(self.weights.sum(axis=0) @ TAU)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """n pairs (rho, tau)."""
        cells = rng.choice(self.weights.size, n, p=self.weights.ravel())
        return RHO[cells // len(TAU)], TAU[cells % len(TAU)]


def given_luck(threshold: Floats, luck: Floats, own: Floats | float) -> Floats:
    """P(X < threshold | the shared part of X is `luck`), where the deal's own part has variance `own`."""
    return np.asarray(ndtr((threshold - luck) / np.sqrt(own)))


def fit_shock(evidence: Sequence[Evidence]) -> Shock:
    """The distribution of the shocks' sizes after the evidence: prior times likelihood on the grid."""
    of_rho = -0.5 * (np.sqrt(RHO) / PRIOR_SD) ** 2 + np.log(_widths(np.sqrt(RHO)))
    of_tau = -0.5 * (np.sqrt(TAU) / (PRIOR_SD / 2)) ** 2 + np.log(_widths(np.sqrt(TAU)))
    log = of_rho[:, None] + of_tau
    for each in evidence:
        if each.expected.sum():
            log = log + each.weight * _log_likelihood(each)
    weights = np.exp(log - log.max())
    return Shock(weights / weights.sum(), float(sum(each.weight for each in evidence)))


def _widths(grid: Floats) -> Floats:
    """What length of the axis each point of an uneven grid stands for."""
    return np.gradient(grid)


def _log_likelihood(seen: Evidence) -> Floats:
    """(rhos, taus) log-likelihood of one period; with a single team there is nothing to tell the two shocks apart by."""
    if len(seen.won) == 1:
        return np.repeat([[_one_factor(seen, rho)] for rho in RHO], len(TAU), axis=1)
    return np.array([[_two_factors(seen, rho, tau) if tau else _one_factor(seen, rho) for tau in TAU] for rho in RHO])


def _one_factor(seen: Evidence, rho: float) -> float:
    mean, variance = _moments(seen, np.sqrt(rho) * LUCK, 1.0 - rho)
    return float(_log_mean(_log_normal(seen.won[:, None], mean, variance).sum(axis=0), LUCK))


def _two_factors(seen: Evidence, rho: float, tau: float) -> float:
    mean, variance = _moments(seen, SHIFTS, 1.0 - rho - tau)
    fits = _log_normal(seen.won[:, None], mean, variance)
    luck = np.sqrt(rho) * LUCK[:, None] + np.sqrt(tau) * TEAM_LUCK
    of_team = np.stack([np.interp(luck, SHIFTS, fit) for fit in fits])
    return float(_log_mean(_log_mean(of_team, TEAM_LUCK).sum(axis=0), LUCK))


def _moments(seen: Evidence, luck: Floats, own: float) -> tuple[Floats, Floats]:
    """(teams, luck) mean and variance of the number of wins, given the shared luck."""
    p = given_luck(BINS[:, None], luck, own)
    return seen.expected @ p, seen.expected @ (p * (1 - p))


def _log_normal(value: Floats, mean: Floats, variance: Floats) -> Floats:
    """Log-density of a count, whose steps of one have a variance of 1/12 themselves."""
    spread = variance + 1 / 12
    return np.asarray(-0.5 * ((value - mean) ** 2 / spread + np.log(2 * np.pi * spread)))


def _log_mean(log: Floats, grid: Floats) -> Floats:
    """log of the mean of exp(log) over a standard normal on the last axis."""
    density = np.exp(-0.5 * grid**2)
    top = log.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(log - top) @ (density / density.sum())) + top[..., 0])
