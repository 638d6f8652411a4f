"""The tables of a store, made where there are none, and those of an older version brought up to date.

`FORMAT` counts the forms that the tables have had. A step takes a store from one form to the next, inside the transaction that
opens it: all or nothing, and nothing that was stored is lost. Who only reads and writes tables needs no more than that, so the
steps stand here and not in the service's own revisions, which belong to a package that this one must not know.

A store of a newer form is refused: an older version would not know what to do with what it holds.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import sqlalchemy as sa

from features.errors import NotReadyError
from features.sqltables import sql_tables
from features.store_state import FORMAT, STATE, fresh_state
from features.superseded import SUPERSEDED
from features.tombstones import TOMBSTONES
from features.touches import TOUCHED

_LOCK: Final = 0x0DEA1CA6
"""The advisory lock that is held while tables are made or changed in a PostgreSQL database."""


def is_current(connection: sa.Connection) -> bool:
    """Whether there is a store, in the form of this version."""
    return sa.inspect(connection).has_table(STATE.name) and connection.scalar(sa.select(STATE.c.format)) == FORMAT


def bring_up_to_date(connection: sa.Connection) -> None:
    """Make the tables, or change those of an older form. Raises NotReadyError for a form that this version cannot read."""
    _be_alone(connection)
    STATE.create(connection, checkfirst=True)
    form = connection.scalar(sa.select(STATE.c.format))
    if form is None:
        for table in (*sql_tables().values(), TOUCHED, TOMBSTONES, SUPERSEDED):
            table.create(connection, checkfirst=True)
        connection.execute(sa.insert(STATE).values(fresh_state()))
        return
    for step in _steps(int(form)):
        step(connection)
    connection.execute(sa.update(STATE).values(format=FORMAT))


def _steps(form: int) -> Iterator[Callable[[sa.Connection], None]]:
    if form not in (*_STEPS, FORMAT):
        raise NotReadyError(f"the store has format {form}, this version reads {min(_STEPS)} to {FORMAT}; ingest into a new one")
    return (_STEPS[each] for each in range(form, FORMAT))


def _from_2(connection: sa.Connection) -> None:
    """Rows are found by their account and deal; what a revision touched, and what was deleted, is noted."""
    for table in sql_tables().values():
        table.create(connection, checkfirst=True)
        there = {index["name"] for index in sa.inspect(connection).get_indexes(table.name)}
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if index.name not in there:
                index.create(connection)
    for table in (TOUCHED, TOMBSTONES):
        table.create(connection, checkfirst=True)


def _from_3(connection: sa.Connection) -> None:
    """Rows that are changed are kept as they were. What was changed before is not known any more."""
    SUPERSEDED.create(connection, checkfirst=True)


_STEPS: Final[Mapping[int, Callable[[sa.Connection], None]]] = {2: _from_2, 3: _from_3}


def _be_alone(connection: sa.Connection) -> None:
    """Of several processes that open an old store at once, one changes it while the others wait."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        return
    connection.exec_driver_sql("COMMIT")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
