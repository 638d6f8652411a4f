"""Newcomers and managers: who reached the plan when, and who reports to whom.

Eva was hired on 15 January, missed her plans of the first and second quarter and met that of the third: eight and a half months,
to the end of the first period at plan. Bob was hired in May and has met none yet: he counts for the months he has been there, and
so does who left before. A plan is met as it was written: cut to the three days that a newcomer was there, one small deal would
meet it. People hired before the first plan on record are left out, because an earlier period at plan would not be on record.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask, Micros
from features.flat import Texts, texts
from features.history import first_row
from features.kpis.facts import deal_facts, deal_people, instants
from features.kpis.sheet import DAYS_PER_MONTH
from features.snapshot import Snapshot

BOOKINGS: Final = "bookings"


@dataclass(frozen=True)
class Attained:
    """What each person booked in each of their finished plan periods, sorted by person and end of the period.

    person  id; start, end in microseconds; target and actual in the organisation's currency
    """

    person: Texts
    start: Micros
    end: Micros
    target: Floats
    actual: Floats


@dataclass(frozen=True)
class Newcomers:
    """People hired since the first plan.

    hired, reached, left   when they came, when their first period at plan was over, when they left; `UNKNOWN`: not (yet)
    before   ids of people hired before the first plan on record, or with no hire date
    """

    people: Texts
    hired: Micros
    reached: Micros
    left: Micros
    before: Texts

    def at_plan(self, until: int) -> Mask:
        """Who had reached the plan by then."""
        return clock.not_after(self.reached, until)

    def months(self, until: int) -> Floats:
        """From hire to the plan; for who had not reached it, so far, or until they left. 0 for who was not hired yet."""
        ends = clock.earlier(clock.or_never(self.left), clock.repeated(until, len(self.people)))
        ends = np.where(self.at_plan(until), self.reached, ends)
        return np.maximum(clock.days_between(self.hired, ends), 0.0) / DAYS_PER_MONTH


def attained(snapshot: Snapshot) -> Attained:
    """Bookings of each person in each of their own plan periods that were over by as_of."""
    if not snapshot.has("plans") or "scope_id" not in snapshot.dataset.tables["plans"]:
        nothing = np.array([], dtype=np.int64)
        return Attained(np.array([], dtype=object), nothing, nothing, nothing.astype(float), nothing.astype(float))
    plans = snapshot.frame("plans")
    plans = plans[plans["scope"].eq("user") & plans["kpi"].eq(BOOKINGS) & plans["scope_id"].notna()]
    plans = plans.sort_values(["scope_id", "period_end"], kind="stable", ignore_index=True)
    zone = snapshot.dataset.organisation.timezone
    start, end = (clock.dates_to_micros(plans[name], zone) for name in ("period_start", "period_end"))
    amounts = plans["target"].to_numpy(dtype=np.float64)
    target = snapshot.converted(amounts, plans["currency"]) if "currency" in plans else amounts
    over = clock.not_after(end, snapshot.at)
    people = texts(plans["scope_id"])
    actual = _booked(snapshot, people, start, end)
    return Attained(people[over], start[over], end[over], target[over], actual[over])


def _booked(snapshot: Snapshot, people: Texts, start: Micros, end: Micros) -> Floats:
    """What each row's person booked in the row's period: one pass for each distinct period."""
    deals = deal_facts(snapshot)
    everybody = np.array(sorted(set(people)), dtype=object)
    person, booked = deal_people(snapshot, deals, everybody), np.zeros(len(people))
    position = np.asarray(pd.Index(everybody).get_indexer(pd.Index(people)), dtype=np.int64)
    for first, last in sorted(set(zip(start.tolist(), end.tolist(), strict=True))):
        rows = (start == first) & (end == last)
        counted = deals.won & clock.within(deals.closed, first, last) & (person >= 0) & ~np.isnan(deals.amount)
        total = np.bincount(person[counted], weights=deals.amount[counted], minlength=len(everybody))
        booked[rows] = total[position[rows]]
    return booked


def newcomers(snapshot: Snapshot, periods: Attained) -> Newcomers:
    """Everybody hired since the first plan; only periods that ended by as_of count."""
    users = snapshot.frame("users") if snapshot.has("users") else pd.DataFrame({"user_id": pd.Series(dtype="str")})
    ids, hired, left = texts(users["user_id"]), instants(users, "hired_at"), instants(users, "left_at")
    first_plan = int(periods.start.min()) if len(periods.start) else clock.NEVER
    fresh = (hired != clock.UNKNOWN) & ~clock.known(hired, first_plan)
    met = (periods.target > 0) & (periods.actual >= periods.target)
    person = np.asarray(pd.Index(ids).get_indexer(pd.Index(periods.person)), dtype=np.int64)
    order = np.argsort(person, kind="stable")
    reached = clock.time_at(periods.end[order], first_row(person[order], (met & (person >= 0))[order], len(ids)))
    return Newcomers(ids[fresh], hired[fresh], reached[fresh], left[fresh], ids[~fresh])


@dataclass(frozen=True)
class Hierarchy:
    """People with their manager, in the order of `people`; `hired` and `left` are `UNKNOWN` where they are not (yet) so.

    manager   id of each one's manager, None for none
    on_record whether the hierarchy of that moment is known at all
    """

    people: Texts
    manager: Texts
    hired: Micros
    left: Micros
    on_record: bool

    def reports(self, until: int) -> Floats:
        """(people,) how many reported to each at that moment: who had left reports to nobody, and nobody reports to them."""
        there = ~clock.not_after(self.left, until) & ~clock.not_after(clock.repeated(until, len(self.people)), self.hired)
        index = pd.Index(self.people)
        row = np.asarray(index.get_indexer(pd.Index(self.manager)), dtype=np.int64)
        counted = there & (row >= 0) & np.append(there, False)[row]
        return np.bincount(row[counted], minlength=len(self.people)).astype(np.float64)


def hierarchy(snapshot: Snapshot) -> Hierarchy:
    """The people on record with their managers, as known."""
    if not snapshot.has("users") or "manager_id" not in snapshot.dataset.tables["users"]:
        nobody, nothing = np.array([], dtype=object), np.array([], dtype=np.int64)
        return Hierarchy(nobody, nobody, nothing, nothing, on_record=False)
    users = snapshot.frame("users")
    manager, seen = texts(users["manager_id"]), snapshot.sees_export("users.manager_id")
    return Hierarchy(texts(users["user_id"]), manager, instants(users, "hired_at"), instants(users, "left_at"), on_record=seen)
