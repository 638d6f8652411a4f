"""The change history of the deals from a foreign one, of either shape.

*Rows of changes* (Salesforce's OpportunityFieldHistory, HubSpot's property history): one row a change, the field named in it. Its
fields are renamed, rows of others left out and counted, and each value is brought to the canonical writing of its field.

*Rows of states* (Salesforce's OpportunityHistory): one row for each state of a deal, several fields wide. A change is where a
field differs from the row before. Where both are there, the states tell their fields alone, because they reach back to the start
of each deal while a field history is cut after some months. Example, of one deal:

    changed_at           stage      amount
    2026-03-03T10:00Z    Discovery  5000
    2026-03-09T12:00Z    Proposal   5000      stage Discovery → Proposal
    2026-03-20T09:00Z    Proposal   7500      amount 5000 → 7500
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from features import clock, contracts, parsing
from features.sources.columns import Reading, Sheet, column_of, translate
from features.sources.mapping import FieldSpec, Spec
from features.tables import TABLES, Column, Kind

CHANGES = "deal_changes"


def fields(custom: tuple[Column, ...]) -> dict[str, Column]:
    """The columns of the deals by name, their own ones included."""
    return {column.name: column for column in (*TABLES["deals"].columns, *custom)}


def renamed(
    rows: pd.DataFrame,
    names: Mapping[str, FieldSpec],
    values: Mapping[str, Mapping[str, str]],
    columns: Mapping[str, Column],
    reading: Reading,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows of changes with our names of fields and canonical values, and how many rows of which other fields were left out.

    `values` are the patterns that translate the deals' columns: a history translates as its column does.
    """
    foreign = parsing.text(rows["field"])
    others = foreign[~foreign.isin(list(names))].value_counts().sort_index()
    parts = [
        _canonical(
            rows[(foreign == name).to_numpy(dtype=np.bool_)], spec, columns[spec.field], values.get(spec.field, {}), reading
        )
        for name, spec in names.items()
    ]
    kept = pd.concat(parts).sort_index(kind="stable")
    return kept.reset_index(drop=True), {str(name): int(count) for name, count in others.items()}


def _canonical(
    rows: pd.DataFrame, spec: FieldSpec, column: Column, patterns: Mapping[str, str], reading: Reading
) -> pd.DataFrame:
    sides = {name: _value(rows[name], spec.divide_by, column.kind, patterns, reading) for name in ("old_value", "new_value")}
    return rows.assign(field=pd.Series(spec.field, index=rows.index, dtype="str"), **sides)


def _value(values: pd.Series, divide_by: float | None, kind: Kind, patterns: Mapping[str, str], reading: Reading) -> pd.Series:
    written = reading.text(values, kind)
    if patterns:
        written = translate([written], patterns)
    parsed = contracts.parse(written, kind, CHANGES, reading.dialect)
    return parsing.canonical_text(parsed / divide_by if divide_by else parsed, kind)


def from_states(
    sheet: Sheet,
    specs: Mapping[str, Sequence[Spec]],
    values: Mapping[str, Mapping[str, str]],
    columns: Mapping[str, Column],
    reading: Reading,
) -> tuple[pd.DataFrame, list[str]]:
    """The changes between the states of a file, and the fields that it tells."""
    kinds = {"deal_id": Kind.ID, "changed_at": Kind.INSTANT} | {name: column.kind for name, column in columns.items()}
    states = {
        name: contracts.parse(found.rename(name), kinds[name], CHANGES, reading.dialect)
        for name, alternatives in specs.items()
        if (found := column_of(CHANGES, sheet.frame, alternatives, kinds[name], values.get(name, {}), reading)) is not None
    }
    told = [name for name in states if name not in ("deal_id", "changed_at")]
    ordered = _in_order(pd.DataFrame(states))
    return pd.concat(list(_differences(ordered, told, kinds)), ignore_index=True), told


def _in_order(states: pd.DataFrame) -> pd.DataFrame:
    order = np.lexsort((clock.to_micros(states["changed_at"]), pd.factorize(states["deal_id"])[0]))
    return states.iloc[order].reset_index(drop=True)


def _differences(states: pd.DataFrame, told: list[str], kinds: Mapping[str, Kind]) -> Iterator[pd.DataFrame]:
    follows = states["deal_id"] == states["deal_id"].shift()
    for name in told:
        new = parsing.canonical_text(states[name], kinds[name])
        old = new.shift()
        changed = follows & (new.fillna("") != old.fillna(""))
        sides = {"old_value": old[changed], "new_value": new[changed]}
        yield states.loc[changed, ["deal_id", "changed_at"]].assign(field=name, **sides)
