"""What is wrong with a table, as errors: which rule, which column, the first few rows by their keys, and what to do."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from features.errors import SHOWN_ROWS, DataError
from features.parsing import Fault
from features.tables import Table


def complain(problems: Sequence[DataError]) -> None:
    """Raise the first problem, if there is one, with the others named in its advice."""
    if not problems:
        return
    first, *others = problems
    if others:
        named = ", ".join(dict.fromkeys(f"{place(other)} ({other.rule})" for other in others))
        first.advice = f"{first.advice}; broken as well: {named}"
    raise first


def row_problem(table: Table, frame: pd.DataFrame, columns: Sequence[str], fault: Fault) -> list[DataError]:
    """A rule that compares columns of a row, as a problem of the last of them."""
    shown = [frame[column] for column in columns if column in frame]
    key = [frame[part] for part in table.key if part in frame]
    return [problem(table.name, shown, key, fault, column=columns[-1])] if fault.rows.any() else []


def problem(
    table: str, shown: Sequence[pd.Series], key: Sequence[pd.Series], fault: Fault, column: str | None = None
) -> DataError:
    rows = np.flatnonzero(fault.rows)
    named = [part for part in key if part.name not in {value.name for value in shown}]
    lines = [_line(int(row), named, shown) for row in rows[:SHOWN_ROWS]]
    place, shown_rows = column or str(shown[-1].name), [int(row) for row in rows[:SHOWN_ROWS]]
    return DataError(table, fault.rule, fault.advice, column=place, rows=lines, count=len(rows), positions=shown_rows)


def _line(row: int, key: Sequence[pd.Series], shown: Sequence[pd.Series]) -> str:
    """One offending row: its key where it has one, else its position, and the values at fault."""
    place = ", ".join(f"{part.name} {part.iloc[row]}" for part in key) if key else f"row {row + 1}"
    return ", ".join([place, *(f"{value.name} {_quoted(value.iloc[row])}" for value in shown)])


def _quoted(value: Any) -> str:
    if pd.isna(value):
        return "is empty"
    return repr(value) if isinstance(value, str) else str(value)


def place(problem: DataError) -> str:
    return f"{problem.table}.{problem.column}" if problem.column else problem.table
