"""Reading the journal: one record's history, and everything page by page.

Rows come out as plain values, with instants as timestamps and the JSON of `answer` as it was stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import sqlalchemy as sa

from features import clock
from serving.database import FORECASTS, SCORES, Database
from serving.journal.rows import Kind

PAGE_ROWS: Final = 5000
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """Which rows of the journal.

    kinds      of the scores; none: all of them
    target     deals or clients; None: both
    since      issued at that moment or later
    owners     whose records; None: everyone's. Forecasts are of whole teams, so there are none for who may not see everyone's
    forecasts  those instead of the scores
    """

    kinds: Sequence[Kind] = ()
    target: str | None = None
    since: pd.Timestamp | None = None
    owners: frozenset[str] | None = None
    forecasts: bool = False

    @property
    def table(self) -> sa.Table:
        return FORECASTS if self.forecasts else SCORES

    def conditions(self) -> Iterator["sa.ColumnElement[bool]"]:
        """As SQL."""
        if self.since is not None:
            yield self.table.c.issued_at >= clock.micros(self.since)
        if self.forecasts:
            yield sa.literal(self.owners is None)
            return
        if self.kinds:
            yield SCORES.c.kind.in_(self.kinds)
        if self.target is not None:
            yield SCORES.c.target == self.target
        if self.owners is not None:
            yield SCORES.c.owner_id.in_(sorted(self.owners))


def history(
    database: Database, target: str, record_id: str, kinds: Sequence[Kind], limit: int, before: tuple[int, int] | None = None
) -> Sequence[Row]:
    """The rows of one record, the newest as_of first: those after the place `before` (as_of and entry of the last row read)."""
    own = SCORES.c
    wanted = [own.target == target, own.record_id == record_id, own.kind.in_(kinds)]
    if before is not None:
        wanted.append(sa.tuple_(own.as_of, own.entry) < sa.tuple_(*(sa.literal(part) for part in before)))
    query = sa.select(SCORES).where(*wanted).order_by(own.as_of.desc(), own.entry.desc()).limit(limit)
    with database.transaction() as connection:
        return [row._asdict() for row in connection.execute(query)]


def last_owner(database: Database, target: str, record_id: str) -> str | None:
    """Who owned a record when it was last recorded; None where nobody did, or it never was."""
    own = SCORES.c
    query = sa.select(own.owner_id).where(own.target == target, own.record_id == record_id)
    with database.transaction() as connection:
        found: str | None = connection.scalar(query.order_by(own.as_of.desc(), own.entry.desc()).limit(1))
    return found


def pages(
    database: Database, wanted: Wanted, after: int = 0, most: int | None = None, size: int = PAGE_ROWS
) -> Iterator[Sequence[Row]]:
    """What is wanted, in the order in which it was written and behind the entry `after`; each page is a query of its own."""
    entry, left = wanted.table.c.entry, most
    while left is None or left > 0:
        limit = size if left is None else min(size, left)
        query = sa.select(wanted.table).where(entry > after, *wanted.conditions()).order_by(entry).limit(limit)
        with database.transaction() as connection:
            found = [row._asdict() for row in connection.execute(query)]
        if found:
            yield found
            after = found[-1]["entry"]
        if len(found) < limit:
            return
        left = None if left is None else left - len(found)
