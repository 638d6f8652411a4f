"""What attention a client gets: contacts in both directions, the people in them, and whether it answers.

Contacts are calls, messages, meetings, demos and proposals; tasks and notes are work of one's own.
"""

from typing import Final

import numpy as np

from features import clock
from features.client_history import IN, OUT, ContactLog
from features.clients.past import NONE, Past
from features.clock import Floats
from features.history import Rows
from features.signal import Columns
from features.snapshot import Snapshot

ANSWER_DAYS: Final = 14


def attention(snapshot: Snapshot, rows: Rows) -> Columns:
    """Contacts by window and direction. Where no contact has a direction, counts by direction are unknown.

    A contact that names its deal alone counts for the deal's client from when the deal is on record.
    """
    log = snapshot.dataset.client_logs.contacts
    past = Past.of(snapshot, "activities", log, rows)
    inbound, outbound = (np.where(log.direction == 0, np.nan, log.direction == way) for way in (IN, OUT))
    recent = past.within(90)
    directed, own, theirs = (snapshot.told("activities", name) for name in ("direction", "user_id", "contact_id"))
    return {
        **{f"n_contacts_{days}d": past.counted(days) for days in (30, 90)},
        **{f"n_contacts_in_{days}d": past.within(days).total(inbound) * past.whole(days) * directed for days in (30, 90)},
        **{f"n_contacts_out_{days}d": past.within(days).total(outbound) * past.whole(days) * directed for days in (30, 90)},
        "contacts_trend_90d": past.trend(90),
        "days_since_contact": past.days_since_last(),
        "days_since_contact_in": past.where(log.direction == IN).days_since_last(),
        "days_since_contact_out": past.where(log.direction == OUT).days_since_last(),
        "n_own_people_90d": recent.distinct(log.user) * past.whole(90) * own,
        "n_client_people_90d": recent.distinct(log.contact) * past.whole(90) * theirs,
        "answered_share_90d": recent.where(log.direction == OUT).mean(_answered(past, log)) * past.whole(90),
    }


def _answered(past: Past, log: ContactLog) -> Floats:
    """For each contact, 1 where the client got in touch within 14 days after it, as known; else 0."""
    n = len(log.client)
    inbound = np.where(past.kept & (log.direction == IN), np.arange(n), n)
    following = np.minimum.accumulate(inbound[::-1])[::-1]
    same = np.append(log.client, NONE)[following] == log.client
    wait = clock.days_between(log.time, np.append(log.time, clock.UNKNOWN)[following])
    return np.asarray(same & (wait <= ANSWER_DAYS), dtype=np.float64)
