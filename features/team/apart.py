"""Which people the data can tell apart: figures shrunken towards the team, and no rank where there is only luck.

Ann won 3 of 3 deals, Bob 30 of 60, eight colleagues 31 of 75 each. Ann's 100 % tops every table, and says next to nothing: three
coin flips come up heads one time in eight. Here each person's rate is one draw from the team's spread of rates, and the data say
how wide that is. Ann's rate is estimated at 43 %, somewhere between 37 and 53, Bob's at 44; all ten form one group.

* **Shrinkage.** A hierarchical model: shares are beta-binomial, events per exposure gamma-Poisson, amounts normal around their
  people. The spread between people is not fixed at one estimate but averaged over its posterior on a grid, because empirical
  Bayes with one estimate is too sure of itself with few people. Gelman et al., Bayesian Data Analysis, 3rd ed. 2013, sections
  2.6, 5.3 and 5.4, with the priors given there.
* **Told apart** are two people of whom the probability that the order is the other way round is below 2.5 %: the mark of a 95 %
  interval. Because of the shrinkage nothing more is needed for many pairs (Gelman, Hill & Yajima 2012, J. Res. Educ.
  Effectiveness 5, 189): `python -m benchmarks.told_apart` counts how often people without any difference are told apart.
* **Groups** are the largest sets of people in which nobody is told apart from anybody (Piepho 2004, J. Comput. Graph. Statist.
  13, 456). They overlap: the middle of a table often belongs to the top and to the bottom. People of one group have no order.

Everything is computed from draws with a fixed seed, so the same data give the same answer.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, gammaln

from features.clock import Floats, Mask

DRAWS: Final = 4000
SEED: Final = 20_040_617
WRONG: Final = 0.025
"""A pair is told apart where the probability of the other order is below this."""
SPREADS: Final = np.linspace(0.02, 1.0, 50)
LEVELS: Final = 99


@dataclass(frozen=True)
class Apart:
    """A figure of several people, in their order.

    estimate   (people,) posterior mean: the person's own figure, shrunken towards the team's
    low, high  (people,) 95 % limits
    team       what the figure is for a person of whom nothing is known yet
    ahead      (people, people) probability that the row's figure is above the column's, halves on the diagonal
    above      (people,) probability that the figure is above `team`
    groups     the largest sets of people (positions, ascending) not told apart; the set with the highest estimates first
    """

    estimate: Floats
    low: Floats
    high: Floats
    team: float
    ahead: Floats
    above: Floats
    groups: tuple[tuple[int, ...], ...]

    @property
    def told(self) -> Mask:
        """(people, people) whether two people are told apart."""
        return np.asarray(np.minimum(self.ahead, self.ahead.T) < WRONG)

    @property
    def from_team(self) -> npt.NDArray[np.int64]:
        """(people,) 1 above the team's figure, -1 below, 0 where that cannot be told."""
        return np.where(self.above > 1 - WRONG, 1, np.where(self.above < WRONG, -1, 0))


def of_shares(successes: Floats, n: Floats) -> Apart:
    """Shares, such as win rates: of `n` things (people,) of each person, so many succeeded."""
    rng = np.random.default_rng(SEED)
    mean, size = _prior_grid(np.arange(1, LEVELS + 1) / (LEVELS + 1))
    a, b = mean * size, (1 - mean) * size
    weight = (betaln(a[:, None] + successes, b[:, None] + n - successes) - betaln(a, b)[:, None]).sum(axis=1)
    row = _drawn(weight, rng)
    theta = rng.beta(a[row, None] + successes, b[row, None] + n - successes)
    return _apart(theta, mean[row])


def of_rates(events: Floats, exposure: Floats) -> Apart:
    """Events per unit of exposure, such as wins per day of an open deal, (people,) each; exposure above 0 for somebody."""
    rng = np.random.default_rng(SEED)
    usual = max(float(events.sum()), 0.5) / max(float(exposure.sum()), 1e-9)
    mean, size = _prior_grid(usual * np.geomspace(1 / 8, 8, LEVELS))
    rate = size / mean
    weight = gammaln(size[:, None] + events) - gammaln(size)[:, None] + size[:, None] * np.log(rate)[:, None]
    weight -= (size[:, None] + events) * np.log(rate[:, None] + exposure)
    row = _drawn(weight.sum(axis=1), rng)
    theta = rng.gamma(size[row, None] + events) / (rate[row, None] + exposure)
    return _apart(theta, mean[row])


def of_amounts(values: Floats, variance: Floats) -> Apart:
    """Figures with known sampling variances above 0, (people,) each, such as attainment of a plan."""
    rng = np.random.default_rng(SEED)
    scale = float(np.sqrt(np.mean(variance) + np.var(values)))
    spread = np.linspace(0.0, 3.0 * scale, 4 * len(SPREADS))
    precision = 1.0 / (variance + spread[:, None] ** 2)
    total = precision.sum(axis=1)
    centre = (precision * values).sum(axis=1) / total
    weight = 0.5 * (np.log(precision).sum(axis=1) - np.log(total) - (precision * (values - centre[:, None]) ** 2).sum(axis=1))
    row = _drawn(weight, rng)
    team = rng.normal(centre[row], 1.0 / np.sqrt(total[row]))
    keep = spread[row, None] ** 2 * precision[row]
    theta = rng.normal(team[:, None] + keep * (values - team[:, None]), np.sqrt(keep * variance))
    return _apart(theta, team)


def _prior_grid(means: Floats) -> tuple[Floats, Floats]:
    """Every pair of a mean and of a prior sample size, flat; uniform in size^(-1/2), as Gelman et al. have it (5.9)."""
    mean, spread = np.meshgrid(means, SPREADS, indexing="ij")
    return mean.ravel(), spread.ravel() ** -2


def _drawn(log_weight: Floats, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Rows of the grid, drawn by their weights."""
    weight = np.exp(log_weight - log_weight.max())
    return rng.choice(len(weight), size=DRAWS, p=weight / weight.sum())


def _apart(theta: Floats, team: Floats) -> Apart:
    """The answer from draws: `theta` is (draws, people), `team` (draws,)."""
    n = theta.shape[1]
    estimate = theta.mean(axis=0)
    low, high = np.quantile(theta, [0.025, 0.975], axis=0) if n else (estimate, estimate)
    ahead = np.array([(theta[:, [row]] > theta).mean(axis=0) for row in range(n)]).reshape(n, n)
    ahead += 0.5 * (1.0 - ahead - ahead.T)
    above = (theta > team[:, None]).mean(axis=0)
    told = np.minimum(ahead, ahead.T) < WRONG
    return Apart(estimate, low, high, float(team.mean()), ahead, above, alike(~told, estimate))


def alike(together: Mask, estimate: Floats) -> tuple[tuple[int, ...], ...]:
    """The largest sets in which everybody is together with everybody; `together` is symmetric, (people, people).

    Maximal cliques (Bron & Kerbosch 1973, Commun. ACM 16, 575, with a pivot); the set with the highest mean estimate first.
    """
    near = {row: set(np.flatnonzero(together[row]).tolist()) - {row} for row in range(len(together))}
    found: list[tuple[int, ...]] = []

    def extend(group: set[int], candidates: set[int], done: set[int]) -> None:
        if not candidates and not done:
            found.append(tuple(sorted(group)))
            return
        pivot = max(candidates | done, key=lambda person: len(near[person] & candidates))
        for person in sorted(candidates - near[pivot]):
            extend(group | {person}, candidates & near[person], done & near[person])
            candidates, done = candidates - {person}, done | {person}

    if near:
        extend(set(), set(near), set())
    return tuple(sorted(found, key=lambda group: (-float(estimate[list(group)].mean()), group)))
