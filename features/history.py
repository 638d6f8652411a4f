"""A deal's past as flat arrays: for each tracked field its values in time, and for each deal its closes and re-openings.

Rows are sorted by deal, then by when the change happened; the arrays are built once per Dataset and read by every Snapshot.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import clock
from features.clock import Floats, Mask, Micros

Rows: TypeAlias = npt.NDArray[np.int64]
Codes: TypeAlias = npt.NDArray[np.int32]

OPEN: Final = 0
WON: Final = 1
LOST: Final = 2
OUTCOMES: Final = {"won": WON, "lost": LOST}


@dataclass(frozen=True)
class FieldHistory:
    """Every value that one field of each deal ever had.

    deal   row of the deal, ascending
    time   when the value came to hold; ascending within a deal
    known  when that was recorded: never earlier than `time`
    value  float64, or an index into `labels` where the field is text (-1: empty)
    first  whether this is the opening value and not a change
    """

    deal: Rows
    time: Micros
    known: Micros
    value: Floats
    first: Mask
    labels: npt.NDArray[np.object_] | None


@dataclass(frozen=True)
class Transitions:
    """Every change of stage with what it left a deal in: WON, LOST or OPEN; sorted by deal and time."""

    deal: Rows
    time: Micros
    known: Micros
    state: Codes

    def begins_run(self, keep: Mask) -> Mask:
        """Which kept rows leave their deal in another state than the kept row before: the moments of closing and re-opening."""
        rows = np.flatnonzero(keep)
        begins = np.zeros(len(self.deal), dtype=bool)
        before, after = rows[:-1], rows[1:]
        begins[rows[:1]] = True
        begins[after] = (self.deal[before] != self.deal[after]) | (self.state[before] != self.state[after])
        return begins


def last_row(group: Rows, keep: Mask, n_groups: int) -> Rows:
    """For each group the last row that is kept, -1 where none is. `group` is ascending."""
    last = np.full(n_groups, -1, dtype=np.int64)
    rows = np.flatnonzero(keep)
    last[group[rows]] = rows
    return last


def first_row(group: Rows, keep: Mask, n_groups: int) -> Rows:
    """For each group the first row that is kept, -1 where none is."""
    first = np.full(n_groups, -1, dtype=np.int64)
    rows = np.flatnonzero(keep)[::-1]
    first[group[rows]] = rows
    return first


def count_rows(group: Rows, keep: Mask, n_groups: int) -> Floats:
    """For each group how many of its rows are kept. Rows with group -1 belong to none."""
    rows = group[keep]
    return np.bincount(rows[rows >= 0], minlength=n_groups).astype(np.float64)


def add_up(group: Rows, values: Floats, keep: Mask, n_groups: int) -> Floats:
    """For each group the sum of its kept values, NaN where it has kept rows and none of them a value; 0 where it has no rows."""
    there = keep & ~np.isnan(values)
    total = np.bincount(group[there], weights=values[there], minlength=n_groups).astype(np.float64)
    nothing = (count_rows(group, keep, n_groups) > 0) & (count_rows(group, there, n_groups) == 0)
    return np.where(nothing, np.nan, total)


def first_alike(group: Rows, member: Rows | Codes) -> Rows:
    """For each row the first row of its group that has the same member, -1 where it has none (-1). `group` is ascending."""
    rows = np.flatnonzero(member >= 0)
    pair = group[rows] * (int(member.max(initial=0)) + 1) + member[rows]
    order = np.argsort(pair, kind="stable")
    differs = np.append(True, pair[order[1:]] != pair[order[:-1]])[: len(rows)]
    first = np.full(len(group), -1, dtype=np.int64)
    first[rows[order]] = rows[order[differs]][np.cumsum(differs) - 1]
    return first


def consecutive(group: Rows, keep: Mask) -> tuple[Rows, Rows]:
    """Each kept row with the kept row that follows it in its group. `group` is ascending."""
    rows = np.flatnonzero(keep)
    same = group[rows[:-1]] == group[rows[1:]]
    return rows[:-1][same], rows[1:][same]


def held_days(past: FieldHistory, keep: Mask, ends: Micros, since: int = clock.ALWAYS) -> Floats:
    """For each row how many days after `since` its value held, by the kept rows alone; never negative.

    A value holds until the next kept row of its deal begins, the last one until the deal's own end.
    """
    until = ends[past.deal]
    before, after = consecutive(past.deal, keep)
    until[before] = past.time[after]
    begun = clock.later(past.time, clock.repeated(since, len(past.time)))
    return np.maximum(clock.days_between(begun, until), 0)


def value_at(past: FieldHistory, deal: Rows, moments: Micros) -> Floats:
    """A numeric field of each given deal as known strictly before that deal's own moment, NaN where nothing was."""
    asked = pd.DataFrame({"deal": deal, "known": moments, "row": np.arange(len(deal))}).sort_values("known", kind="stable")
    held = pd.DataFrame({"deal": past.deal, "known": past.known, "last": np.arange(len(past.deal))})
    held = held.sort_values("known", kind="stable")
    # A value entered late does not replace one that came to hold after it.
    held["last"] = held.groupby("deal")["last"].cummax()
    last = pd.merge_asof(asked, held, on="known", by="deal", allow_exact_matches=False).sort_values("row")["last"]
    return np.where(last.notna(), np.append(past.value, np.nan)[last.fillna(-1).astype(np.int64)], np.nan)


@dataclass(frozen=True)
class Changed:
    """Changes of one field in any order: row of the deal, when, when known, and both values, coded as in FieldHistory."""

    deal: Rows
    time: Micros
    known: Micros
    old: Floats
    new: Floats


def field_history(openings: pd.DataFrame, changes: pd.DataFrame, *, textual: bool) -> FieldHistory:
    """Put one field's opening values and changes into one sorted history.

    `openings` has a row for each deal (columns `value`, `since` in microseconds); `changes` has the columns `deal` (row), `time`,
    `known`, `old_value` and `new_value`, already of the field's type. A value that holds since an unknown time is left out.
    """
    values = pd.concat([openings["value"], changes["old_value"], changes["new_value"]], ignore_index=True)
    coded, labels = _coded(values) if textual else (values.to_numpy(dtype=np.float64), None)
    opening, old, new = np.split(coded, [len(openings), len(openings) + len(changes)])
    deal, time, known = (changes[name].to_numpy(dtype=np.int64) for name in ("deal", "time", "known"))
    return sorted_history(opening, openings["since"].to_numpy(dtype=np.int64), Changed(deal, time, known, old, new), labels)


def sorted_history(opening: Floats, since: Micros, changes: Changed, labels: npt.NDArray[np.object_] | None) -> FieldHistory:
    """The opening value of each deal since its time, then its changes; values are numbers or places in `labels`."""
    begun = since != clock.UNKNOWN
    if not len(changes.deal):
        held = since[begun]
        return FieldHistory(np.flatnonzero(begun), held, held, opening[begun], np.ones(len(held), dtype=bool), labels)
    rows = _in_order(changes, opening, labels)
    deal = np.concatenate([np.flatnonzero(begun), changes.deal[rows]])
    time = np.concatenate([since[begun], changes.time[rows]])
    known = np.concatenate([since[begun], changes.known[rows]])
    first = np.concatenate([np.ones(begun.sum(), dtype=bool), np.zeros(len(rows), dtype=bool)])
    values = np.concatenate([opening[begun], changes.new[rows]])
    # A stable sort: the opening stands first in its deal, even when the deal was entered late and its history begins earlier;
    # changes keep the order found for equal instants.
    order = np.lexsort((np.where(first, clock.UNKNOWN, time), deal))
    ordered = time[order]
    recorded = ordered if np.array_equal(known, time) else known[order]
    return FieldHistory(deal[order], ordered, recorded, values[order], first[order], labels)


def transitions(stages: FieldHistory, kinds: dict[str, int], closed_at: Micros, outcome: Rows, on_record: Micros) -> Transitions:
    """The stage history as states, completed by the outcome columns of deals whose history shows no close.

    `kinds` maps a stage to OPEN, WON or LOST; `closed_at`, `outcome` (OPEN: none) and `on_record` hold an entry for each deal:
    a close that no change tells is known no earlier than the deal. All changes are kept, whether or not they change the state:
    which of them were known, each Snapshot decides for itself.
    """
    labels = stages.labels if stages.labels is not None else np.array([], dtype=object)
    kind_of = np.array([*(kinds.get(label, OPEN) for label in labels), OPEN], dtype=np.int32)
    changed = ~stages.first
    state = kind_of[stages.value.astype(np.int64)][changed]
    final = np.full(len(outcome), OPEN, dtype=np.int32)
    final[stages.deal[changed]] = state
    unseen = np.flatnonzero((outcome != OPEN) & (final == OPEN))
    at = closed_at[unseen]
    deal = np.concatenate([stages.deal[changed], unseen])
    time = np.concatenate([stages.time[changed], at])
    known = np.concatenate([stages.known[changed], clock.later(at, on_record[unseen])])
    became = np.concatenate([state, outcome[unseen]]).astype(np.int32)
    order = np.lexsort((time, deal))
    return Transitions(deal[order], time[order], known[order], became[order])


def _coded(values: pd.Series) -> tuple[Floats, npt.NDArray[np.object_]]:
    codes, labels = pd.factorize(values, sort=True)
    return codes.astype(np.float64), np.asarray(labels, dtype=object)


def _in_order(changes: Changed, opening: Floats, labels: npt.NDArray[np.object_] | None) -> Rows:
    """Rows by deal and time. Changes in the same instant are chained: each starts from the value the one before it left."""
    rows = np.lexsort((changes.time, changes.deal))
    deal, time = changes.deal[rows], changes.time[rows]
    same = np.append((deal[1:] == deal[:-1]) & (time[1:] == time[:-1]), False)
    if not same.any():
        return rows
    for start in np.flatnonzero(same & ~np.append(False, same[:-1])):
        end = int(start + np.argmin(same[start:])) + 1
        earlier = start > 0 and deal[start - 1] == deal[start]
        held = changes.new[rows[start - 1]] if earlier else opening[deal[start]]
        rows[start:end] = _chain(as_written(rows[start:end], changes, labels), changes, float(held))
    return rows


def as_written(rows: Rows, changes: Changed, labels: npt.NDArray[np.object_] | None) -> list[int]:
    """Rows ordered by their old and new values, empty ones last: an order that does not depend on how they came in."""

    def written(value: Any) -> tuple[bool, Any]:
        empty = value < 0 if labels is not None else value != value
        return empty, "" if empty else value if labels is None else labels[int(value)]

    return sorted(map(int, rows), key=lambda row: (written(changes.old[row]), written(changes.new[row])))


def _chain(rows: list[int], changes: Changed, held: float) -> list[int]:
    """Changes in one instant in an order in which each starts from what the one before it left, beginning from `held`.

    Values are nodes and changes edges of a graph; the order is an Euler path (Hierholzer 1873). Rows off the path come last.
    """
    links = {row: (node(changes.old[row]), node(changes.new[row])) for row in rows}
    leaving: dict[float | None, list[int]] = {}
    for row, (old, _) in links.items():
        leaving.setdefault(old, []).append(row)
    starts = [old for old, out in leaving.items() if len(out) > sum(new == old for _, new in links.values())]
    start = node(held) if node(held) in leaving else next(iter(starts), links[rows[0]][0])
    stack: list[tuple[float | None, int | None]] = [(start, None)]
    path: list[int] = []
    while stack:
        value, led_here = stack[-1]
        if leaving.get(value):
            following = leaving[value].pop(0)
            stack.append((links[following][1], following))
        else:
            stack.pop()
            path += [] if led_here is None else [led_here]
    return [*path[::-1], *(row for row in links if row not in path)]


def node(value: float) -> float | None:
    """A value that equals itself: an empty number is None."""
    return None if value != value else float(value)
