"""What a mapping file may say: how the tables of a foreign export become tables of the contract.

A mapping is data, not code: columns, a few closed kinds of computed column, value patterns, and row rules that are named because
the ingest report counts them. docs/mappings.md documents every key. In short:

    extends = "salesforce"

    [tables.deals]
    static = ["amount"]

    [tables.deals.columns]
    product = "Product_Line__c"

A key that is not known is refused, and so is one that names a table or column which the contract does not have.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from features.organisation import Organisation
from features.parsing import Dialect
from features.tables import CHANGES, CLOSE, Column, Kind

CUSTOM_KINDS = {
    "number": Kind.NUMBER,
    "category": Kind.CATEGORY,
    "flag": Kind.FLAG,
    "date": Kind.DATE,
    "text": Kind.TEXT,
}
REVEALED_BY = {"created": "created_at", "changes": CHANGES, "close": CLOSE}


def _listed(value: Any) -> Any:
    """One value, or several, as a tuple of texts; TOML's true is written as exports write it."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in values)


def listed_specs(value: Any) -> Any:
    """`"A"`, `["A", "B"]`, `{column = "A", …}` or a list of such tables, all as a list of tables."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple({"column": one} if isinstance(one, str) else one for one in values)


Texts: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Bound: TypeAlias = float | datetime | date


class Keys(BaseModel):
    """Keys of one TOML table; others are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Spec(Keys):
    """Where one column comes from: a column of the export, a constant, a product or a joined text; then what is done to it."""

    column: str | None = None
    value: str | None = None
    product: tuple[str, str] | None = None
    concat: tuple[str, ...] | None = None
    separator: str = " "
    multiply_by: float | None = Field(None, gt=0)
    divide_by: float | None = Field(None, gt=0)
    refers_to: str | None = None
    not_before: str | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(given is not None for given in (self.column, self.value, self.product, self.concat)) != 1:
            raise ValueError("give exactly one of column, value, product, concat")
        return self

    @property
    def foreign(self) -> tuple[str, ...]:
        """The columns of the export without which there is no value."""
        return (self.column,) if self.column is not None else (self.product or self.concat or ())

    @property
    def used(self) -> tuple[str, ...]:
        return (*self.foreign, *([self.not_before] if self.not_before else []))


Specs: TypeAlias = Annotated[tuple[Spec, ...], BeforeValidator(listed_specs)]


class Custom(Keys):
    """A column of the deals that the contract does not have: a signal of the organisation's own."""

    column: Specs
    kind: Literal["number", "category", "flag", "date", "text"]
    known_at: Literal["created", "changes", "close"]

    def contract(self, name: str) -> Column:
        return Column(name, CUSTOM_KINDS[self.kind], REVEALED_BY[self.known_at])


class Rule(Keys):
    """Rows that a named condition on one column of the export picks out."""

    name: str
    column: str
    file: Texts = ()
    only: dict[str, Texts] = {}
    optional: bool = False
    equals: Texts | None = None
    starts_with: Texts | None = None
    matches: Texts | None = None
    not_matches: Texts | None = None
    is_null: bool | None = None
    below: Bound | None = None
    at_most: Bound | None = None
    at_least: Bound | None = None
    above: Bound | None = None

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if len(list(self.conditions())) != 1:
            raise ValueError(f"give exactly one condition: {', '.join(CONDITIONS)}")
        return self

    def conditions(self) -> Iterator[tuple[str, Any]]:
        return ((name, given) for name in CONDITIONS if (given := getattr(self, name)) is not None)

    @property
    def used(self) -> tuple[str, ...]:
        return (self.column, *self.only)


CONDITIONS = ("equals", "starts_with", "matches", "not_matches", "is_null", "below", "at_most", "at_least", "above")


class NullRule(Rule):
    """As `Rule`; `clear` names the columns of the export that are emptied (default: the column itself)."""

    clear: Texts = ()

    @property
    def used(self) -> tuple[str, ...]:
        return (*super().used, *self.clear)


class Aggregate(Keys):
    """Rows that share the columns `by` become one; a column that is not named keeps its first value."""

    by: Texts
    columns: dict[str, Literal["sum", "min", "max", "first"]] = {}


class FieldSpec(Keys):
    """What a field of the foreign history is here."""

    field: str
    divide_by: float | None = Field(None, gt=0)


def _field(value: Any) -> Any:
    return {"field": value} if isinstance(value, str) else value


class States(Keys):
    """A history with one row for each state of a deal, from which changes are derived.

    `columns` has deal_id, changed_at and the fields.
    """

    file: Texts = ()
    columns: dict[str, Specs] = {}


class TableKeys(Keys):
    """`[tables.NAME]`."""

    file: Texts = ()
    optional: bool = False
    columns: dict[str, Specs] = {}
    values: dict[str, dict[str, str]] = {}
    static: Texts = ()
    vouched: Texts = ()
    deleted: tuple[Rule, ...] = ()
    drop: tuple[Rule, ...] = ()
    null: tuple[NullRule, ...] = ()
    aggregate: Aggregate | None = None
    custom: dict[str, Custom] = {}
    close: Literal["column", "history"] = "column"
    fields: dict[str, Annotated[FieldSpec, BeforeValidator(_field)]] = {}
    states: States = States()
    tracked_since: dict[str, AwareDatetime] = {}

    def used(self) -> frozenset[str]:
        """Every column of the export that the table reads."""
        own = (custom.column for custom in self.custom.values())
        specs = [*self.columns.values(), *own, *self.states.columns.values()]
        read = {name for alternatives in specs for spec in alternatives for name in spec.used}
        return frozenset(read.union(*(rule.used for rule in (*self.deleted, *self.drop, *self.null))))


class OrganisationKeys(Keys):
    """`[organisation]`: what is not given keeps its default."""

    timezone: str | None = None
    fiscal_year_start_month: int | None = None
    currency: str | None = None
    client_horizon_days: int | None = Field(None, gt=0)
    active_window_days: int | None = Field(None, gt=0)
    contract_grace_days: int | None = Field(None, ge=0)

    def organisation(self) -> Organisation:
        return Organisation(**self.model_dump(exclude_none=True))


class SourceMapping(Keys):
    """A whole mapping file."""

    extends: str | None = None
    timezone: str | None = None
    date_order: Literal["year-month-day", "day-month-year", "month-day-year"] = "year-month-day"
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'", "\u00a0", "\u202f"] = ""
    encoding: str = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    ids: Literal["as_written", "salesforce"] = "as_written"
    unmapped: Literal["list", "keep"] = "list"
    stage_order: Texts = ()
    extracted_at: AwareDatetime | None = None
    organisation: OrganisationKeys | None = None
    tables: dict[str, TableKeys] = {}

    @property
    def dialect(self) -> Dialect:
        zone = self.organisation.organisation().timezone if self.organisation else Organisation().timezone
        return Dialect(self.timezone, zone, self.date_order, self.decimal, self.thousands)

    @property
    def custom(self) -> tuple[Column, ...]:
        deals = self.tables.get("deals", TableKeys())
        return tuple(custom.contract(name) for name, custom in deals.custom.items())
