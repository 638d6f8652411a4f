"""Checks that a table keeps its contract, and brings its columns to the contract's dtypes.

Two steps, because a mapping may aggregate in between: `typed` turns text into values, `check` applies the rules; `conform` does
both. Nullability, allowed values, smallest numbers and unique keys are pandera schemas derived from `TABLES`; what compares two
columns of a row stands in `_BEFORE` and in the functions of `_ROW_RULES`. Nothing is repaired: a table that breaks a rule is
refused whole. All broken rules of a table are found; the error raised is the first, and it names the others. Example:

    deals.amount: text in a number column (2 rows)
      deal_id D17, amount '12k'
      deal_id D20, amount 'n/a'
      → write plain numbers, …; broken as well: deals.deal_id (the key stands more than once)
"""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaError, SchemaErrorReason, SchemaErrors

from features import clock
from features.complaints import complain, problem, row_problem
from features.currencies import CURRENCIES
from features.errors import DataError
from features.organisation import Organisation
from features.parsing import CANONICAL, DTYPES, Dialect, Fault, parse_column
from features.tables import EXPORT, TABLES, TEXTUAL, TRACKED, Column, Kind, Table

__all__ = ["DTYPES", "check", "check_filled", "check_together", "complain", "conform", "custom_columns", "parse", "typed"]

_BEFORE: Final = {
    "deals": ("created_at", "closed_at", "the deal is closed before it was created"),
    "contracts": ("starts_on", "ends_on", "it ends before it starts"),
    "users": ("hired_at", "left_at", "it ends before it starts"),
    "tickets": ("opened_at", "closed_at", "it ends before it starts"),
    "audience": ("period_start", "period_end", "it ends before it starts"),
    "actuals": ("period_start", "period_end", "it ends before it starts"),
    "plans": ("period_start", "period_end", "it ends before it starts"),
    "costs": ("period_start", "period_end", "it ends before it starts"),
}


def conform(name: str, frame: pd.DataFrame, *, custom: Sequence[Column] = (), dialect: Dialect = CANONICAL) -> pd.DataFrame:
    """The frame with the contract's columns in the contract's order and dtypes; custom columns of deals follow.

    `custom` declares the kinds of the deals' own columns; one that is not declared keeps the kind of its dtype.
    Raises DataError where a column is missing or unknown, or a value breaks its rule.
    """
    values, problems = typed(name, frame, custom=custom, dialect=dialect)
    check(name, values, problems)
    return values


def typed(
    name: str, frame: pd.DataFrame, *, custom: Sequence[Column] = (), dialect: Dialect = CANONICAL
) -> tuple[pd.DataFrame, list[DataError]]:
    """The columns in order and of their dtypes, faulty cells null, and what is wrong with them. Raises DataError for columns."""
    complain(_column_problems(name, frame, custom))
    key = [frame[column] for column in TABLES[name].key if column in frame]
    columns: dict[str, pd.Series] = {}
    problems: list[DataError] = []
    for column in (*(c for c in TABLES[name].columns if c.name in frame), *custom_columns(name, frame, custom)):
        parsed = parse_column(frame[column.name], column.kind, dialect)
        columns[column.name] = parsed.values
        problems += [problem(name, [frame[column.name]], key, fault) for fault in parsed.faults]
    return pd.DataFrame(columns, index=frame.index).reset_index(drop=True), problems


def check(name: str, frame: pd.DataFrame, problems: Sequence[DataError] = ()) -> None:
    """All rules for the values of one typed table. Raises the first DataError; it names the other broken rules."""
    complain(broken(name, frame, problems))


def broken(name: str, frame: pd.DataFrame, problems: Sequence[DataError] = ()) -> list[DataError]:
    """The rules that a typed table breaks, after those that it was found to break before."""
    table = TABLES[name]
    unreadable = {problem.column for problem in problems}
    found = [problem for problem in _schema_problems(table, frame) if problem.column not in unreadable]
    for rule in _ROW_RULES:
        found += rule(table, frame)
    return [*problems, *found]


def check_filled(tables: Mapping[str, pd.DataFrame]) -> None:
    """A source that has a table of deals has deals. Raises DataError.

    A Dataset of clients alone holds deals without rows, so this is a rule for sources and not part of the contract.
    """
    if "deals" in tables and tables["deals"].empty:
        raise DataError("deals", "the table is empty", "check that the export is complete; nothing was loaded")


def parse(values: pd.Series, kind: Kind, table: str = "deal_changes", dialect: Dialect = CANONICAL) -> pd.Series:
    """A column of text, or of the right type already, as the dtype of its kind.

    Raises DataError naming the table and the series when a cell cannot be read.
    """
    parsed = parse_column(values, kind, dialect)
    complain([problem(table, [values], [], fault) for fault in parsed.faults])
    return parsed.values


def check_together(tables: Mapping[str, pd.DataFrame], organisation: Organisation) -> None:
    """Rules across rows and tables. Raises DataError.

    Every currency is one of ISO 4217, and is the organisation's or has a rate; a stage's name means one kind in all pipelines.
    """
    _check_stage_kinds(tables)
    used = {(name, code) for name in ("deals", "plans", "rates") for code in _codes(tables, name)}
    for table, code in sorted({*used, ("organisation", organisation.currency)}):
        if code not in CURRENCIES:
            raise DataError(table, f"'{code}' is not a currency", "write ISO 4217 codes such as EUR", column="currency")
    priced = {*_codes(tables, "rates"), organisation.currency}
    for table, code in sorted(used):
        if code in priced:
            continue
        mixed = f"amounts are in {code}, answers in {organisation.currency}, and " + (
            f"the rates table has no {code}" if "rates" in tables else "there is no rates table to convert"
        )
        raise DataError(table, mixed, f"add a rates table that has {code}, or set the organisation's currency", column="currency")


def _check_stage_kinds(tables: Mapping[str, pd.DataFrame]) -> None:
    """Deals and their changes name a stage without its pipeline, so one name cannot be open here and closed there."""
    if "stages" not in tables:
        return
    stages = tables["stages"]
    torn = stages[stages.groupby("stage")["kind"].transform("nunique") > 1]
    if len(torn):
        rows = [f"stage '{stage}', kind {kind}" for stage, kind in zip(torn["stage"], torn["kind"], strict=True)]
        advice = "give the stages of one pipeline other names, here and in the deals"
        raise DataError("stages", "one stage name has two kinds", advice, column="kind", rows=rows, count=len(rows))


def _codes(tables: Mapping[str, pd.DataFrame], name: str) -> set[str]:
    frame = tables.get(name)
    return set() if frame is None or "currency" not in frame else set(frame["currency"].dropna().unique())


def _column_problems(name: str, frame: pd.DataFrame, custom: Sequence[Column]) -> list[DataError]:
    if name not in TABLES:
        return [DataError(name, "there is no such table", f"the tables are {', '.join(TABLES)}")]
    table, own = TABLES[name], {column.name for column in custom}
    missing = [DataError(name, "the column is missing", "map a column of the export to it", column=c) for c in table.required]
    unknown = [column for column in map(str, frame.columns) if column not in {*table.names, *own}]
    return [problem for problem in missing if problem.column not in frame] + [
        _unknown(table, column, near) for column in unknown if (near := _meant(table, column, frame)) or name != "deals"
    ]


def _meant(table: Table, column: str, frame: pd.DataFrame) -> list[str]:
    """The absent contract columns that an unknown name looks like; a deal's own column looks like none."""
    absent = [name for name in table.names if name not in frame]
    return get_close_matches(column, absent, n=1, cutoff=0.85)


def _unknown(table: Table, column: str, near: list[str]) -> DataError:
    meant = f"did you mean '{near[0]}'?" if near else f"the table's columns are {', '.join(table.names)}"
    return DataError(table.name, "the column is unknown", meant, column=column)


def custom_columns(name: str, frame: pd.DataFrame, declared: Sequence[Column] = ()) -> list[Column]:
    """The columns that the contract does not have, in the frame's order; one that is not declared has the kind of its dtype."""
    known = {column.name: column for column in declared}
    own = [column for column in map(str, frame.columns) if column not in TABLES[name].names]
    return [known.get(column, Column(column, _kind(frame[column].dtype), EXPORT)) for column in own]


def _kind(dtype: Any) -> Kind:
    if pd.api.types.is_bool_dtype(dtype):
        return Kind.FLAG
    if pd.api.types.is_numeric_dtype(dtype):
        return Kind.NUMBER
    if isinstance(dtype, pd.DatetimeTZDtype):
        return Kind.INSTANT
    return Kind.DATE if pd.api.types.is_datetime64_any_dtype(dtype) else Kind.CATEGORY


@cache
def _schema(table: Table, present: tuple[str, ...]) -> pa.DataFrameSchema:
    """The pandera schema of those columns of a table that are there."""
    columns = {
        column.name: pa.Column(None, checks=_value_checks(column), nullable=not column.required)
        for column in table.columns
        if column.name in present
    }
    # Where the key is the whole row, as for changes, equal rows are equal facts: A to B, back, and to B again in one instant.
    whole_row = {*table.key, "recorded_at"} == set(table.names)
    return pa.DataFrameSchema(columns, unique=None if whole_row else [part for part in table.key if part in present])


def _value_checks(column: Column) -> list[pa.Check]:
    checks = [pa.Check.isin(column.values, error=f"the value is not one of {', '.join(column.values)}")] if column.values else []
    if column.minimum is not None and column.beyond:
        checks.append(pa.Check.gt(column.minimum, error=f"the number is not above {column.minimum:g}"))
    elif column.minimum is not None:
        checks.append(pa.Check.ge(column.minimum, error=f"the number is below {column.minimum:g}"))
    if column.kind is Kind.PROBABILITY:
        checks.append(pa.Check.in_range(0, 1, error="the probability is outside 0 to 1"))
    return checks


def _schema_problems(table: Table, frame: pd.DataFrame) -> list[DataError]:
    try:
        _schema(table, tuple(frame.columns)).validate(frame, lazy=True)
    except SchemaErrors as errors:
        return [_schema_problem(table, frame, error) for error in errors.schema_errors]
    return []


def _schema_problem(table: Table, frame: pd.DataFrame, error: SchemaError) -> DataError:
    rows = np.zeros(len(frame), dtype=np.bool_)
    rows[np.unique(error.failure_cases["index"].to_numpy(dtype=np.int64))] = True
    key = [frame[part] for part in table.key if part in frame]
    if error.reason_code is SchemaErrorReason.DUPLICATES:
        fault = Fault(
            "the key stands more than once", "remove the duplicates in the source, or aggregate them in the mapping", rows
        )
        return problem(table.name, key, [], fault, column=", ".join(table.key))
    if error.reason_code is SchemaErrorReason.SERIES_CONTAINS_NULLS:
        fault = Fault("the value is missing", "fill it in the source, or declare a rule that drops such rows", rows)
    else:
        fault = Fault(str(error.check.error), "correct it in the source, or translate it under values in the mapping", rows)
    return problem(table.name, [frame[error.schema.name]], key, fault)


def _in_order(table: Table, frame: pd.DataFrame) -> list[DataError]:
    start, end, rule = _BEFORE.get(table.name, ("", "", ""))
    if start not in frame or end not in frame:
        return []
    wrong = clock.days_between(clock.to_micros(frame[start]), clock.to_micros(frame[end])) < 0
    return row_problem(
        table, frame, [start, end], Fault(rule, "correct the dates, or declare a rule that drops such rows", wrong)
    )


def _outcome_has_a_date(table: Table, frame: pd.DataFrame) -> list[DataError]:
    if table.name != "deals" or "outcome" not in frame:
        return []
    dated = frame["closed_at"].notna() if "closed_at" in frame else pd.Series(False, index=frame.index)
    advice = "map closed_at to the moment of closing; without it nothing can be learned from the deal"
    fault = Fault("the deal has an outcome but no closed_at", advice, np.asarray(frame["outcome"].notna() & ~dated))
    return row_problem(table, frame, ["outcome", "closed_at"], fault)


def _score_on_its_scale(table: Table, frame: pd.DataFrame) -> list[DataError]:
    if table.name != "surveys":
        return []
    outside = (frame["score"] < frame["scale_min"]) | (frame["score"] > frame["scale_max"])
    fault = Fault("the score lies outside its scale", "correct the score, or scale_min and scale_max", np.asarray(outside))
    return row_problem(table, frame, ["score", "scale_min", "scale_max"], fault)


def _changes_hold_values(table: Table, frame: pd.DataFrame) -> list[DataError]:
    """Old and new values of a change are text whatever the field; they have to read as the field's kind."""
    if table.name != "deal_changes":
        return []
    problems = []
    for name in TRACKED:
        kind = TABLES["deals"].column(name).kind
        rows = frame[frame["field"] == name] if kind not in TEXTUAL else frame.iloc[:0]
        for column in (c for c in ("old_value", "new_value") if c in frame):
            faults = parse_column(rows[column], kind).faults
            key = [rows["deal_id"], rows["changed_at"], rows["field"]]
            problems += [problem(table.name, [rows[column]], key, fault) for fault in faults]
    return problems


_ROW_RULES: Final[tuple[Callable[[Table, pd.DataFrame], list[DataError]], ...]] = (
    _in_order,
    _outcome_has_a_date,
    _score_on_its_scale,
    _changes_hold_values,
)
