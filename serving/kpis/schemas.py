"""Answers about KPIs: each field with its unit and range. No model takes part in the values; what one predicts stands apart."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from serving.reason_schemas import Probability


class Stamp(BaseModel):
    """What every answer about KPIs says of where it comes from."""

    as_of: datetime = Field(description="The answer uses what was recorded strictly before this instant.")
    data_ends_at: datetime = Field(description="The first instant at which all of the data was known.")
    currency: str = Field(description="The currency of all money, ISO 4217.", examples=["EUR"])


class Span(BaseModel):
    """A half-open stretch of time."""

    label: str = Field(description="What it is called.", examples=["2026Q3"])
    start: datetime = Field(description="Its first instant.")
    end: datetime = Field(description="The first instant after it.")


class Named(BaseModel):
    """What a value is about."""

    dimension: str = Field(description="company, owner, team, …", examples=["team"])
    id: str | None = Field(description="Its id; empty for the company, null for what belongs to nobody.")
    title: str = Field(description="What people call it.")


class Limits(BaseModel):
    """A 95 % interval."""

    low: float = Field(description="Its lower end, in the unit of the value.")
    high: float = Field(description="Its upper end, in the unit of the value.")


class Counted(BaseModel):
    """Records that could not be counted."""

    code: str = Field(description="Why, for programs.", examples=["null_amount"])
    n: int = Field(description="How many, 1 or more.")
    text: str = Field(description="Why, for people.")


class Said(BaseModel):
    """What a reader has to know."""

    code: str = Field(description="For programs.", examples=["running"])
    text: str = Field(description="For people.")


class Beside(BaseModel):
    """Another figure that belongs beside a value."""

    name: str = Field(description="For programs.", examples=["median"])
    value: float | None = Field(description="The figure, null where there is none.")
    text: str = Field(description="What it is.")


class KpiDefinition(BaseModel):
    """A KPI as it was computed."""

    kpi: str = Field(description="Its name, for programs.", examples=["win_rate"])
    variant: str = Field(description="The variant that was computed.", examples=["closed"])
    title: str = Field(description="What people call it.")
    meaning: str = Field(description="One sentence.")
    formula: str = Field(description="In a few words.")
    variant_text: str = Field(description="What this variant is.")
    unit: str = Field(description="money, share (1 is 100 %), count, days, …", examples=["share"])
    direction: str = Field(description="more is better, less is better, or neither.")
    perspective: str = Field(description="Of the balanced scorecard: finance, client, process or people.")
    whose: str = Field(description="For which person, source or client a record counts.")


class Predicted(BaseModel):
    """What the models say of a KPI in a period that is not over, in the unit of the value."""

    value: float | None = Field(
        description="The median of the draws; what is expected where there are none; null where `reason` says why."
    )
    low: float | None = Field(description="Lower end of the 80 % interval, null where there is none.")
    high: float | None = Field(description="Upper end of the 80 % interval, null where there is none.")
    p_plan: Probability | None = Field(description="P(plan is reached), 0 to 1; null without a plan, or where it is not said.")
    reason: str | None = Field(description="Why nothing is predicted, for programs.", examples=["no_client_model"])
    reason_text: str | None = Field(description="Why nothing is predicted, for people.")
    n: int | None = Field(description="Clients that it is the mean of; null where it is no mean.")
    days: float | None = Field(description="How many days ahead it reaches; null: to the end of the window.")
    margin: float | None = Field(description="The gross margin that was applied; null: none, and money is revenue.")


class KpiValue(BaseModel):
    """One KPI of one node in one window."""

    kpi: str = Field(description="Name of the KPI.", examples=["win_rate"])
    variant: str = Field(description="The variant that was computed.", examples=["closed"])
    window: Span = Field(description="The window asked about.")
    node: Named = Field(description="What the value is about.")
    value: float | None = Field(description="In the KPI's unit; null where `reason` says why.")
    unit: str = Field(description="Unit of value, interval and comparisons.", examples=["share"])
    reason: str | None = Field(description="Why there is no value, for programs.", examples=["nothing_counted"])
    reason_text: str | None = Field(description="Why there is no value, for people.")
    numerator: float | None = Field(description="Null where the KPI has none.")
    denominator: float | None = Field(description="Null where the KPI has none.")
    n: int = Field(description="Records behind the value, 0 or more.")
    interval: Limits | None = Field(description="95 % interval, null where there is none.")
    basis: str = Field(description="Which date puts a record into the window.")
    immature: bool = Field(description="Whether outcomes of the cohort are still due.")
    censored: int = Field(description="Records whose outcome is not known yet, 0 or more.")
    exclusions: list[Counted] = Field(description="What could not be counted.")
    flags: list[Said] = Field(description="What a reader has to know.")
    beside: list[Beside] = Field(description="Other figures that belong beside the value.")
    against: dict[str, float | None] = Field(description="plan, previous, last_year -> what was asked to compare with.")
    prediction: Predicted | None = Field(
        description="Where `predict` asked for it and a model can tell; never part of the value."
    )


class KpisAnswer(Stamp):
    """KPIs, window by window and node by node."""

    options: dict[str, str | float] = Field(description="The declared choices that the values rest on.")
    kpis: list[KpiDefinition] = Field(description="The KPIs of the answer.")
    values: list[KpiValue] = Field(description="Every value: KPI by KPI, window by window, node by node.")


class BestQuarter(BaseModel):
    """The best of the last finished quarters at one step."""

    quarter: str = Field(description="Which one.", examples=["2026Q1"])
    rate: float = Field(description="Its eventual conversion, 0 to 1.")
    gap: float = Field(description="How far the cohort lies below it, 0 to 1.")
    value: float | None = Field(description="Revenue that the gap costs, null without won amounts.")
    clear: bool = Field(description="Whether the gap is larger than chance.")


class Loss(BaseModel):
    """A reason of losses at one step."""

    reason: str | None = Field(description="As the CRM has it; null: not on record.")
    n: int = Field(description="How many were lost so, 1 or more.")


class FunnelStep(BaseModel):
    """From one step of the funnel to the next; the last one has no conversion."""

    name: str = Field(description="lead, qualified, deal, offer or won.", examples=["offer"])
    title: str = Field(description="What people call it.")
    entered: int = Field(description="Journeys that reached it or a later one.")
    skipped: int = Field(description="Of them, those on record only with a later one.")
    moved_on: int = Field(description="Of them, those that reached the next.")
    lost: int = Field(description="Of them, those lost before.")
    still: int = Field(description="Of them, those that may still reach it.")
    rate: float | None = Field(description="Share that moved on so far, open ones censored, 0 to 1.")
    interval: Limits | None = Field(description="95 % interval of the rate.")
    eventual: float | None = Field(description="Share that will have moved on; a young cohort follows the last eight quarters.")
    days: float | None = Field(description="Median days to the next step.")
    in_step: float | None = Field(description="Median days until it moved on or was lost.")
    losses: list[Loss] = Field(description="Reasons of the losses here, the most frequent first.")
    expected: float = Field(description="Journeys that will have reached the step.")
    leverage: float | None = Field(description="Revenue that one more point of conversion would bring.")
    best: BestQuarter | None = Field(description="The step's own best quarter, null where there is none.")


class FunnelAnswer(Stamp):
    """The funnel of one cohort."""

    window: Span = Field(description="In which its leads and deals began.")
    steps: list[FunnelStep] = Field(description="The steps that the source tells of, in order.")
    n_leads: int = Field(description="Journeys that began as a lead.")
    n_deals: int = Field(description="Journeys that began as a deal without one.")
    won_amount: float = Field(description="Revenue won so far.")
    average: float | None = Field(description="Amount of a won deal; a young cohort follows the last eight quarters.")
    expected: float | None = Field(description="Revenue that the cohort will have brought.")
    bottleneck: str | None = Field(description="The step whose gap to its best quarter costs most.", examples=["offer"])
    exclusions: list[Counted] = Field(description="What could not be counted.")


class Estimate(BaseModel):
    """A person's figure, shrunken towards the team's, with 95 % limits."""

    value: float = Field(description="The estimate.")
    low: float = Field(description="Lower limit.")
    high: float = Field(description="Upper limit.")


class Member(BaseModel):
    """One person in the window; null where there is nothing to divide by."""

    person: str = Field(description="User id.")
    name: str = Field(description="What people call them.")
    won: int = Field(description="Deals won.")
    lost: int = Field(description="Deals lost.")
    bookings: float = Field(description="Amount won.")
    plan: float | None = Field(description="The person's plan.")
    attainment: float | None = Field(description="Bookings over plan; 1 is 100 %.")
    win_rate: float | None = Field(description="Won of decided, 0 to 1, as counted.")
    interval: Limits | None = Field(description="95 % interval of the win rate.")
    win_rate_estimate: Estimate | None = Field(description="The win rate, shrunken towards the team's.")
    pace: float | None = Field(description="Won deals per 100 days that a deal was open with the person.")
    days_to_win: float | None = Field(description="Median days to the win, open deals counted.")
    n_open: int = Field(description="Open deals now.")
    open_amount: float = Field(description="Their amount.")
    reports: int | None = Field(description="People who report to them, null where that is not on record.")
    ramp_months: float | None = Field(description="Months from hire to plan, so far for who is not at plan yet.")
    at_plan: bool | None = Field(description="Whether they have reached a plan yet; null for people hired before the first plan.")


class Compared(BaseModel):
    """What can be said of the order of people in one figure."""

    figure: str = Field(description="win_rate, attainment or pace.", examples=["win_rate"])
    text: str = Field(description="In one or two sentences.")
    groups: list[list[str]] = Field(
        description="Ids of people whom the data cannot tell apart; within a group there is no order."
    )


class StageBehind(BaseModel):
    """Conversion at one stage against the team's best."""

    stage: str = Field(description="Name of the stage.")
    best: str = Field(description="User id of whoever has the highest estimate.")
    estimate: Estimate = Field(description="That estimate.")
    behind: list[str] = Field(description="Ids of those who are told apart from it, and lie below.")


class TeamAnswer(Stamp):
    """A team in a window, people by name."""

    window: Span = Field(description="The window asked about.")
    elapsed: float = Field(description="Share of it that has gone by, 0 to 1.")
    attainment: float | None = Field(description="Sum of bookings over sum of plans; 1 is 100 %.")
    win_rate: float | None = Field(description="Won of decided of all of them, 0 to 1.")
    members: list[Member] = Field(description="The people, by name.")
    compared: list[Compared] = Field(description="What can be said of their order.")
    stages: list[StageBehind] = Field(description="Conversion by stage, where an entry was decided.")


class GoalFinding(BaseModel):
    """What is wrong with a goal."""

    kind: str = Field(description="For programs.", examples=["no_owner"])
    severity: Literal["error", "warning"] = Field(description="error: useless as a goal; warning: for people to judge.")
    text: str = Field(description="For people, with what to do.")


class GoalItem(BaseModel):
    """A goal, how it stands, and what is wrong with it."""

    kpi: str = Field(description="Name of the KPI.", examples=["bookings"])
    title: str = Field(description="What people call it.")
    unit: str = Field(description="Unit of target and value.", examples=["money"])
    scope: str = Field(description="company, team or user.", examples=["team"])
    scope_id: str | None = Field(description="Id of the team or person.")
    scope_title: str = Field(description="What people call it.")
    period: str | None = Field(description="Its period.", examples=["2026Q4"])
    owner: str | None = Field(description="User id of whoever answers for it.")
    source: str = Field(description="plans or file.", examples=["plans"])
    horizon: str | None = Field(description="short, middle or long.", examples=["short"])
    start: datetime | None = Field(description="Start of its period.")
    end: datetime | None = Field(description="The first instant after its period.")
    target: float | None = Field(description="What is to be reached.")
    value: float | None = Field(description="The KPI so far.")
    share: float | None = Field(description="Share of the target that is reached; 1 is 100 %.")
    elapsed: float | None = Field(description="Share of the period that is gone, 0 to 1.")
    days_left: float | None = Field(description="Days to the deadline, 0 or more.")
    remaining: float | None = Field(description="What is missing to the target.")
    required_a_day: float | None = Field(description="What each day left has to bring, or to change.")
    current_a_day: float | None = Field(description="What each day so far brought, or changed.")
    projected: float | None = Field(description="Value at the deadline at the present pace: an extrapolation.")
    on_pace: bool | None = Field(description="Whether that would do.")
    met: bool | None = Field(description="Whether the target is met now.")
    probability: Probability | None = Field(description="P(reached), 0 to 1, from the forecast; null where there is none.")
    no_probability: Literal["not_forecast", "no_target", "no_deadline", "over", "too_far", "no_forecast", "nobody"] | None = (
        Field(description="Why there is no probability, for programs.")
    )
    no_probability_text: str | None = Field(description="The same for people.")
    over: bool = Field(description="Whether the period is over.")
    reason: str | None = Field(description="Why it cannot be said how the goal stands, for programs.")
    reason_text: str | None = Field(description="The same for people.")
    findings: list[GoalFinding] = Field(description="What is wrong with it.")


class GoalsAnswer(Stamp):
    """Goals in the order of plans and file."""

    items: list[GoalItem] = Field(description="The goals.")
