"""Columns that tell won from lost better than anything known at creation can.

One threshold, an AUC of 0.9: suspicious where the estimate reaches it, refused where its lower confidence bound does, so that ten
lucky deals refuse nothing. A copy of the outcome with one error in twenty has an AUC of 0.95, with one in ten 0.9; what is really
known on a deal's first day seldom passes 0.85. (A known exception: a company half of renewals, nearly all won, and half of new
business, nearly all lost. There the type alone passes 0.9; model the two apart.)
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from features.audit.auc import Separation, categories, of_categories, of_numbers
from features.audit.claims import Claim, Deals, days_after_creation, shown
from features.audit.report import Finding, Rule, Severity
from features.clock import Floats
from features.tables import NUMERIC, Kind

THRESHOLD: Final = 0.9
SUSPICIOUS_LOWER: Final = 0.8
FILLED_MORE: Final = 0.3
SURE: Final = 4.0
DATES: Final = (Kind.DATE, Kind.INSTANT)


def findings(claim: Claim, deals: Deals, zone: str) -> Iterator[Finding]:
    """What a column says of the outcome of closed deals: too much, or by being filled at all."""
    yield from _separating(claim, deals, separation(claim, deals, zone))
    yield from _filled_when_won(claim, deals)


def separation(claim: Claim, deals: Deals, zone: str) -> Separation:
    """How well the column alone tells won from lost among closed deals; dates as days after creation, texts by their length."""
    ended = deals.ended & claim.applies
    won = deals.won[ended]
    if claim.column.kind in {*NUMERIC, *DATES, Kind.TEXT}:
        return of_numbers(_numbers(claim, deals, zone)[ended], won)
    return of_categories(categories(claim.values[ended]), won)


def _numbers(claim: Claim, deals: Deals, zone: str) -> Floats:
    if claim.column.kind in DATES:
        return days_after_creation(claim, deals, zone)
    values: pd.Series = claim.values.str.len() if claim.column.kind is Kind.TEXT else claim.values
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)


def _separating(claim: Claim, deals: Deals, found: Separation) -> Iterator[Finding]:
    if found.auc < THRESHOLD or found.lower < SUSPICIOUS_LOWER:
        return
    refused = found.lower >= THRESHOLD
    yield Finding(
        Severity.REFUSE if refused else Severity.WARN,
        Rule.GIVES_OUTCOME_AWAY,
        claim.table,
        claim.column.name,
        f"{claim.promise}, yet alone it tells won from lost with an AUC of {found.auc:.3f} (at least {found.lower:.3f})",
        claim.remedy if refused else f"make sure that it is really known on a deal's first day; else {claim.remedy}",
        {"auc": found.auc, "auc_lower": found.lower, "n_won": found.n_won, "n_lost": found.n_lost},
        (*shown(deals, claim, deals.won & claim.applies, 2), *shown(deals, claim, deals.lost & claim.applies, 2)),
    )


def _filled_when_won(claim: Claim, deals: Deals) -> Iterator[Finding]:
    won, lost = claim.filled[deals.won & claim.applies], claim.filled[deals.lost & claim.applies]
    if not len(won) or not len(lost):
        return
    gap = float(won.mean() - lost.mean())
    both = np.concatenate([won, lost]).mean()
    error = float(np.sqrt(both * (1 - both) * (1 / len(won) + 1 / len(lost))))
    if gap < FILLED_MORE or gap < SURE * error:
        return
    yield Finding(
        Severity.WARN,
        Rule.FILLED_WHEN_WON,
        claim.table,
        claim.column.name,
        f"{claim.promise}, yet filled on {won.mean():.0%} of won deals and on {lost.mean():.0%} of lost ones",
        f"find out who fills it, and when; if that is at the close, {claim.remedy}",
        {"filled_won": float(won.mean()), "filled_lost": float(lost.mean()), "n_won": len(won), "n_lost": len(lost)},
        shown(deals, claim, deals.lost & claim.applies & ~claim.filled),
    )
