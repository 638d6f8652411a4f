"""What was planned for each window and node.

* A plan is given for a company, a team or a person and a period. A window takes the plans of one length: of those that cover most
  of it, those that need not be cut, and of these the longest. So monthly and yearly plans side by side are not added up twice,
  and where there are quarterly plans alone, a month takes its days' share of the quarter (flag `prorated`).
* A person's plan counts for the days of its period on which the person was employed, as known at as_of, unless asked otherwise.
* A team or company without a plan of its own has the sum of its members' (flag `plan_of_members`).
* What adds up (bookings) is added over periods; of what does not (a rate) the mean weighted by days is taken.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats, Mask, Micros
from features.history import Rows
from features.kpis.facts import instants
from features.kpis.periods import bounds
from features.kpis.sheet import DAYS_PER_MONTH, Sheet
from features.kpis.slices import PEOPLE
from features.kpis.value import COMPANY

EXACT: Final = 1e-9


@dataclass(frozen=True)
class Targets:
    """(windows, nodes).

    target  NaN where there is no plan
    sliced  0 where a plan could be, NaN where the dimension has none
    """

    target: Floats
    sliced: Floats
    flags: dict[str, Mask]


@dataclass(frozen=True)
class _Planned:
    """The plans of some entities (company, teams, people) for each window, (windows, entities)."""

    target: Floats
    prorated: Mask
    partly: Mask

    def replaced(self, where: Mask, by: "_Planned") -> "_Planned":
        """Those of the other one where the mask holds."""
        return _Planned(
            np.where(where, by.target, self.target),
            np.where(where, by.prorated, self.prorated),
            np.where(where, by.partly, self.partly),
        )

    def take(self, entity: Rows) -> "_Planned":
        """Those of the given entities, -1: no plan."""
        none = np.full((len(self.target), 1), np.nan)
        no = np.zeros((len(self.target), 1), dtype=bool)
        ends = ((self.target, none), (self.prorated, no), (self.partly, no))
        parts = (np.concatenate(each, axis=1)[:, entity] for each in ends)
        return _Planned(*parts)


def targets(sheet: Sheet, kpi: str, *, prorated: bool, additive: bool = True) -> Targets:
    """The plan of one KPI for every cell."""
    key = f"plan {kpi} {prorated}"
    if key not in sheet.cache:
        sheet.cache[key] = _targets(sheet, kpi, prorated=prorated, additive=additive)
    found: Targets = sheet.cache[key]
    return found


def _targets(sheet: Sheet, kpi: str, *, prorated: bool, additive: bool) -> Targets:
    sliced = np.zeros(sheet.shape)
    if sheet.grid.slicing.dimension not in (COMPANY, *PEOPLE):
        sliced = sheet.grid.company_only(sliced[:, 0])
    if not sheet.has("plans"):
        return Targets(np.full(sheet.shape, np.nan), sliced, {})
    rows = _rows(sheet, kpi, prorated=prorated)
    if not len(rows):
        return Targets(np.full(sheet.shape, np.nan), sliced, {})
    whose = pd.MultiIndex.from_frame(rows[["scope", "scope_id"]])
    entities = whose.unique()
    planned = _planned(sheet, rows, entities.get_indexer(whose), len(entities), additive=additive)
    own, members = planned.take(_own(sheet, entities)), _of_members(sheet, planned, entities, additive=additive)
    borrowed = np.isnan(own.target) & ~np.isnan(members.target)
    flags = {
        "plan_of_members": borrowed & (sliced == 0) & ~_is_person(sheet),
        "prorated": np.where(borrowed, members.prorated, own.prorated),
        "partly_covered": own.partly & ~borrowed,
    }
    return Targets(np.where(borrowed, members.target, own.target), sliced, flags)


def _rows(sheet: Sheet, kpi: str, *, prorated: bool) -> pd.DataFrame:
    """The plans of a KPI: whose, from when to when, how much in the organisation's currency; `since` and `until` are when the
    person was employed in that period.
    """
    snapshot = sheet.snapshot
    table = snapshot.dataset.tables["plans"]
    named = np.asarray(table["kpi"] == kpi) & snapshot.known_rows("plans")
    if not named.any():
        return pd.DataFrame()
    starts, ends = bounds(sheet, "plans")
    target = table["target"].to_numpy(dtype=np.float64)
    target = snapshot.converted(target, table["currency"]) if "currency" in table else target
    given = table["scope_id"] if "scope_id" in table else pd.Series(None, index=table.index, dtype="str")
    owner = given.where(table["scope"] != COMPANY, "").fillna("")
    frame = pd.DataFrame({"scope": table["scope"], "scope_id": owner, "start": starts, "end": ends, "target": target})
    frame = frame[named & ~np.isnan(target)].reset_index(drop=True)
    since, until = _employed(sheet, frame) if prorated else (frame["start"].to_numpy(), frame["end"].to_numpy())
    return frame.assign(since=since, until=until)


def _employed(sheet: Sheet, frame: pd.DataFrame) -> tuple[Micros, Micros]:
    """From when to when each plan's person was employed in its period; all of it for teams, and where nothing is known."""
    starts, ends = frame["start"].to_numpy(), frame["end"].to_numpy()
    if not sheet.has("users"):
        return starts, ends
    users = sheet.snapshot.frame("users")
    row = pd.Index(users["user_id"]).get_indexer(pd.Index(frame["scope_id"]))
    row = np.where(frame["scope"] == "user", row, -1)
    left = clock.or_never(clock.time_at(instants(users, "left_at"), row))
    since = clock.earlier(clock.later(starts, clock.time_at(instants(users, "hired_at"), row)), ends)
    return since, clock.later(clock.earlier(ends, left), since)


def _planned(sheet: Sheet, rows: pd.DataFrame, entity: Rows, n: int, *, additive: bool) -> _Planned:
    """For each window and entity the plans of the length that suits it best."""
    length = np.round(clock.days_between(rows["start"].to_numpy(), rows["end"].to_numpy()) / DAYS_PER_MONTH)
    rows = rows.assign(entity=entity)
    shape = (sheet.shape[0], n)
    best = np.full(shape, -np.inf)
    chosen = _Planned(np.full(shape, np.nan), np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool))
    for each in np.unique(length):
        covered, cut, total = _of_length(sheet, rows[length == each], n, additive=additive)
        suits = np.where(covered > 0, np.round(covered, 6) * 2 - cut, -np.inf)
        better = (suits >= best) & (covered > 0)
        best = np.where(better, suits, best)
        found = _Planned(total, cut, np.asarray(covered < 1 - EXACT))
        chosen = chosen.replaced(better, found)
    return chosen


def _of_length(sheet: Sheet, rows: pd.DataFrame, n: int, *, additive: bool) -> tuple[Floats, Mask, Floats]:
    """(windows, entities) share of the window that is planned, whether a plan is cut, and the sum (or the mean by days)."""
    starts, ends, since, until, entity = (rows[name].to_numpy() for name in ("start", "end", "since", "until", "entity"))
    days, target = clock.days_between(starts, ends), rows["target"].to_numpy(dtype=np.float64)
    employed = clock.days_between(since, until) / np.maximum(days, EXACT)
    covered, cut, total = [], [], []
    for start, end in sheet.grid.limits:
        length = float(clock.days_between(start, end))
        share = clock.overlap(starts, ends, start, end)
        covered.append(np.bincount(entity, share * days, minlength=n) / length)
        cut.append(np.bincount(entity, (share > 0) & (share < 1), minlength=n) > 0)
        weight = employed * clock.overlap(since, until, start, end) if additive else share * days
        summed = np.bincount(entity, weight * target, minlength=n).astype(np.float64)
        total.append(summed if additive else summed / np.maximum(covered[-1] * length, EXACT))
    return np.stack(covered), np.stack(cut), np.stack(total)


def _own(sheet: Sheet, entities: pd.MultiIndex) -> Rows:
    """For each node the entity whose plan is its own, -1 for none."""
    scopes = {COMPANY: COMPANY, "team": "team", "manager": "team", "owner": "user"}
    asked = [(scopes.get(node.dimension, "none"), "none" if node.id is None else node.id) for node in sheet.grid.slicing.nodes]
    return np.asarray(entities.get_indexer(pd.MultiIndex.from_tuples(asked)), dtype=np.int64)


def _of_members(sheet: Sheet, planned: _Planned, entities: pd.MultiIndex, *, additive: bool) -> _Planned:
    """(windows, nodes) the sum of the plans of a node's people, NaN where none has one; a rate has no sum."""
    slicing, people = sheet.grid.slicing, np.flatnonzero(entities.get_level_values(0) == "user")
    sliced = slicing.dimension in (COMPANY, *PEOPLE)
    leaf = slicing.leaf(entities.get_level_values(1)[people]) if sliced else None
    plans = planned.take(people)
    there = ~np.isnan(plans.target)
    counted, total, cut = (
        np.nan_to_num(sheet.grid.at_moments(leaf, each.astype(np.float64)))
        for each in (there, np.where(there, plans.target, 0.0), plans.prorated & there)
    )
    partly = np.zeros(sheet.shape, dtype=bool)
    return _Planned(np.where((counted > 0) & additive, total, np.nan), np.asarray(cut > 0), partly)


def _is_person(sheet: Sheet) -> Mask:
    return np.array([node.dimension == "owner" for node in sheet.grid.slicing.nodes])[None, :]
