"""Calls as they come in and go out: probabilities in [0, 1], money in the organisation's currency, instants with an offset."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from serving.calls.store import Measure, Scope
from serving.forecast.schemas import PERIOD
from serving.posted.deals import Day, Text
from serving.posted.deals import Label as Name
from serving.schemas import Flag, Label, Request


class CallRequest(Request):
    """What somebody expects of a deal, or of a node of the forecast."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "scope": "deal",
                    "scope_id": "D-1",
                    "measure": "p_won",
                    "period": "2026Q4",
                    "value": 0.7,
                    "note": "Budget is approved",
                },
                {"scope": "team", "scope_id": "North", "measure": "commit", "period": "2026Q4", "value": 400000},
                {"scope": "deal", "scope_id": "D-1", "measure": "close_on", "day": "2026-12-18"},
            ]
        }
    )

    scope: Scope = Field(description="deal, or the kind of node: owner (own deals), manager (the whole subtree), team, company.")
    scope_id: Name = Field(default="", description="Id of the deal or node; empty for the company.")
    measure: Measure = Field(
        description="Of a deal p_won (inside the period), amount or close_on; of a node commit or best_case (its bookings)."
    )
    period: Label | None = Field(default=None, description=f"For p_won, commit and best_case: {PERIOD}")
    value: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1e15)] | None = Field(
        default=None,
        description="A probability for p_won, 0 to 1; else money, 0 or more. Neither value nor day: takes the call before back.",
    )
    day: Day | None = Field(default=None, description="For close_on: the day on which the deal will be won.")
    note: Text | None = Field(default=None, description="Why, in a sentence.")


class CallsQuery(Request):
    """Which calls are asked for."""

    scope: Scope | None = Field(default=None, description="Only calls on deals, or on nodes of a kind.")
    scope_id: Label | None = Field(default=None, description="Only calls on this deal or node.")
    period: Label | None = Field(default=None, description="Only calls for the period with this label, such as 2026Q4.")
    history: Flag = Field(default=False, description="Also calls that a later one stands in for, or that were taken back.")


class CallAnswer(BaseModel):
    """A call and, beside it, what the model said at the same moment."""

    call_id: str = Field(description="Its id.")
    made_at: datetime = Field(description="When it was made.")
    author: str = Field(description="Who made it.")
    scope: Scope = Field(description="What it is about.")
    scope_id: str = Field(description="Id of the deal or node; empty for the company.")
    measure: Measure = Field(description="What is expected.")
    period: str | None = Field(description="Of which period; null where the measure has none.", examples=["2026Q4"])
    value: float | None = Field(description="Probability, 0 to 1, or money; null for a day, and where the call takes back.")
    day: date | None = Field(description="Of close_on; else null.")
    note: str | None = Field(description="Why.")
    model_value: float | None = Field(description="The model's answer of that moment; null where it had none.")
    model_day: date | None = Field(description="Its likely day of a win; null but for close_on.")
    model_version: str | None = Field(description="Version of the champion.", examples=["3"])


class CallsAnswer(BaseModel):
    """Calls, the oldest first."""

    items: list[CallAnswer] = Field(description="The calls.")


class CallRecord(BaseModel):
    """How good calls of one kind were, beside the model's answers of the same moments; less error is better."""

    measure: Measure = Field(description="Which calls.")
    third: int = Field(description="Made in the first, second or last third of the period; 0: of measures without a period.")
    n: int = Field(description="Calls on which what came is known.")
    error: float | None = Field(
        description="Of commit, best_case and amount the sum of errors over what came; of p_won the Brier score, 0 to 1; of "
        "close_on the mean error in days."
    )
    bias: float | None = Field(description="The same with signs: above 0 people expected too much, or too late.")
    model_error: float | None = Field(description="The model's error.")
    model_bias: float | None = Field(description="The model's bias.")
    gain: float | None = Field(description="People's error less the model's: above 0 the model was better.")
    low: float | None = Field(description="Lower limit of its 95 % interval, from resampling subjects; null below five of them.")
    high: float | None = Field(description="Upper limit.")
    reached: float | None = Field(description="Of commit and best_case the share in which at least so much came, 0 to 1.")


class CallRecords(BaseModel):
    """The record of people's calls."""

    items: list[CallRecord] = Field(
        description="One entry for each measure and third; empty while nothing that was called is over."
    )
