"""Columns that are filled when a deal closes, and so were empty when the mapping says they were known.

Compared are closed and open deals *created at the same time*: a column that came into use last year is emptier on the old, closed
deals, and one that went out of use is emptier on the new, open ones, and neither is a leak. Example: of the closed deals created
next to 30 open ones 90 % have a value, so 27 of the 30 should have one; if 2 have, it is filled at the close.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import bdtr

from features import clock
from features.audit.claims import Claim, Deals, shown
from features.audit.report import Finding, Rule, Severity

NEIGHBOURS: Final = 20
FEWEST_CLOSED: Final = 5
FEWEST_OPEN: Final = 10
REFUSED_UNTIL: Final = 0.1
SUSPICIOUS_UNTIL: Final = 0.5
CHANCE: Final = 0.001
"""How unlikely so few filled cells have to be, were open deals filled like closed ones (binomial)."""


@dataclass(frozen=True)
class Filling:
    """Open deals: how many there are, how many are filled, and how many would be, were they like closed ones."""

    n_open: int
    filled: int
    expected: float

    @property
    def is_chance(self) -> bool:
        return self.n_open < FEWEST_OPEN or bool(bdtr(self.filled, self.n_open, self.expected / self.n_open) > CHANCE)


def findings(claim: Claim, deals: Deals) -> Iterator[Finding]:
    """Refuses a column that is filled less than a tenth as often before the close, warns below a half."""
    found = filling(claim, deals)
    if found.filled > SUSPICIOUS_UNTIL * found.expected or found.is_chance:
        return
    ended, empty = deals.ended & claim.applies, deals.open & claim.applies & ~claim.filled
    on_open, on_closed = found.filled / found.n_open, found.expected / found.n_open
    yield Finding(
        Severity.REFUSE if found.filled <= REFUSED_UNTIL * found.expected else Severity.WARN,
        Rule.FILLED_AT_CLOSE,
        claim.table,
        claim.column.name,
        f"{claim.promise}, yet filled on {on_open:.0%} of open deals, and on {on_closed:.0%} of closed ones created next to them",
        claim.remedy,
        {"filled_open": on_open, "filled_closed": on_closed, "n_open": found.n_open, "n_closed": int(ended.sum())},
        (*shown(deals, claim, ended & claim.filled, 2), *shown(deals, claim, empty, 2)),
    )


def filling(claim: Claim, deals: Deals) -> Filling:
    """Counts filled cells of open deals, and those to expect by the closed deals created nearest in time to each."""
    age = clock.days_between(deals.created, clock.repeated(int(deals.created.max(initial=0)), len(deals.created)))
    ended, still = np.flatnonzero(deals.ended & claim.applies), deals.open & claim.applies
    if len(ended) < FEWEST_CLOSED:
        return Filling(0, 0, 0.0)
    ended = ended[np.argsort(age[ended], kind="stable")]
    counted = np.append(0, np.cumsum(claim.filled[ended]))
    first = np.clip(np.searchsorted(age[ended], age[still]) - NEIGHBOURS // 2, 0, max(0, len(ended) - NEIGHBOURS))
    last = np.minimum(first + NEIGHBOURS, len(ended))
    expected = (counted[last] - counted[first]) / (last - first)
    return Filling(int(still.sum()), int((still & claim.filled).sum()), float(expected.sum()))
