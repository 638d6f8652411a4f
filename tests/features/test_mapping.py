"""Mapping files: what they may say, how one lies over another, and how a slip is answered."""

from pathlib import Path
from textwrap import dedent

import pytest
from pydantic import BaseModel

from features.errors import MappingError
from features.organisation import Organisation
from features.sources import loading
from features.sources.loading import load, presets
from features.sources.mapping import NullRule, SourceMapping
from features.tables import CHANGES, TABLES, Column, Kind

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mappings"


def written(folder: Path, text: str, name: str = "own.toml") -> str:
    (folder / name).write_text(dedent(text), encoding="utf-8")
    return str(folder / name)


def slip(folder: Path, text: str) -> str:
    with pytest.raises(MappingError) as error:
        load(written(folder, text))
    return str(error.value)


@pytest.mark.parametrize("name", [*presets(), *map(str, sorted(EXAMPLES.glob("*.toml")))])
def test_every_preset_and_example_is_valid(name: str) -> None:
    assert load(name).tables


def test_our_own_format_names_every_column_of_the_contract() -> None:
    own = load("dealcast")
    assert {name: list(keys.columns) for name, keys in own.tables.items()} == {t.name: t.names for t in TABLES.values()}


def test_a_mapping_lies_over_the_preset_that_it_extends(tmp_path: Path) -> None:
    mapping = load(
        written(
            tmp_path,
            """
            extends = "salesforce"
            timezone = "Europe/Berlin"
            [tables.deals]
            static = ["amount"]
            columns.amount = "Net__c"
            [[tables.deals.drop]]
            name = "tests"
            column = "Name"
            starts_with = "TEST"
            [[tables.deals.deleted]]
            name = "gone too"
            column = "Gone__c"
            equals = "yes"
            """,
        )
    )
    deals = mapping.tables["deals"]
    assert [spec.column for spec in deals.columns["amount"]] == ["Net__c"]
    assert [spec.column for spec in deals.columns["stage"]] == ["StageName"]
    assert [[rule.name for rule in rules] for rules in (deals.deleted, deals.drop)] == [["deleted", "gone too"], ["tests"]]
    assert (mapping.timezone, mapping.ids, deals.static) == ("Europe/Berlin", "salesforce", ("amount",))


def test_a_presets_columns_may_be_absent_and_a_persons_may_not(tmp_path: Path) -> None:
    mapping = load(written(tmp_path, 'extends = "salesforce"\n[tables.deals.columns]\namount = "Net__c"'))
    columns = mapping.tables["deals"].columns
    assert not columns["amount"][0].optional
    assert columns["owner_id"][0].optional


def test_a_persons_patterns_are_tried_first(tmp_path: Path) -> None:
    mapping = load(written(tmp_path, 'extends = "salesforce"\n[tables.activities.values.kind]\n"*cold call*" = "email"'))
    patterns = list(mapping.tables["activities"].values["kind"])
    assert patterns[0] == "*cold call*"
    assert "*call*" in patterns[1:]


def test_a_mapping_may_extend_a_file_beside_it(tmp_path: Path) -> None:
    written(tmp_path, 'extends = "dealcast"\ntimezone = "Asia/Tokyo"', "base.toml")
    assert load(written(tmp_path, 'extends = "base.toml"')).timezone == "Asia/Tokyo"


def test_the_organisation_keeps_its_defaults_where_nothing_is_said(tmp_path: Path) -> None:
    mapping = load(written(tmp_path, '[organisation]\ncurrency = "USD"'))
    assert mapping.organisation is not None
    assert mapping.organisation.organisation() == Organisation(currency="USD")


def test_own_columns_of_the_deals_have_a_kind_and_a_moment_of_becoming_known(tmp_path: Path) -> None:
    text = '[tables.deals.custom.size]\ncolumn = "Size__c"\nkind = "number"\nknown_at = "changes"'
    assert load(written(tmp_path, text)).custom == (Column("size", Kind.NUMBER, CHANGES),)


SLIPS = [
    ('[tables.deals]\ncolums.amount = "A"', "own.toml: unknown key 'colums' in [tables.deals]; did you mean 'columns'?"),
    ('timezon = "UTC"', "own.toml: unknown key 'timezon' at the top of the file; did you mean 'timezone'?"),
    ("[tables.deal]", "own.toml: unknown table [tables.deal]; did you mean 'deals'?"),
    ('[tables.deals.columns]\nammount = "A"', "unknown column 'ammount' in [tables.deals.columns]; did you mean 'amount'?"),
    ('[tables.deals.columns]\namount = {colum = "A"}', "unknown key 'colum' in [tables.deals.columns.amount.#1]"),
    ('[tables.deals.columns]\namount = {column = "A", value = "1"}', "give exactly one of column, value, product, concat"),
    ('[[tables.deals.drop]]\nname = "x"', "the key 'column' is missing in [tables.deals.drop.#1]"),
    ('[[tables.deals.drop]]\nname = "x"\ncolumn = "A"', "#1 in [tables.deals.drop]: give exactly one condition"),
    ('[[tables.deals.drop]]\nname = "x"\ncolumn = "A"\nequal = "B"', "did you mean 'equals'?"),
    ('[tables.deals]\nstatic = ["outcome"]', "'outcome' in [tables.deals] cannot be static: only the close reveals it"),
    ('[tables.deals]\nstatic = ["amuont"]', "did you mean 'amount'?"),
    (
        '[tables.deals.custom.amount]\ncolumn = "A"\nkind = "number"\nknown_at = "close"',
        "has the name of a column of the contract",
    ),
    ('[tables.deals.custom.x]\ncolumn = "A"\nkind = "money"\nknown_at = "close"', "kind in [tables.deals.custom.x]"),
    ('[tables.users.custom.x]\ncolumn = "A"\nkind = "number"\nknown_at = "close"', "custom and close belong to [tables.deals]"),
    ('[tables.deal_changes.fields]\nStageName = "stag"', "'stag' in [tables.deal_changes] is not a field with a history"),
    ('[tables.users.fields]\nName = "stage"', "belong to [tables.deal_changes], not to [tables.users]"),
    ('[tables.orders.aggregate]\nby = "invoice"', "unknown column 'invoice' in [tables.orders.aggregate]"),
    ('[tables.orders.aggregate]\nby = "order_id"\ncolumns = {amount = "avg"}', "Input should be 'sum', 'min', 'max' or 'first'"),
    ('[tables.deals.columns]\nsource = {column = "A", refers_to = "leads"}', "names 'leads', which this mapping does not fill"),
    ('timezone = "Mars"', "timezone 'Mars' is not a time zone"),
    ('[organisation]\ntimezone = "Mars"', "[organisation] 'Mars' is not a time zone"),
    ("[organisation]\nfiscal_year_start_month = 13", "fiscal_year_start_month is 13; it must be 1 to 12"),
    ("extracted_at = 2026-01-01T00:00:00", "extracted_at at the top of the file: Input should have timezone info"),
    ('extends = "salesfroce"', "no preset of that name (dealcast, salesforce)"),
    ("a = ", "own.toml is not a TOML file"),
    ('extends = "own.toml"', "extends itself"),
]


@pytest.mark.parametrize(("text", "said"), SLIPS)
def test_a_slip_is_answered_with_its_place_and_the_nearest_name(tmp_path: Path, text: str, said: str) -> None:
    assert said in slip(tmp_path, text)


def models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """A model of the mapping's keys and all those below it."""
    found = {model}
    for field in model.model_fields.values():
        nested = loading.nested_model(field.annotation)
        found |= models(nested) if nested else set()
    return found


def test_every_key_is_documented() -> None:
    text = (EXAMPLES.parents[1] / "docs" / "mappings.md").read_text(encoding="utf-8")
    keys = {name for model in models(SourceMapping) | {NullRule} for name in model.model_fields}
    assert sorted(name for name in keys if f"`{name}`" not in text) == []


def test_every_preset_is_documented() -> None:
    text = (EXAMPLES.parents[1] / "docs" / "mappings.md").read_text(encoding="utf-8")
    assert [name for name in presets() if f"| `{name}` |" not in text] == []
