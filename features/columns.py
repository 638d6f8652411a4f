"""What a table of the CRM is made of: columns, each of a kind, with what reveals it. The tables stand in `features.tables`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CHANGES: Final = "deal_changes"
CLOSE: Final = "close"
EXPORT: Final = "export"
ALWAYS: Final = "always"


class Kind(StrEnum):
    """What a column holds, and so its dtype in memory.

    ID and TEXT and CATEGORY are `str`; MONEY, NUMBER and PROBABILITY are `float64`; INSTANT is `datetime64[us, UTC]`;
    DATE is a calendar date without a zone, `datetime64[us]`; FLAG is `boolean`.
    """

    ID = "id"
    TEXT = "text"
    CATEGORY = "category"
    MONEY = "money"
    NUMBER = "number"
    PROBABILITY = "probability"
    INSTANT = "instant"
    DATE = "date"
    FLAG = "flag"


NUMERIC: Final = frozenset({Kind.MONEY, Kind.NUMBER, Kind.PROBABILITY})
TEXTUAL: Final = frozenset({Kind.ID, Kind.TEXT, Kind.CATEGORY})


@dataclass(frozen=True)
class Column:
    """One column of a table; `values` lists the only ones allowed, `minimum` the smallest number allowed.

    beyond  the minimum itself is not allowed either
    """

    name: str
    kind: Kind
    revealed_by: str
    required: bool = False
    values: tuple[str, ...] = ()
    minimum: float | None = None
    beyond: bool = False


@dataclass(frozen=True)
class Table:
    """One table. `key` identifies a row, `time` is the column that says when the row's fact happened (None: undated)."""

    name: str
    key: tuple[str, ...]
    time: str | None
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def required(self) -> list[str]:
        return [column.name for column in self.columns if column.required]


def columns(time: str, text: str) -> tuple[Column, ...]:
    """Read `name* kind [revealed_by] [=a|b|c] [>=n] [>n]`, one column a line; `*` marks an optional one."""
    columns = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, kind, *rest = line.split()
        allowed = tuple(part[1:].split("|") for part in rest if part.startswith("="))
        floors = [part for part in rest if part.startswith(">")]
        revealed = [part for part in rest if part[0] not in "=>"]
        default = name.rstrip("*") if kind == Kind.INSTANT else time
        columns.append(
            Column(
                name.rstrip("*"),
                Kind(kind),
                revealed_by=revealed[0] if revealed else default,
                required=not name.endswith("*"),
                values=tuple(allowed[0]) if allowed else (),
                minimum=float(floors[0].lstrip(">=")) if floors else None,
                beyond=bool(floors) and not floors[0].startswith(">="),
            )
        )
    return (*columns, Column("recorded_at", Kind.INSTANT, "recorded_at"))


def table(name: str, key: str, time: str | None, text: str) -> Table:
    """A table from its columns as text; `key` is several names with blanks between them."""
    return Table(name, tuple(key.split()), time, columns(time or ALWAYS, text))
