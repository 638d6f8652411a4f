"""Answers and queries about what was answered before."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from serving.reason_schemas import Probability
from serving.schemas import Id, Request

LARGEST_HISTORY = 1000


class HistoryQuery(Request):
    """Which part of a history."""

    kind: Literal["pipeline", "posted", "reasons"] | None = Field(
        default=None,
        description="pipeline: read off the lists; posted: asked for with its records; reasons: why. Default: the first two.",
    )
    limit: int = Field(default=200, ge=1, le=LARGEST_HISTORY, description="How many rows at most, 1 to 1000.")
    cursor: Annotated[str, Field(max_length=50, pattern=r"^-?\d{1,20}_\d{1,20}$")] | None = Field(
        default=None, description="`next_cursor` of the page before."
    )


class DealHistoryQuery(HistoryQuery):
    deal_id: Id = Field(description="The CRM's id of the deal.")


class ClientHistoryQuery(HistoryQuery):
    account_id: Id = Field(description="The client's id.")


class Issued(BaseModel):
    """One answer that was given."""

    as_of: datetime = Field(description="The answer used what was recorded strictly before this instant.")
    issued_at: datetime = Field(description="When it was given, by the server's clock.")
    kind: Literal["pipeline", "posted", "reasons"] = Field(description="How it came to be given.")
    model_version: str = Field(description="Version of the champion that answered.", examples=["3"])
    revision: int = Field(description="Revision of the data that it was given from.", examples=[17])
    owner_id: str | None = Field(description="Who owned the record then.")
    value: float | None = Field(
        description="Of a deal its amount, of a client its expected value, in the organisation's currency."
    )
    expected_value: float | None = Field(
        description="Of a deal value x p_won_this_quarter; of a client the value at risk, which is the expected loss. In the "
        "organisation's currency."
    )
    reason: str | None = Field(description="Why there was no score, null where there was one.")
    signals_sha256: str | None = Field(description="SHA-256 of the signals that the model saw; equal signals, equal answers.")


class IssuedDeal(Issued):
    p_won: Probability | None = Field(description="P(won) by the last horizon of the model, 0 to 1.")
    p_lost: Probability | None = Field(description="P(lost) by the last horizon of the model, 0 to 1.")
    p_won_this_quarter: Probability | None = Field(description="P(won within the fiscal quarter of as_of), 0 to 1.")
    p_won_next_quarter: Probability | None = Field(description="P(won within the quarter after that), 0 to 1.")


class IssuedClient(Issued):
    p_leaves: Probability | None = Field(description="P(the client leaves within the organisation's horizon), 0 to 1.")


class HistoryAnswer(BaseModel):
    """What was answered, the newest as_of first.

    A list's answer gets a row where it moved by a percentage point or more, and at least once a week.
    """

    next_cursor: str | None = Field(description="Pass it as `cursor` to get older rows; null where there are none.")


class DealHistory(HistoryAnswer):
    deal_id: str = Field(description="The CRM's id of the deal.")
    items: list[IssuedDeal] = Field(description="The rows of this page.")


class ClientHistory(HistoryAnswer):
    account_id: str = Field(description="The client's id.")
    items: list[IssuedClient] = Field(description="The rows of this page.")
