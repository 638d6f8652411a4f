"""Rows of the journal for posted records: what was answered, of deals with the curve and the hash of the signals behind it.

    asked   SHA-256 of the request's body: of the same records, at the same moment, by the same model, one row is enough
    answer  {"horizons": [[days, p_won, p_lost], …], "curve": {…}, "reasons": {…}}

Of clients the horizons are [days, p_leaves]. A record that had no score has a row with the reason and without numbers; one that
could not be read has none.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pandas as pd

from features import clock
from serving.journal.rows import ScoreRow, brief_reasons, compact, number
from serving.posted.client_batch import ClientJob
from serving.posted.deal_batch import Answered, Behind, DealJob
from serving.scoring.scored import DEALS

NUMBERS = ("p_won_this_quarter", "p_won_next_quarter", "p_won", "p_lost")


def deal_rows(job: DealJob, answered: Answered, asked_by: str | None = None) -> list[ScoreRow]:
    """A row for each deal of an answer."""
    asked = sha256(job.body).hexdigest()
    return [
        _row(job, answered, deal.owner_id, row, behind, asked, asked_by)
        for deal, row, behind in zip(job.deals, answered.rows, answered.behind, strict=True)
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
    behind: Behind | None,
    asked: str,
    asked_by: str | None,
) -> ScoreRow:
    chances: dict[str, Any] = {name: number(row.get(name)) for name in NUMBERS}
    value, this_quarter = None if behind is None else behind.value, chances["p_won_this_quarter"]
    return ScoreRow(
        kind="posted",
        target=DEALS,
        record_id=row["deal_id"],
        as_of=clock.micros(pd.Timestamp(answered.as_of)),
        revision=job.served.revision,
        model_version=job.served.bundles[DEALS].version,
        asked=asked,
        signals_sha256=None if behind is None else behind.hash,
        owner_id=owner_id,
        asked_by=asked_by,
        value=value,
        expected_value=None if value is None or this_quarter is None else value * this_quarter,
        reason=row["reason"],
        answer=_answer(row, behind),
        **chances,
    )


def _answer(row: Mapping[str, Any], behind: Behind | None) -> str | None:
    if row["reason"] or behind is None:
        return None
    points = [[point["days"], point["p_won"], point["p_lost"]] for point in row["horizons"]]
    reasons = row.get("reasons")
    told = {} if reasons is None else {"reasons": brief_reasons(reasons)}
    return compact({"horizons": points, "curve": behind.curve, **told})
