"""Activities as flat arrays, sorted by deal, then by when they happened; built once, read by every Snapshot."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from features.clock import Mask, Micros
from features.flat import Texts
from features.history import Codes, Rows, first_alike
from features.sheet import Sheet
from features.tables import TABLES

KINDS: Final = TABLES["activities"].column("kind").values
_KINDS: Final = {kind: place for place, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class ActivityLog:
    """One entry an activity.

    deal      row of its deal, ascending; -1 where it belongs to none
    time      when it was logged
    known     when that came on record: never earlier than `time`
    due       when it is to be done, `UNKNOWN` where that is not said
    done      when it was completed, `UNKNOWN` where it never was
    user      number of the person, -1 where there is none
    contact   number of the client's person, -1 where there is none
    kind      index into KINDS
    inbound   whether it came from the client
    outbound  whether it went to the client
    columns   those of READ that the source has: what it has no column for is unknown, and not none
    """

    deal: Rows
    time: Micros
    known: Micros
    due: Micros
    done: Micros
    user: Codes
    contact: Codes
    kind: Codes
    inbound: Mask
    outbound: Mask
    columns: frozenset[str]

    @cached_property
    def by_user(self) -> Codes:
        """For each row the first row of its deal with the same person, -1 where it has none: equal numbers, one person."""
        return first_alike(self.deal, self.user).astype(np.int32)

    @cached_property
    def by_contact(self) -> Codes:
        """As `by_user`, for the client's people."""
        return first_alike(self.deal, self.contact).astype(np.int32)


READ: Final = frozenset({"logged_at", "due_at", "done_at", "user_id", "contact_id", "kind", "direction"})
"""The columns that are compiled, beside those that say whose an activity is: ids of a million rows are not read for nothing."""


def activity_log(sheet: Sheet, deal: Rows, known: Micros) -> ActivityLog:
    """Compile the activities table; `deal` and `known` are given for each of its rows."""
    time = sheet.times("logged_at")
    order = np.lexsort((known, time, deal))
    kind, kinds = sheet.codes("kind")
    direction, directions = sheet.codes("direction")
    ordered = time[order]
    return ActivityLog(
        deal=deal[order],
        time=ordered,
        known=ordered if np.array_equal(known, time) else known[order],
        due=sheet.times("due_at")[order],
        done=sheet.times("done_at")[order],
        user=_numbers(*sheet.codes("user_id"))[order],
        contact=_numbers(*sheet.codes("contact_id"))[order],
        kind=np.array([*(_KINDS.get(each, -1) for each in kinds), -1], dtype=np.int32)[kind][order],
        inbound=np.append(directions == "in", False)[direction][order],
        outbound=np.append(directions == "out", False)[direction][order],
        columns=frozenset(sheet.columns),
    )


def _numbers(codes: Rows, names: Texts) -> Codes:
    """The place of each entry's name among all of them in their order, -1 where it has none."""
    place = np.empty(len(names) + 1, dtype=np.int32)
    place[np.argsort(names)] = np.arange(len(names), dtype=np.int32)
    place[-1] = -1
    return place[codes]
