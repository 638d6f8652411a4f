"""Contact: what was said and done about a deal, by whom, how lately, and what is to come.

A next step is an activity that is due at as_of or later and not known to be done; an overdue one was due before. A deal of
1 March with a call out on 4 March and one on 8 March, an email in on 10 March and nothing more, has as of 20 March: a longest
silence of 10 days (since the email), no unanswered outbound contact, a client who has waited 10 days and replied in 2.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features import clock
from features.activity import KINDS
from features.clock import Floats, Mask, Micros
from features.history import Rows, add_up, consecutive, count_rows, first_of_pair, first_row, last_row
from features.signal import Columns
from features.snapshot import Snapshot

WINDOWS: Final = (7, 30, 90)
COUNTED: Final = {"call": "n_calls", "email": "n_emails", "meeting": "n_meetings", "demo": "n_demos", "proposal": "n_proposals"}


@dataclass(frozen=True)
class _Log:
    """The known activities of the asked deals, sorted by deal and time, as in ActivityLog.

    open  whether it is not known to be done
    n     how many deals the Dataset has
    """

    deal: Rows
    time: Micros
    due: Micros
    open: Mask
    user: Rows
    contact: Rows
    kind: Rows
    inbound: Mask
    outbound: Mask
    columns: frozenset[str]
    n: int

    def count(self, keep: Mask) -> Floats:
        return count_rows(self.deal, keep, self.n)

    def has(self, column: str) -> float:
        """The factor for what a column tells: 1, or NaN where the source lacks it."""
        return 1.0 if column in self.columns else np.nan

    def first(self, keep: Mask) -> Micros:
        return clock.time_at(self.time, first_row(self.deal, keep, self.n))

    def last(self, keep: Mask) -> Micros:
        return clock.time_at(self.time, last_row(self.deal, keep, self.n))

    @property
    def all(self) -> Mask:
        return np.ones(len(self.deal), dtype=bool)


def contact(snapshot: Snapshot, cohort: Rows) -> Columns:
    """The group `contact`; the source has activities."""
    log = _known(snapshot, cohort)
    columns = {**_counts(snapshot, log), **_recency(snapshot, log), **_talk(snapshot, log), **_next_steps(snapshot, log)}
    return {name: values[cohort] for name, values in columns.items()}


def _known(snapshot: Snapshot, cohort: Rows) -> _Log:
    log, n = snapshot.dataset.activity_log, snapshot.dataset.n_deals
    asked = np.zeros(n + 1, dtype=bool)
    asked[cohort] = True
    rows = np.flatnonzero(clock.known(log.known, snapshot.at) & asked[log.deal])
    undone = ~clock.known(log.done[rows], snapshot.at)
    told = (log.user[rows], log.contact[rows], log.kind[rows], log.inbound[rows], log.outbound[rows])
    return _Log(log.deal[rows], log.time[rows], log.due[rows], undone, *told, log.columns, n)


def _counts(snapshot: Snapshot, log: _Log) -> dict[str, Floats]:
    """Activities by kind and by direction, in all and over each window."""
    ago = {f"_{days}d": snapshot.whole_window("activities", days) for days in WINDOWS}
    within = {f"_{days}d": clock.within(log.time, clock.after_days(snapshot.at, -days), snapshot.at) for days in WINDOWS}
    columns: dict[str, Floats] = {}
    for suffix, recent in {"": log.all, **within}.items():
        whole, n_kinds = ago.get(suffix, 1.0), len(KINDS)
        table = count_rows(log.deal * n_kinds + log.kind, recent, log.n * n_kinds).reshape(log.n, n_kinds)
        columns[f"n_activities{suffix}"] = table.sum(axis=1) * whole
        columns |= {f"{name}{suffix}": table[:, KINDS.index(kind)] * whole for kind, name in COUNTED.items()}
        columns[f"n_inbound{suffix}"] = log.count(recent & log.inbound) * whole * log.has("direction")
        columns[f"n_outbound{suffix}"] = log.count(recent & log.outbound) * whole * log.has("direction")
    with np.errstate(divide="ignore", invalid="ignore"):
        month = columns["n_activities_30d"]
        columns["activity_pace_ratio"] = np.where(month > 0, (columns["n_activities_7d"] / 7) / (month / 30), np.nan)
    return columns


def _recency(snapshot: Snapshot, log: _Log) -> dict[str, Floats]:
    met = (log.kind == KINDS.index("meeting")) | (log.kind == KINDS.index("demo"))
    kept = {"activity": log.all, "inbound": log.inbound, "outbound": log.outbound, "meeting": met}
    since = {f"days_since_{name}": clock.days_between(log.last(keep), snapshot.at) for name, keep in kept.items()}
    return {**since, "longest_silence_days": _longest_silence(snapshot, log)}


def _longest_silence(snapshot: Snapshot, log: _Log) -> Floats:
    """The longest time without an activity between the deal's creation and as_of."""
    created = snapshot.dataset.deal_created
    before, after = consecutive(log.deal, log.all)
    begun = clock.later(log.time[before], created[log.deal[before]])
    opening = clock.days_between(created, log.first(log.all))
    last = clock.later(log.last(log.all), created)
    longest = np.fmax(clock.days_between(last, snapshot.at), opening)
    np.maximum.at(longest, log.deal[after], clock.days_between(begun, log.time[after]))
    return longest


def _talk(snapshot: Snapshot, log: _Log) -> dict[str, Floats]:
    """Who takes part, and who waits for whom."""
    sent = _since_answer(log, log.outbound, log.inbound)
    asked = _since_answer(log, log.inbound, log.outbound)
    directed = log.has("direction")
    return {
        "n_people": log.count(first_of_pair(log.deal, log.user, log.all)) * log.has("user_id"),
        "n_contacts": log.count(first_of_pair(log.deal, log.contact, log.all)) * log.has("contact_id"),
        "n_contacts_replied": log.count(first_of_pair(log.deal, log.contact, log.inbound)) * log.has("contact_id") * directed,
        "n_unanswered_outbound": log.count(sent) * directed,
        "client_waiting_days": clock.days_between(log.first(asked), snapshot.at),
        "client_reply_days": _mean_answer(log, log.outbound, log.inbound),
        "own_reply_days": _mean_answer(log, log.inbound, log.outbound),
    }


def _since_answer(log: _Log, said: Mask, answered: Mask) -> Mask:
    """What one side said after the other side's last word."""
    last = log.last(answered)[log.deal]
    return said & ~(clock.days_between(last, log.time) <= 0)


def _mean_answer(log: _Log, said: Mask, answered: Mask) -> Floats:
    """Mean days from the last word of one side to the answer of the other, over all answers; NaN where there were none."""
    before, after = consecutive(log.deal, said | answered)
    turns = said[before] & answered[after]
    days = np.zeros(len(log.deal))
    days[after] = clock.days_between(log.time[before], log.time[after])
    replies = np.zeros(len(log.deal), dtype=bool)
    replies[after[turns]] = True
    with np.errstate(invalid="ignore"):
        return add_up(log.deal, days, replies, log.n) / log.count(replies)


def _next_steps(snapshot: Snapshot, log: _Log) -> dict[str, Floats]:
    days = clock.days_between(snapshot.at, log.due)
    ahead, overdue = log.open & (days >= 0), log.open & (days < 0)
    soonest, oldest = np.full(log.n, np.inf), np.full(log.n, np.inf)
    np.minimum.at(soonest, log.deal[ahead], days[ahead])
    np.minimum.at(oldest, log.deal[overdue], days[overdue])
    told = log.has("due_at")
    ended = told * log.has("done_at")  # without it everything that is past would be overdue
    return {
        "n_undone": log.count(log.open) * log.has("done_at"),
        "n_next_steps": log.count(ahead) * told,
        "days_to_next_step": np.where(np.isinf(soonest), np.nan, soonest),
        "n_overdue_steps": log.count(overdue) * ended,
        "overdue_step_days": np.where(np.isinf(oldest), np.nan, -oldest) * ended,
    }
