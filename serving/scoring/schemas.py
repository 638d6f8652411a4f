"""What a model says of one deal or client, in every answer that holds scores."""

from datetime import date

from pydantic import BaseModel, Field

from serving.reason_schemas import Probability


class Score(BaseModel):
    """What the model says of one deal. A deal that cannot be scored has a `reason` and null everywhere else."""

    deal_id: str = Field(description="The CRM's id of the deal.", examples=["D-1"])
    p_won: Probability | None = Field(description="P(won) by the last horizon of the model, 0 to 1.", examples=[0.42])
    p_lost: Probability | None = Field(description="P(lost) by the last horizon of the model, 0 to 1.", examples=[0.38])
    p_won_this_quarter: Probability | None = Field(description="P(won within the running fiscal quarter), 0 to 1.")
    p_won_next_quarter: Probability | None = Field(description="P(won within the following fiscal quarter), 0 to 1.")
    predicted_close_on: date | None = Field(description="Median day of the win, given a win. The CRM's own is expected_close_on.")
    extrapolated: bool | None = Field(description="Whether part of the answer lies beyond what the model could observe.")
    life_table_weight: Probability | None = Field(
        description="What boosting has left of the way from the base rates, (1 - learning rate) ^ rounds; 1: base rates alone."
    )
    reason: str | None = Field(description="Why there is no score, null where there is one.", examples=["no_closed_deals"])


class AtHorizon(BaseModel):
    """The curve at one horizon; P(won) + P(lost) + P(open) = 1."""

    days: float = Field(description="Horizon in days after as_of.", examples=[30])
    p_won: Probability | None = Field(description="P(won within the horizon), 0 to 1.")
    p_lost: Probability | None = Field(description="P(lost within the horizon), 0 to 1.")


class LeavingAtHorizon(BaseModel):
    """P(the client leaves) at one horizon."""

    days: float = Field(description="Horizon in days after as_of.", examples=[90])
    p_leaves: Probability | None = Field(description="P(the client leaves within the horizon), 0 to 1.")
