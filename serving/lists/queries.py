"""What can be asked of the lists and of single deals and clients: filters, order, page, parts.

A filter may be given several times and then means any of these; different filters have to hold together. Limits are included.
"""

from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from serving.lists.grade import Grade
from serving.schemas import Flag, Id, Page, Request, Text

MOST_VALUES: Final = 200
MOST_HORIZONS: Final = 20
FARTHEST_DAYS: Final = 3650
DATES: Final = ("expected_close_on", "predicted_close_on")

_NOT_ISO: Final = PydanticCustomError("iso_date", "Input should be a date such as 2026-04-01")


def _iso(value: Any) -> Any:
    """No bare epoch numbers, which pydantic would take for dates."""
    if isinstance(value, str) and not (len(value) == 10 and value[4] == value[7] == "-"):
        raise _NOT_ISO
    return value


def _different(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


Day = Annotated[date, BeforeValidator(_iso)]
Several = Annotated[list[Text], Field(max_length=MOST_VALUES), AfterValidator(_different)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Money = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
Horizon = Annotated[float, Field(gt=0, le=FARTHEST_DAYS, allow_inf_nan=False)]
Order = Literal["asc", "desc"]
Warned = Literal["stalled", "pushed", "overdue", "single_contact", "no_next_step", "owner_left"]
DealSort = Literal[
    "expected_value",
    "p_won_this_quarter",
    "p_won_next_quarter",
    "p_won_90d",
    "p_won",
    "p_lost",
    "value",
    "age_days",
    "expected_close_on",
    "predicted_close_on",
]
ClientSort = Literal["value_at_risk", "p_leaves", "ltv"]
DealPart = Literal["curve", "reasons", "similar", "data_gaps"]
ClientPart = Literal["curve", "reasons"]


class PeopleQuery(Page):
    """Whose."""

    owner_id: Several = Field(default=[], description="Only those of these owners.", examples=[["U-3"]])
    team: Several = Field(default=[], description="Only those of people in these teams, the whole subtree.", examples=[["North"]])
    manager_id: Several = Field(
        default=[], description="Only those of these managers and everybody below them.", examples=[["U-1"]]
    )
    search: Id | None = Field(
        default=None, description="Only those whose name, or whose client's name, contains this text.", examples=["steel"]
    )


class DealsQuery(PeopleQuery):
    """Which open deals, in which order."""

    deal_id: Several = Field(default=[], description="Only the deals with these ids, up to 200.", examples=[["D-1", "D-2"]])
    stage: Several = Field(default=[], description="Only deals in these stages.", examples=[["Proposal"]])
    product: Several = Field(default=[], description="Only deals of these products.", examples=[["Licence"]])
    warning: Annotated[list[Warned], Field(max_length=20)] = Field(
        default=[], description="Only deals with one of these warnings.", examples=[["stalled", "overdue"]]
    )
    grade: Annotated[list[Grade], Field(max_length=4)] = Field(
        default=[], description="Only deals with one of these grades.", examples=[["A", "B"]]
    )
    p_won_min: Share | None = Field(default=None, description="P(won) at all at least so, 0 to 1.", examples=[0.2])
    p_won_max: Share | None = Field(default=None, description="P(won) at all at most so, 0 to 1.", examples=[0.9])
    p_won_this_quarter_min: Share | None = Field(
        default=None, description="P(won within the running fiscal quarter) at least so, 0 to 1.", examples=[0.1]
    )
    p_won_this_quarter_max: Share | None = Field(
        default=None, description="P(won within the running fiscal quarter) at most so, 0 to 1.", examples=[0.5]
    )
    value_min: Money | None = Field(
        default=None, description="Value at least so, in the organisation's currency.", examples=[1000]
    )
    value_max: Money | None = Field(
        default=None, description="Value at most so, in the organisation's currency.", examples=[50000]
    )
    expected_close_from: Day | None = Field(
        default=None, description="The CRM's expected close date on this day or later.", examples=["2026-10-01"]
    )
    expected_close_to: Day | None = Field(
        default=None, description="The CRM's expected close date on this day or earlier.", examples=["2026-12-31"]
    )
    overdue: Flag | None = Field(default=None, description="Whether the CRM's expected close date has passed.", examples=[True])
    sort: DealSort = Field(default="expected_value", description="What to sort by; deals without a value come last.")
    order: Order | None = Field(default=None, description="asc or desc. Default: dates the soonest first, all else desc.")


class ClientsQuery(PeopleQuery):
    """Which active clients, in which order. Owners, teams and managers are those of a client's open deals."""

    account_id: Several = Field(default=[], description="Only the clients with these ids, up to 200.", examples=[["A-7"]])
    regime: Literal["contracts", "orders"] | None = Field(default=None, description="Only clients of this kind.")
    p_leaves_min: Share | None = Field(default=None, description="P(the client leaves) at least so, 0 to 1.", examples=[0.3])
    p_leaves_max: Share | None = Field(default=None, description="P(the client leaves) at most so, 0 to 1.", examples=[0.9])
    value_at_risk_min: Money | None = Field(
        default=None, description="Value at risk at least so, in the organisation's currency.", examples=[100]
    )
    value_at_risk_max: Money | None = Field(
        default=None, description="Value at risk at most so, in the organisation's currency.", examples=[50000]
    )
    sort: ClientSort = Field(default="value_at_risk", description="What to sort by; clients without a value come last.")
    order: Order | None = Field(default=None, description="asc or desc; default desc.")
    reasons: Flag = Field(default=False, description="Whether to give reasons: some milliseconds for each client.")


class DealQuery(Request):
    """Which parts of one deal."""

    parts: Annotated[list[DealPart], Field(max_length=4), AfterValidator(_different)] = Field(
        default=["curve", "reasons", "similar", "data_gaps"],
        description="What to answer beside scores and warnings; a part not asked for is null. Default: all. "
        "The curve alone takes the least time.",
    )
    horizons: Annotated[list[Horizon], Field(max_length=MOST_HORIZONS), AfterValidator(_different)] = Field(
        default=[],
        description="Days at which to give P(won) and P(lost) as well, each above 0 and at most 3650.",
        examples=[[7, 30]],
    )
    horizon_days: Horizon | None = Field(
        default=None, description="Horizon of the reasons in days. Default: to the end of the running fiscal quarter."
    )


class ClientQuery(Request):
    """Which parts of one client."""

    parts: Annotated[list[ClientPart], Field(max_length=2), AfterValidator(_different)] = Field(
        default=["curve", "reasons"], description="What to answer beside the scores; a part not asked for is null. Default: all."
    )
