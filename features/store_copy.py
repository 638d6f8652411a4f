"""A Parquet copy of one revision of the store: it loads several times as fast as SQL, and serves while the database is down.

    cache/store/6f1c…-12/
      deals.parquet …     the tables as they are stored
      copy.json           what is known of them beside their rows, whose they are, and the SHA-256 of each file; written last

A copy appears whole or not at all, under a name that says which store and which revision it is of, and the ones before it go when
it is there. A file that is not as it was written makes the copy worthless, and it is treated as absent: the store is read again.
Where no copy can be written, on a full disk say, there is none; the one before it stays.
"""

import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import sqlalchemy as sa

from features import clock, sqltables, superseded, tombstones
from features.dataset import Dataset
from features.sqltables import OPENINGS
from features.store_state import FORMAT, StoreState, state_of
from features.superseded import SUPERSEDED, Marks
from features.tombstones import TOMBSTONES

FACTS: Final = "copy.json"

log = logging.getLogger("dealcast")


def load_copy(folder: Path, state: StoreState) -> dict[str, pa.Table] | None:
    """The tables of this revision, None where there is no good copy of it."""
    return _tables(_place(folder, state.store_id, state.revision))


def save_copy(folder: Path, url: str, state: StoreState, tables: Mapping[str, pa.Table]) -> None:
    """Copy the tables of this revision, and remove those of others of this store; a warning where that cannot be done."""
    place = _place(folder, state.store_id, state.revision)
    unfinished = place.with_name(f"{place.name}.{uuid.uuid4().hex}")
    try:
        _write(unfinished, url, state, tables)
        _put(unfinished, place)
    except OSError as error:
        log.warning("no copy of the store could be written to %s: %s", folder, error.strerror or error)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def newest_revision(folder: Path, url: str) -> int | None:
    """The revision of the newest copy of the store at this URL; None where there is none."""
    found = _newest(folder, url)
    return None if found is None else int(found[1]["revision"])


def newest(folder: Path, url: str, at: pd.Timestamp | None = None) -> Dataset | None:
    """What the store at this URL held when it was last copied, as it was known at an instant, None: now.

    None where there is no good copy.
    """
    found = _newest(folder, url)
    tables = None if found is None else _tables(found[0])
    if found is None or tables is None:
        return None
    facts = found[1]
    return dataset_of(state_of(facts["store_id"], facts["revision"], facts["facts"]), tables, at)


def epoch(folder: Path, url: str, at: pd.Timestamp) -> int | None:
    """As `Marks.epoch`, of the newest copy; None where there is none."""
    found = _newest(folder, url)
    tables = None if found is None else _tables(found[0], (TOMBSTONES.name, SUPERSEDED.name))
    return None if tables is None else Marks.of(tables[TOMBSTONES.name], tables[SUPERSEDED.name]).epoch(clock.micros(at))


def dataset_of(
    state: StoreState, stored: Mapping[str, pa.Table], at: pd.Timestamp | None = None, *, undeleted: str = ""
) -> Dataset:
    """Tables as they are stored, as a dataset of the rows that were there at an instant, each as it stood then; None: now.

    Of the table `undeleted` all rows are there that were stored ever.
    """
    moment = None if at is None else clock.micros(at)
    deleted, rows = tombstones.as_of(stored[TOMBSTONES.name], moment), superseded.as_of(stored[SUPERSEDED.name], moment)
    then = {name: rows.applied(name, stored[name]) for name in state.columns}
    tables = deleted.but_for(undeleted).applied(
        {name: sqltables.decode(name, then[name], state.custom) for name in state.columns}
    )
    return Dataset.of(
        tables,
        state.organisation,
        static=state.static,
        tracked_since=state.tracked(tables),
        extracted_at=state.extracted_at,
        openings=sqltables.decode_openings(stored[OPENINGS], state.custom),
        begins=state.begins(tables),
        custom=state.custom,
    )


def origin(url: str) -> str:
    """The URL of a store without its password and however its driver is named."""
    parsed = sa.make_url(url)
    return parsed.set(drivername=parsed.get_backend_name()).render_as_string(hide_password=True)


def facts_of(place: Path) -> dict[str, Any] | None:
    """What a copy says of itself; None where it cannot be read, or is not as it was written."""
    try:
        stored = json.loads((place / FACTS).read_text(encoding="utf-8"))
        facts: dict[str, Any] = stored["facts"]
        return facts if stored["sha256"] == _sha256(facts) and facts["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _place(folder: Path, store_id: str, revision: int) -> Path:
    return folder / f"{store_id}-{revision}"


def _write(place: Path, url: str, state: StoreState, tables: Mapping[str, pa.Table]) -> None:
    place.mkdir(parents=True)
    for name, table in tables.items():
        pyarrow.parquet.write_table(table, place / f"{name}.parquet")
    files = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(place.glob("*.parquet"))}
    known = {"store_id": state.store_id, "revision": state.revision, "facts": state.facts()}
    _write_facts(place, {"format": FORMAT, "origin": origin(url), **known, "files": files})


def _write_facts(place: Path, facts: Mapping[str, Any]) -> None:
    with (place / FACTS).open("w", encoding="utf-8") as file:
        json.dump({"sha256": _sha256(facts), "facts": facts}, file)
        file.flush()
        os.fsync(file.fileno())


def _sha256(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _put(unfinished: Path, place: Path) -> None:
    """Give the copy its name; another process may have been quicker, or have left a damaged one."""
    if _tables(place) is None:
        shutil.rmtree(place, ignore_errors=True)
        unfinished.rename(place)
    for other in place.parent.glob(f"{place.name.rsplit('-', 1)[0]}-*"):
        if other != place:
            shutil.rmtree(other, ignore_errors=True)


def _newest(folder: Path, url: str) -> tuple[Path, dict[str, Any]] | None:
    """The copy of this store that was made last, and its facts."""
    for place in sorted(folder.glob("*-*"), key=_made_at, reverse=True):
        facts = facts_of(place)
        if facts is not None and facts["origin"] == origin(url) and "." not in place.name:
            return place, facts
    return None


def _made_at(place: Path) -> int:
    try:
        return place.stat().st_mtime_ns
    except OSError:
        return 0


def _tables(place: Path, only: Collection[str] | None = None) -> dict[str, pa.Table] | None:
    """The tables of a copy, or some of them, if each file is as it was written."""
    facts = facts_of(place)
    if facts is None:
        return None
    files = [name for name in facts["files"] if only is None or Path(name).stem in only]
    try:
        contents = {name: (place / name).read_bytes() for name in files}
    except OSError:
        return None
    if any(hashlib.sha256(content).hexdigest() != facts["files"][name] for name, content in contents.items()):
        log.warning("the copy of the store at %s is damaged; the store is read instead", place)
        return None
    return {Path(name).stem: pyarrow.parquet.read_table(pa.BufferReader(content)) for name, content in contents.items()}
