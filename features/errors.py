"""What can go wrong with input, told apart by who has to act.

    DealcastError
    ├── UsageError          the command was called wrongly (exit code 2)
    ├── DataError           a table breaks its contract (exit code 3)
    ├── DataErrors          a table breaks it in several ways, all of them told (exit code 3)
    ├── MappingError        a mapping file cannot be applied (exit code 3)
    ├── SourceError         a source is not there, or cannot be read (exit code 3)
    └── NotReadyError       something that must exist first does not: no data, no champion (exit code 4)

Every message says what is wrong, shows a few offending rows where there are any, and what to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

SHOWN_ROWS = 5


class DealcastError(Exception):
    """Root of every error that Dealcast raises on purpose; its text is fit to show to a user."""

    exit_code = 1


class UsageError(DealcastError):
    """A command or function was called in a way that cannot work."""

    exit_code = 2


class MappingError(DealcastError):
    """A mapping file is malformed, or names a column that the export does not have."""

    exit_code = 3


class SourceError(DealcastError):
    """A folder, file or database that was named as a source is not there, or cannot be read."""

    exit_code = 3


class NotReadyError(DealcastError):
    """Something that has to exist first does not: data in the store, a champion in the registry.

    `code` says for programs what is missing.
    """

    exit_code = 4

    def __init__(self, message: str, code: str = "not_ready") -> None:
        super().__init__(message)
        self.code = code


@dataclass
class DataError(DealcastError):
    """A table breaks its contract.

    `rows` holds the first few offenders, one line of text each, `positions` their places in the table, counted from 0; `count`
    says how many there are in all.
    """

    exit_code = 3

    table: str
    rule: str
    advice: str
    column: str | None = None
    rows: list[str] = field(default_factory=list)
    count: int | None = None
    positions: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        place = f"{self.table}.{self.column}" if self.column else self.table
        total = len(self.rows) if self.count is None else self.count
        lines = [f"{place}: {self.rule}" + (f" ({total:,} row{'s' * (total != 1)})" if total else "")]
        lines += [f"  {row}" for row in self.rows[:SHOWN_ROWS]]
        if total > len(self.rows[:SHOWN_ROWS]) > 0:
            lines.append(f"  … and {total - len(self.rows[:SHOWN_ROWS]):,} more")
        return "\n".join([*lines, f"  → {self.advice}"])


class DataErrors(DealcastError):  # noqa: N818, one of these is a DataError
    """All that is wrong with one table, for a program that has sent its rows and can say which they are."""

    exit_code = 3

    def __init__(self, errors: Sequence[DataError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)
