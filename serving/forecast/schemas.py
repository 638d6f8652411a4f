"""Queries and answers about forecasts: money in the organisation's currency, probabilities in [0, 1], instants with an offset.

A bridge's money is a decimal string to the cent: it adds up exactly, and binary numbers would not.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from serving.reason_schemas import Probability, Said
from serving.schemas import Label, Request, Stamped
from training.what_if import KEPT_SHARE

By = Literal["company", "owner", "team", "manager", "product", "region"]
PERIOD = "2026, 2026Q4, 2026-10 or 2026-10-01..2026-11-15. Default: the running fiscal quarter."
Cents = Annotated[Decimal, Field(json_schema_extra={"pattern": r"^-?\d+\.\d{2}$"})]


class ForecastQuery(Request):
    """Which forecast is asked for."""

    period: Label | None = Field(default=None, description=PERIOD)
    by: By = Field(default="company", description="What the forecast is split by.")
    as_of: Label | None = Field(default=None, description="Use what was recorded before this date or instant. Default: now.")


class BridgeQuery(Request):
    """Which change is asked for."""

    from_: Label = Field(alias="from", description="The earlier date or instant.")
    to: Label | None = Field(default=None, description="The later one. Default: now.")
    period: Label | None = Field(default=None, description=PERIOD)
    by: By = Field(default="company", description="What the change is split by.")
    mode: Literal["end", "path"] = Field(
        default="end", description="end: compare the two dates; path: walk through the dates between and add their changes up."
    )


class WhatIfRequest(Request):
    """What is supposed to happen; any of it may be left out."""

    period: Label | None = Field(default=None, description=PERIOD)
    by: By = Field(default="company", description="What the forecast is split by.")
    close: list[Label] = Field(default=[], max_length=1000, description="Ids of open deals that are won inside the period.")
    rate: dict[Label, Annotated[float, Field(strict=True, ge=-100, le=100)]] = Field(
        default={}, max_length=100, description="Stage -> points by which the chance of its deals rises, -100 to 100."
    )
    leaves: list[Label] = Field(default=[], max_length=1000, description="Ids of people who leave.")
    kept: float = Field(
        default=KEPT_SHARE, strict=True, ge=0, le=1, description="Share of a leaver's business that remains, 0 to 1."
    )


class Interval(BaseModel):
    """An interval of the forecast's draws."""

    level: int = Field(description="How many per cent of the draws lie between the two.", examples=[80])
    low: float = Field(description="Lower limit.")
    high: float = Field(description="Upper limit.")


class ForecastLine(BaseModel):
    """The forecast of one node; won, open and new add up to the mean."""

    dimension: By = Field(description="What kind of node it is.")
    id: str | None = Field(description="The node's id, empty for the company; null: what belongs to no node.")
    title: str = Field(description="The node's name.")
    won: float = Field(description="Won inside the period already.")
    open: float = Field(description="Expected of open deals.")
    new: float = Field(description="Expected of deals yet to be created.")
    mean: float = Field(description="Expected bookings of the period.")
    median: float = Field(description="Median of the draws.")
    spans: list[Interval] = Field(description="Intervals of 50, 80 and 95 %.")
    plan: float | None = Field(description="The plan; null where there is none.")
    p_plan: Probability | None = Field(description="P(bookings reach the plan), 0 to 1; null without a plan.")
    no_plan: Literal["no_plans", "no_plan", "zero_plan", "no_plans_by_this"] | None = Field(
        description="Why there is no plan: none are loaded, none is for this period, it is 0, or plans are not made "
        "by this split."
    )


class ForecastPart(BaseModel):
    """A part of the company's forecast. Expected values add up, intervals do not."""

    name: Literal["won", "open", "new"] = Field(description="Won already, open deals, deals yet to be created.")
    mean: float = Field(description="Expected.")
    spans: list[Interval] = Field(description="Its own intervals; empty for what is won, which is certain.")


class ForecastCategory(BaseModel):
    """Open deals of one category; never added to the forecast."""

    name: str = Field(description="The category.", examples=["commit"])
    n: int = Field(description="How many deals, 0 or more.")
    amount: float = Field(description="Sum of their amounts.")
    expected: float = Field(description="How much of it the model expects inside the period.")


class Categories(BaseModel):
    """Two views of the open deals."""

    crm: list[ForecastCategory] | None = Field(
        description="By the CRM's forecast category, of deals that it expects inside the period; null: it has none."
    )
    model: list[ForecastCategory] = Field(description="By P(won inside the period), of all open deals.")
    rule: Said = Field(description="How the model's are told apart.")


class ForecastNote(Said):
    """Something that the forecast lacks, and what that does to its interval."""

    code: str = Field(description="Which note it is.", examples=["open_deals_without_amount"])
    number: float = Field(description="How much of it.")


class RecurringForecast(BaseModel):
    """Recurring revenue a month: start + new + expansion - contraction - churn = end. Never added to bookings."""

    start: float = Field(description="At the period's start.")
    new: float = Field(description="Of new clients.")
    expansion: float = Field(description="Clients who pay more.")
    contraction: float = Field(description="Clients who pay less, 0 or more.")
    churn: float = Field(description="Clients who leave, 0 or more.")
    end: float = Field(description="At the period's end.")
    spans: list[Interval] = Field(description="Intervals at the period's end.")
    notes: list[ForecastNote] = Field(description="What this forecast lacks.")


class RecordGain(BaseModel):
    """How much smaller the forecast's error was than a rival's."""

    rival: str = Field(description="Which rival.", examples=["stage_weighted"])
    n: int = Field(description="Periods that both forecast.")
    wape: float | None = Field(description="The rival's error.")
    model_wape: float | None = Field(description="The forecast's error in the same periods.")
    gain: float | None = Field(description="The rival's less the forecast's.")
    low: float | None = Field(description="Lower limit of its 95 % interval over periods; null where nothing came.")
    high: float | None = Field(description="Upper limit.")


class TrackRecord(BaseModel):
    """How good forecasts made as far into past periods were."""

    lead: float = Field(description="Days into the period.", examples=[30])
    n: int = Field(description="Past periods.")
    wape: float | None = Field(description="Sum of absolute errors over what came; null where nothing came.")
    bias: float | None = Field(description="Sum of errors over what came; above 0: promised too much.")
    pinball: float | None = Field(description="Mean pinball loss over the quantiles as a share of what came.")
    coverage: dict[str, Probability] = Field(description="Level in per cent -> share of periods inside that interval.")
    gains: list[RecordGain] = Field(description="Against each rival.")


class ForecastAnswer(Stamped):
    """The bookings of one period as a distribution, its parts, and its track record."""

    period: str = Field(description="The period's label.", examples=["2026Q4"])
    start: datetime = Field(description="Its first instant.")
    end: datetime = Field(description="The first instant after it.")
    by: By = Field(description="What the lines are.")
    lead_days: float = Field(description="Days from the period's start to as_of, below 0 before it.")
    lines: list[ForecastLine] = Field(description="The company first, then the nodes.")
    parts: list[ForecastPart] = Field(description="What the company's forecast is made of.")
    categories: Categories = Field(description="The open deals by category, beside the forecast.")
    recurring: RecurringForecast | None = Field(description="The second forecast; null where there is none.")
    no_recurring: Said | None = Field(description="Why there is none.")
    record: TrackRecord | None = Field(description="At the nearest lead that was replayed; null where there is none.")
    no_record: Said | None = Field(description="Why there is none.")
    notes: list[ForecastNote] = Field(description="What the forecast lacks, and what that does to its interval.")


class WhatIfAnswer(Stamped):
    """The forecast as it stands and under the change, from the same draws."""

    period: str = Field(description="The period's label.", examples=["2026Q4"])
    by: By = Field(description="What the lines are.")
    kept: Probability | None = Field(description="Share of a leaver's business that is assumed to remain; null: nobody leaves.")
    before: list[ForecastLine] = Field(description="As it stands.")
    after: list[ForecastLine] = Field(description="Under the change.")
    difference: float = Field(description="Of the company's expected bookings.")


class BridgeLine(BaseModel):
    """What changed the expected bookings of one node."""

    dimension: By = Field(description="What kind of node it is.")
    id: str | None = Field(description="The node's id, empty for the company; null: what belongs to no node.")
    title: str = Field(description="The node's name.")
    steps: dict[str, Cents] = Field(description="Step -> money, decimal to the cent; they add up to the change.")
    change: Cents = Field(description="Their sum.")


class BridgeAnswer(Stamped):
    """The change of the expected bookings of one period between two dates, explained to the cent."""

    period: str = Field(description="The period's label.", examples=["2026Q4"])
    first: datetime = Field(description="The earlier instant.")
    last: datetime = Field(description="The later instant.")
    mode: Literal["end", "path"] = Field(description="Whether the dates between were walked through.")
    start: Cents = Field(description="The company's expected bookings at the earlier instant.")
    end: Cents = Field(description="At the later one.")
    by_record: list[str] = Field(
        description="Versions of the models whose recorded scores stand for dates before the champion was trained. "
        "Amounts then count as they stand. `model` is what the change of model makes where the former one is kept in the "
        "server's cache; else it is in `rescored`. Empty: the champion scored all."
    )
    lines: list[BridgeLine] = Field(description="The company first, then the nodes.")
