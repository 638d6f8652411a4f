"""Records that a CRM keeps up to date by itself: one strict model for each table of the contract, made from the contract.

A row names its key and whatever else it brings. A column that it does not name keeps its stored value; null empties the column.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictBool, TypeAdapter, create_model

from features.tables import NUMERIC, TABLES, Column, Kind
from serving.posted.deals import MOST_CUSTOM, Day, Id, Instant, Label, Number, Text
from serving.schemas import Request

MOST_ROWS: Final = 5_000
TableName: TypeAlias = Literal[
    "deals",
    "deal_changes",
    "accounts",
    "activities",
    "users",
    "leads",
    "orders",
    "contracts",
    "tickets",
    "surveys",
    "stages",
    "rates",
    "audience",
    "actuals",
    "plans",
    "costs",
]
DeletableName: TypeAlias = Literal[
    "deals",
    "accounts",
    "activities",
    "users",
    "leads",
    "orders",
    "contracts",
    "tickets",
    "surveys",
    "stages",
    "rates",
    "audience",
    "actuals",
    "plans",
    "costs",
]
MergeableName: TypeAlias = Literal["accounts", "deals"]

_TYPES: Final[Mapping[Kind, Any]] = {
    Kind.ID: Id,
    Kind.TEXT: Text,
    Kind.CATEGORY: Label,
    Kind.INSTANT: Instant,
    Kind.DATE: Day,
    Kind.FLAG: StrictBool,
} | dict.fromkeys(NUMERIC, Number)
_UNITS: Final[Mapping[Kind, str]] = {
    Kind.ID: "An id of the CRM.",
    Kind.TEXT: "Free text.",
    Kind.CATEGORY: "A label, by the name that the data uses.",
    Kind.MONEY: "An amount of money, in the row's currency where it has one, else in the organisation's.",
    Kind.NUMBER: "A number.",
    Kind.PROBABILITY: "A probability, 0 to 1.",
    Kind.INSTANT: "An instant, ISO 8601 with an offset.",
    Kind.DATE: "A calendar date such as 2026-04-01.",
    Kind.FLAG: "true or false.",
}
_RECORDED: Final = (
    "When the row was recorded, where that is later than it happened: it is known from then on. A new row without it is recorded "
    "at the request, unless `history` is true; null counts as left out. ISO 8601 with an offset."
)
_HISTORY: Final = (
    "Whether this is a first load of history: the rows were on record elsewhere all along, and new ones count from when they "
    "happened, in answers as of earlier dates too. Default: new rows count from the request on, or from their `recorded_at`."
)


def _annotated(column: Column) -> Any:
    if column.values:
        return Literal[column.values]
    if column.name == "currency":
        return Annotated[str, Field(pattern="^[A-Z]{3}$")]
    if column.kind is Kind.PROBABILITY:
        return Annotated[Number, Field(ge=0, le=1)]
    if column.minimum is not None:
        return Annotated[Number, Field(gt=column.minimum) if column.beyond else Field(ge=column.minimum)]
    if column.required and column.kind is Kind.CATEGORY:
        return Annotated[Label, Field(min_length=1)]
    return _TYPES[column.kind]


def _field(column: Column, key: tuple[str, ...]) -> Any:
    kind = _annotated(column)
    text = _RECORDED if column.name == "recorded_at" else _UNITS[column.kind]
    if column.name == "recorded_at":
        return kind | None, Field(default=None, description=text)
    if not column.required:
        return kind | None, Field(default=None, description=f"{text} null empties it; left out, it stays as it is stored.")
    if column.name in key:
        return kind, Field(description=f"{text} Part of the key.")
    return kind, Field(default=None, description=f"{text} A new row needs it; left out, it stays as it is stored.")


def _row_model(name: str) -> type[Request]:
    table = TABLES[name]
    fields: dict[str, Any] = {column.name: _field(column, table.key) for column in table.columns}
    if name == "deals":
        own = Annotated[dict[Id, Text | Number | StrictBool | None], Field(max_length=MOST_CUSTOM)]
        about = "Values of the organisation's own columns, by the names that the mapping declares; dates as text."
        fields["custom"] = own, Field(default={}, description=about)
    title = "".join(part.capitalize() for part in name.split("_"))
    return create_model(
        f"{title}Row", __base__=Request, __doc__=f"A row of the table {name}. Key: {', '.join(table.key)}.", **fields
    )


def _request_model(name: str) -> type[Request]:
    rows = Annotated[list[MODELS[name]], Field(min_length=1, max_length=MOST_ROWS)]  # type: ignore[valid-type]
    about = f"1 to {MOST_ROWS:,} rows, each key once."
    title = "".join(part.capitalize() for part in name.split("_"))
    return create_model(
        f"{title}Records",
        __base__=Request,
        rows=(rows, Field(description=about)),
        history=(StrictBool, Field(default=False, description=_HISTORY)),
    )


MODELS: Final[Mapping[str, type[Request]]] = {name: _row_model(name) for name in TABLES}
REQUESTS: Final[Mapping[str, TypeAdapter[Any]]] = {name: TypeAdapter(_request_model(name)) for name in TABLES}


def request_body() -> dict[str, Any]:
    """The OpenAPI declaration of the body: one schema for each table, and an example."""
    schemas = [_inlined(REQUESTS[name].json_schema()) for name in TABLES]
    example = {
        "rows": [
            {"deal_id": "D-1", "stage": "Proposal", "amount": 42000, "expected_close_on": "2026-12-15"},
            {"deal_id": "D-2", "account_id": "A-7", "created_at": "2026-08-03T09:15:00+02:00", "stage": "Discovery"},
        ]
    }
    return {"required": True, "content": {"application/json": {"schema": {"oneOf": schemas}, "example": example}}}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema whose one definition, that of a row, stands where it is used."""
    for row in schema.pop("$defs", {}).values():
        schema["properties"]["rows"]["items"] = row
    return schema


class PutAnswer(BaseModel):
    """What became of the rows. All of them were stored, or none."""

    table: str = Field(description="The table.", examples=["deals"])
    revision: int = Field(description="The revision of the data afterwards; it stays where nothing changed.")
    inserted: int = Field(description="Rows whose key was not stored.")
    changed: int = Field(description="Rows that differ from what was stored.")
    unchanged: int = Field(description="Rows that are as they were stored: they count for nothing.")
    revived: int = Field(description="Rows that had been deleted and are there again.")
    changes: int = Field(description="Changes of tracked fields that were added to the deals' history.")
    kept: dict[str, int] = Field(
        description="Column that is declared never to change -> rows that bring another value than the stored one, which stays."
    )
    unknown: dict[str, int] = Field(description="Column -> rows that name a deal or an account that is not stored (yet).")
    late: int = Field(
        description="New rows of what happened more than a day before the request. They count from the request on; send them "
        "with `recorded_at` or as `history` where they were on record before."
    )
    history: bool = Field(description="Whether the rows were loaded as history.")


Key = Id | Annotated[list[Id | None], Field(min_length=2, max_length=5)]


class DeleteRequest(Request):
    """Records to be deleted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"keys": ["D-1", "D-2"]}]})

    keys: Annotated[list[Key], Field(min_length=1, max_length=MOST_ROWS)] = Field(
        description=f"1 to {MOST_ROWS:,} keys: ids, or, where a key has several columns, lists of their values; dates as text."
    )


class MergeRequest(Request):
    """One record that is merged into another."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"from": "A-2", "into": "A-1"}]}, serialize_by_alias=True)

    gone: Id = Field(alias="from", description="The id of the record that vanishes.")
    into: Id = Field(description="The id of the record that stands for both from now on.")


class DeleteAnswer(BaseModel):
    """What became of the records. All deletions were noted, or none."""

    table: str = Field(description="The table.", examples=["deals"])
    revision: int = Field(description="The revision of the data afterwards; it stays where nothing was deleted.")
    deleted: int = Field(description="Records that were there and are deleted now.")
    already: int = Field(description="Records that were deleted before.")
    unknown: int = Field(description="Keys that no record has.")
