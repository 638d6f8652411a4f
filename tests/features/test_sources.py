"""A mapping applied to an export: columns, patterns, rules, aggregation, and what the report says of them."""

from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from features import sources
from features.errors import DataError, MappingError
from features.sources import SourceData
from features.sources.columns import translate
from features.tables import EXPORT, Column, Kind
from tests.features.exports import DEALS, csv, mapping, own, rows, write

MINIMAL = """
    [tables.deals]
    file = "leads_crm"
    [tables.deals.columns]
    deal_id = "No"
    created_at = "Opened"
    stage = "Phase"
"""


def mapped(folder: Path, extra: str, **files: str) -> SourceData:
    """Read files by the minimal mapping and something more."""
    return sources.read(str(write(folder / "export", **files)), mapping(folder / "export", csv(MINIMAL) + csv(extra)))


def test_our_own_format_needs_no_mapping(tmp_path: Path) -> None:
    data = own(tmp_path, deals=DEALS, users="user_id,name\nU1,Ann\n")
    assert rows(data.tables["deals"], "deal_id", "amount", "outcome") == [("D1", 5000.0, None), ("D2", 700.0, "won")]
    assert list(data.tables) == ["deals", "users"]
    assert data.organisation is None
    assert data.dataset().n_deals == 2


def test_our_own_format_takes_own_columns_of_the_deals_and_refuses_others(tmp_path: Path) -> None:
    deals = "deal_id,created_at,stage,segment\nD1,2026-01-05T10:00:00Z,Proposal,north\n"
    assert own(tmp_path, deals=deals).custom == (Column("segment", Kind.CATEGORY, EXPORT),)
    with pytest.raises(DataError, match=r"users\.phone: the column is unknown"):
        own(tmp_path, deals=deals, users="user_id,name,phone\nU1,Ann,1\n")


def test_a_database_is_read_like_a_folder(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    pd.read_csv(write(tmp_path, deals=DEALS) / "deals.csv", dtype="str").to_sql("deals", engine, index=False)
    engine.dispose()
    data = sources.read(f"sqlite:///{tmp_path / 'crm.db'}")
    pd.testing.assert_frame_equal(data.tables["deals"], own(tmp_path / "csv", deals=DEALS).tables["deals"])


def test_files_and_columns_are_found_whatever_their_case(tmp_path: Path) -> None:
    data = mapped(tmp_path, "", LEADS_CRM="NO,opened,PHASE\n007,2026-01-05T10:00:00Z,New\n")
    assert rows(data.tables["deals"], "deal_id", "stage") == [("007", "New")]


LEADS = """
    No,Opened,Phase,Qty,Price,First,Last,Alt,Region
    1,2026-01-05T10:00:00Z,new,2,10.5,Ann,Lee,,
    2,2026-01-06T10:00:00Z,Signed - big,3,,Bob,,B2,EU
    3,2026-01-07T10:00:00Z,x,,,,,,EU
"""


def test_computed_columns(tmp_path: Path) -> None:
    extra = """
    amount = { product = ["Qty", "Price"] }
    name = { concat = ["First", "Last"] }
    product = { value = "licence" }
    crm_probability = { column = "Qty", divide_by = 100 }
    """
    data = mapped(tmp_path, extra, leads_crm=LEADS)
    found = rows(data.tables["deals"], "amount", "name", "product", "crm_probability")
    assert found == [(21.0, "Ann Lee", "licence", 0.02), (None, "Bob", "licence", 0.03), (None, None, "licence", None)]


def test_each_row_takes_the_first_alternative_that_holds_something(tmp_path: Path) -> None:
    data = mapped(tmp_path, 'source = ["Nowhere", "Alt", "First"]', leads_crm=LEADS)
    assert rows(data.tables["deals"], "source") == [("Ann",), ("B2",), (None,)]


def test_values_are_translated_by_pattern(tmp_path: Path) -> None:
    extra = """
    outcome = "Phase"
    closed_at = "Opened"
    [tables.deals.values.outcome]
    "signed*" = "won"
    "*" = ""
    """
    assert rows(mapped(tmp_path, extra, leads_crm=LEADS).tables["deals"], "outcome") == [(None,), ("won",), (None,)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["Call", None], "call"),
        (["Other", "call back"], "call"),
        (["Other", "x"], "task"),
        ([None, None], "none"),
        (["?", None], "task"),
    ],
)
def test_an_alternative_that_matches_nothing_passes_to_the_next(written: list[str | None], meant: str) -> None:
    parts = [pd.Series([value], dtype="str") for value in written]
    assert translate(parts, {"*call*": "call", "*": "task", "": "none"}).tolist() == [meant]


def test_patterns_know_sets_and_single_characters() -> None:
    values = pd.Series(["A1", "AB", "a.1", "A12"], dtype="str")
    assert translate([values], {"a[0-9]": "digit", "a.?": "dot"}).tolist() == ["digit", "AB", "dot", "A12"]


def test_own_columns_are_read_by_their_kind(tmp_path: Path) -> None:
    extra = """
    [tables.deals.custom.size]
    column = "Qty"
    kind = "number"
    known_at = "created"
    """
    data = mapped(tmp_path, extra, leads_crm=LEADS)
    assert data.tables["deals"]["size"].tolist()[:2] == [2.0, 3.0]
    assert data.custom == (Column("size", Kind.NUMBER, "created_at"),)


def rule(kind: str, condition: str, column: str = "Qty") -> str:
    return f'\n[[tables.deals.{kind}]]\nname = "rule"\ncolumn = "{column}"\n{condition}'


CONDITIONS = [
    ("Qty", 'equals = "2"', {"1"}),
    ("Qty", "equals = [2, 3]", {"1", "2"}),
    ("Phase", 'starts_with = "Sig"', {"2"}),
    ("Phase", 'matches = "*BIG"', {"2"}),
    ("Phase", 'not_matches = ["n*", "x*"]', {"2"}),
    ("Region", "is_null = true", {"1"}),
    ("Qty", "is_null = false", {"1", "2"}),
    ("Qty", "below = 3", {"1"}),
    ("Qty", "at_most = 3", {"1", "2"}),
    ("Qty", "at_least = 3", {"2"}),
    ("Qty", "above = 3", set()),
    ("Opened", "below = 2026-01-06T10:00:00Z", {"1"}),
    ("Opened", "at_most = 2026-01-06T10:00:00Z", {"1", "2"}),
    ("Opened", "at_least = 2026-01-07", {"3"}),
    ("Opened", "above = 2026-01-06T10:00:00Z", {"3"}),
    ("Qty", 'at_least = 1\nonly = { Phase = "new" }', {"1"}),
    ("Qty", 'at_least = 1\nfile = "another"', set()),
    ("Nowhere", 'equals = "x"\noptional = true', set()),
]


@pytest.mark.parametrize(("column", "condition", "dropped"), CONDITIONS)
def test_declared_rules_drop_rows_and_are_counted(tmp_path: Path, column: str, condition: str, dropped: set[str]) -> None:
    data = mapped(tmp_path, rule("drop", condition, column), leads_crm=LEADS)
    assert {"1", "2", "3"} - set(data.tables["deals"]["deal_id"]) == dropped
    assert sum(data.report.tables["deals"].dropped.values()) == len(dropped)
    assert data.report.tables["deals"].kept == 3 - len(dropped)


def test_declared_rules_empty_cells_and_are_counted(tmp_path: Path) -> None:
    extra = 'amount = "Price"\nproduct = "Region"\n' + rule("null", 'equals = "new"\nclear = ["Price", "Region"]', "Phase")
    data = mapped(tmp_path, extra, leads_crm=LEADS)
    assert rows(data.tables["deals"], "amount", "product") == [(None, None), (None, "EU"), (None, "EU")]
    assert data.report.tables["deals"].nulled == {"rule": 1}


def test_nothing_else_drops_a_row_and_rules_that_fit_nothing_say_so(tmp_path: Path) -> None:
    data = mapped(tmp_path, rule("drop", "above = 99"), leads_crm=LEADS)
    assert data.report.tables["deals"].dropped == {"rule": 0}
    assert "0 dropped: rule" in str(data.report)


LINES = """
    invoice,client,day,quantity,price
    I1,A1,2026-01-05 09:30,2,10
    I1,A1,2026-01-05 09:31,1,5.5
    I2,A2,2026-01-06 10:00,,7
"""
INVOICES = """
    timezone = "Europe/London"
    [tables.orders]
    file = ["lines", "old_lines"]
    optional = true
    [tables.orders.columns]
    order_id = ["invoice", "number"]
    account_id = ["client", "customer"]
    ordered_at = "day"
    amount = { product = ["quantity", "price"] }
    [tables.orders.aggregate]
    by = "order_id"
    columns = { ordered_at = "min", amount = "sum" }
"""


def test_lines_are_folded_into_orders(tmp_path: Path) -> None:
    folder = write(tmp_path / "export", lines=LINES)
    data = sources.read(str(folder), mapping(folder, INVOICES))
    found = rows(data.tables["orders"], "order_id", "account_id", "ordered_at", "amount")
    early, late = pd.Timestamp("2026-01-05T09:30Z"), pd.Timestamp("2026-01-06T10:00Z")
    assert found == [("I1", "A1", early, 25.5), ("I2", "A2", late, 0.0)]
    assert (data.report.tables["orders"].read, data.report.tables["orders"].aggregated) == (3, 1)


def test_files_with_other_column_names_are_put_below_one_another(tmp_path: Path) -> None:
    old = "number,customer,day,quantity,price\n0099,A9,2025-12-31,1,1\n"
    folder = write(tmp_path / "export", lines=LINES, old_lines=old)
    orders = sources.read(str(folder), mapping(folder, INVOICES)).tables["orders"]
    assert rows(orders, "order_id", "account_id") == [("I1", "A1"), ("I2", "A2"), ("0099", "A9")]


def test_text_in_a_computed_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"deals\.Qty: text in a number column \(1 row\)\n  row 1, Qty 'two'"):
        mapped(tmp_path, 'amount = { product = ["Qty", "Price"] }', leads_crm=LEADS.replace(",2,10.5", ",two,10.5"))


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ('amount = "Prise"', "leads_crm has no column 'Prise', which the mapping names for deals.amount; did you mean 'Price'?"),
        ('name = { concat = ["First", "Lst"] }', "no column 'Lst', which the mapping names for deals.name; did you mean 'Last'?"),
        (
            '[[tables.deals.drop]]\nname = "r"\ncolumn = "Q"\nequals = "1"',
            "no column 'Q', which the mapping names for deals.rule 'r'",
        ),
        ('[tables.users]\nfile = "staff"\n', "has no 'staff', which [tables.users] is read from"),
    ],
)
def test_what_a_persons_mapping_names_has_to_be_there(tmp_path: Path, extra: str, said: str) -> None:
    with pytest.raises(MappingError) as error:
        mapped(tmp_path, extra.replace("\n", "\n    "), leads_crm=LEADS)
    assert said in str(error.value)


def test_an_export_without_any_file_of_the_mapping_lists_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="has none of the files that the mapping names; it has other"):
        own(tmp_path, other="a\n1\n")


def test_the_report_says_what_was_not_read(tmp_path: Path) -> None:
    report = mapped(tmp_path, "", leads_crm=LEADS, other="a\n1\n").report
    assert report.unread == ("other",)
    assert report.tables["deals"].unmapped == ("Alt", "First", "Last", "Price", "Qty", "Region")


def test_the_report_counts_references_to_deals_and_accounts_that_were_not_read(tmp_path: Path) -> None:
    activities = "activity_id,deal_id,kind,logged_at\nX1,D1,call,2026-01-07T10:00:00Z\nX2,D9,call,2026-01-07T10:00:00Z\n"
    data = own(tmp_path, deals=DEALS, activities=activities)
    assert data.report.unknown == {"activities.deal_id": 1}
    assert len(data.tables["activities"]) == 2
    assert "activities.deal_id names what is not in the data, rows: 1" in str(data.report)


def test_when_and_since_when_an_export_speaks_may_be_declared(tmp_path: Path) -> None:
    text = """
        extends = "dealcast"
        extracted_at = 2026-05-01T00:00:00Z
        [tables.deals]
        static = ["amount"]
        [tables.deal_changes]
        tracked_since = { stage = 2026-01-01T00:00:00+01:00 }
    """
    folder = write(tmp_path / "export", deals=DEALS)
    data = sources.read(str(folder), mapping(folder, text))
    assert data.extracted_at == data.dataset().extracted_at == pd.Timestamp("2026-05-01T00:00Z")
    assert data.static == {"deals.amount"}
    assert data.tracked_since == {"stage": pd.Timestamp("2025-12-31T23:00Z")}
