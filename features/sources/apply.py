"""A mapping applied to an export: files in, validated tables and a report out.

For each table: its files are read, declared rules drop and empty, columns are looked up, the files are put below one another,
text becomes values, lines are aggregated, and the contract is checked. The deals' history is translated, and where the mapping
says so, the close of each deal is taken from it. The first broken rule stops everything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from features import contracts
from features.errors import MappingError
from features.sources import changes, closing, rules
from features.sources.columns import Reading, column_of, mapped
from features.sources.files import Reader
from features.sources.mapping import Aggregate, SourceMapping, Spec, TableKeys
from features.sources.oddities import oddities
from features.sources.ordering import placed
from features.sources.result import IngestReport, SourceData, TableReport
from features.sources.sheets import Ruled, read, ruled
from features.tables import EXPORT, TABLES, Kind

REFERENCES = {"deal_id": "deals", "account_id": "accounts"}


@dataclass
class _Notes:
    """What the report will say besides the rows of each file."""

    untracked: dict[str, int] = field(default_factory=dict)
    aggregated: dict[str, int] = field(default_factory=dict)
    superseded: dict[str, int] = field(default_factory=dict)
    states: dict[str, TableReport] = field(default_factory=dict)


def apply(reader: Reader, mapping: SourceMapping) -> SourceData:
    """Read an export as a mapping says.

    Raises DataError where the data breaks a contract, MappingError where the mapping names what the export does not have.
    """
    files = {name: found for name in mapping.tables if (found := ruled(reader, name, mapping))}
    if not files:
        raise MappingError(f"{reader.place} has none of the files that the mapping names; it has {', '.join(reader.names())}")
    reading = _reading(files, mapping)
    notes = _Notes()
    tables = {name: _typed(name, found, mapping, reading, notes) for name, found in files.items()}
    tables, unplaced = placed(_completed(_with_states(reader, tables, mapping, reading, notes), mapping), mapping.stage_order)
    for name, frame in tables.items():
        contracts.check(name, frame)
    contracts.check_filled(tables)
    own = tuple(contracts.custom_columns("deals", tables["deals"], mapping.custom)) if "deals" in tables else ()
    extracted_at = pd.Timestamp(mapping.extracted_at).tz_convert("UTC").as_unit("us") if mapping.extracted_at else None
    return SourceData(
        deleted=dict(_deleted(files, mapping, reading)),
        marked=frozenset(name for name, keys in mapping.tables.items() if keys.deleted and name in tables),
        tables=tables,
        organisation=mapping.organisation.organisation() if mapping.organisation else None,
        static=frozenset(f"{name}.{column}" for name, keys in mapping.tables.items() for column in keys.static),
        tracked_since=_tracked_since(mapping),
        report=replace(
            _report(reader, mapping, files, tables, notes),
            odd=oddities(tables, extracted_at),
            unplaced=unplaced,
            undeclared=tuple(column.name for column in own if column.revealed_by == EXPORT),
        ),
        extracted_at=extracted_at,
        custom=own,
        vouched=frozenset(f"{name}.{column}" for name, keys in mapping.tables.items() for column in keys.vouched),
    )


def _reading(files: Mapping[str, Ruled], mapping: SourceMapping) -> Reading:
    """How cells are read, with the ids of each table that columns refer to."""
    plain = Reading(mapping.dialect, mapping.ids)
    referred = {spec.refers_to for name in files for spec in _specs(mapping.tables[name]) if spec.refers_to}
    known = {name: _keys(name, files[name], mapping.tables[name], plain) for name in sorted(referred) if name in files}
    return Reading(mapping.dialect, mapping.ids, known)


def _specs(keys: TableKeys) -> Iterator[Spec]:
    return (spec for specs in keys.columns.values() for spec in specs)


def _keys(name: str, found: Ruled, keys: TableKeys, reading: Reading) -> pd.Series:
    key = TABLES[name].key[0]
    parts = [column_of(name, sheet.frame, keys.columns[key], Kind.ID, {}, reading) for sheet in found.sheets]
    known: pd.Series = pd.concat([part for part in parts if part is not None])
    return known


def _deleted(files: Mapping[str, Ruled], mapping: SourceMapping, reading: Reading) -> Iterator[tuple[str, frozenset[str]]]:
    """The keys of the records that the export marks as deleted, of tables whose key is one id."""
    for name, found in files.items():
        key = TABLES[name].key
        specs = mapping.tables[name].columns.get(key[0])
        if len(key) > 1 or not specs:
            continue
        parts = [column_of(name, sheet.frame, specs, Kind.ID, {}, reading) for sheet in found.gone if len(sheet.frame)]
        if keys := frozenset(str(each) for part in parts if part is not None for each in part.dropna()):
            yield name, keys


def _typed(name: str, found: Ruled, mapping: SourceMapping, reading: Reading, notes: _Notes) -> pd.DataFrame:
    """One table in the contract's form, its values parsed and its lines aggregated, not checked yet."""
    keys, keep = mapping.tables[name], mapping.unmapped == "keep"
    parts = [mapped(name, keys, sheet, reading, keep_others=keep) for sheet in found.sheets]
    rows = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    if name == changes.CHANGES and keys.fields:
        columns = changes.fields(mapping.custom)
        rows, notes.untracked = changes.renamed(rows, keys.fields, mapping.tables["deals"].values, columns, reading)
    frame, problems = contracts.typed(name, rows, custom=mapping.custom if name == "deals" else (), dialect=mapping.dialect)
    if problems:
        contracts.check(name, frame, problems)
    if keys.aggregate is None:
        return frame
    folded = _aggregated(frame, keys.aggregate)
    notes.aggregated[name] = len(frame) - len(folded)
    return folded


def _aggregated(frame: pd.DataFrame, spec: Aggregate) -> pd.DataFrame:
    """One row for each group; columns stay in the contract's order and of their dtypes."""
    others = [column for column in frame if column not in spec.by]
    how = {column: spec.columns.get(str(column), "first") for column in others}
    folded = frame.groupby(list(spec.by), sort=False, dropna=False).agg(how).reset_index()
    return folded[list(frame.columns)].astype(frame.dtypes.to_dict())


def _with_states(
    reader: Reader, tables: dict[str, pd.DataFrame], mapping: SourceMapping, reading: Reading, notes: _Notes
) -> dict[str, pd.DataFrame]:
    """The changes that a history of states tells, in place of what the field history says of the same fields."""
    keys = mapping.tables.get(changes.CHANGES, TableKeys())
    columns = changes.fields(mapping.custom)
    for sheet in read(reader, changes.CHANGES, keys.states.file, keys):
        left, dropped, _ = rules.apply(changes.CHANGES, keys, sheet, mapping.dialect)
        found, told = changes.from_states(left, keys.states.columns, mapping.tables["deals"].values, columns, reading)
        notes.states[f"{changes.CHANGES} from {sheet.file}"] = TableReport(len(sheet.frame), len(found), dict(dropped))
        tables = tables | {changes.CHANGES: _told_by(found, told, tables.get(changes.CHANGES), sheet.file, notes)}
    return tables


def _told_by(found: pd.DataFrame, told: list[str], others: pd.DataFrame | None, file: str, notes: _Notes) -> pd.DataFrame:
    if others is None:
        return contracts.conform(changes.CHANGES, found)
    twice = others["field"].isin(told)
    notes.superseded[f"told by {file}"] = int(twice.sum())
    return contracts.conform(changes.CHANGES, pd.concat([others[~twice], found], ignore_index=True))


def _completed(tables: dict[str, pd.DataFrame], mapping: SourceMapping) -> dict[str, pd.DataFrame]:
    """Stages and closes from the history, where the mapping asks for it."""
    if "deals" not in tables or mapping.tables["deals"].close != "history" or tables["deals"].empty:
        return tables
    tables = tables | {"deals": closing.complete(tables)}
    if "stages" not in tables and changes.CHANGES in tables:
        tables |= {"stages": closing.known_stages(tables)}
    return tables


def _tracked_since(mapping: SourceMapping) -> dict[str, pd.Timestamp]:
    declared = mapping.tables.get(changes.CHANGES, TableKeys()).tracked_since
    return {name: pd.Timestamp(since).tz_convert("UTC").as_unit("us") for name, since in declared.items()}


def _report(
    reader: Reader, mapping: SourceMapping, files: Mapping[str, Ruled], tables: Mapping[str, pd.DataFrame], notes: _Notes
) -> IngestReport:
    reports = {
        name: TableReport(
            found.read,
            len(tables[name]),
            dict(found.dropped) | (notes.superseded if name == changes.CHANGES else {}),
            dict(found.nulled),
            notes.aggregated.get(name, 0),
            _unmapped(found, mapping, mapping.tables[name]),
        )
        for name, found in files.items()
    }
    named = {file.lower() for name, keys in mapping.tables.items() for file in (*(keys.file or (name,)), *keys.states.file)}
    return IngestReport(
        source=reader.place,
        tables=reports | notes.states,
        untracked=notes.untracked,
        unknown=dict(_unknown(tables)),
        unread=tuple(name for name in reader.names() if name.lower() not in named),
    )


def _unmapped(found: Ruled, mapping: SourceMapping, keys: TableKeys) -> tuple[str, ...]:
    if mapping.unmapped == "keep":
        return ()
    foreign = {column for sheet in found.sheets for column in map(str, sheet.frame.columns)}
    return tuple(sorted(foreign - keys.used()))


def _unknown(tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, int]]:
    """References to a deal or account that was not read, by the column that makes them."""
    for name, frame in tables.items():
        for column, table in REFERENCES.items():
            if column in frame and table in tables and name != table:
                lost = int((frame[column].notna() & ~frame[column].isin(tables[table][column])).sum())
                if lost:
                    yield f"{name}.{column}", lost
