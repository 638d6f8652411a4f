"""The scores of a past date as they were issued, from the journal: what stands for a date that the champion may not judge.

The champion learned from days after it, so it would look ahead; the model that answered then did not. Its curves are in the
journal, each as of the last time it was written, at least once a week. A curve that was written three days before the date is
read on from its third day, given that the deal is still open. Where an open deal has no recorded curve there is no such answer:
a deal that is left out would look lost.

Example: the champion was trained on 1 October. A bridge from 15 September reads what version 3 said, for instance of D1 on 12
September: P(won by day 33) less P(won by day 3), over P(open on day 3), is P(won within 30 days) as of 15 September.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import sqlalchemy as sa

from features import clock
from features.clock import Floats
from features.errors import UsageError
from features.snapshot import Snapshot
from serving.database import SCORES, Database
from training.curves import Curves

LOOK_BACK_DAYS: Final = 8.0
"""The recorder writes a row at least once a week."""


@dataclass(frozen=True)
class Recorded:
    """The curves of a Snapshot's open deals, in their order, as they were issued, and the versions of the models that did."""

    curves: Curves
    versions: tuple[str, ...]


ByRecord: TypeAlias = Callable[[Snapshot], Recorded]


def from_journal(database: Database, snapshot: Snapshot) -> Recorded:
    """What was issued of the open deals before a moment. Raises UsageError where that is not all of them."""
    ids = snapshot.dataset.deal_rows[snapshot.open_deals]
    rows = _last_rows(database, snapshot.at)
    lacking = sum(each not in rows for each in ids)
    if lacking or not len(ids):
        # No ids: whoever asks may not see these deals.
        raise UsageError(
            f"the journal holds no score of {lacking:,} of the {len(ids):,} deals that were open as of {snapshot.as_of:%Y-%m-%d}"
        )
    found = [rows[each] for each in ids]
    return Recorded(_curves(found, snapshot.at), tuple(sorted({str(each["model_version"]) for each in found})))


def _last_rows(database: Database, at: int) -> dict[str, Mapping[str, Any]]:
    """The last row of each deal that was issued with a curve as of the moment or up to LOOK_BACK_DAYS before it."""
    own = SCORES.c
    query = sa.select(own.record_id, own.as_of, own.model_version, own.answer).where(
        own.kind == "pipeline",
        own.target == "deals",
        own.as_of >= clock.after_days(at, -LOOK_BACK_DAYS),
        own.as_of <= at,
        own.answer.is_not(None),
    )
    with database.transaction() as connection:
        return {row.record_id: row._asdict() for row in connection.execute(query.order_by(own.as_of, own.entry))}


def _curves(rows: Sequence[Mapping[str, Any]], at: int) -> Curves:
    """Curves of different moments and models as curves as of one moment, on the days of the model that has most of them."""
    curves = [json.loads(row["answer"])["curve"] for row in rows]
    gone = np.array([float(clock.days_between(row["as_of"], at)) for row in rows])
    grid = max((tuple(each["days"]) for each in curves), key=len)
    edges = np.asarray(grid, dtype=np.float64)
    ended = np.stack([_read_on(each, since, edges) for each, since in zip(curves, gone, strict=True)])
    still = 1.0 - ended.sum(axis=2)
    at_risk = np.maximum(still[:, :-1, None], 1e-12)
    ending = np.clip(np.diff(ended, axis=1) / at_risk, 0.0, 1.0)
    hazards = np.concatenate([np.clip(1.0 - ending.sum(axis=2, keepdims=True), 0.0, 1.0), ending], axis=2)
    return Curves(edges, hazards, float(edges[-1] - gone.max(initial=0.0)))


def _read_on(curve: Mapping[str, Sequence[float]], gone: float, days: Floats) -> Floats:
    """(days, 2) P(won) and P(lost) within so many days, counted from `gone` days after the curve's moment, given open then."""
    known = np.asarray(curve["days"], dtype=np.float64)
    ended = np.stack([np.asarray(curve[cause], dtype=np.float64) for cause in ("p_won", "p_lost")], axis=1)
    now, then = (np.stack([np.interp(day, known, each) for each in ended.T], axis=-1) for day in (gone, gone + days))
    return np.asarray((then - now) / max(1.0 - float(now.sum()), 1e-12))
