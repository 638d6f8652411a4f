"""Dates that are promised at creation and turn out to be the date of the close.

Many CRMs overwrite the planned close with the actual one. A plan made on the first day is a guess: its rank correlation with the
time the deal really took stays far below 0.8, and it seldom names the very day.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from scipy.stats import rankdata

from features import clock
from features.audit.claims import Claim, Deals, days_after_creation, shown
from features.audit.report import Finding, Rule, Severity
from features.clock import Floats

FEWEST: Final = 20
MOST: Final = 0.5
REFUSED_FROM: Final = 0.8
SUSPICIOUS_FROM: Final = 0.6
ONE_SIDED_95: Final = 1.6449


def findings(claim: Claim, deals: Deals, zone: str) -> Iterator[Finding]:
    """Judges a column of dates or instants by the closed deals that have one."""
    ahead, took = days_after_creation(claim, deals, zone), clock.days_between(deals.created, deals.closed)
    rows = deals.ended & ~np.isnan(ahead) & ~np.isnan(took)
    if rows.sum() < FEWEST or np.mean(ahead[rows] > 1) < MOST:
        return
    same_day = float(np.mean(np.abs(ahead[rows] - took[rows]) <= 1))
    correlation = rank_correlation(ahead[rows], took[rows])
    lower = correlation_lower_bound(correlation, int(rows.sum()))
    if lower < SUSPICIOUS_FROM and same_day < MOST:
        return
    refused = lower >= REFUSED_FROM or same_day >= MOST
    yield Finding(
        Severity.REFUSE if refused else Severity.WARN,
        Rule.DATE_OF_THE_CLOSE,
        claim.table,
        claim.column.name,
        f"{claim.promise}, yet it lies after the creation and goes with the close: "
        f"within a day of it on {same_day:.0%} of closed deals, rank correlation {correlation:.2f}",
        claim.remedy,
        {"same_day": same_day, "rank_correlation": correlation, "rank_correlation_lower": lower, "n_closed": int(rows.sum())},
        shown(deals, claim, rows),
    )


def rank_correlation(first: Floats, second: Floats) -> float:
    """Spearman's correlation, -1 to 1; 0 where one side does not vary."""
    ranks = rankdata(first), rankdata(second)
    if min(rank.std() for rank in ranks) == 0:
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def correlation_lower_bound(correlation: float, n: int) -> float:
    """One-sided 95 % lower bound by Fisher's z with Bonett and Wright's (2000) error for ranks; n of 4 or more."""
    z = np.arctanh(np.clip(correlation, -0.999999, 0.999999))
    return float(np.tanh(z - ONE_SIDED_95 * np.sqrt((1 + correlation**2 / 2) / (n - 3))))
