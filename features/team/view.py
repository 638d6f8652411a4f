"""The team: what each person attains, wins, carries and takes, with what of it the data can tell apart.

People come in the order of their names, never of a figure. A figure that is compared has a `features.team.apart.Apart`: estimates
with limits, and groups of people between whom nothing can be said. `said` puts that into words.

* **Attainment** is bookings over plan of the window; the team's is sum over sum. As a fact it is exact; as a sign of what
  somebody can do it is a sum of few deals: with n won deals its variance is taken as (n + 1/2) x mean square of an amount
  (compound Poisson, the rate with Jeffreys' half).
* **Pace** is won deals per 100 days that a deal was open with the person, so that load does not count against anybody.
* **Conversion by stage** is of the entries in the window that are decided; the team's best is the highest shrunken rate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from features import clock
from features.clock import Floats
from features.flat import Texts
from features.history import Rows, count_rows
from features.kpis.facts import deal_facts, deal_people
from features.kpis.interval import wilson
from features.kpis.staff import attained, hierarchy, newcomers
from features.kpis.value import Text, Window
from features.snapshot import Snapshot
from features.team.apart import Apart, of_amounts, of_rates, of_shares
from features.team.desk import Desk, desk
from features.visits import GONE, MOVED_ON, Visits, visits

PER_DAYS: Final = 100.0
"""Pace is counted over so many days of open deals."""


@dataclass(frozen=True)
class Member:
    """One person in the window; None where there is nothing to divide by.

    plan, attainment   the person's plan, bookings over plan
    win_rate, interval   won of decided, with Wilson's limits: as counted, not shrunken
    pace         won deals per 100 days of an open deal
    days_to_win  median, open deals counted
    n_open, open_amount   load at as_of
    reports      people who report to them now, None where the hierarchy is not on record
    ramp_months  from hire to the end of the first period at plan, so far for who is still ramping (`at_plan` False); None for
                 people hired before the first plan
    """

    person: str
    won: int
    lost: int
    bookings: float
    plan: float | None
    attainment: float | None
    win_rate: float | None
    interval: tuple[float, float] | None
    pace: float | None
    days_to_win: float | None
    n_open: int
    open_amount: float
    reports: int | None
    ramp_months: float | None
    at_plan: bool | None


@dataclass(frozen=True)
class StageGap:
    """Conversion of one stage by person, against the team's best.

    moved_on, decided  (people,) entries of the window
    apart    the shrunken rates
    best     position of the highest of them
    behind   positions of those who are told apart from the best, and lie below
    """

    stage: str
    moved_on: Floats
    decided: Floats
    apart: Apart
    best: int
    behind: tuple[int, ...]


@dataclass(frozen=True)
class TeamView:
    """A team in a window.

    elapsed     share of the window that has gone by, 0 to 1
    attainment  sum of bookings over sum of plans of those who have one, None without plans
    win_rate    won of decided of all of them, None where nothing was decided
    win_rates, paces   compared, people in the order of `members`; None where there is nothing to compare
    attainments        compared, people with a plan only, whose positions are `planned`
    stages      one entry for each stage in which an entry was decided
    """

    window: Window
    elapsed: float
    members: tuple[Member, ...]
    attainment: float | None
    win_rate: float | None
    win_rates: Apart | None
    paces: Apart | None
    attainments: Apart | None
    planned: tuple[int, ...]
    stages: tuple[StageGap, ...]


def team_view(
    snapshot: Snapshot, people: Mapping[str, str], window: Window, plans: Mapping[str, float] | None = None
) -> TeamView:
    """The team of these people (user id -> name) in a window; `plans` gives each person's plan of it, in the same money."""
    ids = np.array(sorted(people, key=lambda each: (people[each], each)), dtype=object)
    worked = desk(snapshot, ids, window)
    target = np.array([(plans or {}).get(str(each), np.nan) for each in ids], dtype=np.float64)
    planned = np.flatnonzero(target > 0)
    decided = worked.won + worked.lost
    whole, wins = float(decided.sum()), float(worked.won.sum())
    return TeamView(
        window,
        _elapsed(window, snapshot.at),
        _members(worked, target, snapshot),
        float(worked.bookings[planned].sum() / target[planned].sum()) if len(planned) else None,
        wins / whole if whole else None,
        of_shares(worked.won, decided) if whole else None,
        _paces(worked),
        _attainments(worked, target, planned),
        tuple(planned.tolist()),
        _stages(snapshot, ids, window),
    )


def said(compared: Apart | None, names: list[str]) -> Text:
    """What can be said of the order of people, in one or two sentences."""
    if compared is None or len(names) < 2:
        return Text("There is nothing to compare.", "Сравнивать нечего.")
    if not compared.told.any():
        return Text(
            "The data do not tell these people apart: the differences may be luck.",
            "Данные не позволяют различить этих людей: разница может быть случайной.",
        )
    above, below = (
        ", ".join(name for name, side in zip(names, compared.from_team, strict=True) if side == sign) for sign in (1, -1)
    )
    en = [f"Above the team: {above}." if above else "", f"Below the team: {below}." if below else ""]
    ru = [f"Выше команды: {above}." if above else "", f"Ниже команды: {below}." if below else ""]
    if not above and not below:
        en, ru = (
            ["Some are told apart from each other, nobody from the team."],
            ["Отдельные люди различимы между собой, от команды — никто."],
        )
    rest = Text("Within a group there is no order.", "Внутри группы порядка нет.")
    return Text(" ".join(filter(None, [*en, rest.en])), " ".join(filter(None, [*ru, rest.ru])))


def _members(worked: Desk, target: Floats, snapshot: Snapshot) -> tuple[Member, ...]:
    led, fresh = hierarchy(snapshot), newcomers(snapshot, attained(snapshot))
    reports = dict(zip(map(str, led.people), led.reports(snapshot.at).astype(int).tolist(), strict=True))
    newcomer = {str(person): row for row, person in enumerate(fresh.people)}
    months, at_plan = fresh.months(snapshot.at), fresh.at_plan(snapshot.at)
    decided = worked.won + worked.lost
    low, high = wilson(worked.won, decided)
    figures = {
        "plan": np.where(target > 0, target, np.nan),
        "attainment": _over(worked.bookings, target),
        "win_rate": _over(worked.won, decided),
        "pace": PER_DAYS * _over(worked.won, worked.exposure),
        "days_to_win": worked.days_to_win,
    }
    return tuple(
        Member(
            person=person,
            won=int(worked.won[row]),
            lost=int(worked.lost[row]),
            bookings=float(worked.bookings[row]),
            interval=(float(low[row]), float(high[row])) if decided[row] else None,
            n_open=int(worked.n_open[row]),
            open_amount=float(worked.open_amount[row]),
            reports=reports.get(person, 0) if led.on_record else None,
            ramp_months=float(months[newcomer[person]]) if person in newcomer else None,
            at_plan=bool(at_plan[newcomer[person]]) if person in newcomer else None,
            **{name: None if np.isnan(values[row]) else float(values[row]) for name, values in figures.items()},
        )
        for row, person in enumerate(map(str, worked.people))
    )


def _paces(worked: Desk) -> Apart | None:
    return of_rates(worked.won, worked.exposure / PER_DAYS) if worked.exposure.sum() > 0 else None


def _attainments(worked: Desk, target: Floats, planned: Rows) -> Apart | None:
    if not len(planned) or np.isnan(worked.usual_square):
        return None
    variance = (worked.won[planned] + 0.5) * worked.usual_square / target[planned] ** 2
    return of_amounts(worked.bookings[planned] / target[planned], variance)


def _stages(snapshot: Snapshot, people: Texts, window: Window) -> tuple[StageGap, ...]:
    visited = visits(snapshot)
    person = deal_people(snapshot, deal_facts(snapshot), people)[visited.deal]
    entered = visited.first & ~np.isnan(visited.place) & (person >= 0)
    entered &= clock.within(visited.began, clock.micros(window.start), clock.micros(window.end))
    gaps = [_gap(visited, number, np.where(entered, person, -1), len(people)) for number in range(len(visited.stages))]
    return tuple(gap for gap in gaps if gap is not None)


def _gap(visited: Visits, number: int, person: Rows, n: int) -> StageGap | None:
    here = visited.stage == number
    moved, gone = (count_rows(person, here & (visited.outcome == how), n) for how in (MOVED_ON, GONE))
    if not (moved + gone).any():
        return None
    compared = of_shares(moved, moved + gone)
    best = int(compared.estimate.argmax())
    behind = tuple(np.flatnonzero(compared.told[best]).tolist())
    return StageGap(str(visited.stages[number]), moved, moved + gone, compared, best, behind)


def _elapsed(window: Window, as_of: int) -> float:
    start, end = clock.micros(window.start), clock.micros(window.end)
    return float(np.clip(clock.days_between(start, as_of) / clock.days_between(start, end), 0.0, 1.0))


def _over(above: Floats, below: Floats) -> Floats:
    share: Floats = np.divide(above, below, out=np.full(len(above), np.nan), where=np.nan_to_num(below) > 0)
    return share
