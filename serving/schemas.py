"""Responses of the HTTP API: each field with its unit and range.

Probabilities lie in [0, 1] and are named `p_…`; durations are days of 24 hours; instants are ISO 8601 with an offset; money is a
number beside a currency. What is posted stands in `posted`, what lists are asked in `list_queries`.
"""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from serving.errors import SHOWN_ERRORS, FieldError
from serving.reason_schemas import DataGap, DealWarning, Probability, Reasons, Said, SimilarDeal

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
        description="boosted: the model; life_table: base rates by stage and age; base_rate: one curve for all."
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


class ClientAtRisk(Moving):
    """A client with the probability of losing it within the organisation's client horizon."""

    account_id: str = Field(description="The client's id.")
    account_name: str | None = Field(description="The client's name.")
    regime: Literal["contracts", "orders"] | None = Field(
        description="contracts: leaving is a cancellation or an end without a successor; orders: it is silence."
    )
    p_leaves: Probability | None = Field(description="P(the client leaves within `horizon_days`), 0 to 1.")
    value_at_risk: float | None = Field(
        description="p_leaves x expected value of the next `value_days` if the client does not leave; the list is ranked by it."
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


class LeavingAtHorizon(BaseModel):
    """P(the client leaves) at one horizon."""

    days: float = Field(description="Horizon in days after as_of.", examples=[90])
    p_leaves: Probability | None = Field(description="P(the client leaves within the horizon), 0 to 1.")


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
        description="p_leaves x expected value of the next `value_days` if the client does not leave, in money."
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


class Health(BaseModel):
    status: Literal["alive"] = Field(description="The process answers.")


class Ready(Stamped):
    """The server can answer."""

    status: Literal["ready"] = Field(description="Data and champion are loaded.")
    registry: Literal["fresh", "stale", "unknown"] = Field(
        description="fresh: the registry answered when last asked; stale: it did not, the last good champion serves; "
        "unknown: not asked yet."
    )
    store: Literal["fresh", "stale", "unknown"] = Field(
        description="The same of the store: while it is stale, the last good copy of its data serves."
    )
    n_deals: int = Field(description="Open deals in the pipeline, 0 or more.")
