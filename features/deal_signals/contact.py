"""Contact: what was said and done about a deal, by whom, how lately, and what is to come.

A next step is an activity that is due at as_of or later and not known to be done; an overdue one was due before. A deal of
1 March with a call out on 4 March and one on 8 March, an email in on 10 March and nothing more, has as of 20 March: a longest
silence of 10 days (since the email), no unanswered outbound contact, a client who has waited 10 days and replied in 2.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features import clock
from features.activity import KINDS, ActivityLog
from features.clock import Floats, Mask, Micros
from features.deal_signals.asked import Asked
from features.groups import Groups, gathered, rows_of
from features.history import Codes, Rows
from features.signal import Columns

WINDOWS: Final = (90, 30, 7)
COUNTED: Final = {"call": "n_calls", "email": "n_emails", "meeting": "n_meetings", "demo": "n_demos", "proposal": "n_proposals"}


@dataclass(frozen=True)
class _Log:
    """The known activities of the asked deals, grouped by deal and in order of time within it.

    rows  the place of each in `whole`, the log of all activities
    """

    asked: Asked
    whole: ActivityLog
    rows: Rows
    groups: Groups
    time: Micros
    kind: Codes
    inbound: Mask
    outbound: Mask

    def has(self, column: str) -> float:
        """The factor for what a column tells: 1, or NaN where the source lacks it."""
        return 1.0 if column in self.whole.columns else np.nan

    def first(self, rows: Rows) -> Micros:
        """When the first of these rows of each deal was logged."""
        return clock.time_at(self.time, self.groups.first_of(rows))

    def last(self, rows: Rows) -> Micros:
        """When the last of these rows of each deal was logged."""
        return clock.time_at(self.time, self.groups.last_of(rows))

    def distinct(self, alike: Codes, rows: Rows) -> Floats:
        """How many different people take part in these rows of each deal; `alike` is as in `ActivityLog.by_user`."""
        people = alike[self.rows[rows]]
        named = people >= 0
        rows, people = rows[named], people[named]
        # Only the entries just written are read again, so the rest need not be set.
        seen_first = np.empty(len(alike), dtype=np.int64)
        seen_first[people[::-1]] = rows[::-1]
        return self.groups.count_rows(rows[seen_first[people] == rows])

    @property
    def all(self) -> Rows:
        return np.arange(len(self.rows))


def contact(asked: Asked) -> Columns:
    """The group `contact`; the source has activities."""
    log = _known(asked)
    return {**_counts(log), **_recency(log), **_talk(log), **_next_steps(log)}


def _known(asked: Asked) -> _Log:
    dataset = asked.snapshot.dataset
    log = dataset.activity_log
    rows, position = rows_of(dataset.activity_starts, asked.rows)
    keep = np.flatnonzero(clock.known(log.known[rows], asked.at))
    rows, groups = rows[keep], gathered(position[keep], len(asked.rows))
    return _Log(asked, log, rows, groups, log.time[rows], log.kind[rows], log.inbound[rows], log.outbound[rows])


def _counts(log: _Log) -> dict[str, Floats]:
    """Activities by kind and by direction, in all and over each window."""
    told = log.has("direction")
    of_kind = {name: (log.kind == KINDS.index(kind), 1.0) for kind, name in COUNTED.items()}
    counted = {**of_kind, "n_inbound": (log.inbound, told), "n_outbound": (log.outbound, told)}
    columns = {
        "n_activities": log.groups.sizes,
        **{name: log.groups.count(keep) * sure for name, (keep, sure) in counted.items()},
    }
    rows = log.all
    for days in WINDOWS:
        # The windows lie in each other, so each looks only at what the longer one kept.
        rows = rows[clock.within(log.time[rows], clock.after_days(log.asked.at, -days), log.asked.at)]
        whole = log.asked.snapshot.whole_window("activities", days)
        columns[f"n_activities_{days}d"] = log.groups.count_rows(rows) * whole
        columns |= {
            f"{name}_{days}d": log.groups.count_rows(rows[keep[rows]]) * whole * sure for name, (keep, sure) in counted.items()
        }
    with np.errstate(divide="ignore", invalid="ignore"):
        month = columns["n_activities_30d"]
        columns["activity_pace_ratio"] = np.where(month > 0, (columns["n_activities_7d"] / 7) / (month / 30), np.nan)
    return columns


def _recency(log: _Log) -> dict[str, Floats]:
    met = (log.kind == KINDS.index("meeting")) | (log.kind == KINDS.index("demo"))
    last = {name: log.last(np.flatnonzero(keep)) for name, keep in (("inbound", log.inbound), ("outbound", log.outbound))}
    last |= {"meeting": log.last(np.flatnonzero(met)), "activity": clock.time_at(log.time, log.groups.ends)}
    since = {f"days_since_{name}": clock.days_between(time, log.asked.at) for name, time in last.items()}
    return {**since, "longest_silence_days": _longest_silence(log, last["activity"])}


def _longest_silence(log: _Log, last: Micros) -> Floats:
    """The longest time without an activity between the deal's creation and as_of."""
    created, groups = log.asked.created, log.groups
    after = np.flatnonzero(groups.continues)
    deal = groups.of[after]
    begun = clock.later(log.time[after - 1], created[deal])
    opening = clock.days_between(created, clock.time_at(log.time, groups.begins))
    longest = np.fmax(clock.days_between(clock.later(last, created), log.asked.at), opening)
    np.maximum.at(longest, deal, clock.days_between(begun, log.time[after]))
    return longest


def _talk(log: _Log) -> dict[str, Floats]:
    """Who takes part, and who waits for whom."""
    inbound, outbound = np.flatnonzero(log.inbound), np.flatnonzero(log.outbound)
    by_user, by_contact = log.whole.by_user, log.whole.by_contact
    directed = log.has("direction")
    return {
        "n_people": log.distinct(by_user, log.all) * log.has("user_id"),
        "n_contacts": log.distinct(by_contact, log.all) * log.has("contact_id"),
        "n_contacts_replied": log.distinct(by_contact, inbound) * log.has("contact_id") * directed,
        "n_unanswered_outbound": log.groups.count_rows(_since_answer(log, outbound, inbound)) * directed,
        "client_waiting_days": clock.days_between(log.first(_since_answer(log, inbound, outbound)), log.asked.at),
        **_mean_answers(log),
    }


def _since_answer(log: _Log, said: Rows, answered: Rows) -> Rows:
    """What one side said after the other side's last word."""
    return said[clock.is_later(log.time[said], log.last(answered)[log.groups.of[said]])]


def _mean_answers(log: _Log) -> dict[str, Floats]:
    """Mean days from the last word of one side to the answer of the other, over all answers; NaN where there were none."""
    told = np.flatnonzero(log.inbound | log.outbound)
    answers = (log.groups.of[told[:-1]] == log.groups.of[told[1:]]) & (log.inbound[told[:-1]] != log.inbound[told[1:]])
    before, after = told[:-1][answers], told[1:][answers]
    days = clock.days_between(log.time[before], log.time[after])
    by_client = log.inbound[after]
    return {
        "client_reply_days": _mean(log.groups, after[by_client], days[by_client]),
        "own_reply_days": _mean(log.groups, after[~by_client], days[~by_client]),
    }


def _mean(groups: Groups, rows: Rows, values: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.bincount(groups.of[rows], weights=values, minlength=groups.n) / groups.count_rows(rows)


def _next_steps(log: _Log) -> dict[str, Floats]:
    undone = np.flatnonzero(~clock.known(log.whole.done[log.rows], log.asked.at))
    days = clock.days_between(log.asked.at, log.whole.due[log.rows[undone]])
    ahead, overdue = undone[days >= 0], undone[days < 0]
    soonest, oldest = np.full(log.groups.n, np.inf), np.full(log.groups.n, np.inf)
    np.minimum.at(soonest, log.groups.of[ahead], days[days >= 0])
    np.minimum.at(oldest, log.groups.of[overdue], days[days < 0])
    told = log.has("due_at")
    ended = told * log.has("done_at")  # without it everything that is past would be overdue
    return {
        "n_undone": log.groups.count_rows(undone) * log.has("done_at"),
        "n_next_steps": log.groups.count_rows(ahead) * told,
        "days_to_next_step": np.where(np.isinf(soonest), np.nan, soonest),
        "n_overdue_steps": log.groups.count_rows(overdue) * ended,
        "overdue_step_days": np.where(np.isinf(oldest), np.nan, -oldest) * ended,
    }
