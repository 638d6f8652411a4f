"""The contract of a table: what breaks it is refused whole, and the message says what, where, which rows and what to do."""

import unicodedata

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import contracts
from features.errors import DataError
from features.organisation import Organisation
from features.parsing import DTYPES
from features.tables import CHANGES, TABLES, Column, Kind

AT = "2026-01-01T00:00:00Z"


def deals(**changed: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"deal_id": ["D1", "D2"], "created_at": [AT, AT], "stage": ["Discovery", "Won"]} | changed)


def refusal(name: str, frame: pd.DataFrame) -> DataError:
    with pytest.raises(DataError) as error:
        contracts.conform(name, frame)
    return error.value


def test_columns_stand_in_the_contracts_order_with_its_dtypes_and_own_columns_follow() -> None:
    frame = contracts.conform("deals", deals(size=[3, None], amount=["5", ""], crm_probability=[0.5, 1]))
    assert list(frame) == ["deal_id", "created_at", "amount", "stage", "crm_probability", "size"]
    assert frame.dtypes.astype(str).to_list() == ["str", "datetime64[us, UTC]", "float64", "str", "float64", "float64"]


def test_conforming_twice_changes_nothing() -> None:
    once = contracts.conform("deals", deals(expected_close_on=["2026-05-01", None], rush=[True, False]))
    pd.testing.assert_frame_equal(contracts.conform("deals", once), once)


def test_own_columns_are_read_as_they_are_declared() -> None:
    declared = [Column("size", Kind.NUMBER, CHANGES), Column("since", Kind.DATE, CHANGES)]
    frame = contracts.conform("deals", deals(size=["3", "4"], since=["2026-01-01", ""]), custom=declared)
    assert frame[["size", "since"]].dtypes.astype(str).to_list() == [DTYPES[Kind.NUMBER], DTYPES[Kind.DATE]]


def test_a_broken_table_names_its_rule_its_rows_and_the_way_out() -> None:
    error = refusal("deals", deals(amount=["12k", "5"]))
    assert str(error).splitlines() == [
        "deals.amount: text in a number column (1 row)",
        "  deal_id D1, amount '12k'",
        "  → write plain numbers, or declare the source's decimal and thousands separators",
    ]


def test_the_other_broken_rules_are_named_too() -> None:
    error = refusal("deals", deals(amount=["12k", "5"], crm_probability=[0.5, 7], deal_id=["D1", "D1"]))
    assert (error.column, error.rule) == ("amount", "text in a number column")
    assert "broken as well: deals.deal_id (the key stands more than once)" in error.advice
    assert "deals.crm_probability (the probability is outside 0 to 1)" in error.advice


def test_only_the_first_rows_are_shown_and_all_are_counted() -> None:
    frame = pd.DataFrame({"account_id": [f"A{i}" for i in range(20)], "employees": [-1] * 20})
    error = refusal("accounts", frame)
    assert (error.count, len(error.rows)) == (20, 5)
    assert "… and 15 more" in str(error)


BROKEN = [
    ("nonsense", {"a": [1]}, None, "there is no such table"),
    ("deals", {"deal_id": ["D1"], "created_at": [AT]}, "stage", "the column is missing"),
    ("accounts", {"account_id": ["A1"], "colour": ["red"]}, "colour", "the column is unknown"),
    ("accounts", {"account_id": ["A1", "A1"]}, "account_id", "the key stands more than once"),
    ("stages", {"stage": ["A", "A"], "kind": ["open", "open"]}, "pipeline, stage", "the key stands more than once"),
    ("accounts", {"account_id": ["A1", " "]}, "account_id", "the value is missing"),
    ("accounts", {"account_id": ["A\x00"]}, "account_id", "holds a control character"),
    ("accounts", {"account_id": ["A1"], "employees": ["many"]}, "employees", "text in a number column"),
    ("accounts", {"account_id": ["A1"], "employees": ["inf"]}, "employees", "an infinite number"),
    ("accounts", {"account_id": ["A1"], "employees": [-1]}, "employees", "the number is below 0"),
    ("rates", {"currency": ["USD"], "date": ["2026-01-01"], "rate": [0]}, "rate", "the number is not above 0"),
    ("accounts", {"account_id": ["A1"], "created_at": ["soon"]}, "created_at", "not a timestamp"),
    (
        "accounts",
        {"account_id": ["A1"], "created_at": ["2026-01-01 10:00"]},
        "created_at",
        "a timestamp without an offset, and no declared zone",
    ),
    ("accounts", {"account_id": ["A1"], "created_at": ["1850-01-01T00:00:00Z"]}, "created_at", "a date outside 1900 to 2199"),
    (
        "tickets",
        {"ticket_id": ["T1"], "account_id": ["A1"], "opened_at": ["2026-02-01T00:00Z"], "closed_at": [AT]},
        "closed_at",
        "it ends before it starts",
    ),
    (
        "stages",
        {"stage": ["A"], "kind": ["half-open"]},
        "kind",
        "the value is not one of open, won, lost",
    ),
    (
        "surveys",
        {"response_id": ["R1"], "answered_at": [AT], "kind": ["nps"], "score": [11], "scale_min": [0], "scale_max": [10]},
        "scale_max",
        "the score lies outside its scale",
    ),
]


@pytest.mark.parametrize(("table", "columns", "column", "rule"), BROKEN)
def test_every_rule_is_enforced(table: str, columns: dict[str, list[object]], column: str | None, rule: str) -> None:
    error = refusal(table, pd.DataFrame(columns))
    assert (error.table, error.column, error.rule) == (table, column, rule)
    assert error.advice


def test_a_deal_is_not_closed_before_it_was_created() -> None:
    error = refusal("deals", deals(closed_at=["2025-12-31T23:59:59Z", None], outcome=["won", None]))
    assert (error.column, error.rule) == ("closed_at", "the deal is closed before it was created")
    assert error.rows == ["deal_id D1, created_at 2026-01-01 00:00:00+00:00, closed_at 2025-12-31 23:59:59+00:00"]


def test_a_deal_may_close_in_the_instant_of_its_creation() -> None:
    contracts.conform("deals", deals(closed_at=[AT, None], outcome=["won", None]))


def test_a_source_with_a_table_of_deals_has_deals() -> None:
    none = contracts.conform("deals", pd.DataFrame({"deal_id": [], "created_at": [], "stage": []}))
    with pytest.raises(DataError, match="deals: the table is empty"):
        contracts.check_filled({"deals": none})
    contracts.check_filled({"orders": none})


def test_an_outcome_has_a_date() -> None:
    assert refusal("deals", deals(outcome=["won", None])).rule == "the deal has an outcome but no closed_at"
    assert refusal("deals", deals(outcome=["won", None], closed_at=[None, AT])).rows == [
        "deal_id D1, outcome 'won', closed_at is empty"
    ]


def test_a_name_close_to_a_contracts_column_is_a_slip_not_a_column_of_its_own() -> None:
    error = refusal("deals", deals(close_at=[None, AT]))
    assert (error.column, error.advice) == ("close_at", "did you mean 'closed_at'?")


def changes(**changed: list[object]) -> pd.DataFrame:
    rows = {"deal_id": ["D1", "D1"], "changed_at": [AT, AT], "field": ["amount", "expected_close_on"]}
    return pd.DataFrame(rows | {"old_value": ["", "2026-03-01"], "new_value": ["20000", ""]} | changed)


def test_values_of_changes_read_as_their_field() -> None:
    assert contracts.conform("deal_changes", changes())["new_value"].to_list()[0] == "20000"
    error = refusal("deal_changes", changes(new_value=["much", "later"]))
    assert (error.column, error.rule) == ("new_value", "text in a number column")
    assert error.rows == ["deal_id D1, changed_at 2026-01-01 00:00:00+00:00, field amount, new_value 'much'"]
    assert "deal_changes.new_value (not a date)" in error.advice


def test_equal_changes_of_one_instant_are_equal_facts() -> None:
    flip = pd.DataFrame([("D1", AT, "stage", *pair) for pair in (("A", "B"), ("B", "A"), ("A", "B"))])
    flip.columns = pd.Index(["deal_id", "changed_at", "field", "old_value", "new_value"])
    assert len(contracts.conform("deal_changes", flip)) == 3


def test_parse_names_the_field_that_cannot_be_read() -> None:
    assert contracts.parse(pd.Series(["20000", ""], dtype="str"), Kind.MONEY).tolist()[0] == 20000.0
    with pytest.raises(DataError, match=r"deal_changes\.old_value: text in a number column"):
        contracts.parse(pd.Series(["twenty"], name="old_value", dtype="str"), Kind.MONEY)


def in_currencies(*codes: str | None) -> dict[str, pd.DataFrame]:
    return {"deals": pd.DataFrame({"currency": pd.Series(codes, dtype="str")})}


def test_one_currency_needs_no_rates_and_an_empty_one_is_the_organisations() -> None:
    contracts.check_together(in_currencies("USD", None), Organisation(currency="USD"))


@pytest.mark.parametrize(("rates", "said"), [(None, "there is no rates table"), (["USD"], "the rates table has no CHF")])
def test_a_second_currency_needs_a_rate(rates: list[str] | None, said: str) -> None:
    tables = in_currencies("EUR", "CHF") | ({"rates": pd.DataFrame({"currency": rates})} if rates else {})
    with pytest.raises(DataError, match=said) as error:
        contracts.check_together(tables, Organisation(currency="EUR"))
    assert (error.value.table, error.value.column) == ("deals", "currency")
    contracts.check_together(tables | {"rates": pd.DataFrame({"currency": ["CHF"]})}, Organisation(currency="EUR"))


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(DataError, match="'EURO' is not a currency"):
        contracts.check_together(in_currencies("EURO"), Organisation())
    with pytest.raises(DataError, match=r"organisation\.currency: 'XXQ' is not a currency"):
        contracts.check_together({}, Organisation(currency="XXQ"))


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"])).map(str.strip).filter(bool), min_size=1))
def test_ids_of_any_script_are_composed_and_kept_apart(written: list[str]) -> None:
    ids = list(dict.fromkeys(unicodedata.normalize("NFC", one).strip() for one in written))
    frame = pd.DataFrame({"account_id": [unicodedata.normalize("NFD", one) for one in ids]})
    assert contracts.conform("accounts", frame)["account_id"].to_list() == ids


@pytest.mark.parametrize("name", list(TABLES))
def test_every_table_of_the_contract_has_a_schema(name: str) -> None:
    assert refusal(name, pd.DataFrame()).rule == "the column is missing"


def test_one_stage_name_has_one_kind_in_all_pipelines() -> None:
    stages = pd.DataFrame({"pipeline": ["New", "Renewals"], "stage": ["Signed", "Signed"], "kind": ["open", "won"]})
    with pytest.raises(DataError) as error:
        contracts.check_together({"stages": stages}, Organisation())
    assert str(error.value).startswith("stages.kind: one stage name has two kinds (2 rows)\n  stage 'Signed', kind open")
