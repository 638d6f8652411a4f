"""The deals that signals are asked for, and what is known of their past: nothing of other deals is looked at.

Histories are sorted by deal, so the rows of the asked deals are found by where each deal begins, and cut to what was on record.
From there on deals are numbered by their place among those asked for.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features import clock
from features.clock import Floats, Mask, Micros
from features.flat import Texts, picked
from features.groups import Groups, gathered, rows_of
from features.history import Rows
from features.rates import Rates
from features.snapshot import Snapshot


@dataclass(frozen=True)
class Past:
    """What is known of one field of the asked deals: entries of its history, grouped by deal.

    time   when the value came to hold
    value  float64, or an index into `labels` where the field is text (-1: empty)
    first  whether this is the opening value and not a change
    """

    groups: Groups
    time: Micros
    value: Floats
    first: Mask
    labels: Texts | None

    @cached_property
    def codes(self) -> Rows:
        """The values of a text field as integers."""
        return self.value.astype(np.int64)

    @property
    def names(self) -> Texts:
        """The labels of a text field, and None for -1."""
        return np.array([*(() if self.labels is None else self.labels), None], dtype=object)

    @cached_property
    def known(self) -> Mask:
        """Which deals have any known value, an empty one included."""
        return self.groups.ends >= 0

    @cached_property
    def now(self) -> Floats:
        """The value that each deal has, NaN where nothing is known."""
        return np.append(self.value, np.nan)[self.groups.ends]

    @cached_property
    def code_now(self) -> Rows:
        """The label that each deal has, -1 where it has none or nothing is known."""
        return np.append(self.codes, -1)[self.groups.ends]

    @cached_property
    def since(self) -> Micros:
        """Since when each deal has its value."""
        return clock.time_at(self.time, self.groups.ends)

    @cached_property
    def opening(self) -> Floats:
        """The value with which the history of each deal begins, NaN where that is not known."""
        return np.append(self.value, np.nan)[self.groups.last(self.first)]

    @cached_property
    def n_changes(self) -> Floats:
        return self.groups.count(~self.first)

    @cached_property
    def changed(self) -> Micros:
        """When each deal's value last changed, `UNKNOWN` where it never did."""
        return clock.time_at(self.time, self.groups.last(~self.first))

    def steps(self) -> tuple[Rows, Floats]:
        """The rows that are not their deal's first, and by how much each raised the value; NaN where that cannot be told."""
        after = np.flatnonzero(self.groups.continues)
        return after, self.value[after] - self.value[after - 1]


@dataclass(frozen=True)
class Asked:
    """Deals of a Snapshot, by their positions in its Dataset, in any order."""

    snapshot: Snapshot
    rows: Rows

    @property
    def at(self) -> int:
        """as_of in microseconds."""
        return self.snapshot.at

    @cached_property
    def created(self) -> Micros:
        return self.snapshot.dataset.deal_created[self.rows]

    @cached_property
    def _pasts(self) -> dict[str, Past]:
        return {}

    def past(self, field: str) -> Past:
        """The known history of a tracked field."""
        if field not in self._pasts:
            self._pasts[field] = self._past(field)
        return self._pasts[field]

    def forget(self, field: str) -> None:
        """Let go of a field's history, which no group asks for any more; what each deal has now stays known."""
        past = self._pasts.pop(field, None)
        if past is not None and past.labels is not None:
            self._codes.setdefault(field, (past.names, past.code_now))

    @cached_property
    def _codes(self) -> dict[str, tuple[Texts, Rows]]:
        return {}

    def coded(self, field: str) -> tuple[Texts, Rows]:
        """The labels of a text field with None at the end, and which of them each deal has; -1 where it has none."""
        if field not in self._codes:
            # Only the codes are kept: the pasts of a million deals take more memory than their signals.
            past = self._pasts.get(field) or self._past(field)
            self._codes[field] = past.names, past.code_now
        return self._codes[field]

    def texts(self, field: str) -> Texts:
        """A text field as known."""
        names, codes = self.coded(field)
        return picked(names[:-1], codes)

    def borrow(self, borrowed: Rates, field: str, column: str) -> Floats:
        """What the rate tables say of each deal's owner, product, …; see `Rates.of`."""
        names, codes = self.coded(field)
        return borrowed.of(field, names, column)[codes]

    def _past(self, field: str) -> Past:
        whole = self.snapshot.dataset.history(field)
        rows, position = rows_of(self.snapshot.dataset.starts(field), self.rows)
        keep = np.flatnonzero(clock.known(whole.known[rows], self.at))
        rows = rows[keep]
        groups = gathered(position[keep], len(self.rows))
        return Past(groups, whole.time[rows], whole.value[rows], whole.first[rows], whole.labels)
