"""Answers about posted records: one result for each item, in the order of the request."""

from typing import Literal

from pydantic import BaseModel, Field

from serving.errors import SHOWN_ERRORS, FieldError
from serving.reason_schemas import DealWarning, Probability, Reasons, Said
from serving.schemas import Stamped
from serving.scoring.schemas import AtHorizon, LeavingAtHorizon, Score


class InputWarning(Said):
    """What the data does not know of a posted record, and what stands in for it."""

    code: Literal["unknown_account", "unknown_stage", "unknown_owner", "unknown_category", "history_gap", "unused_rows"] = Field(
        description="Which warning it is, for programs."
    )
    field: str = Field(description="The field that it is about.", examples=["account_id"])


class ScoredDeal(Score):
    """The score of one posted deal."""

    index: int = Field(description="Its place in the request, counted from 0.", examples=[0])
    horizons: list[AtHorizon] = Field(description="The answers at the horizons asked for; empty where there is no score.")
    reasons: Reasons | None = Field(description="Why P(won) at the largest horizon is what it is; null where not asked for.")
    warnings: list[DealWarning | InputWarning] = Field(
        description="What a manager should look at, whatever the model says (with `name`), and what of the posted deal the data "
        "does not know (with `code`)."
    )


class InvalidDeal(BaseModel):
    """Stands in the place of a posted deal that cannot be read; the other deals of the request are scored."""

    index: int = Field(description="Its place in the request, counted from 0.", examples=[1])
    deal_id: str | None = Field(description="The id as sent, null where it cannot be read.", examples=["D-2"])
    reason: Literal["invalid"] = Field(description="Always invalid.")
    errors: list[FieldError] = Field(description=f"The first {SHOWN_ERRORS} rules that the deal breaks, and where.")


class Kept(BaseModel):
    """Where the journal has the scores of an answer."""

    persisted: bool = Field(
        default=True,
        description="Whether the scores are in the journal's database; false: on this server's disk, see `not_persisted`.",
    )
    not_persisted: str | None = Field(
        default=None, description="What it means that they are not, in English; null where they are.", examples=[None]
    )


class ScoreAnswer(Stamped, Kept):
    """One result for each posted deal, in the order of the request."""

    results: list[ScoredDeal | InvalidDeal] = Field(
        description="One result for each deal, in the order of the request; a deal that cannot be read has the reason `invalid`."
    )


class ScoredClient(BaseModel):
    """The score of one posted client. One that cannot be scored has a `reason` and null everywhere else."""

    index: int = Field(description="Its place in the request, counted from 0.", examples=[0])
    account_id: str = Field(description="The client's id.", examples=["A-7"])
    regime: Literal["contracts", "orders"] | None = Field(
        description="contracts: leaving is a cancellation or an end without a successor; orders: it is silence."
    )
    p_leaves: Probability | None = Field(description="P(the client leaves within the organisation's `horizon_days`), 0 to 1.")
    horizons: list[LeavingAtHorizon] = Field(description="P(leaves) at the horizons asked for; empty where there is no score.")
    value_at_risk: float | None = Field(
        description="Expected loss: value_if_stays - ltv, from 0 to value_if_stays, in the organisation's currency."
    )
    value_if_stays: float | None = Field(
        description="Expected value of the next `value_days` if the client does not leave within `horizon_days`: ltv + "
        "value_at_risk."
    )
    ltv: float | None = Field(description="Expected value of the next `value_days`, in the organisation's currency.")
    ltv_low: float | None = Field(description="Lower end of its interval: one chance in ten of less.")
    ltv_high: float | None = Field(description="Upper end of its interval: one chance in ten of more.")
    life_table_weight: Probability | None = Field(
        description="What boosting has left of the way from the base rates, (1 - learning rate) ^ rounds; 1: base rates alone."
    )
    reason: str | None = Field(
        description="Why there is no score, null where there is one. not_active: no contract in force and no recent order.",
        examples=["not_active"],
    )
    reasons: Reasons | None = Field(description="Why p_leaves is what it is; null where not asked for.")
    warnings: list[InputWarning] = Field(description="What of the posted client the data does not know.")


class InvalidClient(BaseModel):
    """Stands in the place of a posted client that cannot be read; the other clients of the request are scored."""

    index: int = Field(description="Its place in the request, counted from 0.", examples=[1])
    account_id: str | None = Field(description="The id as sent, null where it cannot be read.", examples=["A-8"])
    reason: Literal["invalid"] = Field(description="Always invalid.")
    errors: list[FieldError] = Field(description=f"The first {SHOWN_ERRORS} rules that the client breaks, and where.")


class ScoreClientsAnswer(Stamped, Kept):
    """One result for each posted client, in the order of the request."""

    horizon_days: int = Field(description="The organisation's horizon, that of `p_leaves`, in days.", examples=[90])
    value_days: int = Field(description="Over how many days the values are counted.", examples=[365])
    results: list[ScoredClient | InvalidClient] = Field(
        description="One result for each client, in the order of the request; one that cannot be read has the reason `invalid`."
    )
