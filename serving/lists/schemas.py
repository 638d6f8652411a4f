"""Answers about the open deals and the active clients: a page of a list, and one record in parts."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from serving.reason_schemas import DataGap, DealWarning, Probability, Reasons, SimilarDeal
from serving.schemas import Stamped
from serving.scoring.schemas import AtHorizon, Score


class CurvePoint(BaseModel):
    """One day of a deal's curve; the three probabilities add up to 1."""

    day: float = Field(description="Days after as_of.", examples=[30])
    p_won: Probability = Field(description="P(won by that day), 0 to 1.")
    p_lost: Probability = Field(description="P(lost by that day), 0 to 1.")
    p_open: Probability = Field(description="P(still open on that day), 0 to 1.")
    extrapolated: bool = Field(description="Whether that day lies beyond what the model could observe.")


class Moving(BaseModel):
    """Where an answer is heading: against the last score recorded a week before, or earlier."""

    trend: Literal["up", "down", "steady"] | None = Field(
        default=None, description="up or down: the answer moved by 0.05 or more in a week; null: see `no_trend`.", examples=["up"]
    )
    trend_change: float | None = Field(
        default=None,
        ge=-1,
        le=1,
        description="The answer now minus a week before: of a deal p_won, of a client p_leaves; -1 to 1.",
        examples=[0.06],
    )
    trend_since: datetime | None = Field(default=None, description="As of when the earlier score was given.")
    no_trend: Literal["no_journal", "no_score", "no_earlier_score"] | None = Field(
        default=None,
        description="Why there is no trend: no_earlier_score, none was recorded so long ago; no_score, there is none now; "
        "no_journal, the journal does not answer. Null where there is one.",
    )


class RankedDeal(Score, Moving):
    """An open deal with what a manager reads beside its score."""

    name: str | None = Field(description="The deal's name.")
    account_id: str | None = Field(description="The client's id.")
    account_name: str | None = Field(description="The client's name.")
    owner_id: str | None = Field(description="The owner's id.")
    owner_name: str | None = Field(description="The owner's name.")
    team: str | None = Field(description="The owner's team.")
    product: str | None = Field(description="What is sold.")
    stage: str | None = Field(description="The stage as of as_of.")
    amount: float | None = Field(description="The amount, in the deal's own `currency`.", examples=[42000])
    currency: str | None = Field(description="ISO 4217 code of the deal's amount.", examples=["USD"])
    value: float | None = Field(description="The amount converted to the organisation's currency.", examples=[38640])
    age_days: float | None = Field(description="Days since the deal was created, 0 or more.")
    expected_close_on: date | None = Field(description="The CRM's own expected close date.")
    overdue: bool = Field(description="Whether the CRM's expected close date has passed.")
    p_won_90d: Probability | None = Field(description="P(won within 90 days), 0 to 1: a quarter that has no boundary.")
    grade: Literal["A", "B", "C", "D"] | None = Field(
        description="p_won_90d as a letter, by the installation's limits; null where there is no score.", examples=["B"]
    )
    expected_value: float | None = Field(
        description="value x p_won_this_quarter, in the organisation's currency: the list is ranked by it."
    )
    warnings: list[str] = Field(description="Names of its warnings; the deal's own answer words them.", examples=[["stalled"]])


class DealsAnswer(Stamped):
    """One page of the open deals, the highest expected value this quarter first."""

    items: list[RankedDeal] = Field(description="The deals of this page.")
    n_total: int = Field(description="How many open deals match the filters, 0 or more.")
    next_cursor: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last.")


class DealAnswer(Stamped):
    """One open deal. A part that was not asked for, and reasons where there is no score, are null."""

    deal: RankedDeal = Field(description="The deal as in the list.")
    horizons: list[AtHorizon] = Field(description="The answers at the horizons asked for; empty where there is no score.")
    warnings: list[DealWarning] = Field(description="What a manager should look at, whatever the model says.")
    curve: list[CurvePoint] | None = Field(description="The deal's future, by day; empty where there is no score.")
    reasons: Reasons | None = Field(description="Why the answer is what it is; null where there is no score.")
    similar: list[SimilarDeal] | None = Field(
        description="Decided deals that looked like this one at the same stage, the nearest first."
    )
    data_gaps: list[DataGap] | None = Field(description="Empty fields that would move the answer most, the widest first.")


class ClientAtRisk(Moving):
    """A client with the probability of losing it within the organisation's client horizon."""

    account_id: str = Field(description="The client's id.")
    account_name: str | None = Field(description="The client's name.")
    regime: Literal["contracts", "orders"] | None = Field(
        description="contracts: leaving is a cancellation or an end without a successor; orders: it is silence."
    )
    p_leaves: Probability | None = Field(description="P(the client leaves within `horizon_days`), 0 to 1.")
    value_at_risk: float | None = Field(
        description="Expected loss: value_if_stays - ltv, from 0 to value_if_stays, in the organisation's currency; the list is "
        "ranked by it."
    )
    value_if_stays: float | None = Field(
        description="Expected value of the next `value_days` if the client does not leave within `horizon_days`: ltv + "
        "value_at_risk."
    )
    ltv: float | None = Field(description="Expected value of the next `value_days`, in the organisation's currency.")
    ltv_low: float | None = Field(description="Lower end of its interval: one chance in ten of less.")
    ltv_high: float | None = Field(description="Upper end of its interval: one chance in ten of more.")
    reason: str | None = Field(description="Why there is no score, null where there is one.")


class ClientInList(ClientAtRisk):
    """A client of the list, with its reasons where they were asked for."""

    reasons: Reasons | None = Field(description="Why p_leaves is what it is; null where not asked for.")


class LeavingPoint(BaseModel):
    """One day of a client's curve."""

    day: float = Field(description="Days after as_of.", examples=[30])
    p_leaves: Probability = Field(
        description="P(the client leaves by that day), 0 to 1. contracts: it rises with the day; orders: P(no order until "
        "then), which falls."
    )
    extrapolated: bool = Field(description="Whether that day lies beyond what the model could observe.")


class ClientsAnswer(Stamped):
    """One page of the active clients, the highest value at risk first."""

    horizon_days: int = Field(description="The horizon of p_leaves, in days.", examples=[90])
    value_days: int = Field(description="Over how many days the values are counted.", examples=[365])
    items: list[ClientInList] = Field(description="The clients of this page.")
    n_total: int = Field(description="How many active clients match the filters, 0 or more.")
    next_cursor: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last.")


class ClientAnswer(Stamped):
    """One active client. A part that was not asked for is null."""

    horizon_days: int = Field(description="The horizon of p_leaves, in days.", examples=[90])
    value_days: int = Field(description="Over how many days the values are counted.", examples=[365])
    client: ClientAtRisk = Field(description="The client as in the list.")
    curve: list[LeavingPoint] | None = Field(description="P(leaves) by day; empty where there is no score.")
    reasons: Reasons | None = Field(description="Why p_leaves is what it is; null where there is no score.")
