"""Which stages close a deal, and what outcome a closed stage gives."""

from typing import Final

import pandas as pd

from features import contracts, history
from features.tables import TABLES

KINDS: Final = {"open": history.OPEN, "won": history.WON, "lost": history.LOST}


def kinds_of(stages: pd.DataFrame) -> dict[str, str]:
    """The kind of each stage: open, won or lost."""
    return dict(zip(stages["stage"], stages["kind"], strict=True))


def states_of(stages: pd.DataFrame) -> dict[str, int]:
    """The state in which each stage leaves a deal."""
    return dict(zip(stages["stage"], stages["kind"].map(KINDS), strict=True))


def infer_stages(deals: pd.DataFrame, changes: pd.DataFrame | None = None) -> pd.DataFrame:
    """The stages in use, where the source has no table of them.

    A stage is closed when all of its deals have the same outcome and fewer changes left it than deals stand in it. Some CRMs keep
    a lost deal in its stage: such a stage is open. A deal re-opened now and then leaves a closed stage closed.
    """
    outcome = deals["outcome"] if "outcome" in deals else pd.Series(None, index=deals.index, dtype="str")
    stages = outcome.fillna("open").groupby(deals["stage"]).agg(["first", "nunique", "size"])
    moves = pd.Series(dtype="str") if changes is None else changes.loc[changes["field"] == "stage", "old_value"]
    left = moves.value_counts().reindex(stages.index).fillna(0)
    kinds = stages["first"].where((stages["nunique"] == 1) & (left < stages["size"]), "open")
    return contracts.conform("stages", pd.DataFrame({"stage": kinds.index, "kind": kinds.to_numpy()}))


def with_outcome(deals: pd.DataFrame, stages: pd.DataFrame, extracted_at: pd.Timestamp) -> pd.DataFrame:
    """Fill `outcome` from the stage's kind where the source gives none; a close without a moment is known since the export."""
    kinds = deals["stage"].map(kinds_of(stages))
    closed = kinds.where(kinds.isin(list(history.OUTCOMES)))
    outcome = deals["outcome"].fillna(closed) if "outcome" in deals else closed
    missing = pd.Series(pd.NaT, index=deals.index, dtype="datetime64[us, UTC]")
    closed_at = deals.get("closed_at", missing)
    closed_at = closed_at.mask(outcome.notna() & closed_at.isna(), extracted_at)
    whole = deals.assign(outcome=outcome.astype("str"), closed_at=closed_at)
    ordered = [name for name in TABLES["deals"].names if name in whole]
    return whole[[*ordered, *(name for name in whole if name not in ordered)]]
