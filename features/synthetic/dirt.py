"""What people do to a CRM: late entries, gaps, doubles, careless spelling, and colleagues who leave.

Each kind draws from a random stream of its own, so switching one on leaves everything else as it was. Pushed dates and
re-opened deals are part of the story itself (`story.py`); the rest is done here, to the records.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats
from features.history import Rows
from features.synthetic.batch import ids, instants, is_last, micros
from features.synthetic.people import People
from features.synthetic.record import Timeline
from features.synthetic.settings import Settings
from features.tables import TABLES

Tables = Mapping[str, pd.DataFrame]

ENTERED_LATE: Final = ("deal_changes", "activities", "orders", "tickets", "surveys")
LATE_DAYS: Final = 4.0
GAPS: Final = {
    "accounts": ("industry", "employees", "annual_revenue"),
    "deals": ("source", "product"),
    "activities": ("direction", "contact_id"),
}
MISSPELT: Final = {"accounts": "industry", "deals": "source"}


@dataclass(frozen=True)
class Staffing:
    """Until when each user works (days; infinity for those who stay), and who takes over."""

    left: Floats
    stand_in: Rows

    def acting(self, user: Rows, day: Floats) -> Rows:
        """Who really acts, where `user` would on that day."""
        return np.where(day >= self.left[user], self.stand_in[user], user)


def staffing(people: People, settings: Settings) -> Staffing:
    """A share of the sellers leaves in the course of the history; the first of each team never does."""
    rng = settings.stream("dirt.leavers")
    sellers, desk = people.sellers, people.desk
    first = desk.mates[desk.team[sellers], 0]
    earliest = np.maximum(desk.hired[sellers] + 120, settings.start + 30)
    day = earliest + rng.random(len(sellers)) * (settings.end - earliest)
    goes = (rng.random(len(sellers)) < settings.dirt.leavers) & (earliest < settings.end) & (sellers != first)
    left, stand_in = np.full(len(desk.hired), np.inf), np.arange(len(desk.hired))
    left[sellers[goes]], stand_in[sellers[goes]] = np.floor(day[goes]) + 17 / 24, first[goes]
    return Staffing(left, stand_in)


def handed_over(owners: Timeline, created: Floats, stop: Floats, staff: Staffing) -> Timeline:
    """The owner history with the deals of leavers given to others; `stop` is each deal's close, or the end."""
    deal = np.r_[np.arange(len(created)), owners.deal]
    start = np.r_[created, owners.day]
    owner = np.r_[owners.opening, owners.value]
    order = np.lexsort((start, deal))
    deal, start, owner = deal[order], start[order], owner[order]
    until = np.where(is_last(deal), stop[deal], np.append(start[1:], np.inf))
    left = staff.left[owner]
    over = (start < left) & (left < until)
    acting = staff.acting(owners.value, owners.day)
    deal, day = np.r_[owners.deal, deal[over]], np.r_[owners.day, left[over]]
    value = np.r_[acting, staff.stand_in[owner[over]]]
    order = np.lexsort((day, deal))
    opening = staff.acting(owners.opening, created)
    return replace(owners, opening=opening, deal=deal[order], day=day[order], value=value[order])


def users_left(users: pd.DataFrame, staff: Staffing) -> pd.DataFrame:
    return users.assign(left_at=instants(np.where(np.isinf(staff.left), np.nan, staff.left)))


def soil(tables: Tables, settings: Settings) -> dict[str, pd.DataFrame]:
    """The tables as careless people would have left them."""
    dirt = settings.dirt
    soiled = dict(tables)
    if dirt.missing_values:
        soiled |= _with_gaps(soiled, dirt.missing_values, settings.stream("dirt.missing_values"))
    if dirt.untidy_categories:
        soiled |= _misspelt(soiled, dirt.untidy_categories, settings.stream("dirt.untidy_categories"))
    if dirt.duplicated_activities:
        rng = settings.stream("dirt.duplicated_activities")
        soiled["activities"] = _doubled(soiled["activities"], dirt.duplicated_activities, settings.end, rng)
    if dirt.late_entry:
        soiled |= _entered_late(soiled, dirt.late_entry, settings.end, settings.stream("dirt.late_entry"))
    return soiled


def _with_gaps(tables: Tables, share: float, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    gappy = {name: _without(tables[name], columns, share, rng) for name, columns in GAPS.items()}
    changes = tables["deal_changes"]
    tracked = gappy["deals"]["deal_id"].isin(changes["deal_id"][changes["field"] == "amount"])
    # An amount with a history cannot be empty now: its last change says what it is.
    unknown = (rng.random(len(tracked)) < share) & ~tracked
    return gappy | {"deals": gappy["deals"].assign(amount=gappy["deals"]["amount"].mask(unknown))}


def _without(frame: pd.DataFrame, columns: tuple[str, ...], share: float, rng: np.random.Generator) -> pd.DataFrame:
    return frame.assign(**{column: frame[column].mask(rng.random(len(frame)) < share) for column in columns})


def _misspelt(tables: Tables, share: float, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    misspelt = {}
    for name, column in MISSPELT.items():
        value, chance = tables[name][column], rng.random(len(tables[name]))
        value = value.mask(chance < share, value.str.upper()).mask(chance < share / 2, value + " ")
        misspelt[name] = tables[name].assign(**{column: value})
    return misspelt


def _doubled(activities: pd.DataFrame, share: float, end: float, rng: np.random.Generator) -> pd.DataFrame:
    """Some rows a second time, a few minutes later and under a new number."""
    again = activities[rng.random(len(activities)) < share].reset_index(drop=True)
    later = clock.to_micros(again["logged_at"]) + rng.integers(10_000_000, 600_000_000, len(again))
    numbers = ids("E", np.arange(len(again)) + len(activities), 8)
    again = again.assign(activity_id=numbers, logged_at=clock.to_series(np.minimum(later, _last_instant(end))))
    return pd.concat([activities, again], ignore_index=True).sort_values("logged_at", kind="stable", ignore_index=True)


def _last_instant(end: float) -> int:
    return int(micros(np.array([end]))[0]) - 1


def _entered_late(tables: Tables, share: float, end: float, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """A `recorded_at` on every dated table: mostly the time itself, days later for some, never after the end."""
    late = {}
    for name in ENTERED_LATE:
        time = TABLES[name].time or ""
        happened = clock.to_micros(tables[name][time])
        lag = rng.exponential(LATE_DAYS, len(happened)) * (rng.random(len(happened)) < share)
        recorded = happened + np.rint(lag * clock.MICROS_PER_DAY).astype(np.int64)
        late[name] = tables[name].assign(recorded_at=clock.to_series(np.minimum(recorded, _last_instant(end))))
    return late
