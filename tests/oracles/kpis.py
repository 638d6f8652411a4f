"""KPIs by SQL, for tests and benchmarks alone: written from the definitions, on the tables as a CRM exports them.

`opened` registers the tables of a company in a DuckDB and builds views of what was known at as_of; each query of `BY_OWNER` then
gives owner, quarter (its first day) and a number, those of `COMPANY` quarter and a number. They share no code with the kernels.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import duckdb
import pandas as pd

NAIVE: Final = "TIMESTAMP"

VIEWS: Final = """
CREATE TABLE changes AS
SELECT deal_id, field, old_value, new_value, changed_at, row_number() OVER () AS place,
       greatest(changed_at, coalesce(recorded_at, changed_at)) AS known_at
FROM deal_changes WHERE greatest(changed_at, coalesce(recorded_at, changed_at)) < $as_of;

CREATE TABLE moves AS
SELECT *, lag(kind, 1, 'open') OVER (PARTITION BY deal_id ORDER BY changed_at, place) AS was
FROM (SELECT c.*, s.kind FROM changes c JOIN stages s ON s.stage = c.new_value WHERE field = 'stage');

CREATE TABLE states AS
SELECT deal_id, arg_max(kind, (changed_at, place)) AS state, max(changed_at) FILTER (kind != was) AS since
FROM moves GROUP BY deal_id;

CREATE TABLE fresh AS
SELECT currency, arg_max(rate, date) AS rate FROM rates WHERE date < $as_of GROUP BY currency;

CREATE TABLE known AS
SELECT d.deal_id, d.account_id, d.created_at, d.product, coalesce(s.state, 'open') AS state,
       CASE WHEN s.state IN ('won', 'lost') THEN s.since END AS closed_at,
       f.rate * CASE WHEN a.deal_id IS NULL THEN d.amount ELSE CAST(a.value AS DOUBLE) END AS amount,
       CASE WHEN e.deal_id IS NULL THEN d.expected_close_on ELSE CAST(e.value AS DATE) END AS expected_close_on
FROM deals d
LEFT JOIN states s USING (deal_id)
LEFT JOIN fresh f USING (currency)
LEFT JOIN held a ON a.deal_id = d.deal_id AND a.field = 'amount'
LEFT JOIN held e ON e.deal_id = d.deal_id AND e.field = 'expected_close_on'
WHERE d.created_at < $as_of;

CREATE TABLE owned AS
SELECT k.*, coalesce(
    (SELECT arg_max(c.new_value, (c.changed_at, c.place)) FROM changes c
     WHERE c.deal_id = k.deal_id AND c.field = 'owner_id' AND c.changed_at <= coalesce(k.closed_at, $as_of)),
    (SELECT arg_min(c.old_value, (c.changed_at, c.place)) FROM deal_changes_placed c
     WHERE c.deal_id = k.deal_id AND c.field = 'owner_id'),
    d.owner_id) AS owner,
    coalesce(k.closed_at >= k.created_at, false) AS timely
FROM known k JOIN deals d USING (deal_id);
"""
HELD: Final = """
CREATE TABLE deal_changes_placed AS SELECT *, row_number() OVER () AS place FROM deal_changes;
CREATE TABLE held AS
SELECT p.deal_id, p.field, coalesce(
    arg_max(p.new_value, (p.changed_at, p.place))
        FILTER (greatest(p.changed_at, coalesce(p.recorded_at, p.changed_at)) < $as_of),
    arg_min(p.old_value, (p.changed_at, p.place))) AS value
FROM deal_changes_placed p GROUP BY p.deal_id, p.field;
"""
"""The value of each field with a history: the last change known, before it what the first change came from."""

_CLOSED: Final = "SELECT owner, date_trunc('quarter', closed_at) AS quarter, {value} FROM owned WHERE {where} GROUP BY ALL"

BY_OWNER: Final[Mapping[str, str]] = {
    "bookings": _CLOSED.format(value="sum(amount)", where="state = 'won'"),
    "win_rate": _CLOSED.format(value="avg((state = 'won')::INT)", where="state != 'open'"),
    "win_rate:created": """
        SELECT owner, date_trunc('quarter', created_at) AS quarter, avg((state = 'won')::INT)
        FROM owned WHERE state != 'open' GROUP BY ALL""",
    "win_rate_value": _CLOSED.format(value="sum(amount) FILTER (state = 'won') / sum(amount)", where="state != 'open'")
    + " HAVING count(amount) FILTER (state = 'won') > 0 AND count(amount) FILTER (state = 'lost') > 0",
    "average_deal": _CLOSED.format(value="avg(amount)", where="state = 'won'") + " HAVING count(amount) > 0",
    "average_deal:median": _CLOSED.format(value="median(amount)", where="state = 'won'") + " HAVING count(amount) > 0",
    "sales_cycle": _CLOSED.format(value="avg(epoch(closed_at - created_at)) / 86400", where="state = 'won' AND timely"),
    "sales_cycle:median": _CLOSED.format(value="median(epoch(closed_at - created_at)) / 86400", where="state = 'won' AND timely"),
    "touches": """
        SELECT owner, date_trunc('quarter', closed_at) AS quarter, sum(n) / count(*) FROM (
            SELECT o.owner, o.closed_at, count(a.activity_id) AS n FROM owned o
            LEFT JOIN activities a ON a.deal_id = o.deal_id AND a.kind NOT IN ('task', 'note')
                AND a.done_at BETWEEN o.created_at AND o.closed_at AND a.done_at < $as_of
                AND greatest(a.logged_at, coalesce(a.recorded_at, a.logged_at)) < $as_of
            WHERE o.state = 'won' AND o.timely GROUP BY o.deal_id, o.owner, o.closed_at)
        GROUP BY ALL""",
    "leads": """
        SELECT owner_id AS owner, date_trunc('quarter', created_at) AS quarter, count(*)
        FROM leads WHERE created_at < $as_of GROUP BY ALL""",
    "qualified_leads": """
        SELECT owner_id AS owner, date_trunc('quarter', qualified_at) AS quarter, count(*)
        FROM leads WHERE qualified_at < $as_of AND created_at < $as_of GROUP BY ALL""",
    "lead_conversion": """
        SELECT l.owner_id AS owner, date_trunc('quarter', l.created_at) AS quarter,
               avg((l.converted_at < $as_of AND (l.deal_id IS NULL OR coalesce(k.state, 'open') = 'won'))::INT)
        FROM (SELECT * REPLACE (coalesce(converted_at, TIMESTAMP '2999-01-01') AS converted_at) FROM leads) l
        LEFT JOIN known k USING (deal_id) WHERE l.created_at < $as_of GROUP BY ALL""",
    "offers": """
        WITH entries AS (
            SELECT deal_id, changed_at AS entered, new_value AS stage FROM changes WHERE field = 'stage'
            UNION ALL
            SELECT deal_id, created_at, coalesce(
                (SELECT arg_min(old_value, (changed_at, place)) FROM deal_changes_placed c
                 WHERE c.deal_id = d.deal_id AND c.field = 'stage'), d.stage)
            FROM deals d WHERE created_at < $as_of)
        SELECT o.owner, date_trunc('quarter', entered) AS quarter, count(*) FROM (
            SELECT e.deal_id, min(e.entered) AS entered FROM entries e JOIN stages s USING (stage)
            WHERE s.is_offer GROUP BY e.deal_id) JOIN owned o USING (deal_id) GROUP BY ALL""",
    "attainment": """
        WITH planned AS (
            SELECT p.scope_id AS owner, p.period_start AS quarter, sum(p.target * greatest(0, epoch(
                least(p.period_end::TIMESTAMP, CASE WHEN u.left_at < $as_of THEN u.left_at ELSE p.period_end::TIMESTAMP END)
                - greatest(p.period_start::TIMESTAMP, u.hired_at))
                / epoch(p.period_end::TIMESTAMP - p.period_start::TIMESTAMP))) AS target
            FROM plans p JOIN users u ON u.user_id = p.scope_id
            WHERE p.scope = 'user' AND p.kpi = 'bookings' AND u.hired_at < $as_of GROUP BY ALL),
        sold AS (SELECT owner, date_trunc('quarter', closed_at) AS quarter, sum(amount) AS won
                 FROM owned WHERE state = 'won' GROUP BY ALL)
        SELECT owner, p.quarter, coalesce(won, 0) / target FROM planned p LEFT JOIN sold s USING (owner, quarter)
        WHERE target > 0 AND p.quarter < $as_of""",
}

NEW_CLIENTS: Final = """
SELECT date_trunc('quarter', begins) AS quarter, count(*)
FROM (SELECT account_id, min(begins) AS begins FROM stretches GROUP BY account_id) GROUP BY ALL
"""
LOST_CLIENTS: Final = """
SELECT date_trunc('quarter', ends) AS quarter, count(*) FROM (
    SELECT account_id, max(ends) AS ends FROM (
        SELECT *, sum((begins > reached)::INT) OVER (PARTITION BY account_id ORDER BY begins, ends) AS spell FROM (
            SELECT *, coalesce(max(ends) OVER (PARTITION BY account_id ORDER BY begins, ends
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), begins) AS reached FROM stretches))
    GROUP BY account_id, spell) WHERE ends < $as_of GROUP BY ALL
"""
PIPELINE: Final = """
SELECT owner, sum(amount) FROM owned
WHERE state = 'open' AND expected_close_on >= $today AND expected_close_on < $end GROUP BY ALL HAVING count(amount) > 0
"""
WAITING: Final = """
SELECT o.owner, count(*) FROM owned o JOIN deals d USING (deal_id) LEFT JOIN held h ON h.deal_id = o.deal_id AND h.field = 'stage'
JOIN stages s ON s.stage = coalesce(h.value, d.stage) WHERE o.state = 'open' AND s.is_qualified GROUP BY ALL
"""

REVENUE: Final = """
SELECT sum(amount), sum(amount - cost) FILTER (cost IS NOT NULL) / sum(amount) FILTER (cost IS NOT NULL) FROM orders
WHERE ordered_at >= $start AND ordered_at < $end AND greatest(ordered_at, coalesce(recorded_at, ordered_at)) < $as_of
"""
COSTS: Final = "SELECT sum(amount) FROM costs WHERE period_start >= $start AND period_end <= $end"

COMPANY: Final[Mapping[str, str]] = {
    "reach": """
        SELECT date_trunc('quarter', period_start) AS quarter, sum(reach)
        FROM audience WHERE period_end <= $as_of GROUP BY ALL""",
    "nps": """
        SELECT date_trunc('quarter', answered_at) AS quarter, 100 * avg((score >= 9)::INT - (score <= 6)::INT) FROM surveys
        WHERE kind = 'nps' AND greatest(answered_at, coalesce(recorded_at, answered_at)) < $as_of GROUP BY ALL""",
    "csat": """
        SELECT date_trunc('quarter', answered_at) AS quarter, avg((score >= 4)::INT) FROM surveys
        WHERE kind = 'csat' AND greatest(answered_at, coalesce(recorded_at, answered_at)) < $as_of GROUP BY ALL""",
    "ces": """
        SELECT date_trunc('quarter', answered_at) AS quarter, avg(score) FROM surveys
        WHERE kind = 'ces' AND greatest(answered_at, coalesce(recorded_at, answered_at)) < $as_of GROUP BY ALL""",
    "return_on_sales": """
        SELECT date_trunc('quarter', ordered_at) AS quarter, sum(amount - cost) / sum(amount) FROM orders
        WHERE cost IS NOT NULL AND greatest(ordered_at, coalesce(recorded_at, ordered_at)) < $as_of GROUP BY ALL""",
    "repeat_purchase": """
        SELECT quarter, avg((n >= 2)::INT) FROM (
            SELECT account_id, date_trunc('quarter', ordered_at) AS quarter, count(*) AS n FROM orders
            WHERE amount >= 0 AND greatest(ordered_at, coalesce(recorded_at, ordered_at)) < $as_of GROUP BY ALL)
        GROUP BY ALL""",
}

SPELLS: Final = """
CREATE TABLE stretches AS
SELECT account_id, ordered_at AS begins, ordered_at + INTERVAL 365 DAY AS ends, 'orders' AS regime FROM orders
WHERE amount >= 0 AND greatest(ordered_at, coalesce(recorded_at, ordered_at)) < $as_of
UNION ALL
SELECT account_id, starts_on::TIMESTAMP, least(coalesce(ends_on::TIMESTAMP + INTERVAL 30 DAY, TIMESTAMP '2999-01-01'),
       coalesce(CASE WHEN cancelled_at < $as_of THEN cancelled_at END, TIMESTAMP '2999-01-01')), 'contracts'
FROM contracts WHERE known_at < $as_of AND starts_on::TIMESTAMP < $as_of;
"""
CLIENTS_AT: Final = "SELECT count(DISTINCT account_id) FROM stretches WHERE begins < $at AND ends >= $at AND regime IN {regimes}"
KEPT: Final = """
SELECT count(*) FROM (SELECT DISTINCT account_id FROM stretches WHERE begins < $start AND ends >= $start AND regime IN {regimes})
JOIN (SELECT DISTINCT account_id FROM stretches WHERE begins < $end AND ends >= $end AND regime IN {regimes}) USING (account_id)
"""
MONTHLY: Final = """
SELECT account_id, coalesce(nullif(sum(monthly_amount) FILTER (stops >= $at), 0), sum(monthly_amount)) AS paid FROM (
    SELECT account_id, monthly_amount, least(coalesce(ends_on::TIMESTAMP, TIMESTAMP '2999-01-01'), left_at) AS stops,
           least(coalesce(ends_on::TIMESTAMP + INTERVAL 30 DAY, TIMESTAMP '2999-01-01'), left_at) AS over
    FROM (SELECT *, coalesce(CASE WHEN cancelled_at < $as_of THEN cancelled_at END, TIMESTAMP '2999-01-01') AS left_at
          FROM contracts WHERE known_at < $as_of) WHERE starts_on::TIMESTAMP < $at)
WHERE over >= $at GROUP BY account_id
"""


def opened(tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> duckdb.DuckDBPyConnection:
    """A database of the tables, with the views of what was known at as_of."""
    base = duckdb.connect()
    base.execute("SET TimeZone = 'UTC'")
    for name, frame in tables.items():
        given = frame.copy()
        for column in map(str, frame):
            if isinstance(frame[column].dtype, pd.DatetimeTZDtype):
                given[column] = frame[column].dt.tz_localize(None)
            elif frame[column].dtype == "str":
                given[column] = frame[column].astype(object).where(frame[column].notna(), None)
        base.register("given", given)
        base.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        if "recorded_at" not in frame and name in ("deal_changes", "activities", "orders", "surveys"):
            base.execute(f"ALTER TABLE {name} ADD COLUMN recorded_at TIMESTAMP")
    for statement in f"{HELD}{VIEWS}{SPELLS}".split(";"):
        run(base, statement, as_of=moment(as_of))
    return base


def run(base: duckdb.DuckDBPyConnection, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement; it is given those of the values that it names."""
    if not statement.strip():
        return []
    return base.execute(statement, {name: value for name, value in values.items() if f"${name}" in statement}).fetchall()


def moment(at: pd.Timestamp) -> datetime:
    """An instant as DuckDB is given it here: naive, in UTC."""
    return at.tz_convert("UTC").tz_localize(None).to_pydatetime()
