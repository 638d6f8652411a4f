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
from types import MappingProxyType
from typing import Final

from features.columns import ALWAYS, CHANGES, CLOSE, EXPORT, NUMERIC, TEXTUAL, Column, Kind, Table, table

__all__ = ["ALWAYS", "CHANGES", "CLOSE", "EXPORT", "NUMERIC", "TABLES", "TEXTUAL", "TRACKED", "Column", "Kind", "Table"]

_ALL = (
    table(
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
    table(
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
    table(
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
    table(
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
    table(
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
    table(
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
    table(
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
    table(
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
    table(
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
    table(
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
    table(
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
    table(
        "rates",
        "currency date",
        None,
        """
        currency category
        date date
        rate number >0
        """,
    ),
    table(
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
    table(
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
    table(
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
    table(
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
