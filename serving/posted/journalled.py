"""Rows of the journal for posted records: what was answered, of deals with the curve and the hash of the signals behind it.

    asked   SHA-256 of the request's body: of the same records, at the same moment, by the same model, one row is enough
    answer  {"horizons": [[days, p_won, p_lost], …], "curve": {…}, "reasons": {…}}

Of clients the horizons are [days, p_leaves]. A record that had no score has a row with the reason and without numbers; one that
could not be read has none.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from features import clock
from serving.journal.pipeline_rows import curves_of_deals
from serving.journal.rows import ScoreRow, brief_reasons, compact, hashes, number
from serving.posted.client_batch import ClientJob
from serving.posted.deal_batch import Answered, DealJob
from serving.scoring.scored import DEALS, ScoredDeals

NUMBERS = ("p_won_this_quarter", "p_won_next_quarter", "p_won", "p_lost")


def deal_rows(job: DealJob, answered: Answered, asked_by: str | None = None) -> list[ScoreRow]:
    """A row for each deal of an answer."""
    asked = sha256(job.body).hexdigest()
    behind = {} if answered.scored is None else _behind(answered.scored, answered.at)
    return [
        _row(job, answered, deal.owner_id, row, behind.get(at, {}), asked, asked_by)
        for deal, row, at in zip(job.deals, answered.rows, answered.at, strict=True)
    ]


def client_rows(job: ClientJob, answered: Answered, body: bytes, asked_by: str | None = None) -> list[ScoreRow]:
    """A row for each client of an answer."""
    asked, as_of = sha256(body).hexdigest(), clock.micros(pd.Timestamp(answered.as_of))
    return [_client_row(job, row, as_of, asked, asked_by) for row in answered.rows]


def _client_row(job: ClientJob, row: Mapping[str, Any], as_of: int, asked: str, asked_by: str | None) -> ScoreRow:
    reasons = row.get("reasons")
    told = {} if reasons is None else {"reasons": brief_reasons(reasons)}
    points = [[point["days"], point["p_leaves"]] for point in row.get("horizons", [])]
    return ScoreRow(
        kind="posted",
        target="clients",
        record_id=row["account_id"],
        as_of=as_of,
        revision=job.served.revision,
        model_version=job.served.bundles["clients"].version,
        asked=asked,
        asked_by=asked_by,
        p_leaves=number(row.get("p_leaves")),
        value=number(row.get("ltv")),
        expected_value=number(row.get("value_at_risk")),
        reason=row["reason"],
        answer=None if row["reason"] else compact({"horizons": points, **told}),
    )


def _row(
    job: DealJob,
    answered: Answered,
    owner_id: str | None,
    row: Mapping[str, Any],
    behind: Mapping[str, Any],
    asked: str,
    asked_by: str | None,
) -> ScoreRow:
    chances: dict[str, Any] = {name: number(row.get(name)) for name in NUMBERS}
    value, this_quarter = behind.get("value"), chances["p_won_this_quarter"]
    return ScoreRow(
        kind="posted",
        target=DEALS,
        record_id=row["deal_id"],
        as_of=clock.micros(pd.Timestamp(answered.as_of)),
        revision=job.served.revision,
        model_version=job.served.bundles[DEALS].version,
        asked=asked,
        signals_sha256=behind.get("hash"),
        owner_id=owner_id,
        asked_by=asked_by,
        value=value,
        expected_value=None if value is None or this_quarter is None else value * this_quarter,
        reason=row["reason"],
        answer=_answer(row, behind),
        **chances,
    )


def _answer(row: Mapping[str, Any], behind: Mapping[str, Any]) -> str | None:
    if row["reason"]:
        return None
    points = [[point["days"], point["p_won"], point["p_lost"]] for point in row["horizons"]]
    reasons = row.get("reasons")
    told = {} if reasons is None else {"reasons": brief_reasons(reasons)}
    return compact({"horizons": points, "curve": behind["curve"], **told})


def _behind(scored: ScoredDeals, at: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Hash, curve and value of these rows of a pass, which other requests may share."""
    rows = np.array(sorted({row for row in at if row >= 0}), dtype=np.intp)
    if not len(rows):
        return {}
    signals = scored.signals if len(rows) == len(scored.signals) else scored.signals.iloc[rows]
    places = scored.snapshot.dataset.deal_rows.get_indexer(signals.index)
    values = scored.snapshot.deal_amounts[places].tolist()
    told = zip(rows.tolist(), hashes(signals), curves_of_deals(scored.curves, rows), values, strict=True)
    return {row: {"hash": hashed, "curve": curve, "value": number(value)} for row, hashed, curve, value in told}
