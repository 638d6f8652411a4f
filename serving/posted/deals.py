"""What a CRM posts to be scored: deals with their history, checked field by field; `tables` makes tables of them.

The request is checked as an envelope, and its deals one by one in `items`: a mistake in one costs no other its score.

Strict: no unknown field, no text where a number belongs, no control characters, no NaN, no bare epoch numbers. A deal in a
request replaces the stored rows of its id for that request, so its history has to come along: `changes` and `activities`.
"""

import math
import re
import unicodedata
from datetime import date
from typing import Annotated, Any, Final, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from features.tables import NUMERIC, TABLES, TRACKED, Kind
from serving.schemas import PLAIN, Request

When = TypeVar("When", bound=date)

MOST_DEALS: Final = 1000
MOST_EVENTS: Final = 2000
MOST_HORIZONS: Final = 20
MOST_CUSTOM: Final = 200
FARTHEST_DAYS: Final = 3650
EARLIEST_YEAR, LATEST_YEAR = 1970, 2199

_CALENDAR: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DECIMAL: Final = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_TEXT_OF_TIME: Final = PydanticCustomError("iso_text", "Input should be a date or time as ISO 8601 text")
_YEARS: Final = PydanticCustomError("year_range", f"The year should be {EARLIEST_YEAR} to {LATEST_YEAR}")
_UNTRACKED: Final = PydanticCustomError("untracked_field", "The field has no history")
_VALUE: Final = PydanticCustomError(
    "change_value", "The value does not fit the field: write numbers as 1234.5, dates as 2026-04-01"
)


def _iso(value: Any) -> Any:
    """Dates come as text: 1700000000 could be seconds or milliseconds, and nobody would notice."""
    if not (isinstance(value, str) and _CALENDAR.match(value)):
        raise _TEXT_OF_TIME
    return value


def _sane(value: When) -> When:
    """A date within reason; checked with the types of dates, for a check of every field costs more than all other reading."""
    if not EARLIEST_YEAR <= value.year <= LATEST_YEAR:
        raise _YEARS
    return value


def _composed(value: str) -> str:
    """Unicode's composed form, in which stored texts are."""
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


Id = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PLAIN), AfterValidator(_composed)
]
Label = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=PLAIN), AfterValidator(_composed)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000, pattern=PLAIN), AfterValidator(_composed)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e15, le=1e15)]
_SANE: Final = {"pattern": "^(19[7-9][0-9]|2[01][0-9]{2})-"}  # EARLIEST_YEAR to LATEST_YEAR, for those who read the schema
Instant = Annotated[AwareDatetime, BeforeValidator(_iso), AfterValidator(_sane), Field(json_schema_extra=_SANE)]
Day = Annotated[date, BeforeValidator(_iso), AfterValidator(_sane), Field(json_schema_extra=_SANE)]
Horizon = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=FARTHEST_DAYS)]
Horizons: TypeAlias = Annotated[
    list[Horizon],
    Field(min_length=1, max_length=MOST_HORIZONS, description=f"Horizons in days, each above 0 and at most {FARTHEST_DAYS}."),
]


class PostedChange(Request):
    """One change of a tracked field of the deal."""

    changed_at: Instant = Field(description="When the value came to hold; ISO 8601 with an offset.")
    field: Id = Field(description=f"The field that changed: {', '.join(TRACKED)}, or a custom column that has a history.")
    old_value: Text | None = Field(default=None, description="The value before, as text; null: it was empty.")
    new_value: Text | None = Field(default=None, description="The value after, as text; null: it was emptied.")

    @model_validator(mode="after")
    def _fits_the_field(self) -> Self:
        if self.field not in TABLES["deals"].names:
            return self  # a custom column: the mapping says of what kind, see posted_tables
        if self.field not in TRACKED:
            raise _UNTRACKED
        kind = TABLES["deals"].column(self.field).kind
        if not all(_fits(value, kind) for value in (self.old_value, self.new_value)):
            raise _VALUE
        return self


class PostedActivity(Request):
    """A call, an e-mail, a meeting: something done or planned for the deal."""

    activity_id: Id | None = Field(default=None, description="The CRM's id, unique within the request.")
    user_id: Id | None = Field(default=None, description="Who did it, from the own side.")
    contact_id: Id | None = Field(default=None, description="With whom, on the client's side.")
    kind: Literal[TABLES["activities"].column("kind").values] = Field(description="What it was.")  # type: ignore[valid-type]
    direction: Literal["in", "out"] | None = Field(default=None, description="in: the client came to us; out: we went to them.")
    logged_at: Instant = Field(description="When it was recorded; ISO 8601 with an offset.")
    due_at: Instant | None = Field(default=None, description="When it is or was planned for.")
    done_at: Instant | None = Field(default=None, description="When it was done.")


class PostedDeal(Request):
    """A deal as the CRM holds it, with its history. For this request it replaces the stored rows of the same id."""

    deal_id: Id = Field(description="The CRM's id of the deal.")
    account_id: Id | None = Field(default=None, description="The client; its stored history joins by this id.")
    owner_id: Id | None = Field(default=None, description="The person who owns the deal now.")
    name: Text | None = Field(default=None, description="The deal's name.")
    pipeline: Label | None = Field(default=None, description="The pipeline, where there are several.")
    product: Label | None = Field(default=None, description="What is sold.")
    source: Label | None = Field(default=None, description="Where the deal came from.")
    type: Label | None = Field(default=None, description="For instance new, expansion or renewal.")
    created_at: Instant = Field(description="When the deal was created; ISO 8601 with an offset.")
    amount: Number | None = Field(default=None, description="The amount now, in `currency`.")
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = Field(
        default=None, description="ISO 4217 code; null: the organisation's."
    )
    stage: Id = Field(description="The stage now, by the name that the data uses.")
    expected_close_on: Day | None = Field(default=None, description="The CRM's own expected close date.")
    forecast_category: Label | None = Field(default=None, description="The CRM's forecast category.")
    crm_probability: Annotated[Number, Field(ge=0, le=1)] | None = Field(
        default=None, description="The CRM's own probability, 0 to 1."
    )
    custom: Annotated[dict[Id, Text | Number | StrictBool | None], Field(max_length=MOST_CUSTOM)] = Field(
        default={},
        description="The deal's values of custom columns, by the names that the mapping declares; dates as text.",
        json_schema_extra={"propertyNames": {"minLength": 1, "maxLength": 200}},
    )
    changes: Annotated[list[PostedChange], Field(max_length=MOST_EVENTS)] = Field(
        default=[], description="The deal's change history."
    )
    activities: Annotated[list[PostedActivity], Field(max_length=MOST_EVENTS)] = Field(
        default=[], description="The deal's activities."
    )


class ScoreRequest(Request):
    """Deals to be scored together: a list, or one deal alone; as sent, to be read by `items`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "deals": [
                        {
                            "deal_id": "D-1",
                            "account_id": "A-7",
                            "owner_id": "U-3",
                            "created_at": "2026-08-03T09:15:00+02:00",
                            "stage": "Proposal",
                            "amount": 42000,
                            "currency": "EUR",
                            "expected_close_on": "2026-12-15",
                            "changes": [
                                {
                                    "changed_at": "2026-09-01T08:00:00+02:00",
                                    "field": "stage",
                                    "old_value": "Discovery",
                                    "new_value": "Proposal",
                                }
                            ],
                            "activities": [{"kind": "call", "direction": "out", "logged_at": "2026-09-10T12:00:00+02:00"}],
                        }
                    ],
                    "horizons": [7, 30, 90],
                }
            ]
        }
    )

    deals: Annotated[
        list[Any],
        Field(min_length=1, max_length=MOST_DEALS),
        BeforeValidator(
            one_or_many,
            json_schema_input_type=PostedDeal | Annotated[list[PostedDeal], Field(min_length=1, max_length=MOST_DEALS)],
        ),
    ] = Field(
        description=f"One deal, or 1 to {MOST_DEALS} deals with different ids. Each is checked by itself: one that does not fit "
        "gets its errors in place of a score, and the others their scores."
    )
    horizons: Horizons = Field(default=[7, 30, 90])
    reasons: bool | None = Field(
        default=None,
        description="Whether to give reasons, for P(won) at the largest horizon. Default: for a single deal yes, for several no; "
        "they take some milliseconds a deal.",
    )
    as_of: Instant | None = Field(
        default=None,
        description="Score by what was recorded strictly before this instant. Default: now, or the end of the data where that is "
        "three days old or older.",
    )

    @property
    def wants_reasons(self) -> bool:
        return len(self.deals) == 1 if self.reasons is None else self.reasons


def _fits(value: str | None, kind: Kind) -> bool:
    if value is None:
        return True
    if kind in NUMERIC:
        return bool(_DECIMAL.fullmatch(value)) and math.isfinite(float(value))
    return kind is not Kind.DATE or (bool(_CALENDAR.fullmatch(value)) and _is_day(value))


def _is_day(text: str) -> bool:
    try:
        return EARLIEST_YEAR <= date.fromisoformat(text).year <= LATEST_YEAR
    except ValueError:
        return False
