"""Span of control, and ramp: how many people report to a manager, and how long a newcomer takes to reach the plan.

Ramp: Eva was hired on 15 January, missed her plans of the first and second quarter and met that of the third: eight and a half
months, to the end of the first period at plan. Bob was hired in May and has met none yet: he counts for the months he has been
there, and so does who left before. People hired before the first plan on record are left out, because an earlier period at plan
would not be on record.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask, Micros
from features.history import first_row
from features.kpis.value import LESS, NEITHER, Kpi, Text, Variant
from features.signal import Texts, texts
from features.snapshot import Snapshot
from features.survival import Curves, Quantiles, kaplan_meier

DAYS_PER_MONTH: Final = 30.4375
USUAL_SPAN: Final = (5, 15)
"""Direct reports of a manager, as a rule of thumb."""

SPAN_OF_CONTROL: Final = Kpi(
    name="span_of_control",
    title=Text("Span of control", "Размер команды"),
    meaning=Text("Direct reports of a manager, on average", "Сколько прямых подчинённых в среднем у руководителя"),
    formula=Text("people who have a manager / managers", "сотрудники с руководителем / руководители"),
    unit="count",
    direction=NEITHER,
    perspective="people",
    basis=Text("now", "сейчас"),
    tables=("users",),
    slices=("manager",),
    variants=(Variant("direct", Text("people who have not left", "без уволившихся")),),
)

RAMP: Final = Kpi(
    name="ramp",
    title=Text("Ramp", "Выход на план"),
    meaning=Text(
        "Median months from hire to the end of the first period at plan",
        "Сколько месяцев проходит от найма до первого выполненного плана (медиана)",
    ),
    formula=Text(
        "Kaplan-Meier median of end of first period at plan - hired", "медиана (конец первого выполненного плана − наём)"
    ),
    unit="months",
    direction=LESS,
    perspective="people",
    basis=Text("hired", "наём"),
    tables=("users", "plans"),
    slices=("team",),
    variants=(Variant("median", Text("people still ramping are censored", "ещё не вышедшие на план цензурированы")),),
)


@dataclass(frozen=True)
class Span:
    """Direct reports of each manager who has some, most first; `average` is None without any manager.

    unusual  managers whose number lies outside of `USUAL_SPAN`
    reason   why there is no answer: `no_table`, or `not_known_then` where the hierarchy of that moment is not on record
    """

    reports: Mapping[str, int]
    average: float | None
    median: float | None
    unusual: tuple[str, ...]
    reason: str | None = None


def span_of_control(snapshot: Snapshot) -> Span:
    """The managers of now: a person who has left reports to nobody, and nobody reports to them."""
    if not snapshot.has("users") or "manager_id" not in snapshot.dataset.tables["users"]:
        return Span({}, None, None, (), "no_table")
    users = snapshot.frame("users")
    here = users["left_at"].isna() if "left_at" in users else pd.Series(True, index=users.index)
    present = users[here]
    if present["manager_id"].isna().all():
        return Span({}, None, None, (), "not_known_then" if not snapshot.sees_export("users.manager_id") else "nothing_counted")
    counts = present.loc[present["manager_id"].isin(present["user_id"]), "manager_id"].value_counts()
    reports = {str(name): int(n) for name, n in sorted(counts.items(), key=lambda item: (-int(item[1]), str(item[0])))}
    sizes = np.array(list(reports.values()), dtype=np.float64)
    low, high = USUAL_SPAN
    unusual = tuple(name for name, n in reports.items() if not low <= n <= high)
    return Span(reports, float(sizes.mean()) if len(sizes) else None, float(np.median(sizes)) if len(sizes) else None, unusual)


@dataclass(frozen=True)
class Ramp:
    """How long newcomers take, person by person and as a curve.

    people    ids of those hired since the first plan
    months    from hire to the end of the first period at plan; so far, or until they left, for those who have not
    at_plan   whether they have
    curve     of all of them, one group; `quantiles` its median with limits
    excluded  people hired before the first plan on record, or with no hire date
    reason    why there is no median: `no_table`, `no_plan`, `nothing_counted`, `median_not_reached`
    """

    people: Texts
    months: Floats
    at_plan: Mask
    curve: Curves
    quantiles: Quantiles
    excluded: int
    reason: str | None


@dataclass(frozen=True)
class Attained:
    """What each person achieved in each of their finished plan periods, sorted by person and end of the period.

    person  id; end in microseconds; target and actual in the same unit
    """

    person: Texts
    start: Micros
    end: Micros
    target: Floats
    actual: Floats


def ramp(snapshot: Snapshot, attained: Attained) -> Ramp:
    """Ramp of everybody hired since the first plan; only periods that ended by as_of count."""
    users = snapshot.frame("users") if snapshot.has("users") else pd.DataFrame({"user_id": pd.Series(dtype="str")})
    ids = texts(users["user_id"])
    hired = _times(users, "hired_at")
    first_plan = int(attained.start.min()) if len(attained.start) else clock.NEVER
    fresh = (hired != clock.UNKNOWN) & ~clock.known(hired, first_plan)
    over = clock.known(attained.end, snapshot.at + 1) & (attained.target > 0) & (attained.actual >= attained.target)
    person = np.asarray(pd.Index(ids).get_indexer(pd.Index(attained.person)), dtype=np.int64)
    order = np.argsort(person, kind="stable")
    reached = clock.time_at(attained.end[order], first_row(person[order], (over & (person >= 0))[order], len(ids)))
    until = np.where(reached != clock.UNKNOWN, reached, _gone(users, snapshot.at))
    months = np.maximum(clock.days_between(hired, until), 0.0) / DAYS_PER_MONTH
    at_plan = reached != clock.UNKNOWN
    curve = kaplan_meier(np.where(fresh, 0, -1), months, at_plan, 1)
    quantiles = curve.quantiles()
    reason = _why_none(snapshot, attained, int(fresh.sum()), float(quantiles.time[0]))
    return Ramp(ids[fresh], months[fresh], at_plan[fresh], curve, quantiles, int((~fresh).sum()), reason)


def _gone(users: pd.DataFrame, as_of: int) -> Micros:
    left = _times(users, "left_at")
    return np.where(left == clock.UNKNOWN, as_of, left)


def _times(frame: pd.DataFrame, name: str) -> Micros:
    return clock.to_micros(frame[name]) if name in frame else clock.repeated(clock.UNKNOWN, len(frame))


def _why_none(snapshot: Snapshot, attained: Attained, n: int, median: float) -> str | None:
    reasons: tuple[tuple[bool, str], ...] = (
        (not snapshot.has("users"), "no_table"),
        (not len(attained.person), "no_plan"),
        (not n, "nothing_counted"),
        (bool(np.isnan(median)), "median_not_reached"),
    )
    return next((reason for applies, reason in reasons if applies), None)
