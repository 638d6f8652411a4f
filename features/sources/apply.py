"""A mapping applied to an export: files in, validated tables and a report out.

For each table: its files are read, declared rules drop and empty, columns are looked up, the files are put below one another,
text becomes values, lines are aggregated, and the contract is checked. The deals' history is translated, and where the mapping
says so, the close of each deal is taken from it. The first broken rule stops everything.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from features import contracts
from features.errors import MappingError
from features.sources import changes, closing, rules
from features.sources.columns import Reading, Sheet, column_of, mapped
from features.sources.files import Reader
from features.sources.loading import did_you_mean
from features.sources.mapping import Aggregate, SourceMapping, Spec, TableKeys
from features.sources.result import IngestReport, SourceData, TableReport
from features.tables import TABLES, Kind

REFERENCES = {"deal_id": "deals", "account_id": "accounts"}


@dataclass(frozen=True)
class _Ruled:
    """One table's files after its row rules."""

    sheets: list[Sheet]
    read: int
    dropped: Counter[str]
    nulled: Counter[str]


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
    ruled = {name: found for name, keys in mapping.tables.items() if (found := _ruled(reader, name, keys, mapping))}
    if not ruled:
        raise MappingError(f"{reader.place} has none of the files that the mapping names; it has {', '.join(reader.names())}")
    reading = _reading(ruled, mapping)
    notes = _Notes()
    tables = {name: _typed(name, found, mapping, reading, notes) for name, found in ruled.items()}
    tables = _completed(_with_states(reader, tables, mapping, reading, notes), mapping)
    for name, frame in tables.items():
        contracts.check(name, frame)
    return SourceData(
        tables=tables,
        organisation=mapping.organisation.organisation() if mapping.organisation else None,
        static=frozenset(f"{name}.{column}" for name, keys in mapping.tables.items() for column in keys.static),
        tracked_since=_tracked_since(mapping),
        report=_report(reader, mapping, ruled, tables, notes),
        extracted_at=pd.Timestamp(mapping.extracted_at).tz_convert("UTC").as_unit("us") if mapping.extracted_at else None,
        custom=tuple(contracts.custom_columns("deals", tables["deals"], mapping.custom)) if "deals" in tables else (),
    )


def _ruled(reader: Reader, name: str, keys: TableKeys, mapping: SourceMapping) -> _Ruled | None:
    """The table's files with its rules carried out; None where an optional table has none."""
    sheets = _sheets(reader, name, keys.file or (name,), optional=keys.optional)
    if not sheets:
        return None
    _require(reader, name, keys, sheets)
    ruled = _Ruled([], sum(len(sheet.frame) for sheet in sheets), Counter(), Counter())
    for sheet in sheets:
        left, dropped, nulled = rules.apply(name, keys, sheet, mapping.dialect)
        ruled.sheets.append(left)
        ruled.dropped.update(dropped)
        ruled.nulled.update(nulled)
    return ruled


def _sheets(reader: Reader, name: str, wanted: Sequence[str], *, optional: bool) -> list[Sheet]:
    present = {stem.lower(): stem for stem in reader.names()}
    found = [Sheet(file, reader.read(present[file.lower()])) for file in wanted if file.lower() in present]
    missing = [file for file in wanted if file.lower() not in present]
    if missing and not optional:
        near = did_you_mean(missing[0], list(present.values()))
        raise MappingError(f"{reader.place} has no '{missing[0]}', which [tables.{name}] is read from{near}")
    return found


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
    for rule in (*keys.drop, *keys.null):
        if not rule.optional:
            yield f"rule '{rule.name}'", [rule.used]


def _reading(ruled: Mapping[str, _Ruled], mapping: SourceMapping) -> Reading:
    """How cells are read, with the ids of each table that columns refer to."""
    plain = Reading(mapping.dialect, mapping.ids)
    referred = {spec.refers_to for name in ruled for spec in _specs(mapping.tables[name]) if spec.refers_to}
    known = {name: _keys(name, ruled[name], mapping.tables[name], plain) for name in sorted(referred) if name in ruled}
    return Reading(mapping.dialect, mapping.ids, known)


def _specs(keys: TableKeys) -> Iterator[Spec]:
    return (spec for specs in keys.columns.values() for spec in specs)


def _keys(name: str, found: _Ruled, keys: TableKeys, reading: Reading) -> pd.Series:
    key = TABLES[name].key[0]
    parts = [column_of(name, sheet.frame, keys.columns[key], Kind.ID, {}, reading) for sheet in found.sheets]
    known: pd.Series = pd.concat([part for part in parts if part is not None])
    return known


def _typed(name: str, found: _Ruled, mapping: SourceMapping, reading: Reading, notes: _Notes) -> pd.DataFrame:
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
    for sheet in _sheets(reader, changes.CHANGES, keys.states.file, optional=True):
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
    reader: Reader, mapping: SourceMapping, ruled: Mapping[str, _Ruled], tables: Mapping[str, pd.DataFrame], notes: _Notes
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
        for name, found in ruled.items()
    }
    named = {file.lower() for name, keys in mapping.tables.items() for file in (*(keys.file or (name,)), *keys.states.file)}
    return IngestReport(
        source=reader.place,
        tables=reports | notes.states,
        untracked=notes.untracked,
        unknown=dict(_unknown(tables)),
        unread=tuple(name for name in reader.names() if name.lower() not in named),
    )


def _unmapped(found: _Ruled, mapping: SourceMapping, keys: TableKeys) -> tuple[str, ...]:
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
