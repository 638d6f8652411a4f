"""What was otherwise as of an instant: deleted since, not deleted yet, or changed since; and whose rows that are.

It is all that has to be read to turn the data of now into that of a past date (`Store.rewound`), where loading everything takes a
thousand times as long. Example: of 100,000 deals three were deleted since 1 May; as of 1 May the rows of their accounts are read,
forty or so, and put in their places.
"""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from features import deletions, sqltables, superseded, tombstones
from features.store_state import StoreState
from features.superseded import SUPERSEDED, Marks, Rows
from features.tombstones import Deleted
from features.touches import Touched


def otherwise(connection: sa.Connection, state: StoreState, marks: Marks, at: int) -> tuple[Touched, Deleted, Rows]:
    """The accounts and deals whose rows are otherwise, what was deleted, and the rows that stood as they no longer do."""
    keys = {name: found for name, found in marks.keys_at(at).items() if name in state.columns}
    asked = sorted({key for found in keys.values() for key in found})
    columns = [column.name for column in SUPERSEDED.columns]
    then = superseded.as_of(sqltables.read_of(connection, SUPERSEDED, columns, "record_key", asked), at)
    return _of_keys(connection, state, keys) | then.touched, tombstones.as_of(tombstones.read(connection), at), then


def _of_keys(connection: sa.Connection, state: StoreState, keys: Mapping[str, Sequence[str]]) -> Touched:
    """What the stored rows with these keys touch as they are now."""
    found = Touched()
    for name, each in keys.items():
        found |= Touched.of_rows(name, deletions.stored_rows(connection, state, name, each))
    return found
