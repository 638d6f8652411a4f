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
from serving.journal_rows import Kind

PAGE_ROWS: Final = 5000
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """Which rows of the scores.

    kinds   none: all of them
    since   issued at that moment or later
    owners  whose records; None: everyone's
    """

    kinds: Sequence[Kind] = ()
    since: pd.Timestamp | None = None
    target: str | None = None
    owners: frozenset[str] | None = None

    def conditions(self) -> Iterator["sa.ColumnElement[bool]"]:
        """As SQL."""
        own = SCORES.c
        if self.kinds:
            yield own.kind.in_(self.kinds)
        if self.since is not None:
            yield own.issued_at >= clock.micros(self.since)
        if self.target is not None:
            yield own.target == self.target
        if self.owners is not None:
            yield own.owner_id.in_(sorted(self.owners))


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


def pages(database: Database, wanted: Wanted, after: int = 0, size: int = PAGE_ROWS) -> Iterator[Sequence[Row]]:
    """All scores that are wanted, in the order in which they were written, a page at a time; each page is a query of its own."""
    while True:
        conditions = [SCORES.c.entry > after, *wanted.conditions()]
        query = sa.select(SCORES).where(*conditions).order_by(SCORES.c.entry).limit(size)
        with database.transaction() as connection:
            found = [row._asdict() for row in connection.execute(query)]
        if found:
            yield found
            after = found[-1]["entry"]
        if len(found) < size:
            return


def forecasts(database: Database, since: pd.Timestamp | None = None) -> Sequence[Row]:
    """The forecasts that were issued, in the order in which they were."""
    query = sa.select(FORECASTS).order_by(FORECASTS.c.entry)
    if since is not None:
        query = query.where(FORECASTS.c.issued_at >= clock.micros(since))
    with database.transaction() as connection:
        return [row._asdict() for row in connection.execute(query)]
