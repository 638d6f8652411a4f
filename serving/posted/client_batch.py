"""Posted clients, scored: each request by itself, in the thread that scores clients.

Values of clients who order lean on how amounts vary among all who do (`training.spending`). That is learned from the stored
clients as of the moment of the list, or as of as_of where that is earlier; so a stored client that is posted as it is stored has
the numbers that the list shows.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from features import clients, clock
from features.client_excerpt import client_excerpt
from features.dataset import Dataset
from features.snapshot import Snapshot
from serving.lists.answers import records
from serving.posted.batching import Stage
from serving.posted.clients import ROWS, PostedClient
from serving.posted.company import unknown_account, warning
from serving.posted.deal_batch import Answered, Row
from serving.posted.tables import table_of
from serving.scoring.client_value import COLUMNS as VALUES
from serving.scoring.score import score_clients
from serving.served.state import Served
from training.spending import GammaGamma, Spent, fit_gamma_gamma

LARGEST_PASS: Final = 100


@dataclass(frozen=True)
class ClientJob:
    """One request: clients with different ids, each checked; `as_of` None is now."""

    served: Served
    clients: tuple[PostedClient, ...]
    horizons: tuple[float, ...]
    as_of: pd.Timestamp | None
    reasons: bool

    @property
    def weight(self) -> int:
        return max(1, len(self.clients))


def stage() -> Stage:
    """Clients are scored and explained in one go."""
    return Stage(score, LARGEST_PASS)


def score(jobs: Sequence[ClientJob]) -> list[Any]:
    """For each request an Answered, or the exception that it met."""
    return [_tried(job) for job in jobs]


def _tried(job: ClientJob) -> Any:
    try:
        return _scored(job)
    except Exception as error:
        return error


def _scored(job: ClientJob) -> Answered:
    dataset = job.served.dataset
    as_of = job.as_of or clock.now(dataset.ends_at)
    found: Mapping[str, Row] = {}
    if job.clients:
        sent = {client.account_id: client.sent() for client in job.clients}
        small = client_excerpt(dataset, sent, tables_of(job.clients), as_of)
        spending = _spending(dataset, min(as_of, job.served.as_of))
        champion = job.served.bundles["clients"]
        scored = score_clients(small, champion, as_of, job.horizons, reasons=job.reasons, spending=spending)
        found = {row["account_id"]: row for row in records(scored)}
    rows = [_row(job, client, found.get(client.account_id), clock.micros(as_of)) for client in job.clients]
    return Answered(as_of.to_pydatetime(), rows)


def tables_of(posted: Sequence[PostedClient]) -> dict[str, pd.DataFrame]:
    """The rows of the clients as tables in the contracts' form, each with its account."""
    rows: dict[str, list[Row]] = {name: [] for name in (*ROWS, "accounts", "deal_changes")}
    for client in posted:
        own = {"account_id": client.account_id}
        if client.account is not None:
            rows["accounts"].append({**own, **vars(client.account)})
        for name in ROWS:
            sent = getattr(client, name) or ()
            rows[name] += [{**vars(row), **own, **_id(name, client, place, row)} for place, row in enumerate(sent)]
        for deal in client.deals or ():
            rows["deal_changes"] += [{"deal_id": deal.deal_id, **vars(change)} for change in deal.changes]
    return {name: table_of(name, records) for name, records in rows.items() if records}


def _id(table: str, client: PostedClient, place: int, row: Any) -> dict[str, str]:
    """An id for an activity that was sent without one."""
    return {"activity_id": f"{client.account_id}/{place}"} if table == "activities" and row.activity_id is None else {}


def _spending(dataset: Dataset, as_of: pd.Timestamp) -> GammaGamma:
    """How amounts vary among the stored clients who order, as of one moment."""

    def learned() -> GammaGamma:
        snapshot = Snapshot(dataset, as_of)
        return fit_gamma_gamma(Spent.of(clients.client_signals(snapshot, clients.cohort(snapshot, clients.ORDERS))))

    found: GammaGamma = dataset.remembered_lately("spending", clock.micros(as_of), learned)
    return found


def _row(job: ClientJob, client: PostedClient, row: Row | None, at: int) -> Row:
    dataset = job.served.dataset
    warnings = [warning("unused_rows", name) for name in ROWS if getattr(client, name) and name not in dataset.tables]
    warnings += unknown_account(dataset, client.account_id, at)
    if row is None:
        return {"account_id": client.account_id, "reason": "not_active", "warnings": warnings}
    own = dataset.organisation.client_horizon_days
    points = [{"days": days, "p_leaves": _plain(row[f"p_leaves_{days:g}d"])} for days in job.horizons]
    return {
        **{name: row[name] for name in ("account_id", "regime", "life_table_weight", "reason", *VALUES)},
        "p_leaves": _plain(row[f"p_leaves_{float(own):g}d"]),
        "horizons": [] if row["reason"] else points,
        "reasons": json.loads(row["reasons"]) if row.get("reasons") else None,
        "warnings": warnings,
    }


def _plain(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
