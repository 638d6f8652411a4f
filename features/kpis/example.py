"""A company whose figures can be checked at sight: ten deals in euros, as of 1 April 2026. The reference of the KPIs uses it.

Ann and Bob sell; Eva manages Ann. D1 to D5 were won in the first quarter, D6 to D8 lost; D9 and D10 are open. D5 has no amount.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

import pandas as pd

from features.dataset import Dataset
from features.kpis.value import Value
from features.snapshot import Snapshot

AS_OF: Final = pd.Timestamp("2026-04-01T00:00Z").as_unit("us")

TABLES: Final = {
    "deals": """
        deal_id account_id owner_id created_at amount stage closed_at  expected_close_on crm_probability
        D1      A1         ann      2026-01-01 3000   Won   2026-01-11 -          -
        D2      A2         ann      2026-01-05 2000   Won   2026-01-25 -          -
        D3      A3         bob      2026-01-10 1000   Won   2026-02-09 -          -
        D4      A1         bob      2026-01-20 4000   Won   2026-03-01 -          -
        D5      A4         bob      2026-02-01 -      Won   2026-03-23 -          -
        D6      A5         ann      2026-01-02 6000   Lost  2026-01-12 -          -
        D7      A6         bob      2026-01-15 2500   Lost  2026-02-04 -          -
        D8      -          bob      2026-02-10 1500   Lost  2026-03-12 -          -
        D9      A7         ann      2026-03-01 5000   Offer -          2026-05-15 0.5
        D10     A8         bob      2026-03-11 2000   Talk  -          2026-06-30 0.2
        """,
    "deal_changes": """
        deal_id changed_at field old_value new_value
        D1      2026-01-06 stage Talk      Offer
        D1      2026-01-11 stage Offer     Won
        D2      2026-01-15 stage Talk      Offer
        D2      2026-01-25 stage Offer     Won
        D3      2026-02-01 stage Talk      Offer
        D3      2026-02-09 stage Offer     Won
        D4      2026-02-20 stage Talk      Offer
        D4      2026-03-01 stage Offer     Won
        D5      2026-03-20 stage Talk      Offer
        D5      2026-03-23 stage Offer     Won
        D6      2026-01-12 stage Talk      Lost
        D7      2026-01-30 stage Talk      Offer
        D7      2026-02-04 stage Offer     Lost
        D8      2026-03-12 stage Talk      Lost
        D9      2026-03-20 stage Talk      Offer
        """,
    "stages": """
        stage position kind is_qualified is_offer
        Talk  1        open true         false
        Offer 2        open true         true
        Won   3        won  true         true
        Lost  4        lost false        false
        """,
    "users": """
        user_id name manager_id team  hired_at
        ann     Ann  eva        North 2026-01-01
        bob     Bob  -          South 2025-03-01
        eva     Eva  -          North 2024-06-01
        """,
    "activities": """
        activity_id deal_id kind    direction logged_at
        E1          D1      call    out       2026-01-02
        E2          D1      email   in        2026-01-03
        E3          D2      meeting out       2026-01-10
        E4          D3      call    out       2026-01-11
        E5          D3      call    in        2026-01-12
        E6          D4      note    -         2026-01-21
        E7          D6      call    out       2026-01-03
        """,
    "leads": """
        lead_id source owner_id created_at first_response_at qualified_at converted_at account_id deal_id
        L1      web    ann      2025-12-20 2025-12-21        2025-12-28   2026-01-01   A1         D1
        L2      web    ann      2026-01-02 2026-01-03        2026-01-04   2026-01-05   A2         D2
        L3      event  bob      2026-01-05 2026-01-07        2026-01-08   2026-01-10   A3         D3
        L4      web    bob      2026-01-08 2026-01-11        2026-01-12   2026-01-15   A6         D7
        L5      web    bob      2026-01-20 -                 -            -            -          -
        L6      event  ann      2026-02-20 2026-02-22        2026-02-25   2026-03-01   A7         D9
        """,
    "orders": """
        order_id account_id ordered_at amount cost
        O1       A9         2025-06-01 500    300
        O2       A1         2026-01-15 1000   600
        O3       A1         2026-02-20 2000   1200
        O4       A2         2026-01-30 1500   900
        O5       A9         2026-03-10 500    300
        O6       A1         2026-03-15 -200   -120
        O7       A2         2026-03-20 700    -
        """,
    "contracts": """
        contract_id account_id starts_on  ends_on    monthly_amount cancelled_at known_at
        K1          B1         2025-01-01 2026-01-01 100            -            2024-12-01
        K2          B1         2026-01-01 2027-01-01 120            -            2025-12-15
        K3          B2         2025-06-01 2027-06-01 200            2026-02-10   2025-05-15
        K4          B3         2025-03-01 2027-03-01 300            -            2025-02-15
        K5          B4         2026-02-01 2027-02-01 150            -            2026-01-20
        """,
    "surveys": """
        response_id account_id answered_at kind score scale_min scale_max
        R1          A1         2026-01-20  nps  10    0         10
        R2          A2         2026-02-10  nps  9     0         10
        R3          A3         2026-02-15  nps  8     0         10
        R4          A1         2026-03-10  nps  3     0         10
        R5          A2         2026-03-11  nps  5     1         5
        R6          A1         2026-01-21  csat 5     1         5
        R7          A2         2026-01-22  csat 4     1         5
        R8          A3         2026-01-23  csat 2     1         5
        R9          A1         2026-02-21  ces  6     1         7
        R10         A2         2026-02-22  ces  7     1         7
        R11         A3         2026-02-23  ces  2     1         7
        """,
    "audience": """
        period_start period_end channel reach
        2026-01-01   2026-02-01 web     10000
        2026-02-01   2026-03-01 web     12000
        2026-03-01   2026-04-01 web     14000
        2026-04-01   2026-05-01 web     15000
        """,
    "costs": """
        period_start period_end category  channel amount
        2025-10-01   2026-01-01 sales     -       900
        2026-01-01   2026-04-01 sales     -       1200
        2026-01-01   2026-04-01 marketing web     800
        """,
    "plans": """
        scope   scope_id kpi      period_start period_end target
        company -        bookings 2026-01-01   2026-04-01 12500
        company -        bookings 2026-04-01   2026-07-01 14000
        user    ann      bookings 2026-01-01   2026-04-01 5000
        user    bob      bookings 2026-01-01   2026-04-01 8000
        """,
    "actuals": """
        kpi          scope   scope_id period_start period_end value
        market_share company -        2026-01-01   2026-04-01 0.12
        """,
}


@cache
def dataset() -> Dataset:
    """The company's tables."""
    tables = {name: _table(text) for name, text in TABLES.items()}
    since = {"stage": pd.Timestamp("2025-12-01T00:00Z")}
    return Dataset.of(tables, static=STATIC, tracked_since=since, extracted_at=AS_OF)


def snapshot() -> Snapshot:
    """The company as of 1 April 2026."""
    return Snapshot(dataset(), AS_OF)


STATIC: Final = frozenset(
    {"deals.owner_id", "deals.amount", "deals.expected_close_on", "deals.crm_probability", "users.team", "users.manager_id"}
)


def forecasts() -> pd.DataFrame:
    """What was forecast for January to March on the first of each month: 4500, 2000 and 4000, where 5000, 1000 and 4000 came."""
    starts = pd.to_datetime(pd.Series(["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"]), utc=True).dt.as_unit("us")
    first, ends = starts[:3], starts[1:].to_numpy()
    values = [4500.0, 2000.0, 4000.0]
    return pd.DataFrame({"node": "", "period_start": first, "period_end": ends, "made_at": first, "forecast": values})


def shown(value: Value) -> str:
    """A value as lines of text: all that it carries and that is not empty, numbers to four places."""
    lines = {
        "value": "null" if value.value is None else _number(value.value),
        "reason": value.reason or "",
        "numerator": _number(value.numerator),
        "denominator": _number(value.denominator),
        "n": str(value.n),
        "95 %": " to ".join(_number(end) for end in value.interval or ()),
        "censored": str(value.censored or ""),
        "excluded": _listed(value.excluded),
        "beside": _listed(value.beside),
        "flags": ", ".join(value.flags),
    }
    return "\n".join(f"{name:<12}{text}" for name, text in lines.items() if text)


def _listed(figures: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {_number(figure)}" for name, figure in figures.items() if figure is not None)


def _number(figure: float | None) -> str:
    return "" if figure is None else f"{round(figure, 4):,.4f}".rstrip("0").rstrip(".")


def _table(text: str) -> pd.DataFrame:
    """A table drawn with blanks; a dash is an empty cell, a day in a column of instants is its midnight in UTC."""
    head, *lines = [line.split() for line in text.strip().splitlines()]
    cells = [[_cell(name, cell) for name, cell in zip(head, line, strict=True)] for line in lines]
    return pd.DataFrame(cells, columns=pd.Index(head), dtype="str")


def _cell(name: str, cell: str) -> str | None:
    if cell == "-":
        return None
    return f"{cell}T00:00Z" if name.endswith("_at") else cell
