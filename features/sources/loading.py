"""Mapping files: read, extended, checked. Every message names the file, the place in it and, where one is near, the right name.

A mapping that extends another is laid over it: a column or setting given again replaces the one below, rules and static columns
are added, value patterns are tried before those below. What a preset names may be absent from an export, because no
organisation has all of it; what a person's own mapping names has to be there.
"""

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ValidationError

from features.custom import signal_name
from features.errors import MappingError, UsageError
from features.sources.mapping import SourceMapping, TableKeys, listed_specs
from features.tables import CHANGES, CLOSE, TABLES, TRACKED

NATIVE: Final = "dealcast"
_ADDED: Final = frozenset({"deleted", "drop", "null", "static", "vouched"})


def load(name: str | Path) -> SourceMapping:
    """The mapping of a preset's name or a TOML file, with all that it extends.

    Raises MappingError for a file that is not there, is not TOML, or says something that a mapping cannot say.
    """
    merged: dict[str, Any] = {}
    for layer, place in _layers(str(name), Path.cwd()):
        _validated(layer, place)
        merged = _laid_over(layer, merged) if merged else layer
    mapping = _validated(merged, Path(name).name)
    problems = [*_zone_problems(mapping), *(p for table, keys in mapping.tables.items() for p in _problems(mapping, table, keys))]
    if problems:
        raise MappingError(f"{Path(name).name}: {problems[0]}")
    return mapping


def presets() -> list[str]:
    """The names that `load` takes besides files."""
    return sorted([NATIVE, *(file.name.removesuffix(".toml") for file in _folder().iterdir() if file.name.endswith(".toml"))])


def did_you_mean(name: str, known: list[str] | frozenset[str], cutoff: float = 0.6) -> str:
    """`; did you mean 'x'?` for the nearest known name, nothing where none is near."""
    lowered = {one.lower(): one for one in known}
    near = get_close_matches(name.lower(), list(lowered), n=1, cutoff=cutoff)
    return f"; did you mean '{lowered[near[0]]}'?" if near else ""


def _folder() -> Traversable:
    return resources.files("features.sources") / "presets"


def _layers(name: str, folder: Path, seen: tuple[str, ...] = ()) -> Iterator[tuple[dict[str, Any], str]]:
    """The files of a mapping, the one at the bottom first."""
    if name in seen:
        raise MappingError(f"{name} extends itself: {' → '.join([*seen, name])}")
    preset = name in presets()
    path = folder / name
    raw = _preset(name) if preset else _read(path)
    if isinstance(raw.get("extends"), str):
        yield from _layers(raw["extends"], folder if preset else path.parent, (*seen, name))
    yield raw, name if preset else path.name


def _preset(name: str) -> dict[str, Any]:
    raw = _native() if name == NATIVE else tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8"))
    tables = {table: {**keys, "columns": _all_optional(keys.get("columns", {}))} for table, keys in raw["tables"].items()}
    return {**raw, "tables": tables}


def _native() -> dict[str, Any]:
    """Our own format: files and columns are called what the contract calls them."""
    tables = {name: {"optional": True, "columns": {column: column for column in table.names}} for name, table in TABLES.items()}
    return {"unmapped": "keep", "tables": tables}


def _all_optional(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: [{**spec, "optional": True} for spec in listed_specs(specs)] for name, specs in columns.items()}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MappingError(f"there is no mapping file {path}, and no preset of that name ({', '.join(presets())})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(f"{path.name} is not a TOML file: {error}") from None
    except OSError as error:
        raise MappingError(f"{path} cannot be read: {error.strerror}") from None


def _laid_over(over: Any, base: Any, key: str = "") -> Any:
    """`over` on top of `base`; its keys come first, because value patterns are tried in order."""
    if isinstance(over, dict) and isinstance(base, dict) and key != "aggregate":
        merged = {name: _laid_over(value, base[name], name) if name in base else value for name, value in over.items()}
        return merged | {name: value for name, value in base.items() if name not in over}
    return [*base, *over] if key in _ADDED and isinstance(over, list) and isinstance(base, list) else over


def _validated(raw: dict[str, Any], place: str) -> SourceMapping:
    try:
        return SourceMapping.model_validate(raw)
    except ValidationError as errors:
        lines = [_sentence(error["loc"], error["type"], error["msg"]) for error in errors.errors()]
        raise MappingError(f"{place}: " + "\n  ".join(lines)) from None


def _sentence(loc: tuple[int | str, ...], kind: str, message: str) -> str:
    *parents, last = loc
    place = f"in [{'.'.join(map(_named, parents))}]" if parents else "at the top of the file"
    if kind == "extra_forbidden":
        return f"unknown key '{last}' {place}{did_you_mean(str(last), list(_model_at(parents).model_fields))}"
    if kind == "missing":
        return f"the key '{last}' is missing {place}"
    return f"{_named(last)} {place}: {message.removeprefix('Value error, ')}"


def _named(part: int | str) -> str:
    """One of several rules or alternatives by its number, counted from 1."""
    return f"#{part + 1}" if isinstance(part, int) else part


def _model_at(loc: list[int | str]) -> type[BaseModel]:
    """The model that reads the keys at a place: the names of tables and columns on the way lead to no model of their own."""
    model: type[BaseModel] = SourceMapping
    for part in loc:
        if isinstance(part, str) and part in model.model_fields:
            model = nested_model(model.model_fields[part].annotation) or model
    return model


def nested_model(annotation: Any) -> type[BaseModel] | None:
    """The model of keys in a field's annotation, wherever it stands in it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := nested_model(part))), None)


def _zone_problems(mapping: SourceMapping) -> Iterator[str]:
    try:
        ZoneInfo(mapping.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        yield f"timezone '{mapping.timezone}' is not a time zone; write an IANA name such as Europe/Berlin"
    try:
        _ = mapping.dialect
    except UsageError as error:
        yield f"[organisation] {error}"


def _problems(mapping: SourceMapping, table: str, keys: TableKeys) -> Iterator[str]:
    """Names that the contract does not have, and keys that make no sense where they stand."""
    if table not in TABLES:
        yield f"unknown table [tables.{table}]{did_you_mean(table, list(TABLES))}"
        return
    yield from _unknown_columns(table, keys)
    for name in keys.static:
        if name in TABLES[table].names and TABLES[table].column(name).revealed_by == CLOSE:
            yield f"'{name}' in [tables.{table}] cannot be static: only the close reveals it"
    for name in {spec.refers_to for specs in keys.columns.values() for spec in specs if spec.refers_to}:
        if name not in mapping.tables:
            yield f"refers_to in [tables.{table}.columns] names '{name}', which this mapping does not fill"
    yield from _misplaced(table, keys)
    yield from _unknown_fields(mapping, table, keys)


def _unknown_columns(table: str, keys: TableKeys) -> Iterator[str]:
    columns = [*TABLES[table].names, *keys.custom]
    named: dict[str, list[str]] = {"columns": [*keys.columns], "values": [*keys.values], "static": [*keys.static]}
    named |= {"vouched": [*keys.vouched]}
    if keys.aggregate:
        named |= {"aggregate": [*keys.aggregate.by], "aggregate.columns": [*keys.aggregate.columns]}
    for part, names in named.items():
        for name in names:
            if name not in columns:
                yield f"unknown column '{name}' in [tables.{table}.{part}]{did_you_mean(name, columns)}"
    for name in keys.custom:
        if name in TABLES[table].names:
            yield f"custom column '{name}' has the name of a column of the contract; map that instead"
    yield from _unfit_signals(keys)


def _unfit_signals(keys: TableKeys) -> Iterator[str]:
    """Own columns become signals, whose names are plain and different."""
    names: dict[str, str] = {}
    for name, custom in keys.custom.items():
        if not name.isidentifier():
            yield f"custom column '{name}' has to be named in letters, digits and underscores"
        signal = signal_name(custom.contract(name))
        if signal in names:
            yield f"custom columns '{names[signal]}' and '{name}' would both give the signal {signal}; rename one of them"
        names[signal] = name


def _misplaced(table: str, keys: TableKeys) -> Iterator[str]:
    if table != "deals" and (keys.custom or keys.close != "column"):
        yield f"custom and close belong to [tables.deals], not to [tables.{table}]"
    if table != "deal_changes" and (keys.fields or keys.states.file or keys.tracked_since):
        yield f"fields, states and tracked_since belong to [tables.deal_changes], not to [tables.{table}]"


def _unknown_fields(mapping: SourceMapping, table: str, keys: TableKeys) -> Iterator[str]:
    tracked = [*TRACKED, *(column.name for column in mapping.custom if column.revealed_by == CHANGES)]
    states = [name for name in keys.states.columns if name not in ("deal_id", "changed_at")]
    for name in [*(field.field for field in keys.fields.values()), *keys.tracked_since, *states]:
        if name not in tracked:
            yield f"'{name}' in [tables.{table}] is not a field with a history{did_you_mean(name, tracked)}"
