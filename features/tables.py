"""The CRM tables as contracts: which columns, of what kind, and which timestamp reveals each.

`revealed_by` is the heart of the clock rule. It names what has to lie before as_of for a value to be known:

* the name of a time column of the same row (`created_at`, `logged_at`, a column's own name where it is a time itself);
* `CHANGES`: the deal's change history. Without one, the value is known from the moment of the export on, and before it not;
* `CLOSE`: the moment the deal closed;
* `EXPORT`: the moment of the export, because the source keeps no history of it. A mapping may declare such a column
  static, which makes it known from the row's first moment on.

Every table may carry `recorded_at` as well: then a row counts from the moment it was recorded, even if it happened earlier.
Spans of days are half-open: `ends_on` and `period_end` are the first day that no longer belongs to the contract or the period.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
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
    """One column of a table; `values` lists the only ones allowed, `minimum` the smallest number allowed."""

    name: str
    kind: Kind
    revealed_by: str
    required: bool = False
    values: tuple[str, ...] = ()
    minimum: float | None = None


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


def _columns(time: str, text: str) -> tuple[Column, ...]:
    """Read `name* kind [revealed_by] [=a|b|c] [>=n]`, one column a line; `*` marks an optional one."""
    columns = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, kind, *rest = line.split()
        allowed = tuple(part[1:].split("|") for part in rest if part.startswith("="))
        floors = [float(part[2:]) for part in rest if part.startswith(">=")]
        revealed = [part for part in rest if part[0] not in "=>"]
        default = name.rstrip("*") if kind == Kind.INSTANT else time
        columns.append(
            Column(
                name.rstrip("*"),
                Kind(kind),
                revealed_by=revealed[0] if revealed else default,
                required=not name.endswith("*"),
                values=tuple(allowed[0]) if allowed else (),
                minimum=floors[0] if floors else None,
            )
        )
    return (*columns, Column("recorded_at", Kind.INSTANT, "recorded_at"))


def _table(name: str, key: str, time: str | None, columns: str) -> Table:
    return Table(name, tuple(key.split()), time, _columns(time or ALWAYS, columns))


_ALL = (
    _table(
        "deals",
        "deal_id",
        "created_at",
        """
        deal_id id
        account_id* id
        owner_id* id deal_changes
        name* text
        pipeline* category deal_changes
        product* category deal_changes
        source* category deal_changes
        type* category deal_changes
        created_at instant
        amount* money deal_changes
        currency* category
        stage category deal_changes
        expected_close_on* date deal_changes
        closed_at* instant close
        outcome* category close =won|lost
        lost_reason* category close
        forecast_category* category deal_changes
        crm_probability* probability deal_changes
        """,
    ),
    _table(
        "deal_changes",
        "deal_id changed_at field old_value new_value",
        "changed_at",
        """
        deal_id id
        changed_at instant
        field category
        old_value* text
        new_value* text
        """,
    ),
    _table(
        "accounts",
        "account_id",
        "created_at",
        """
        account_id id
        name* text
        industry* category export
        country* category export
        region* category export
        employees* number export >=0
        annual_revenue* money export
        created_at* instant
        parent_id* id export
        """,
    ),
    _table(
        "activities",
        "activity_id",
        "logged_at",
        """
        activity_id id
        deal_id* id
        account_id* id
        user_id* id
        kind category =call|email|meeting|demo|proposal|task|note
        direction* category =in|out
        logged_at instant
        due_at* instant logged_at
        done_at* instant
        contact_id* id
        """,
    ),
    _table(
        "users",
        "user_id",
        "hired_at",
        """
        user_id id
        name text
        manager_id* id export
        team* category export
        region* category export
        hired_at* instant
        left_at* instant
        """,
    ),
    _table(
        "leads",
        "lead_id",
        "created_at",
        """
        lead_id id
        source* category
        owner_id* id
        created_at instant
        first_response_at* instant
        qualified_at* instant
        converted_at* instant
        account_id* id converted_at
        deal_id* id converted_at
        """,
    ),
    _table(
        "orders",
        "order_id",
        "ordered_at",
        """
        order_id id
        account_id id
        ordered_at instant
        amount money
        cost* money
        deal_id* id
        """,
    ),
    _table(
        "contracts",
        "contract_id",
        "known_at",
        """
        contract_id id
        account_id id
        starts_on date
        ends_on* date
        monthly_amount money
        cancelled_at* instant
        known_at instant
        """,
    ),
    _table(
        "tickets",
        "ticket_id",
        "opened_at",
        """
        ticket_id id
        account_id id
        opened_at instant
        closed_at* instant
        priority* category
        """,
    ),
    _table(
        "surveys",
        "response_id",
        "answered_at",
        """
        response_id id
        account_id* id
        user_id* id
        answered_at instant
        kind category =nps|csat|ces
        score number
        scale_min number
        scale_max number
        """,
    ),
    _table(
        "stages",
        "pipeline stage",
        None,
        """
        pipeline* category
        stage category
        position* number
        kind category =open|won|lost
        is_qualified* flag
        is_offer* flag
        """,
    ),
    _table(
        "rates",
        "currency date",
        None,
        """
        currency category
        date date
        rate number >=0
        """,
    ),
    _table(
        "audience",
        "period_start period_end channel",
        None,
        """
        period_start date
        period_end date
        channel* category
        reach number >=0
        """,
    ),
    _table(
        "actuals",
        "kpi scope scope_id period_start period_end",
        None,
        """
        kpi category
        scope category
        scope_id* id
        period_start date
        period_end date
        value number
        """,
    ),
    _table(
        "plans",
        "scope scope_id kpi period_start period_end",
        None,
        """
        scope category =company|team|user
        scope_id* id
        kpi category
        period_start date
        period_end date
        target number
        currency* category
        """,
    ),
    _table(
        "costs",
        "period_start category channel",
        None,
        """
        period_start date
        period_end date
        category category =marketing|sales
        channel* category
        amount money
        """,
    ),
)

TABLES: Final[Mapping[str, Table]] = MappingProxyType({table.name: table for table in _ALL})

TRACKED: Final = tuple(column.name for column in TABLES["deals"].columns if column.revealed_by == CHANGES)
"""The columns of a deal that live in its change history."""
