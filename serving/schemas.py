"""What the questions and answers of every route share; each package has the schemas of its own routes beside them.

Probabilities lie in [0, 1] and are named `p_…`; durations are days of 24 hours; instants are ISO 8601 with an offset; money is a
number beside a currency. Every field says its unit and range.
"""

import unicodedata
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

LARGEST_PAGE: Final = 200
PLAIN: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"

_TRUTH: Final = {"true": True, "false": False, True: True, False: False}
_NOT_TRUTH: Final = PydanticCustomError("bool_type", "Input should be true or false")


def _truth(value: Any) -> bool:
    if not isinstance(value, str | bool) or value not in _TRUTH:
        raise _NOT_TRUTH
    return _TRUTH[value]


Flag = Annotated[bool, BeforeValidator(_truth)]
"""A flag in an address: true or false, and not also yes, on, 1 …"""
Label = Annotated[str, Field(max_length=200, pattern=PLAIN)]


def _composed(value: str) -> str:
    """Unicode's composed form, in which stored texts are."""
    return unicodedata.normalize("NFC", value)


Text = Annotated[Label, AfterValidator(_composed)]
Id = Annotated[Text, Field(min_length=1)]
"""The CRM's id of a record."""


class Request(BaseModel):
    """What comes from outside is strict: an unknown field is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(Request):
    """Which part of a ranked list is asked for."""

    limit: int = Field(default=50, ge=1, le=LARGEST_PAGE, description="How many items at most, 1 to 200.")
    cursor: Annotated[str, Field(max_length=1000, pattern=r"^[A-Za-z0-9_-]*$")] | None = Field(
        default=None, description="`next_cursor` of the page before; opaque. It stays usable when the data changes."
    )


class AnsweredBy(BaseModel):
    """Which model answers for one group of records, and why it is no better one."""

    regime: Literal["deals", "contracts", "orders"] = Field(description="deals, or the kind of client.", examples=["deals"])
    by: Literal["boosted", "life_table", "base_rate"] = Field(
        description="boosted: the model; life_table: base rates by stage and age, of deals also by amount, product, source and "
        "type; base_rate: one curve for all."
    )
    because: (
        Literal["not_boosted", "no_skill_over_life_table", "no_skill_over_base_rate", "too_little_to_judge", "nothing_has_ended"]
        | None
    ) = Field(description="Why it is not the boosted model, null where it is.", examples=["no_skill_over_base_rate"])
    reasons: list[str] = Field(description="The evidence in words: the scores on later time, with 95 % intervals.")


class Stamped(BaseModel):
    """What every answer says about where it comes from."""

    model_version: str = Field(description="Version of the champion that answered.", examples=["3"])
    as_of: datetime = Field(description="The answer uses what was recorded strictly before this instant.")
    data_ends_at: datetime = Field(description="The first instant at which all of the data was known.")
    currency: str = Field(description="The organisation's currency, ISO 4217.", examples=["EUR"])
    answered_by: list[AnsweredBy] = Field(description="Which model answers, for deals or for each kind of client, and why.")
