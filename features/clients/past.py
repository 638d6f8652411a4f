"""One table's rows as known at as_of, client by client, and the kernels that count, add and average them.

A `Past` holds the rows in order of client and time. `where` and `within` narrow it, the other methods answer with one number for
each client asked for. A value that is missing (NaN) takes no part: a total of rows of which none has a value is unknown, one of
no rows at all is 0. Example, a client's orders at 100 and 300, seen through a window of 90 days that holds the second alone:

    past.total(amount)             400
    past.within(90).total(amount)  300
    past.gaps()                    NaN for the first order, the days between the two for the second
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from features import clock
from features.clock import Floats, Mask, Micros
from features.history import Rows, count_rows, first_row, last_row
from features.snapshot import Snapshot

NONE = -1


class Log(Protocol):
    """Rows of one table, `client` ascending, `time` ascending within a client; `known` is when each came on record."""

    @property
    def client(self) -> Rows: ...
    @property
    def time(self) -> Micros: ...
    @property
    def known(self) -> Micros: ...


@dataclass(frozen=True)
class Past:
    """Rows of a log that count at the snapshot's as_of, and the clients that are asked about.

    table  whose first record decides how far back a window may reach
    kept   which rows of the log count
    asked  rows of `Dataset.client_ids`; every answer has one entry for each
    """

    snapshot: Snapshot
    table: str
    client: Rows
    time: Micros
    kept: Mask
    asked: Rows

    @classmethod
    def of(cls, snapshot: Snapshot, table: str, log: Log, asked: Rows) -> "Past":
        """All rows of a log that were on record."""
        return cls(snapshot, table, log.client, log.time, clock.known(log.known, snapshot.at), asked)

    @property
    def n_clients(self) -> int:
        return len(self.snapshot.dataset.client_ids)

    def where(self, mask: Mask) -> "Past":
        """Those of the rows for which the mask holds."""
        return replace(self, kept=self.kept & mask)

    def within(self, days: float, skip: float = 0.0) -> "Past":
        """The rows of `[as_of - skip - days, as_of - skip)`."""
        end = clock.after_days(self.snapshot.at, -skip)
        return self.where(clock.within(self.time, clock.after_days(end, -days), end))

    def whole(self, days: float) -> float:
        """1, or NaN where a window of the last days reaches back before the table's first record."""
        return self.snapshot.whole_window(self.table, days)

    def count(self) -> Floats:
        return count_rows(self.client, self.kept, self.n_clients)[self.asked]

    def counted(self, days: float) -> Floats:
        """How many rows in the last days, NaN where the table does not cover them."""
        return self.within(days).count() * self.whole(days)

    def total(self, values: Floats) -> Floats:
        """The sum of the values that there are; NaN for a client whose rows have none."""
        valued = self._valued(values)
        return np.where((self.count() > 0) & (valued.count() == 0), np.nan, valued._sums(values)[self.asked])

    def mean(self, values: Floats) -> Floats:
        return self._valued(values)._means(values)[self.asked]

    def deviation(self, values: Floats) -> Floats:
        """The standard deviation of a sample; NaN below two values."""
        valued = self._valued(values)
        squares = valued._sums((values - valued._means(values)[self.client]) ** 2)[self.asked]
        n = valued.count()
        return np.sqrt(np.where(n > 1, squares / np.maximum(n - 1, 1), np.nan))

    def median(self, values: Floats) -> Floats:
        """The middle value, or the mean of the two in the middle."""
        rows = np.flatnonzero(self._valued(values).kept)
        rows = rows[np.lexsort((values[rows], self.client[rows]))]
        n = np.bincount(self.client[rows], minlength=self.n_clients)[self.asked]
        begin = np.searchsorted(self.client[rows], self.asked)
        ordered = np.append(values[rows], np.nan)
        low, high = (np.where(n > 0, begin + half, len(rows)) for half in ((n - 1) // 2, n // 2))
        return np.asarray((ordered[low] + ordered[high]) / 2)

    def largest(self, values: Floats) -> Floats:
        """The largest value; NaN where there is none, and where it is infinite."""
        kept = self._valued(values).kept
        found = np.full(self.n_clients, -np.inf)
        np.maximum.at(found, self.client[kept], values[kept])
        return np.where(np.isinf(found), np.nan, found)[self.asked]

    def distinct(self, members: Rows) -> Floats:
        """How many different members (-1: none) the rows have; NaN for a client whose rows have none."""
        rows = np.flatnonzero(self.kept & (members >= 0))
        pairs = np.unique(self.client[rows] * (int(members.max(initial=0)) + 1) + members[rows], return_index=True)[1]
        found = np.bincount(self.client[rows[pairs]], minlength=self.n_clients)[self.asked].astype(np.float64)
        return np.where((self.count() > 0) & (found == 0), np.nan, found)

    def last(self) -> Rows:
        """Each client's last row, -1 where it has none."""
        return last_row(self.client, self.kept, self.n_clients)[self.asked]

    def before(self) -> Rows:
        """For each row of the log the row of the same client before it among those that count, -1 where there is none."""
        rows = np.flatnonzero(self.kept)
        found = np.full(len(self.client), NONE, dtype=np.int64)
        found[rows[1:]] = np.where(self.client[rows[1:]] == self.client[rows[:-1]], rows[:-1], NONE)
        return found

    def gaps(self) -> Floats:
        """For each row of the log the days since the row before it."""
        return clock.days_between(clock.time_at(self.time, self.before()), self.time)

    def days_since_last(self) -> Floats:
        return clock.days_between(clock.time_at(self.time, self.last()), self.snapshot.at)

    def days_since_first(self) -> Floats:
        first = first_row(self.client, self.kept, self.n_clients)[self.asked]
        return clock.days_between(clock.time_at(self.time, first), self.snapshot.at)

    def trend(self, days: float) -> Floats:
        """How many rows the last days have against as many days before them; see `change`."""
        return change(self.within(days).count(), self.within(days, skip=days).count()) * self.whole(2 * days)

    def _valued(self, values: Floats) -> "Past":
        return self.where(~np.isnan(values))

    def _sums(self, values: Floats) -> Floats:
        return np.bincount(self.client[self.kept], weights=values[self.kept], minlength=self.n_clients).astype(np.float64)

    def _means(self, values: Floats) -> Floats:
        n = count_rows(self.client, self.kept, self.n_clients)
        return np.where(n > 0, self._sums(values) / np.maximum(n, 1), np.nan)


def change(now: Floats, then: Floats) -> Floats:
    """(now - then) / (now + then): 1 where all is new, 0 where nothing changed, -1 where nothing is left.

    NaN where both are 0, or where one is negative.
    """
    return ratio(np.where((now < 0) | (then < 0), np.nan, now - then), now + then)


def ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole; NaN unless the whole is positive."""
    return part / np.where(whole > 0, whole, np.nan)


def at_rows(values: Floats, rows: Rows) -> Floats:
    """values[row] for each row, NaN where the row is -1."""
    return np.append(values, np.nan)[rows]
