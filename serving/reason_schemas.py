"""Responses of the HTTP API about reasons, warnings, similar deals and gaps: each field with its unit and range.

Texts come in English (`en`) and Russian (`ru`). Values of signals are numbers or texts, as in the signal catalog.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field

Value = float | str | None
Contribution = Annotated[float, Field(json_schema_extra={"minimum": -1, "maximum": 1})]
# Declared and not enforced: an answer of 1.0000000000000002 is a rounding error and no reason for a 500.
Probability = Annotated[float, Field(json_schema_extra={"minimum": 0, "maximum": 1})]


class Said(BaseModel):
    en: str = Field(description="In English.")
    ru: str = Field(description="In Russian.")


class NamedSignal(Said):
    """A single signal worth naming inside its group, with its value and the usual one."""

    name: str = Field(description="The signal's name in the catalog.", examples=["days_since_inbound"])
    value: Value = Field(description="Its value here; null: none on record.", examples=[23])
    usual: Value = Field(description="Median of won deals at this stage, or of clients who stayed; null: unknown.", examples=[6])


class Reason(Said):
    """What one group of signals adds to the answer."""

    group: str = Field(description="The group's name in the catalog.", examples=["contact"])
    contribution: Contribution = Field(description="Shapley value in probability, -1 to 1.", examples=[-0.081])
    signals: list[NamedSignal] = Field(description="Up to two signals of the group, the strongest first.")


class Reference(Said):
    """The typical row that reasons are given against."""

    p: Probability = Field(description="The answer for it, 0 to 1.", examples=[0.31])


class Reasons(Said):
    """Why an answer is what it is: reference + contributions = score, exactly; and the largest of them in one line."""

    days: float | None = Field(description="The horizon of the answer in days; null: at all.", examples=[30])
    score: Probability = Field(description="The answer, 0 to 1.", examples=[0.23])
    reference: Reference = Field(description="What it is compared with.")
    items: list[Reason] = Field(description="All groups, the largest contribution first.")


class DealWarning(Said):
    """A plain fact about a deal that wants attention."""

    name: str = Field(description="Which warning it is.", examples=["stalled"])
    value: float = Field(description="The value behind it.", examples=[61])
    usual: Value = Field(description="Median of won deals at this stage; null: unknown.", examples=[14])


class SimilarDeal(BaseModel):
    """A decided deal as it looked at an earlier moment, and what became of it."""

    deal_id: str | None = Field(description="The CRM's id of the deal; null where it is not the caller's to see.")
    name: str | None = Field(description="The deal's name; null likewise.")
    outcome: Literal["won", "lost"] = Field(description="How it ended.")
    days_to_close: float = Field(description="Days from the moment compared to the close, 0 or more.")
    closed_on: date = Field(description="The day of the close.")
    amount: float | None = Field(description="Its amount, in the organisation's currency.")
    distance: float = Field(description="How far it lay, 0: just the same.")


class DataGap(Said):
    """An empty field, and where the answer would lie if it held a usual value. A sensitivity, not a promise."""

    field: str = Field(description="Table and column.", examples=["deals.amount"])
    p_low: Probability = Field(description="The lowest answer with the field filled, 0 to 1.")
    p_high: Probability = Field(description="The highest answer with the field filled, 0 to 1.")
