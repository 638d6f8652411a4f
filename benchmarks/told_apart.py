"""How often people are told apart who do not differ, and how many who do: groups by posterior against comparing every pair.

    python -m benchmarks.told_apart

Teams of eight, each person with 5 to 60 decided deals, true win rates spread by a normal on the logit scale around 35 %. Three
ways to say who is better than whom: by the order of the table; by Fisher's exact test of each pair at 5 %; by groups as in
`features.team.apart`. `pairs` is the number of pairs told apart in a team, of 28; `wrong` the share of them that stand in the
wrong order, or have none; `some` the share of teams with at least one.
"""

from itertools import combinations

import numpy as np
from scipy.stats import fisher_exact

from features.clock import Floats, Mask
from features.team.apart import of_shares

TEAMS, PEOPLE, SEED = 200, 8, 11
SPREADS = (0.0, 0.2, 0.5, 1.0)


def by_table(won: Floats, decided: Floats) -> Mask:
    """Everybody is told apart from everybody with another rate."""
    rate = won / decided
    return np.asarray(rate[:, None] != rate)


def by_fisher(won: Floats, decided: Floats) -> Mask:
    told = np.zeros((PEOPLE, PEOPLE), dtype=bool)
    for one, other in combinations(range(PEOPLE), 2):
        table = [[won[one], decided[one] - won[one]], [won[other], decided[other] - won[other]]]
        told[one, other] = told[other, one] = fisher_exact(table).pvalue < 0.05
    return told


def by_groups(won: Floats, decided: Floats) -> Mask:
    return of_shares(won, decided).told


WAYS = {"order of the table": by_table, "Fisher, each pair": by_fisher, "groups": by_groups}


def main() -> None:
    rng = np.random.default_rng(SEED)
    print(f"{'spread':>7} {'way':20} {'pairs':>6} {'wrong':>6} {'some':>6}")
    for spread in SPREADS:
        teams = [_team(spread, rng) for _ in range(TEAMS)]
        for name, way in WAYS.items():
            pairs, wrong, some = (
                np.array(each) for each in zip(*(_judged(way(*seen), truth, seen) for truth, seen in teams), strict=True)
            )
            print(f"{spread:7} {name:20} {pairs.mean():6.2f} {wrong.sum() / max(pairs.sum(), 1):6.3f} {some.mean():6.2f}")


def _team(spread: float, rng: np.random.Generator) -> tuple[Floats, tuple[Floats, Floats]]:
    truth = 1 / (1 + np.exp(-(np.log(0.35 / 0.65) + rng.normal(0.0, spread, PEOPLE))))
    decided = rng.integers(5, 60, PEOPLE)
    return truth, (rng.binomial(decided, truth).astype(np.float64), decided.astype(np.float64))


def _judged(told: Mask, truth: Floats, seen: tuple[Floats, Floats]) -> tuple[int, int, bool]:
    rate = seen[0] / seen[1]
    one, other = np.nonzero(np.triu(told))
    wrong = (rate[one] - rate[other]) * (truth[one] - truth[other]) <= 0
    return len(one), int(wrong.sum()), bool(len(one))


if __name__ == "__main__":
    main()
