"""What a client reports and answers: tickets, and scores in surveys."""

from typing import Final

import numpy as np

from features import clock
from features.client_history import SURVEYS
from features.clients.past import Past, at_rows
from features.clock import Floats
from features.history import Rows
from features.signal import Columns
from features.snapshot import Snapshot

WINDOWS: Final = (30, 90, 365)


def tickets(snapshot: Snapshot, rows: Rows) -> Columns:
    """How many tickets, how pressing, how long they take."""
    log = snapshot.dataset.client_logs.tickets
    past = Past.of(snapshot, "tickets", log, rows)
    closed = clock.known(log.closed, snapshot.at)
    still_open, ended = past.where(~closed), snapshot.told("tickets", "closed_at")
    return {
        **{f"n_tickets_{days}d": past.counted(days) for days in WINDOWS},
        "tickets_trend_90d": past.trend(90),
        "days_since_ticket": past.days_since_last(),
        "n_open_tickets": still_open.count() * ended,
        "oldest_ticket_days": still_open.days_since_first() * ended,
        "mean_days_to_close": past.where(closed).mean(clock.days_between(log.time, log.closed)),
        "n_high_tickets_90d": past.within(90).total(log.high) * past.whole(90) * snapshot.told("tickets", "priority"),
    }


def surveys(snapshot: Snapshot, rows: Rows) -> Columns:
    """The last answer of any kind, and of each kind, on its own scale: 0 its lowest and 1 its highest score."""
    log = snapshot.dataset.client_logs.surveys
    past = Past.of(snapshot, "surveys", log, rows)
    columns: dict[str, Floats] = {"survey_score": at_rows(log.share, past.last())}
    for number, kind in enumerate(SURVEYS):
        columns |= _of_kind(past.where(log.kind == number), kind, log.share)
    return {**columns}


def _of_kind(past: Past, kind: str, share: Floats) -> dict[str, Floats]:
    last = past.last()
    latest, previous = at_rows(share, last), at_rows(share, np.append(past.before(), -1)[last])
    return {
        f"{kind}_score": latest,
        f"{kind}_change": latest - previous,
        f"days_since_{kind}": past.days_since_last(),
        f"n_{kind}": past.count(),
    }
