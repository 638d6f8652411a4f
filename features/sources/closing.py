"""When a deal closed, where the source does not say it in one column (`close = "history"` in a mapping).

Many CRMs keep one date that is the expected close of an open deal and the actual close of a closed one, and let people edit it.
The change history is the better witness: a deal closed with the first change from an open stage to a closed one in its current
spell, that is, after its last change to an open stage. Example: Proposal → Won on 3 March, Won → Proposal on 5 March (re-opened),
Proposal → Lost on 9 March, Lost → Won on 10 March (corrected): it closed on 9 March. A deal without such a change keeps the
column's value; an open deal has none.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from features import clock, contracts
from features.history import OUTCOMES
from features.stages import infer_stages
from features.tables import Kind


def complete(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The deals with `outcome` and `closed_at` completed from their stages and the history of them."""
    deals = tables["deals"]
    stages = tables["stages"] if "stages" in tables else infer_stages(deals)
    kinds = dict(zip(stages["stage"], stages["kind"], strict=True))
    outcome = _outcome(deals, kinds)
    told = (
        deals["closed_at"] if "closed_at" in deals else pd.Series(pd.NaT, index=deals.index, dtype=contracts.DTYPES[Kind.INSTANT])
    )
    if "deal_changes" in tables:
        witnessed = _closes(tables["deal_changes"], kinds).reindex(deals["deal_id"]).set_axis(deals.index)
        told = witnessed.where(witnessed.notna(), told)
    return deals.assign(outcome=outcome, closed_at=told.where(outcome.notna()))


def known_stages(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The stages of the deals and, as open ones, those that only the history shows."""
    inferred = infer_stages(tables["deals"])
    changes = tables["deal_changes"]
    moves = changes[changes["field"] == "stage"]
    seen = pd.concat([moves["old_value"], moves["new_value"]]).dropna().drop_duplicates()
    passed = sorted(seen[~seen.isin(inferred["stage"])])
    return pd.concat([inferred, pd.DataFrame({"stage": passed, "kind": "open"}, dtype="str")], ignore_index=True)


def _outcome(deals: pd.DataFrame, kinds: Mapping[str, str]) -> pd.Series:
    by_stage = deals["stage"].map({stage: kind for stage, kind in kinds.items() if kind in OUTCOMES}).astype("str")
    return deals["outcome"].where(deals["outcome"].notna(), by_stage) if "outcome" in deals else by_stage


def _closes(changes: pd.DataFrame, kinds: Mapping[str, str]) -> pd.Series:
    """For each deal that its history leaves closed, when its current spell ended."""
    moves = changes[changes["field"] == "stage"]
    order = np.lexsort((clock.to_micros(moves["changed_at"]), pd.factorize(moves["deal_id"])[0]))
    moves = moves.iloc[order].reset_index(drop=True)
    before, after = (moves[side].map(kinds).isin(list(OUTCOMES)) for side in ("old_value", "new_value"))
    spell = (~after).groupby(moves["deal_id"]).cumsum()
    current = spell == spell.groupby(moves["deal_id"]).transform("max")
    return moves[current & after & ~before].drop_duplicates("deal_id").set_index("deal_id")["changed_at"]
