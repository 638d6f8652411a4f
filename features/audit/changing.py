"""Columns that are promised unchanging and that the change history shows changing.

A static column's exported value counts from the deal's first moment. Where the history, the CRM's own or the one grown from
successive exports, has it change, that value is from later: a final stage or owner says how the deal went.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.audit.claims import Claim, Deals, quoted
from features.audit.report import Finding, Rule, Severity
from features.dataset import Dataset
from features.tables import CHANGES

REFUSED_FROM: Final = 0.01
"""The share of deals that changed; below it are corrections of typing errors."""


def findings(claim: Claim, deals: Deals, dataset: Dataset) -> Iterator[Finding]:
    """Refuses a column of deals that changed on one deal in a hundred or more, warns of fewer."""
    if claim.table != "deals" or CHANGES not in dataset.tables:
        return
    history = dataset.tables[CHANGES]
    moves = history[
        (history["field"] == claim.column.name) & (history["old_value"].fillna("") != history["new_value"].fillna(""))
    ]
    row = pd.Index(deals.ids).get_indexer(pd.Index(moves["deal_id"]))
    moves, row = moves[row >= 0], row[row >= 0]
    if not len(moves):
        return
    changed = len(np.unique(row))
    late = clock.days_between(deals.closed[row], clock.to_micros(moves["changed_at"])) >= 0
    share = changed / len(deals.ids)
    yield Finding(
        Severity.REFUSE if share >= REFUSED_FROM else Severity.WARN,
        Rule.CHANGES_THOUGH_STATIC,
        claim.table,
        claim.column.name,
        f"{claim.promise}, yet the history has it change on {changed:,} deals ({share:.1%}), "
        f"{int(late.sum()):,} times at or after the close",
        claim.remedy,
        {"share_changed": share, "n_changed": changed, "n_changes": len(moves), "n_after_close": int(late.sum())},
        tuple(_lines(pd.concat([moves[late], moves[~late]]).head(3))),
    )


def _lines(moves: pd.DataFrame) -> Iterator[str]:
    for deal, at, old, new in zip(*(moves[name] for name in ("deal_id", "changed_at", "old_value", "new_value")), strict=True):
        yield f"deal_id {deal}: {quoted(old)} → {quoted(new)} at {at.isoformat()}"
