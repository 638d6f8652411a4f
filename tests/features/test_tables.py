"""The contracts themselves: every table says what reveals each of its columns."""

import pytest

from features.tables import ALWAYS, CHANGES, CLOSE, EXPORT, TABLES, TRACKED, Column, Kind, Table

EVERY = list(TABLES.values())
COLUMNS = [pytest.param(table, column, id=f"{table.name}.{column.name}") for table in EVERY for column in table.columns]


@pytest.mark.parametrize("table", EVERY, ids=list(TABLES))
def test_key_and_time_are_columns_of_the_table(table: Table) -> None:
    assert set(table.key) <= set(table.names)
    assert table.time is None or table.column(table.time).kind is Kind.INSTANT
    assert len(table.names) == len(set(table.names))


@pytest.mark.parametrize("table", EVERY, ids=list(TABLES))
def test_every_table_may_say_when_a_row_was_recorded(table: Table) -> None:
    assert table.column("recorded_at") == Column("recorded_at", Kind.INSTANT, "recorded_at")


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_what_reveals_a_column_is_known_itself(table: Table, column: Column) -> None:
    if column.revealed_by in {CHANGES, CLOSE}:
        assert table.name == "deals"
    elif column.revealed_by not in {EXPORT, ALWAYS}:
        assert table.column(column.revealed_by).kind is Kind.INSTANT


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_column_of_a_dated_row_is_never_revealed_before_the_row(table: Table, column: Column) -> None:
    assert (column.revealed_by == ALWAYS) == (table.time is None and column.kind is not Kind.INSTANT)


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_an_instant_reveals_itself_unless_it_is_a_plan_or_a_close(table: Table, column: Column) -> None:
    exceptions = {("deals", "closed_at"): CLOSE, ("activities", "due_at"): "logged_at"}
    if column.kind is Kind.INSTANT:
        assert column.revealed_by == exceptions.get((table.name, column.name), column.name)


def test_only_deals_and_their_clients_facts_are_required() -> None:
    assert TABLES["deals"].required == ["deal_id", "created_at", "stage"]
    assert TABLES["orders"].required == ["order_id", "account_id", "ordered_at", "amount"]
    assert TABLES["contracts"].required == ["contract_id", "account_id", "starts_on", "monthly_amount", "known_at"]


def test_the_tracked_columns_of_a_deal() -> None:
    assert TRACKED == (
        "owner_id",
        "pipeline",
        "product",
        "source",
        "type",
        "amount",
        "stage",
        "expected_close_on",
        "forecast_category",
        "crm_probability",
    )


def test_what_a_close_reveals() -> None:
    assert [c.name for c in TABLES["deals"].columns if c.revealed_by == CLOSE] == ["closed_at", "outcome", "lost_reason"]


def test_what_has_no_history() -> None:
    found = {f"{t.name}.{c.name}" for t in EVERY for c in t.columns if c.revealed_by == EXPORT}
    accounts = {f"accounts.{name}" for name in ("industry", "country", "region", "employees", "annual_revenue", "parent_id")}
    assert found == accounts | {"users.manager_id", "users.team", "users.region"}


def test_a_conversion_reveals_what_a_lead_became() -> None:
    assert {TABLES["leads"].column(name).revealed_by for name in ("account_id", "deal_id")} == {"converted_at"}


def test_the_values_and_floors_that_a_line_declares() -> None:
    assert TABLES["deals"].column("outcome").values == ("won", "lost")
    assert TABLES["rates"].column("rate").minimum == 0
    assert TABLES["deals"].column("amount") == Column("amount", Kind.MONEY, CHANGES)
