"""The files of one table: found, read, checked for the columns that a mapping insists on, and put through its row rules."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pandas as pd

from features.errors import MappingError
from features.sources import rules
from features.sources.columns import Sheet
from features.sources.files import Reader
from features.sources.loading import did_you_mean
from features.sources.mapping import SourceMapping, TableKeys
from features.tables import TABLES


@dataclass(frozen=True)
class Ruled:
    """One table's files after its row rules, and what these did.

    gone  the rows that the export marks as deleted, file by file
    """

    sheets: list[Sheet] = field(default_factory=list)
    gone: list[Sheet] = field(default_factory=list)
    read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    nulled: Counter[str] = field(default_factory=Counter)


def ruled(reader: Reader, name: str, mapping: SourceMapping) -> Ruled | None:
    """A table's files with its rules carried out; None where an optional table has none.

    Raises MappingError for a file or column that the export lacks and the mapping insists on.
    """
    keys = mapping.tables[name]
    sheets = read(reader, name, keys.file or (name,), keys)
    if not sheets and keys.optional:
        return None
    if mapping.unmapped == "list":
        _require(reader, name, keys, sheets)
    found = Ruled(read=sum(len(sheet.frame) for sheet in sheets))
    for sheet in sheets:
        there, gone, marked = rules.parted(name, keys, sheet, mapping.dialect)
        left, dropped, nulled = rules.apply(name, keys, there, mapping.dialect)
        found.sheets.append(left)
        found.gone.append(gone)
        found.dropped.update(marked)
        found.dropped.update(dropped)
        found.nulled.update(nulled)
    return found


def read(reader: Reader, name: str, wanted: Sequence[str], keys: TableKeys) -> list[Sheet]:
    """Those of the wanted files that are there. Raises MappingError where one is not and the table is not optional."""
    present = {stem.lower(): stem for stem in reader.names()}
    missing = [file for file in wanted if file.lower() not in present]
    if missing and not keys.optional:
        near = did_you_mean(missing[0], list(present.values()))
        raise MappingError(f"{reader.place} has no '{missing[0]}', which [tables.{name}] is read from{near}")
    there = [file for file in wanted if file.lower() in present]
    return [Sheet(file, _spelt(reader.read(present[file.lower()]), keys.used())) for file in there]


def _spelt(frame: pd.DataFrame, wanted: frozenset[str]) -> pd.DataFrame:
    """The frame with its columns spelt as the mapping spells them: tools disagree about upper and lower case."""
    present = set(map(str, frame.columns))
    spelling = {name.lower(): name for name in wanted if name not in present}
    return frame.rename(columns={name: spelling[name.lower()] for name in present - wanted if name.lower() in spelling})


def _require(reader: Reader, name: str, keys: TableKeys, sheets: list[Sheet]) -> None:
    """What the mapping insists on has to be in one of the table's files at least."""
    present = {column for sheet in sheets for column in map(str, sheet.frame.columns)}
    for column, foreign in _insisted(name, keys):
        if not any(set(alternative) <= present for alternative in foreign):
            wanted = next(one for one in foreign[0] if one not in present)
            place = " and ".join(sheet.file for sheet in sheets)
            near = did_you_mean(wanted, frozenset(present), cutoff=0.5)
            raise MappingError(
                f"{reader.place}: {place} has no column '{wanted}', which the mapping names for {name}.{column}{near}"
            )


def _insisted(name: str, keys: TableKeys) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """What has to be there: for whom, and the sets of foreign columns of which one must be complete."""
    required = set(TABLES[name].required)
    for column, specs in (keys.columns | {custom: spec.column for custom, spec in keys.custom.items()}).items():
        if specs and (column in required or not all(spec.optional for spec in specs)):
            yield column, [spec.foreign for spec in specs]
    for rule in (*keys.deleted, *keys.drop, *keys.null):
        if not rule.optional:
            yield f"rule '{rule.name}'", [rule.used]
